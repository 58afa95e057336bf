package org.armature.hypernet;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.layerNormalization;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.select;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.transposeLast;

import java.util.LinkedHashMap;
import java.util.List;
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

/** The vision transformer (Dosovitskiy et al. 2021), parameters named as torchvision's. {@code x -> y [batch, classes]}. */
record Vit(int image, int channels, int patch, int layers, int heads, int width, int mlp, int classes)
        implements Model {
    private static final double EPSILON = 1e-6;

    /** Model {@code vit}, keys as torchvision's. */
    @Component(property = {"armature.id=vit", "armature.kind=model"})
    public static final class Provider implements ModelProvider {
        @Override
        public String id() {
            return "vit";
        }

        @Override
        public Model create(Config config) {
            return of(config);
        }
    }

    static Vit of(Config c) {
        int width = c.integer("hidden_dim");
        return new Vit(
                c.integer("image_size"),
                c.integer("channels", 3),
                c.integer("patch_size"),
                c.integer("num_layers"),
                c.integer("num_heads"),
                width,
                c.integer("mlp_dim", 4 * width),
                c.integer("num_classes", 1000));
    }

    Vit {
        if (patch < 1 || image % patch != 0) {
            throw new IllegalArgumentException("config key image_size is " + image
                    + ", which is no multiple of patch_size " + patch + ": change one of them");
        }
        if (heads < 1 || width % heads != 0) {
            throw new IllegalArgumentException("config key hidden_dim is " + width
                    + ", which is no multiple of num_heads " + heads + ": change one of them");
        }
    }

    @Override
    public SequencedMap<String, TensorType> inputs() {
        SequencedMap<String, TensorType> m = new LinkedHashMap<>();
        m.put("x", new TensorType(DType.FLOAT, Shape.named("batch", channels, image, image)));
        return m;
    }

    @Override
    public SequencedMap<String, Value> build(Scope p, Map<String, Value> inputs) {
        Scope proj = p.at("conv_proj");
        long n = (long) (image / patch) * (image / patch);
        Value patches = conv(
                inputs.get("x"),
                proj.parameter("weight", width, channels, patch, patch),
                proj.parameter("bias", width),
                Window.of(2).stride(patch));
        Value tokens = transpose(reshape(patches, 0, width, n), 0, 2, 1);
        // A row of each example times zero gives the class token its batch size, whatever that is.
        Value first = add(mul(slice(tokens, 1, 0, 1), 0.0), p.parameter("class_token", 1, 1, width));
        Scope enc = p.at("encoder");
        Value x = add(concat(1, first, tokens), enc.parameter("pos_embedding", 1, n + 1, width));
        for (int i = 0; i < layers; i++) {
            Scope b = enc.at("layers").at("encoder_layer_" + i);
            x = add(x, attention(b.at("self_attention"), norm(b.at("ln_1"), x)));
            Value hidden = gelu(full(b.at("mlp.0"), norm(b.at("ln_2"), x), mlp));
            x = add(x, full(b.at("mlp.3"), hidden, width));
        }
        SequencedMap<String, Value> out = new LinkedHashMap<>();
        out.put("y", full(p.at("heads.head"), select(norm(enc.at("ln"), x), 1, 0), classes));
        return out;
    }

    private Value attention(Scope p, Value x) {
        long d = width / heads;
        Value weight = p.parameter("in_proj_weight", 3L * width, width);
        Value qkv = linear(x, weight, p.parameter("in_proj_bias", 3L * width));
        List<Value> part = split(qkv, 2, width, width, width).stream()
                .map(v -> transpose(reshape(v, 0, 0, heads, d), 0, 2, 1, 3))
                .toList();
        Value scores = matMul(mul(part.get(0), 1 / Math.sqrt(d)), transposeLast(part.get(1)));
        Value mixed = transpose(matMul(softmax(scores, -1), part.get(2)), 0, 2, 1, 3);
        return full(p.at("out_proj"), reshape(mixed, 0, 0, width), width);
    }

    private Value norm(Scope p, Value x) {
        return layerNormalization(x, p.parameter("weight", width), p.parameter("bias", width), -1, EPSILON);
    }

    private static Value full(Scope p, Value x, long out) {
        return linear(x, p.parameter("weight", out, x.shape().dim(-1)), p.parameter("bias", out));
    }
}
