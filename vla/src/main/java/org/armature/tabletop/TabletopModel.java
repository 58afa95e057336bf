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
 * A policy over things: the instruction's words attend to the things on the table, once for what is to be moved and once
 * for where it goes; hand, both things and nothing else then lead to a chunk of tool motion, by behaviour cloning.
 *
 * <p>{@code hand [N, 20]}, {@code things [N, C, 24]}, {@code words [N, V]} in; {@code motion [N, 55]},
 * {@code object [N, C]} and {@code container [N, C]} (attention, before the softmax) out. Config: {@code width} (256),
 * {@code depth} (3).
 */
@Component(
        property = {
            "armature.id=tabletop",
            "armature.kind=model",
            "armature.paper=Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware (action chunks)"
        })
public final class TabletopModel implements ModelProvider {
    private static final double UNSEEN = -12;

    @Override
    public String id() {
        return "tabletop";
    }

    @Override
    public Model create(Config c) {
        return new Network(c.integer("width", 256), c.integer("depth", 3));
    }

    private record Network(int width, int depth) implements TrainableModel {
        private static final int C = Things.COLOURS.size();
        private static final int S = Things.SHAPES.size();
        private static final int V = Phrases.VOCABULARY.size();

        @Override
        public SequencedMap<String, TensorType> inputs() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("hand", new TensorType(DType.FLOAT, Shape.named("batch", Features.HAND)));
            m.put("things", new TensorType(DType.FLOAT, Shape.named("batch", C, Features.THING)));
            m.put("words", new TensorType(DType.FLOAT, Shape.named("batch", V)));
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

        private SequencedMap<String, Value> act(Scope scope, Map<String, Value> inputs, boolean training) {
            Value hand = inputs.get("hand");
            Value things = inputs.get("things");
            Value words = inputs.get("words");
            Value object = attention(scope.at("object"), things, words);
            Value container = attention(scope.at("container"), things, words);
            Value features = concat(1, hand, attended(object, things), attended(container, things));
            Value x = clip(Standardisation.of(scope.at("features"), features, training), -5, 5);
            long out = (long) ToolMotion.KNOTS * ToolMotion.NUMBERS;
            Value law = layer(x, scope.at("law"), out);
            Value h = x;
            for (int i = 0; i < depth; i++) {
                h = gelu(layer(h, scope.at("network", i), width));
            }
            SequencedMap<String, Value> m = new LinkedHashMap<>();
            m.put("motion", add(law, layer(h, scope.at("network", depth), out)));
            m.put("object", object);
            m.put("container", container);
            return m;
        }

        /** How well each thing fits the words: by colour, by shape, and by what kind of thing this is about. [N, C] */
        private static Value attention(Scope s, Value things, Value words) {
            Value seen = squeeze(slice(things, 2, 0, 1), 2);
            Value shape = slice(things, 2, 1, 1 + S);
            Value byColour = linear(words, s.at("colour").parameter("weight", C, V), s.parameter("colour.bias", C));
            Value wanted = linear(words, s.at("shape").parameter("weight", S, V), s.parameter("shape.bias", S));
            Value byShape = reduceSum(mul(shape, unsqueeze(wanted, 1)), false, 2);
            return add(add(byColour, byShape), mul(sub(seen, 1), -UNSEEN));
        }

        private static Value attended(Value scores, Value things) {
            return reduceSum(mul(unsqueeze(softmax(scores, 1), 2), things), false, 1);
        }

        private static Value layer(Value x, Scope s, long out) {
            return linear(x, s.parameter("weight", out, x.shape().dim(1)), s.parameter("bias", out));
        }
    }
}
