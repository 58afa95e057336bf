package org.armature.perceptualinit;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.argMax;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.gather;
import static org.armature.graph.Ops.gatherND;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.layerNormalization;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.select;
import static org.armature.graph.Ops.sigmoid;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.transposeLast;
import static org.armature.graph.Ops.unsqueeze;

import java.util.List;
import org.armature.graph.Constant;
import org.armature.graph.Ops.Window;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** The two towers of CLIP (Radford et al. 2021), parameters named as open_clip's. */
final class Clip {
    private static final double EPSILON = 1e-5;

    private final ClipConfig c;

    Clip(ClipConfig config) {
        this.c = config;
    }

    /** {@code image [B, 3, H, H] -> [B, embed]}, projected, not normalised. */
    Value image(Scope root, Value image) {
        ClipConfig.Vision v = c.vision();
        int side = v.image() / v.patch();
        Shape want = image.shape();
        if (want.rank() != 4
                || !want.at(1).is(v.channels())
                || !want.at(2).is(v.image())
                || !want.at(3).is(v.image())) {
            throw new IllegalArgumentException("image " + image + " does not fit: give [batch, " + v.channels() + ", "
                    + v.image() + ", " + v.image() + "]");
        }
        Scope p = root.at("visual");
        int w = v.width();
        Value kernel = p.at("conv1").parameter("weight", w, v.channels(), v.patch(), v.patch());
        Value patches = conv(image, kernel, Value.none(), Window.of(2).stride(v.patch()));
        Value tokens = transpose(reshape(patches, 0, w, (long) side * side), 0, 2, 1);
        Value first = reshape(p.parameter("class_embedding", w), 1, 1, w);
        // A row of each example times zero gives the class token its batch size, whatever that is.
        Value rows = mul(slice(tokens, 1, 0, 1), 0.0);
        Value x = concat(1, add(rows, first), tokens);
        x = add(x, p.parameter("positional_embedding", side * side + 1L, w));
        x = norm(p.at("ln_pre"), x, w);
        x = transformer(p.at("transformer"), x, w, v.heads(), v.layers(), v.ratio(), false);
        x = norm(p.at("ln_post"), select(x, 1, 0), w);
        return matMul(x, p.parameter("proj", w, c.embed()));
    }

    /** {@code text INT64 [B, L], L <= context -> [B, embed]}, pooled at the largest token id, projected. */
    Value text(Scope root, Value text) {
        ClipConfig.Text t = c.text();
        long length = text.shape().dim(1);
        if (length > t.context()) {
            throw new IllegalArgumentException(
                    "text " + text + " is longer than the context of " + t.context() + ": cut it");
        }
        Value tokens = gather(root.at("token_embedding").parameter("weight", t.vocabulary(), t.width()), text, 0);
        Value positions = root.parameter("positional_embedding", t.context(), t.width());
        Value x = add(tokens, length == t.context() ? positions : slice(positions, 0, 0, length));
        x = transformer(root.at("transformer"), x, t.width(), t.heads(), t.layers(), t.ratio(), true);
        x = norm(root.at("ln_final"), x, t.width());
        Value pooled = gatherND(x, unsqueeze(argMax(text, 1, false), -1), 1);
        return matMul(pooled, root.parameter("text_projection", t.width(), c.embed()));
    }

    /** The logarithm of the inverse temperature. */
    static Value scale(Scope root) {
        return root.parameter("logit_scale", Shape.SCALAR);
    }

    private Value transformer(Scope p, Value x, int width, int heads, int layers, double ratio, boolean causal) {
        for (int i = 0; i < layers; i++) {
            Scope block = p.at("resblocks", i);
            x = add(x, attention(block.at("attn"), norm(block.at("ln_1"), x, width), width, heads, causal));
            Value hidden = full(block.at("mlp.c_fc"), norm(block.at("ln_2"), x, width), (long) (width * ratio));
            Value active = c.quickGelu() ? mul(hidden, sigmoid(mul(hidden, 1.702))) : gelu(hidden);
            x = add(x, full(block.at("mlp.c_proj"), active, width));
        }
        return x;
    }

    private static Value attention(Scope p, Value x, int width, int heads, boolean causal) {
        int d = width / heads;
        Value qkv =
                linear(x, p.parameter("in_proj_weight", 3L * width, width), p.parameter("in_proj_bias", 3L * width));
        List<Value> part = split(qkv, 2, width, width, width).stream()
                .map(v -> transpose(reshape(v, 0, 0, heads, d), 0, 2, 1, 3))
                .toList();
        Value scores = matMul(mul(part.get(0), 1 / Math.sqrt(d)), transposeLast(part.get(1)));
        if (causal) {
            int n = (int) x.shape().dim(1);
            float[] m = new float[n * n];
            for (int i = 0; i < m.length; i++) {
                m[i] = i % n > i / n ? Float.NEGATIVE_INFINITY : 0;
            }
            scores = add(scores, x.builder().constant(Constant.floats(Shape.of(n, n), m)));
        }
        Value mixed = transpose(matMul(softmax(scores, -1), part.get(2)), 0, 2, 1, 3);
        return full(p.at("out_proj"), reshape(mixed, 0, 0, width), width);
    }

    private static Value norm(Scope p, Value x, int width) {
        return layerNormalization(x, p.parameter("weight", width), p.parameter("bias", width), -1, EPSILON);
    }

    private static Value full(Scope p, Value x, long out) {
        return linear(x, p.parameter("weight", out, x.shape().dim(-1)), p.parameter("bias", out));
    }
}
