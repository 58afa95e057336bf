package org.armature.tokenizer;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.layerNormalization;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.select;
import static org.armature.graph.Ops.silu;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.sqrt;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.transposeLast;

import java.util.ArrayList;
import java.util.List;
import org.armature.graph.Scope;
import org.armature.graph.Value;

/** The transformer in the style of DINOv3 that encoder and pixel decoder share; tokens are {@code [B, N, D]}. */
final class VisionTransformer {
    private final VtpConfig.Tower c;

    VisionTransformer(VtpConfig.Tower c) {
        this.c = c;
    }

    /** The tokens after each block, before the final norm. {@code prefix} tokens in front are not rotated. */
    List<Value> blocks(Scope p, Value x, Rotary rotary, int prefix) {
        List<Value> after = new ArrayList<>();
        Value y = x;
        for (int i = 0; i < c.depth(); i++) {
            Scope block = p.at("blocks", i);
            y = add(y, scale(block.at("ls1"), attention(block.at("attn"), norm(block.at("norm1"), y), rotary, prefix)));
            y = add(y, scale(block.at("ls2"), feedForward(block.at("mlp"), norm(block.at("norm2"), y))));
            after.add(y);
        }
        return after;
    }

    private Value attention(Scope p, Value x, Rotary rotary, int prefix) {
        int heads = c.heads();
        int d = c.headWidth();
        Value qkv = reshape(project(p.at("qkv"), x, 3L * c.width()), 0, 0, 3, heads, d);
        Value[] part = new Value[3]; // queries, keys, values [B, heads, N, d]
        for (int i = 0; i < 3; i++) {
            part[i] = transpose(select(qkv, 2, i), 0, 2, 1, 3);
        }
        Value q = c.qkNorm() ? rmsNorm(p.at("q_norm"), part[0]) : part[0];
        Value k = c.qkNorm() ? rmsNorm(p.at("k_norm"), part[1]) : part[1];
        Value scores = matMul(mul(rotary.rotate(q, prefix), 1 / Math.sqrt(d)), transposeLast(rotary.rotate(k, prefix)));
        Value mixed = matMul(softmax(scores, -1), part[2]);
        return project(p.at("proj"), reshape(transpose(mixed, 0, 2, 1, 3), 0, 0, c.width()), c.width());
    }

    private Value feedForward(Scope p, Value x) {
        int hidden = c.hidden();
        if (c.ffn().equals("mlp")) {
            return project(p.at("fc2"), gelu(project(p.at("fc1"), x, hidden)), c.width());
        }
        Value gate = silu(project(p.at("w1"), x, hidden));
        return project(p.at("w3"), mul(gate, project(p.at("w2"), x, hidden)), c.width());
    }

    private Value scale(Scope p, Value x) {
        return c.layerScale() ? mul(x, p.parameter("gamma", c.width())) : x;
    }

    /** The norm of this transformer over the last axis. */
    Value norm(Scope p, Value x) {
        return switch (c.norm()) {
            case "rmsnorm" -> rmsNorm(p, x);
            case "layernorm" -> layerNorm(p, x, 1e-6);
            default -> layerNorm(p, x, 1e-5);
        };
    }

    private static Value rmsNorm(Scope p, Value x) {
        Value power = reduceMean(mul(x, x), true, -1);
        return mul(
                div(x, sqrt(add(power, 1e-5))), p.parameter("weight", x.shape().dim(-1)));
    }

    static Value layerNorm(Scope p, Value x, double epsilon) {
        long width = x.shape().dim(-1);
        return layerNormalization(x, p.parameter("weight", width), p.parameter("bias", width), -1, epsilon);
    }

    /** A linear layer with bias: {@code [..., I] -> [..., outputs]}. */
    static Value project(Scope p, Value x, long outputs) {
        return linear(x, p.parameter("weight", outputs, x.shape().dim(-1)), p.parameter("bias", outputs));
    }
}
