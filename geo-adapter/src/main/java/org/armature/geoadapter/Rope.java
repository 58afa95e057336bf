package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.List;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * Rotary positions on a grid: the first half of a head's channels turns with the row, the second with the column. Patches
 * stand at {@code (row + 1, column + 1)}, special tokens at {@code (0, 0)}, where nothing turns.
 *
 * @param cos {@code [T, d]}
 * @param sin {@code [T, d]}, its signs those of rotate-half {@code (x1, x2) -> (-x2, x1)}
 */
record Rope(Value cos, Value sin) {
    /** For {@code views} times {@code special} tokens followed by an {@code h x w} grid. */
    static Rope of(Graph.Builder b, int views, int special, int h, int w, int d, double base) {
        if (d % 4 != 0) {
            throw new IllegalArgumentException("a head has " + d
                    + " channels and the rotary positions need a multiple of" + " 4: change embed_dim or num_heads");
        }
        int tokens = special + h * w;
        int quarter = d / 4;
        double[] cos = new double[views * tokens * d];
        double[] sin = new double[cos.length];
        for (int t = 0; t < views * tokens; t++) {
            int patch = t % tokens - special;
            int row = patch < 0 ? 0 : patch / w + 1;
            int column = patch < 0 ? 0 : patch % w + 1;
            for (int j = 0; j < d; j++) {
                double angle = (j < d / 2 ? row : column) * Math.pow(base, -(double) (j % quarter) / quarter);
                cos[t * d + j] = Math.cos(angle);
                sin[t * d + j] = j / quarter % 2 == 0 ? -Math.sin(angle) : Math.sin(angle);
            }
        }
        Shape shape = Shape.of((long) views * tokens, d);
        return new Rope(
                b.constant(Constant.of(DType.FLOAT, shape, cos)), b.constant(Constant.of(DType.FLOAT, shape, sin)));
    }

    /** {@code x [N, heads, T, d]}. */
    Value rotate(Value x) {
        long quarter = x.shape().dim(-1) / 4;
        List<Value> q = split(x, -1, quarter, quarter, quarter, quarter);
        return add(mul(x, cos), mul(concat(-1, q.get(1), q.get(0), q.get(3), q.get(2)), sin));
    }
}
