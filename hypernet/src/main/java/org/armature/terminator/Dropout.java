package org.armature.terminator;

import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.greaterOrEqual;
import static org.armature.graph.Ops.like;
import static org.armature.graph.Ops.mul;

import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.train.GradientEstimator;

/** Whole channels of {@code [N, C, H, W]} set to zero. */
final class Dropout {
    private Dropout() {}

    static Value channels(Scope p, Value x, double share) {
        if (share == 0) {
            return x;
        }
        Shape perChannel = Shape.of(x.shape().dim(0), x.shape().dim(1), 1, 1);
        Value normal = p.builder().input(GradientEstimator.RANDOM + p.full("dropout"), perChannel);
        Value kept = cast(greaterOrEqual(normal, like(normal, quantile(share))), DType.FLOAT);
        return mul(x, mul(kept, 1 / (1 - share)));
    }

    /** Below which a standard normal number falls with a probability, by bisection. */
    private static double quantile(double p) {
        double low = -9;
        double high = 9;
        for (int i = 0; i < 60; i++) {
            double middle = (low + high) / 2;
            if (below(middle) < p) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }

    /** The standard normal distribution function, by its power series; good to 1e-12 where dropout lies. */
    private static double below(double z) {
        double term = z;
        double sum = z;
        for (int k = 1; k < 400 && Math.abs(term) > 1e-18; k++) {
            term *= -z * z / (2 * k);
            sum += term / (2 * k + 1);
        }
        return Math.clamp(0.5 + sum / Math.sqrt(2 * Math.PI), 0, 1);
    }
}
