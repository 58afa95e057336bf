package org.armature.tokenizer;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.argMax;
import static org.armature.graph.Ops.gather;
import static org.armature.graph.Ops.gatherND;
import static org.armature.graph.Ops.gelu;
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
import static org.armature.tokenizer.VisionTransformer.layerNorm;
import static org.armature.tokenizer.VisionTransformer.project;

import java.util.List;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** OpenCLIP's text transformer: pre-norm blocks, causal, pooled at the end token. */
final class TextTower {
    private final VtpConfig.Text c;

    TextTower(VtpConfig.Text c) {
        this.c = c;
    }

    /** {@code text INT64 [T, L], L <= context -> [T, D]}, projected but not normalised ({@code [T, L, D]} for pool none). */
    Value build(Scope p, Value text) {
        long length = text.shape().dim(1);
        if (length > c.context()) {
            throw new IllegalArgumentException("text " + text + " is longer than the context of " + c.context()
                    + ": cut it, or set text_context_length");
        }
        Value tokens = gather(p.at("token_embedding").parameter("weight", c.vocabulary(), c.width()), text, 0);
        Value positions = p.parameter("positional_embedding", c.context(), c.width());
        Value x = add(tokens, length == c.context() ? positions : slice(positions, 0, 0, length));
        for (int i = 0; i < c.depth(); i++) {
            Scope block = p.at("text_transformer").at("resblocks", i);
            x = add(x, scale(block.at("ls_1"), attention(block.at("attn"), layerNorm(block.at("ln_1"), x, 1e-5))));
            x = add(x, scale(block.at("ls_2"), mlp(block.at("mlp"), layerNorm(block.at("ln_2"), x, 1e-5))));
        }
        return projection(p, pool(layerNorm(p.at("ln_final"), x, 1e-5), text));
    }

    private Value attention(Scope p, Value x) {
        int d = c.width() / c.heads();
        Value weight = p.parameter("in_proj_weight", 3L * c.width(), c.width());
        Value qkv = linear(x, weight, p.parameter("in_proj_bias", 3L * c.width()));
        List<Value> part = split(qkv, 2, c.width(), c.width(), c.width()).stream()
                .map(v -> transpose(reshape(v, 0, 0, c.heads(), d), 0, 2, 1, 3))
                .toList();
        Value scores = matMul(mul(part.get(0), 1 / Math.sqrt(d)), transposeLast(part.get(1)));
        if (c.causal()) {
            scores = add(scores, mask(x));
        }
        Value mixed = matMul(softmax(scores, -1), part.get(2));
        return project(p.at("out_proj"), reshape(transpose(mixed, 0, 2, 1, 3), 0, 0, c.width()), c.width());
    }

    /** {@code [L, L]}, minus infinity above the diagonal. Built here: the official buffer is not stored and may be garbage. */
    private static Value mask(Value x) {
        int n = (int) x.shape().dim(1);
        float[] m = new float[n * n];
        for (int i = 0; i < m.length; i++) {
            m[i] = i % n > i / n ? Float.NEGATIVE_INFINITY : 0;
        }
        return x.builder().constant(Constant.floats(Shape.of(n, n), m));
    }

    private Value mlp(Scope p, Value x) {
        Value hidden = project(p.at("c_fc"), x, (long) (c.width() * c.ratio()));
        Value active = c.quickGelu() ? mul(hidden, sigmoid(mul(hidden, 1.702))) : gelu(hidden);
        return project(p.at("c_proj"), active, c.width());
    }

    private Value scale(Scope p, Value x) {
        return c.layerScale() ? mul(x, p.parameter("gamma", c.width())) : x;
    }

    private Value pool(Value x, Value text) {
        return switch (c.pool()) {
            case "first" -> select(x, 1, 0);
            case "last" -> select(x, 1, x.shape().dim(1) - 1);
            case "none" -> x;
            default -> gatherND(x, unsqueeze(argMax(text, 1, false), -1), 1); // the end token has the largest id
        };
    }

    private Value projection(Scope p, Value x) {
        if (!c.projected()) {
            return x;
        }
        if (c.projectionBias()) {
            return project(p.at("text_projection"), x, c.width());
        }
        return matMul(x, p.parameter("text_projection", DType.FLOAT, Shape.of(c.width(), c.width())));
    }
}
