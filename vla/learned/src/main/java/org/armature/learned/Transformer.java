package org.armature.learned;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.layerNormalization;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.transpose;

import org.armature.graph.Scope;
import org.armature.graph.Value;
import org.armature.model.Config;

/** Layers as PyTorch's, normalised after the sum; positions are added to queries and keys of every layer. */
record Transformer(int width, int heads, int feedForward) {
    Transformer {
        if (width < 4 || heads < 1 || width % heads != 0 || width % 4 != 0) {
            throw new IllegalArgumentException("config key width is " + width + " and heads " + heads
                    + ": give a width that is a multiple of heads and of 4");
        }
    }

    /** Config keys {@code width}, {@code heads} and {@code feed_forward}. */
    static Transformer of(Config c, int width, int feedForward) {
        return new Transformer(
                c.integer("width", width), c.integer("heads", 8), c.integer("feed_forward", feedForward));
    }

    Value encoderLayer(Scope p, Value x, Value position) {
        Value at = add(x, position);
        Value y = normalised(p.at("norm1"), add(x, attention(p.at("self_attn"), at, at, x)));
        return normalised(p.at("norm2"), add(y, fed(p, y)));
    }

    Value decoderLayer(Scope p, Value x, Value query, Value memory, Value position) {
        Value at = add(x, query);
        Value y = normalised(p.at("norm1"), add(x, attention(p.at("self_attn"), at, at, x)));
        Value seen = attention(p.at("multihead_attn"), add(y, query), add(memory, position), memory);
        y = normalised(p.at("norm2"), add(y, seen));
        return normalised(p.at("norm3"), add(y, fed(p, y)));
    }

    private Value fed(Scope p, Value x) {
        return projected(p.at("linear2"), relu(projected(p.at("linear1"), x, feedForward)), width);
    }

    /** {@code [B, N, width]}: {@code query [B, N, width]} over {@code key} and {@code value [B, M, width]}. */
    Value attention(Scope p, Value query, Value key, Value value) {
        Value weight = p.parameter("in_proj_weight", 3L * width, width);
        Value bias = p.parameter("in_proj_bias", 3L * width);
        Value q = split(query, weight, bias, 0);
        Value k = split(key, weight, bias, 1);
        Value v = split(value, weight, bias, 2);
        Value scores = div(matMul(q, transpose(k, 0, 1, 3, 2)), Math.sqrt((double) width / heads));
        Value mixed = transpose(matMul(softmax(scores, 3), v), 0, 2, 1, 3);
        return projected(p.at("out_proj"), reshape(mixed, 0, query.shape().dim(1), width), width);
    }

    /** {@code [B, heads, N, width / heads]} by the projection's {@code part}: 0 queries, 1 keys, 2 values. */
    private Value split(Value x, Value weight, Value bias, long part) {
        Value y = linear(
                x,
                slice(weight, 0, part * width, (part + 1) * width),
                slice(bias, 0, part * width, (part + 1) * width));
        return transpose(reshape(y, 0, x.shape().dim(1), heads, width / heads), 0, 2, 1, 3);
    }

    /** {@code x [..., in]} to {@code [..., out]} by {@code weight [out, in]} and {@code bias}. */
    static Value projected(Scope p, Value x, long out) {
        return linear(x, p.parameter("weight", out, x.shape().dim(-1)), p.parameter("bias", out));
    }

    static Value normalised(Scope p, Value x) {
        long d = x.shape().dim(-1);
        return layerNormalization(x, p.parameter("weight", d), p.parameter("bias", d), -1, 1e-5);
    }
}
