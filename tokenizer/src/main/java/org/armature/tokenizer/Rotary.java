package org.armature.tokenizer;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.cos;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.neg;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sin;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.stopGradient;

import java.util.List;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * Rotary position embedding of a grid of patches: {@code cosines} and {@code sines [P, d]}, made once for a graph and shared by all
 * of its blocks.
 *
 * <p>The released model computes all of it in bfloat16, queries and keys included, even when everything else is in 32 bits;
 * weights trained that way want it that way. With {@code bf16} every elementary step is rounded as there.
 */
record Rotary(Value cosines, Value sines, boolean bf16) {
    /**
     * Channel {@code j < d/4} of a head turns by {@code 2 pi row / period_j}, the next d/4 by the column's angle, and the upper
     * half of the channels repeats the lower. Coordinates run over (-1, 1) whatever the number of patches.
     *
     * @param p place of the buffer {@code rope_embed.periods [d/4]}
     */
    static Rotary of(Scope p, DType stored, boolean bf16, int rows, int columns, int d) {
        float[] turns = new float[rows * columns * 2];
        for (int i = 0; i < rows * columns; i++) {
            turns[2 * i] = turn(i / columns, rows, bf16);
            turns[2 * i + 1] = turn(i % columns, columns, bf16);
        }
        Value periods = stopGradient(p.at("rope_embed").parameter("periods", stored, Shape.of(d / 4)));
        Value exact = cast(periods, DType.FLOAT);
        Value table = p.builder().constant(Constant.floats(Shape.of(rows * columns, 2, 1), turns));
        Value half = round(div(table, stored == DType.BFLOAT16 ? exact : round(exact, bf16)), bf16);
        Value lower = reshape(half, (long) rows * columns, d / 2);
        Value angles = concat(1, lower, lower);
        return new Rotary(round(cos(angles), bf16), round(sin(angles), bf16), bf16);
    }

    /** Rotates {@code x [B, heads, prefix + P, d]}; the prefix (class token) is not turned. */
    Value rotate(Value x, int prefix) {
        Value all = round(x, bf16); // the prefix is rounded as well
        Value q = prefix == 0 ? all : slice(all, 2, prefix, Long.MAX_VALUE);
        long d = x.shape().dim(3);
        List<Value> half = split(q, 3, d / 2, d / 2);
        Value turned = concat(3, neg(half.get(1)), half.get(0));
        Value y = round(add(round(mul(q, cosines), bf16), round(mul(turned, sines), bf16)), bf16);
        return prefix == 0 ? y : concat(2, slice(all, 2, 0, prefix), y);
    }

    /** {@code 2 pi (2 (i + 1/2) / n - 1)}, each step in 32 bits, or rounded to bfloat16. */
    private static float turn(int i, int n, boolean bf16) {
        float c = round(round(i + 0.5f, bf16) / n, bf16);
        c = round(round(2 * c, bf16) - 1, bf16);
        return round((float) (2 * Math.PI) * c, bf16);
    }

    private static float round(float x, boolean bf16) {
        int bits = Float.floatToRawIntBits(x);
        return bf16 ? Float.intBitsToFloat(bits + 0x7FFF + (bits >>> 16 & 1) & 0xFFFF_0000) : x;
    }

    private static Value round(Value x, boolean bf16) {
        return bf16 ? cast(cast(x, DType.BFLOAT16), DType.FLOAT) : x;
    }
}
