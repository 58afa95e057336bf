package org.armature.training;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.argMax;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.equal;
import static org.armature.graph.Ops.logSoftmax;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.neg;
import static org.armature.graph.Ops.oneHot;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSum;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Component;

/**
 * Classification: mean negative log likelihood of {@code label [B]} under softmax of {@code y [B, C]}, and
 * {@code accuracy}. Config: {@code label_smoothing} (0).
 */
@Component(property = {"armature.id=cross-entropy", "armature.kind=objective"})
public final class CrossEntropy implements Objective {
    @Override
    public String id() {
        return "cross-entropy";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config config) {
        Value y = Squares.named(outputs, config.text("output", "y"), "the model");
        Value label = Squares.named(batch, config.text("label", "label"), "the dataset");
        double smoothing = config.number("label_smoothing", 0);
        long classes = y.shape().dim(-1);
        Value target = oneHot(label, classes, y.dtype(), -1);
        if (smoothing > 0) {
            target = add(mul(target, 1 - smoothing), smoothing / classes);
        }
        Value likelihood = reduceSum(mul(target, logSoftmax(y, -1)), false, -1);
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        m.put(LOSS, neg(reduceMean(likelihood, false, 0)));
        m.put("accuracy", reduceMean(cast(equal(argMax(y, -1, false), label), DType.FLOAT), false, 0));
        return m;
    }
}
