package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import org.armature.graph.Scope;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.jspecify.annotations.Nullable;

/**
 * Pre-norm transformer block on tokens {@code [N, T, C]}: {@code x += ls1 attn(norm1 x); x += ls2 mlp(norm2 x)}.
 *
 * @param epsilon of norm1 and norm2; the norms of queries and keys always use 1e-5
 * @param layerScale whether the branches are multiplied by {@code ls1.gamma} and {@code ls2.gamma}
 */
record Block(
        int heads,
        double mlpRatio,
        double epsilon,
        boolean qkNorm,
        boolean layerScale,
        boolean qkvBias,
        boolean projBias,
        boolean ffnBias) {
    /** PyTorch's default of a layer norm. */
    static final double EPSILON = 1e-5;

    /** As the aggregator and the camera head configure their blocks. */
    static Block of(Config c, int heads, boolean qkNorm) {
        return new Block(
                c.integer("num_heads", heads),
                c.number("mlp_ratio", 4),
                EPSILON,
                qkNorm,
                !c.asMap().containsKey("init_values") || c.has("init_values"),
                c.flag("qkv_bias", true),
                c.flag("proj_bias", true),
                c.flag("ffn_bias", true));
    }

    Value build(Scope p, Value x, @Nullable Rope rope) {
        Value y = add(x, scaled(p.at("ls1"), attention(p.at("attn"), norm(p.at("norm1"), x, epsilon), rope)));
        return add(y, scaled(p.at("ls2"), mlp(p.at("mlp"), norm(p.at("norm2"), y, epsilon))));
    }

    private Value scaled(Scope p, Value x) {
        return layerScale ? mul(x, p.parameter("gamma", x.shape().dim(-1))) : x;
    }

    private Value attention(Scope p, Value x, @Nullable Rope rope) {
        long n = x.shape().dim(0);
        long t = x.shape().dim(1);
        long c = x.shape().dim(2);
        if (c % heads != 0) {
            throw new IllegalArgumentException(p.path() + ": " + c + " channels do not divide into num_heads=" + heads);
        }
        Value qkv = reshape(dense(p.at("qkv"), x, 3 * c, qkvBias), n, t, 3, heads, c / heads);
        qkv = transpose(qkv, 2, 0, 3, 1, 4); // [3, N, heads, T, C/heads]
        Value q = select(qkv, 0, 0);
        Value k = select(qkv, 0, 1);
        if (qkNorm) {
            q = norm(p.at("q_norm"), q, EPSILON);
            k = norm(p.at("k_norm"), k, EPSILON);
        }
        if (rope != null) {
            q = rope.rotate(q);
            k = rope.rotate(k);
        }
        Value weights = softmax(matMul(mul(q, 1 / Math.sqrt((double) c / heads)), transposeLast(k)), -1);
        Value y = transpose(matMul(weights, select(qkv, 0, 2)), 0, 2, 1, 3);
        return dense(p.at("proj"), reshape(y, n, t, c), c, projBias);
    }

    private Value mlp(Scope p, Value x) {
        long c = x.shape().dim(-1);
        return dense(p.at("fc2"), gelu(dense(p.at("fc1"), x, (long) (c * mlpRatio), ffnBias)), c, ffnBias);
    }

    static Value norm(Scope p, Value x, double epsilon) {
        long c = x.shape().dim(-1);
        return layerNormalization(x, p.parameter("weight", c), p.parameter("bias", c), -1, epsilon);
    }

    static Value dense(Scope p, Value x, long out, boolean bias) {
        return linear(x, p.parameter("weight", out, x.shape().dim(-1)), bias ? p.parameter("bias", out) : Value.none());
    }
}
