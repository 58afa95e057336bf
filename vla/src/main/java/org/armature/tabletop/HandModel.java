package org.armature.tabletop;

import static org.armature.graph.Ops.*;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.train.Standardisation;
import org.armature.train.TrainableModel;
import org.osgi.service.component.annotations.Component;

/**
 * What to do next, given where to take hold and to let go: a network tells which stage of the work this is; each stage has
 * its law of where the tool goes in it, a learned mixture of where it is, the grasp, the place and the world's origin, and
 * an offset. What was learned in one place holds in all others, and few demonstrations do.
 *
 * <p>{@code aimed [N, 39]} ({@link Features}) in; {@code stage [N, 10]}, before the softmax, and {@code goal [N, 10, 5]}
 * ({@link Goal}) out. Config: {@code width} (64).
 */
@Component(
        property = {
            "armature.id=tabletop-hand",
            "armature.kind=model",
            "armature.paper=Perceiver-Actor: A Multi-Task Transformer for Robotic Manipulation (key poses)"
        })
public final class HandModel implements ModelProvider {
    @Override
    public String id() {
        return "tabletop-hand";
    }

    @Override
    public Model create(Config c) {
        return new Network(c.integer("width", 64));
    }

    private record Network(int width) implements TrainableModel {
        private static final int STAGES = Recording.STAGES.size();

        @Override
        public SequencedMap<String, TensorType> inputs() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("aimed", new TensorType(DType.FLOAT, Shape.named("batch", Features.AIMED)));
            return m;
        }

        @Override
        public SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs) {
            return act(scope, inputs, false);
        }

        @Override
        public SequencedMap<String, Value> buildForTraining(Scope scope, Map<String, Value> inputs) {
            return act(scope, inputs, true);
        }

        private SequencedMap<String, Value> act(Scope s, Map<String, Value> inputs, boolean training) {
            Value aimed = inputs.get("aimed");
            Value x = slice(aimed, 1, 0, Features.SITUATION);
            x = clip(Standardisation.of(s.at("features"), x, training), -5, 5);
            Value h = gelu(layer(x, s.at("network", 0), width));
            h = gelu(layer(h, s.at("network", 1), width));
            // [N, 3 anchors, 3] in units of a goal's
            int first = Features.SITUATION;
            Value anchors = mul(reshape(slice(aimed, 1, first, first + 9), -1, 3, 3), 1 / Goal.LENGTH);
            Value across = mixed(slice(anchors, 2, 0, 2), s.at("across"));
            Value up = mixed(slice(anchors, 2, 2, 3), s.at("up"));
            Value headings = mul(reshape(slice(aimed, 1, first + 9, first + 12), -1, 3, 1), 1 / Goal.TURN);
            Value turn = mixed(headings, s.at("turn"));
            Value opening = mul(slice(up, 2, 0, 1), 0);
            SequencedMap<String, Value> m = new LinkedHashMap<>();
            m.put("stage", layer(h, s.at("stage"), STAGES));
            m.put("goal", add(concat(2, across, up, turn, opening), s.parameter("goal.bias", STAGES, Goal.NUMBERS)));
            return m;
        }

        /** Anchors {@code [N, 3, D]} mixed by each stage's weights: {@code [N, STAGES, D]}. */
        private static Value mixed(Value anchors, Scope s) {
            return matMul(s.parameter("weight", STAGES, 3), anchors);
        }

        private static Value layer(Value x, Scope s, long out) {
            return linear(x, s.parameter("weight", out, x.shape().dim(1)), s.parameter("bias", out));
        }
    }
}
