package org.armature.train;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.less;
import static org.armature.graph.Ops.like;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSumSquare;
import static org.armature.graph.Ops.sqrt;
import static org.armature.graph.Ops.stopGradient;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.where;

import org.armature.graph.Scope;
import org.armature.graph.Value;

/** Features brought to mean 0 and variance 1 by what the training batches so far had. */
public final class Standardisation {
    private Standardisation() {}

    /**
     * {@code x [N, F]} standardised; what does not vary is only centred, or noise would be blown up. In training, mean and
     * variance are first updated by the batch (Chan, Golub and LeVeque 1983), without a derivative; after an epoch they are
     * the data's.
     *
     * @param s holds {@code running_mean [F]}, {@code running_var [F]} and, for training, {@code count [1]}
     */
    public static Value of(Scope s, Value x, boolean training) {
        long n = x.shape().dim(1);
        Value mean = s.parameter("running_mean", n);
        Value variance = s.parameter("running_var", n);
        if (training) {
            Value count = s.parameter("count", 1);
            double batch = x.shape().dim(0);
            Value fixed = stopGradient(x);
            Value batchMean = reduceMean(fixed, false, 0);
            Value centred = sub(fixed, batchMean);
            Value delta = sub(batchMean, mean);
            Value total = add(count, batch);
            Value squares = add(
                    add(mul(variance, count), reduceSumSquare(centred, false, 0)),
                    div(mul(mul(mul(delta, delta), count), batch), total));
            mean = add(mean, div(mul(delta, batch), total));
            variance = div(squares, total);
            s.builder().output(TrainableModel.UPDATE + s.full("running_mean"), mean);
            s.builder().output(TrainableModel.UPDATE + s.full("running_var"), variance);
            s.builder().output(TrainableModel.UPDATE + s.full("count"), total);
        }
        return div(sub(x, mean), deviation(variance));
    }

    /** What {@link #of} made {@code x [N, F]} of, with the statistics of the same place. */
    public static Value inverse(Scope s, Value x) {
        long n = x.shape().dim(1);
        return add(mul(x, deviation(s.parameter("running_var", n))), s.parameter("running_mean", n));
    }

    private static Value deviation(Value variance) {
        Value flat = less(variance, like(variance, 1e-6));
        return sqrt(where(flat, like(variance, 1), variance));
    }
}
