package org.armature.tabletop;

import static org.armature.graph.Ops.*;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.Ops.Window;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.osgi.service.component.annotations.Component;

/**
 * Where the instruction says to take hold and to let go, from what the cameras see: convolutions over patches of colour and
 * height, the words' own query of every patch, and a vote: each patch says where, from where it lies, the hand should go
 * ({@link Patches} knows by depth and calibration), and the softmax of the queries weighs the votes of both cameras.
 *
 * <p>{@code pixels [N, 2, 68, 30, 40]}, {@code places [N, P, 3]}, {@code seen [N, P]}, {@code words [N, K, 2 V]}
 * ({@link Phrases#encode} of K instructions) in; {@code grasp [N, K, 5]}: x, y, z in metres and cosine and sine of four times the
 * fingers' heading; {@code place [N, K, 3]}; {@code grasp_scores} and {@code place_scores [N, K, P]}, before the softmax;
 * {@code grasp_votes [N, P, 5]} and {@code place_votes [N, P, 3]}, where each patch says, whatever is asked. Config: {@code width}
 * (32), {@code asked} (1), K.
 */
@Component(
        property = {
            "armature.id=tabletop-eyes",
            "armature.kind=model",
            "armature.paper=Deep Hough Voting for 3D Object Detection in Point Clouds"
        })
public final class EyesModel implements ModelProvider {
    private static final double UNSEEN = -30;

    @Override
    public String id() {
        return "tabletop-eyes";
    }

    @Override
    public Model create(Config c) {
        return new Network(c.integer("width", 32), c.integer("asked", 1));
    }

    private record Network(int width, int asked) implements Model {
        private static final int P = Patches.COUNT;

        @Override
        public SequencedMap<String, TensorType> inputs() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put(
                    "pixels",
                    new TensorType(
                            DType.FLOAT,
                            Shape.named("batch", Patches.CAMERAS, Patches.CHANNELS, Patches.ROWS, Patches.COLUMNS)));
            m.put("places", new TensorType(DType.FLOAT, Shape.named("batch", P, 3)));
            m.put("seen", new TensorType(DType.FLOAT, Shape.named("batch", P)));
            m.put("words", new TensorType(DType.FLOAT, Shape.named("batch", asked, Phrases.SAID)));
            return m;
        }

        @Override
        public SequencedMap<String, Value> build(Scope s, Map<String, Value> in) {
            Value x = reshape(in.get("pixels"), -1, Patches.CHANNELS, Patches.ROWS, Patches.COLUMNS);
            x = gelu(convolution(x, s.at("patch"), 1, 1));
            x = gelu(convolution(x, s.at("blocks", 0), 3, 1));
            x = gelu(add(x, convolution(x, s.at("blocks", 1), 3, 2)));
            // [N * 2, D, 30, 40] -> [N, P, D]
            Value features = reshape(transpose(x, 0, 2, 3, 1), -1, P, width);
            Value absent = unsqueeze(mul(sub(in.get("seen"), 1), -UNSEEN), 1);
            Value said = gelu(layer(in.get("words"), s.at("words"), 2L * width));

            SequencedMap<String, Value> m = new LinkedHashMap<>();
            for (int role = 0; role < 2; role++) {
                String name = role == 0 ? "grasp" : "place";
                Scope r = s.at(name);
                Value query = layer(said, r.at("query"), width);
                Value scores = add(matMul(query, transposeLast(features)), absent);
                long out = role == 0 ? 5 : 3;
                Value vote = layer(features, r.at("vote"), out);
                Value where = add(in.get("places"), mul(slice(vote, 2, 0, 3), 0.1));
                Value votes = out == 3 ? where : concat(2, where, slice(vote, 2, 3, 5));
                m.put(name, matMul(softmax(scores, 2), votes));
                m.put(name + "_scores", scores);
                m.put(name + "_votes", votes);
            }
            return m;
        }

        private static Value layer(Value x, Scope s, long out) {
            long in = x.shape().dim(x.shape().rank() - 1);
            return linear(x, s.parameter("weight", out, in), s.parameter("bias", out));
        }

        private Value convolution(Value x, Scope s, long kernel, long dilation) {
            long pad = dilation * (kernel / 2);
            return conv(
                    x,
                    s.parameter("weight", width, x.shape().dim(1), kernel, kernel),
                    s.parameter("bias", width),
                    Window.of(2).pad(pad).dilation(dilation));
        }
    }
}
