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
 * <p>{@code pixels [N, 2, 68, 30, 40]}, {@code places [N, P, 3]}, {@code seen [N, P]}, {@code words [N, V]} in;
 * {@code grasp [N, 5]}: x, y, z in metres and cosine and sine of four times the fingers' heading; {@code place [N, 3]};
 * {@code grasp_scores} and {@code place_scores [N, P]}, before the softmax; {@code grasp_votes [N, P, 5]} and
 * {@code place_votes [N, P, 3]}, where each patch says, whatever is asked. Config: {@code width} (32).
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
        return new Network(c.integer("width", 32));
    }

    private record Network(int width) implements Model {
        private static final int P = Patches.COUNT;
        private static final int V = Phrases.VOCABULARY.size();

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
            m.put("words", new TensorType(DType.FLOAT, Shape.named("batch", V)));
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
            Value absent = mul(sub(in.get("seen"), 1), -UNSEEN);

            SequencedMap<String, Value> m = new LinkedHashMap<>();
            for (int role = 0; role < 2; role++) {
                String name = role == 0 ? "grasp" : "place";
                Scope r = s.at(name);
                Value query = linear(
                        in.get("words"), r.at("query").parameter("weight", width, V), r.parameter("query.bias", width));
                Value scores = add(squeeze(matMul(features, unsqueeze(query, 2)), 2), absent);
                long out = role == 0 ? 5 : 3;
                Value vote = linear(features, r.parameter("vote.weight", out, width), r.parameter("vote.bias", out));
                Value where = add(in.get("places"), mul(slice(vote, 2, 0, 3), 0.1));
                Value weight = unsqueeze(softmax(scores, 1), 2);
                Value votes = out == 3 ? where : concat(2, where, slice(vote, 2, 3, 5));
                m.put(name, reduceSum(mul(weight, votes), false, 1));
                m.put(name + "_scores", scores);
                m.put(name + "_votes", votes);
            }
            return m;
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
