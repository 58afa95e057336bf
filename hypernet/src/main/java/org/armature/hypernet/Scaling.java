package org.armature.hypernet;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSumSquare;
import static org.armature.graph.Ops.sigmoid;
import static org.armature.graph.Ops.sqrt;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.tanh;

import java.util.Locale;
import java.util.stream.LongStream;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.hypernet.NodeGraph.Target;

/**
 * Brings predictions to the size their layers want.
 *
 * @param range {@code initializer_range} of {@link Matrices#STD}
 * @param blocks layers of the target, for {@link Matrices#FAN_IN_DEPTH}
 */
record Scaling(Matrices matrices, double range, int blocks) {
    /** How matrices are scaled; three revisions of the language code exist, vision is {@link #FAN_IN}. */
    enum Matrices {
        /** To the deviation {@code range}. */
        STD,
        /** By {@code sqrt(beta / fan_in)}. */
        FAN_IN,
        /** As well by {@code 1 / sqrt(2 blocks)} where a branch ends. */
        FAN_IN_DEPTH;

        static Matrices of(String name) {
            return switch (name) {
                case "std" -> STD;
                case "fan_in" -> FAN_IN;
                case "fan_in_depth" -> FAN_IN_DEPTH;
                default ->
                    throw new IllegalArgumentException(
                            "config key normalisation is \"" + name + "\": there are std, fan_in and fan_in_depth");
            };
        }

        String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Scales predictions {@code [G, shape...]} for targets of one shape and role; the name decides about depth only. */
    Value apply(Value w, Target t) {
        return switch (t.role()) {
            case NORM_WEIGHT -> mul(sigmoid(mul(w, 0.5)), 2.0);
            case BIAS, NORM_BIAS -> tanh(mul(w, 0.2));
            case POSITION -> unscaled(t.shape()) ? w : fanIn(w, t);
            case EMBEDDING -> w;
            case MATRIX -> matrices == Matrices.STD ? deviation(w, t) : fanIn(w, t);
        };
    }

    private static boolean unscaled(Shape s) {
        return s.rank() == 3 && s.dim(0) == 1 && s.dim(2) >= 11;
    }

    private Value fanIn(Value w, Target t) {
        long[] s = t.shape().sizes();
        double fanIn = (double) t.shape().size() / s[0];
        boolean single = s.length > 2 && (s[1] == 1 || s.length > 3 && s[2] < s[3]);
        double factor = Math.sqrt((single ? 1 : 2) / fanIn);
        boolean end = t.name().contains("c_proj") || t.name().contains("o_proj");
        return mul(w, matrices == Matrices.FAN_IN_DEPTH && end ? factor / Math.sqrt(2.0 * blocks) : factor);
    }

    private Value deviation(Value w, Target t) {
        long[] axes = LongStream.range(1, w.rank()).toArray();
        Value centred = sub(w, reduceMean(w, true, axes));
        double count = Math.max(1, t.shape().size() - 1);
        Value std = sqrt(mul(reduceSumSquare(centred, true, axes), 1 / count));
        return mul(div(w, add(std, 1e-7)), range);
    }
}
