package org.armature.terminator;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sqrt;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.where;

import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.train.TrainableModel;

/**
 * Standardisation without scale and shift, on {@code [N, C, H, W]}: by example and channel (instance), by channel (batch), or
 * mixed by groups of channels.
 */
final class Norms {
    /** Groups of the mixed normalisation: even ones by batch, odd ones by instance. */
    static final int GROUPS = 12;

    private static final double EPSILON = 1e-5;
    private static final double MOMENTUM = 0.1;

    /** Where the statistics of a batch come from. */
    enum Mode {
        /** The batch itself, in training and in evaluation: the official way. */
        BATCH,
        /** The batch itself, remembered for evaluation. */
        LEARN,
        /** Remembered. */
        RECALL
    }

    private Norms() {}

    static Value instance(Value x) {
        Value centred = sub(x, reduceMean(x, true, 2, 3));
        return div(centred, deviation(reduceMean(mul(centred, centred), true, 2, 3)));
    }

    static Value batch(Scope p, Value x, Mode mode) {
        Value mean = remembered(p, "running_mean", x, reduceMean(x, true, 0, 2, 3), mode);
        Value centred = sub(x, mean);
        Value variance = remembered(p, "running_var", x, reduceMean(mul(centred, centred), true, 0, 2, 3), mode);
        return div(centred, deviation(variance));
    }

    /** Of the channels in {@link #GROUPS} equal groups even ones by batch, odd ones by instance, in one pass. */
    static Value mixed(Scope p, Value x, Mode mode) {
        int c = (int) x.shape().dim(1);
        double[] even = new double[c];
        for (int i = 0; i < c; i++) {
            even[i] = i / (c / GROUPS) % 2 == 0 ? 1 : 0;
        }
        Value byBatch = x.builder().constant(Constant.of(DType.BOOL, Shape.of(1, c, 1, 1), even));
        Value means = reduceMean(x, true, 2, 3);
        Value mean = remembered(p, "running_mean", x, reduceMean(means, true, 0), mode);
        Value centred = sub(x, where(byBatch, mean, means));
        Value squares = reduceMean(mul(centred, centred), true, 2, 3);
        Value variance = remembered(p, "running_var", x, reduceMean(squares, true, 0), mode);
        return div(centred, deviation(where(byBatch, variance, squares)));
    }

    /** A statistic {@code [1, C, 1, 1]} of this batch, or the running one. */
    private static Value remembered(Scope p, String name, Value x, Value now, Mode mode) {
        long c = x.shape().dim(1);
        return switch (mode) {
            case BATCH -> now;
            case LEARN -> {
                remember(p, name, reshape(now, c));
                yield now;
            }
            case RECALL -> reshape(p.parameter(name, c), 1, c, 1, 1);
        };
    }

    /** Moves a running statistic a tenth of the way. */
    static void remember(Scope p, String name, Value now) {
        Value old = p.parameter(name, now.shape());
        p.builder().output(TrainableModel.UPDATE + p.full(name), add(mul(old, 1 - MOMENTUM), mul(now, MOMENTUM)));
    }

    private static Value deviation(Value variance) {
        return sqrt(add(variance, EPSILON));
    }
}
