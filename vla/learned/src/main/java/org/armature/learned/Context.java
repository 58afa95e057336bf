package org.armature.learned;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMax;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.unsqueeze;
import static org.armature.learned.Transformer.normalised;
import static org.armature.learned.Transformer.projected;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Ops.Window;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.jspecify.annotations.Nullable;

/**
 * What a policy knows when it acts, as the memory of a transformer's encoder: {@code state [B, S]}, {@code words [B, V]} if V is
 * not 0, {@code spatial [B, N, C]} and {@code points [B, N, 7]} if their N is not 0, and images {@code [B, 3, H, W]} by their
 * names. Parameters are named as in LeRobot's ACT.
 *
 * @param spatial tokens and their width, e.g. OmniVGGT's patch tokens of the current views; {@code {0, 0}} for none
 * @param keypoints K: an image is K tokens, places in it (spatial softmax, Finn et al. 2016) of features that the words scale
 *     and shift (FiLM, Perez et al. 2018); 0: it is a map of tokens
 * @param points N coloured points that are K places likewise; each is x, y, z, three numbers of colour,
 *     and 1 if it is known, else 0
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Context(
        int state,
        int words,
        long[] spatial,
        SequencedMap<String, long[]> images,
        int keypoints,
        int points,
        Transformer transformer,
        int layers) {
    private static final int POINT = 7;
    /** Channels of the features whose places are tokens. */
    private static final int FEATURES = 24;

    private static final double UNKNOWN = -30;
    /** Places on a table vary by less than a metre; with this, as much as places in an image. */
    private static final double NEARNESS = 5;

    /**
     * What is remembered.
     *
     * @param tokens {@code [B, M, width]}
     * @param at their positions {@code [1, M, width]}
     * @param attended by image or {@code points}: of each keypoint's place {@code [B, K, n]} the shares of all n places
     */
    record Memory(Value tokens, Value at, SequencedMap<String, Value> attended) {}

    /**
     * Config: {@code state}, {@code words} (0), {@code spatial} [N, C] (none), {@code images}: map of name to [height, width]
     * (none), {@code keypoints} (0), {@code points} (0), {@code encoder_layers} (4).
     */
    static Context of(Config c, Transformer transformer) {
        SequencedMap<String, long[]> images = new LinkedHashMap<>();
        Config sizes = c.section("images");
        for (String name : sizes.asMap().keySet()) {
            long[] size = sizes.integers(name);
            if (size.length != 2 || size[0] < 32 || size[1] < 32) {
                throw new IllegalArgumentException(
                        "config key images." + name + ": give [height, width], both 32 or more");
            }
            images.put(name, size);
        }
        long[] spatial = c.has("spatial") ? c.integers("spatial") : new long[] {0, 0};
        if (spatial.length != 2 || c.has("spatial") && (spatial[0] < 1 || spatial[1] < 1)) {
            throw new IllegalArgumentException("config key spatial: give [tokens, width], both above 0");
        }
        int keypoints = c.integer("keypoints", 0);
        int points = c.integer("points", 0);
        if (keypoints < 0 || points < 0 || points > 0 && keypoints == 0) {
            throw new IllegalArgumentException("config keys keypoints " + keypoints + " and points " + points
                    + ": give none below 0, and keypoints above 0 with points");
        }
        return new Context(
                c.integer("state"),
                c.integer("words", 0),
                spatial,
                images,
                keypoints,
                points,
                transformer,
                c.integer("encoder_layers", 4));
    }

    SequencedMap<String, TensorType> inputs() {
        SequencedMap<String, TensorType> m = new LinkedHashMap<>();
        m.put("state", new TensorType(DType.FLOAT, Shape.named("batch", state)));
        if (words > 0) {
            m.put("words", new TensorType(DType.FLOAT, Shape.named("batch", words)));
        }
        if (spatial[0] > 0) {
            m.put("spatial", new TensorType(DType.FLOAT, Shape.named("batch", spatial[0], spatial[1])));
        }
        if (points > 0) {
            m.put("points", new TensorType(DType.FLOAT, Shape.named("batch", points, POINT)));
        }
        images.forEach((name, size) ->
                m.put(name, new TensorType(DType.FLOAT, Shape.named("batch", 3, size[0], size[1]))));
        return m;
    }

    /**
     * The encoder's memory.
     *
     * @param state {@code [B, 1, S]}, standardised
     * @param first tokens {@code [B, 1, width]} that stand before all others
     */
    Memory encode(Scope p, Value state, Map<String, Value> inputs, Value... first) {
        long d = transformer.width();
        SequencedMap<String, Value> attended = new LinkedHashMap<>();
        List<Value> tokens = new ArrayList<>(List.of(first));
        tokens.add(projected(p.at("encoder_robot_state_input_proj"), state, d));
        if (words > 0) {
            tokens.add(projected(p.at("encoder_words_input_proj"), unsqueeze(inputs.get("words"), 1), d));
        }
        List<Value> position = new ArrayList<>();
        position.add(unsqueeze(p.at("encoder_1d_feature_pos_embed").parameter("weight", tokens.size(), d), 0));
        SequencedMap<String, Value> places = new LinkedHashMap<>();
        if (keypoints > 0) {
            images.keySet().forEach(name -> places.put(name, imagePlaces(p.at(name), name, inputs, attended)));
        }
        if (points > 0) {
            places.put("points", pointPlaces(p.at("points"), inputs, attended));
        }
        places.forEach((name, x) -> {
            tokens.add(projected(p.at("encoder_keypoints_input_proj").at(name), x, d));
            position.add(unsqueeze(p.at("encoder_keypoints_pos_embed").at(name).parameter("weight", keypoints, d), 0));
        });
        if (spatial[0] > 0) {
            Value seen = normalised(p.at("encoder_spatial_norm"), inputs.get("spatial"));
            tokens.add(projected(p.at("encoder_spatial_input_proj"), seen, d));
            position.add(unsqueeze(p.at("encoder_spatial_pos_embed").parameter("weight", spatial[0], d), 0));
        }
        for (String name : keypoints > 0 ? Set.<String>of() : images.keySet()) {
            Value map = backbone(p.at("backbone"), inputs.get(name));
            long h = map.shape().dim(2);
            long w = map.shape().dim(3);
            tokens.add(transpose(reshape(map, 0, d, h * w), 0, 2, 1));
            position.add(grid(state, h, w, d));
        }
        Value memory = concat(1, tokens);
        Value at = concat(1, position);
        for (int i = 0; i < layers; i++) {
            memory = transformer.encoderLayer(p.at("encoder").at("layers", i), memory, at);
        }
        return new Memory(memory, at, attended);
    }

    /** {@code [B, K, 3]}: rows and columns from -1 to 1, and how much is there. */
    private Value imagePlaces(Scope p, String name, Map<String, Value> inputs, Map<String, Value> attended) {
        Value x = inputs.get(name);
        for (int i = 0; i < 2; i++) {
            Scope layer = p.at("conv", i);
            long kernel = i == 0 ? 5 : 3;
            long out = i == 0 ? FEATURES / 2 : FEATURES;
            x = relu(conv(
                    x,
                    layer.parameter("weight", out, x.shape().dim(1), kernel, kernel),
                    layer.parameter("bias", out),
                    Window.of(2).stride(i == 0 ? 2 : 1).pad(kernel / 2)));
        }
        long h = x.shape().dim(2);
        long w = x.shape().dim(3);
        float[] at = new float[Math.toIntExact(2 * h * w)];
        for (int i = 0; i < h * w; i++) {
            at[2 * i] = 2 * (i / w + 0.5f) / h - 1;
            at[2 * i + 1] = 2 * (i % w + 0.5f) / w - 1;
        }
        x = transpose(reshape(x, 0, FEATURES, h * w), 0, 2, 1);
        Value where = x.builder().constant(Constant.floats(Shape.of(1, h * w, 2), at));
        Value shares = shares(p, x, null, inputs);
        attended.put(name, shares);
        return places(shares, where);
    }

    /** {@code [B, K, 4]}: where, and how much is there. */
    private Value pointPlaces(Scope p, Map<String, Value> inputs, Map<String, Value> attended) {
        Value x = inputs.get("points");
        Value known = mul(sub(transpose(slice(x, 2, POINT - 1, POINT), 0, 2, 1), 1), -UNKNOWN);
        Value shares = shares(p, relu(projected(p.at("first"), x, FEATURES)), known, inputs);
        attended.put("points", shares);
        return places(shares, mul(slice(x, 2, 0, 3), NEARNESS));
    }

    /**
     * Where K learned features are most.
     *
     * @param x {@code [B, n, C]} features of places
     * @param known {@code [B, 1, n]}, 0 or {@link #UNKNOWN}; null: all are known
     * @return {@code [B, K, n]} shares of 1
     */
    private Value shares(Scope p, Value x, @Nullable Value known, Map<String, Value> inputs) {
        Value f = projected(p.at("asked"), x, FEATURES);
        if (words > 0) {
            Value asked = unsqueeze(projected(p.at("film"), inputs.get("words"), 2 * FEATURES), 1);
            f = add(mul(f, add(slice(asked, 2, 0, FEATURES), 1)), slice(asked, 2, FEATURES, 2 * FEATURES));
        }
        Value scores = transpose(projected(p.at("scores"), relu(f), keypoints), 0, 2, 1);
        return softmax(known == null ? scores : add(scores, known), 2);
    }

    /** {@code [B, K, n]} shares of places {@code [B or 1, n, D]}: their means and the greatest share, {@code [B, K, D + 1]}. */
    private Value places(Value shares, Value where) {
        return concat(2, matMul(shares, where), reduceMax(shares, true, 2));
    }

    /** {@code [B, 3, H, W] -> [B, width, H / 32, W / 32]}, rounded up; shared by the cameras. */
    private Value backbone(Scope p, Value image) {
        int layers = 5;
        Value x = image;
        for (int i = 0; i < layers; i++) {
            long out = i == layers - 1 ? transformer.width() : Math.max(16, transformer.width() >> layers - 1 - i);
            Scope layer = p.at("conv", i);
            x = conv(
                    x,
                    layer.parameter("weight", out, x.shape().dim(1), 3, 3),
                    layer.parameter("bias", out),
                    Window.of(2).stride(2).pad(1));
            x = i == layers - 1 ? x : relu(x);
        }
        return x;
    }

    /** {@code [1, h w, d]}: the row's sinusoids, then the column's, over 2 pi (Carion et al. 2020). */
    private static Value grid(Value any, long h, long w, long d) {
        float[] x = new float[Math.toIntExact(h * w * d)];
        int half = (int) d / 2;
        for (int i = 0; i < x.length; i++) {
            int channel = i % (int) d;
            long cell = i / d;
            double at = channel < half ? (cell / w + 1.0) / h : (cell % w + 1.0) / w;
            x[i] = (float) wave(2 * Math.PI * at, channel % half, half);
        }
        return any.builder().constant(Constant.floats(Shape.of(1, h * w, d), x));
    }

    static double wave(double at, int channel, long d) {
        double angle = at / Math.pow(10_000, (double) (channel / 2 * 2) / d);
        return channel % 2 == 0 ? Math.sin(angle) : Math.cos(angle);
    }
}
