package org.armature.tokenizer;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.TrainableModel;

/**
 * VTP that is trained with a student and a teacher beside: while it trains it takes the crops of {@link Crops} too, and gives what
 * {@link SelfSupervision#loss} compares. To others it is the {@link Vtp} within.
 *
 * <p>Config, beside VTP's: {@code dino_head} ({@code out_dim} 65536, {@code nlayers} 3, {@code hidden_dim} 2048,
 * {@code bottleneck_dim} 256), {@code n_global_crops} (2), {@code teacher_momentum} (0.994).
 */
record SelfSupervisedVtp(Vtp vtp, SelfSupervision crops, double momentum) implements TrainableModel {
    static SelfSupervisedVtp of(Vtp vtp, Config c) {
        SelfSupervision s = new SelfSupervision(vtp, c.integer("n_global_crops", 2), c.section("dino_head"));
        double momentum = c.number("teacher_momentum", 0.994);
        if (momentum < 0 || momentum > 1) {
            throw new IllegalArgumentException("config key teacher_momentum is " + momentum + ": give 0 to 1");
        }
        return new SelfSupervisedVtp(vtp, s, momentum);
    }

    @Override
    public SequencedMap<String, TensorType> inputs() {
        return vtp.inputs();
    }

    @Override
    public SequencedMap<String, TensorType> trainingInputs() {
        SequencedMap<String, TensorType> in = new LinkedHashMap<>(vtp.inputs());
        in.put(Crops.GLOBAL, new TensorType(DType.FLOAT, Shape.named("batch", "global", 3, "height", "width")));
        in.put(Crops.LOCAL, new TensorType(DType.FLOAT, Shape.named("batch", "local", 3, "small", "small")));
        in.put(Crops.MASKED, new TensorType(DType.INT64, Shape.named("batch", "global", "masked")));
        return in;
    }

    @Override
    public SequencedMap<String, Value> build(Scope p, Map<String, Value> inputs) {
        return vtp.build(p, inputs);
    }

    @Override
    public SequencedMap<String, Value> buildForTraining(Scope p, Map<String, Value> inputs) {
        SequencedMap<String, Value> out = vtp.buildForTraining(p, inputs);
        out.putAll(crops.buildForTraining(
                p, inputs.get(Crops.GLOBAL), inputs.get(Crops.LOCAL), inputs.get(Crops.MASKED), momentum));
        return out;
    }
}
