package org.armature.learned;

import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.unsqueeze;
import static org.armature.learned.Transformer.normalised;
import static org.armature.learned.Transformer.projected;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Ops.Window;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;

/**
 * What a policy knows when it acts, as the memory of a transformer's encoder: {@code state [B, S]}, {@code words [B, V]} if V is
 * not 0, {@code spatial [B, N, C]} if N is not 0, and images {@code [B, 3, H, W]} by their names. Parameters are named as in
 * LeRobot's ACT.
 *
 * @param spatial tokens and their width, e.g. OmniVGGT's patch tokens of the current views; {@code {0, 0}} for none
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Context(
        int state,
        int words,
        long[] spatial,
        SequencedMap<String, long[]> images,
        Transformer transformer,
        int layers) {
    /** Tokens {@code [B, M, width]} and their positions {@code [1, M, width]}. */
    record Memory(Value tokens, Value at) {}

    /**
     * Config: {@code state}, {@code words} (0), {@code spatial} [N, C] (none), {@code images}: map of name to [height, width]
     * (none), {@code encoder_layers} (4).
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
        return new Context(
                c.integer("state"),
                c.integer("words", 0),
                spatial,
                images,
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
        List<Value> tokens = new ArrayList<>(List.of(first));
        tokens.add(projected(p.at("encoder_robot_state_input_proj"), state, d));
        if (words > 0) {
            tokens.add(projected(p.at("encoder_words_input_proj"), unsqueeze(inputs.get("words"), 1), d));
        }
        List<Value> position = new ArrayList<>();
        position.add(unsqueeze(p.at("encoder_1d_feature_pos_embed").parameter("weight", tokens.size(), d), 0));
        if (spatial[0] > 0) {
            Value seen = normalised(p.at("encoder_spatial_norm"), inputs.get("spatial"));
            tokens.add(projected(p.at("encoder_spatial_input_proj"), seen, d));
            position.add(unsqueeze(p.at("encoder_spatial_pos_embed").parameter("weight", spatial[0], d), 0));
        }
        for (String name : images.keySet()) {
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
        return new Memory(memory, at);
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
