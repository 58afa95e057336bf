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
import org.osgi.service.component.annotations.Component;

/**
 * A closer look at what lies about a place that the eyes propose, the second stage of a two-stage detector: whether it is what the
 * words want taken, and how exactly it is taken. Each point goes through the same network, with the words; the largest of each
 * feature is what is known of them all (PointNet).
 *
 * <p>{@code points [N, 256, 11]} ({@link Surroundings}) and {@code words [N, 2 V]} ({@link Phrases#encode}) in; {@code fits [N, 1]},
 * before the sigmoid, and {@code grip [N, 5]} out: x, y, z from the place in units of 3 cm, cosine and sine of four times the
 * fingers' heading. Config: {@code width} (64).
 */
@Component(
        property = {
            "armature.id=tabletop-grip",
            "armature.kind=model",
            "armature.paper=PointNet: Deep Learning on Point Sets for 3D Classification and Segmentation"
        })
public final class GripModel implements ModelProvider {
    /** Metres in a unit of where to take hold. */
    static final double LENGTH = 0.03;

    @Override
    public String id() {
        return "tabletop-grip";
    }

    @Override
    public Model create(Config c) {
        return new Network(c.integer("width", 64));
    }

    private record Network(int width) implements Model {
        @Override
        public SequencedMap<String, TensorType> inputs() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("points", new TensorType(DType.FLOAT, Shape.named("batch", Surroundings.COUNT, Surroundings.POINT)));
            m.put("words", new TensorType(DType.FLOAT, Shape.named("batch", Phrases.SAID)));
            return m;
        }

        @Override
        public SequencedMap<String, Value> build(Scope s, Map<String, Value> in) {
            Value points = in.get("points");
            Value present = slice(points, 2, Surroundings.POINT - 1, Surroundings.POINT);
            Value said = unsqueeze(layer(in.get("words"), s.at("words"), width), 1);
            Value x = relu(add(layer(points, s.at("points", 0), width), said));
            x = relu(layer(x, s.at("points", 1), width));
            x = relu(layer(x, s.at("points", 2), 2L * width));
            Value h = reduceMax(mul(x, present), false, 1);
            h = relu(layer(h, s.at("whole", 0), width));
            SequencedMap<String, Value> m = new LinkedHashMap<>();
            m.put("fits", layer(h, s.at("fits"), 1));
            m.put("grip", layer(h, s.at("grip"), 5));
            return m;
        }

        private static Value layer(Value x, Scope s, long out) {
            long in = x.shape().dim(x.shape().rank() - 1);
            return linear(x, s.parameter("weight", out, in), s.parameter("bias", out));
        }
    }
}
