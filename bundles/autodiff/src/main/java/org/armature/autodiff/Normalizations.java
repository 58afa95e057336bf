package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * Softmax and everything that divides by a deviation. With {@code u = (x - mean) / sd} over some axes,
 * {@code dx = (g - mean(g) - u mean(g u)) / sd}.
 */
final class Normalizations {
    private Normalizations() {}

    static void rules(Rules.Table t) {
        t.put("Softmax", s -> {
            Value product = mul(s.dy(), s.y());
            s.add(0, sub(product, mul(s.y(), reduceSum(product, true, softmaxAxes(s)))));
        });
        t.put("LogSoftmax", s -> {
            Value total = reduceSum(s.dy(), true, softmaxAxes(s));
            s.add(0, sub(s.dy(), mul(exp(s.y()), total)));
        });
        t.put("BatchNormalization", Normalizations::batchRule);
        t.put("LayerNormalization", Normalizations::layerRule);
        t.put("InstanceNormalization", Normalizations::instanceRule);
        t.put("GroupNormalization", Normalizations::groupRule);
        t.put("RMSNormalization", Normalizations::rmsRule);
        t.put("SimplifiedLayerNormalization", Normalizations::rmsRule);
        t.put("MeanVarianceNormalization", s -> {
            long[] axes = s.node.integers("axes", 0, 2, 3);
            Moments m = moments(s.x(), axes, 0);
            s.add(0, m.back(s.dy()));
        });
        t.put("LpNormalization", Normalizations::lpRule);
    }

    /** Before opset 13 the axes from {@code axis} on were one. */
    private static long[] softmaxAxes(Step s) {
        int rank = s.shape(0).rank();
        int axis = s.axis("axis", s.opset() < 13 ? 1 : -1);
        return s.opset() < 13 ? LongStream.range(axis, rank).toArray() : new long[] {axis};
    }

    static Value mean(Value x, long... axes) {
        double n = 1;
        for (long a : axes) {
            n *= x.shape().dim((int) a);
        }
        return mul(reduceSum(x, true, axes), 1 / n);
    }

    /** {@code u = (x - mean) inverse} over {@code axes}. */
    record Moments(Value u, Value inverse, long[] axes) {
        Value back(Value g) {
            Value along = mul(u, mean(mul(g, u), axes));
            return mul(sub(sub(g, mean(g, axes)), along), inverse);
        }
    }

    private static Moments moments(Value x, long[] axes, double epsilon) {
        Value centred = sub(x, mean(x, axes));
        Value variance = mean(mul(centred, centred), axes);
        Value inverse = reciprocal(sqrt(epsilon == 0 ? variance : add(variance, epsilon)));
        return new Moments(mul(centred, inverse), inverse, axes);
    }

    private static long[] axesFrom(int axis, int rank) {
        return LongStream.range(axis, rank).toArray();
    }

    private static void scaleAndBias(Step s, Value dy, Value u) {
        if (s.wants(1)) {
            s.add(1, mul(dy, u));
        }
        s.add(2, dy);
    }

    private static void layerRule(Step s) {
        int axis = s.axis("axis", -1);
        long[] axes = axesFrom(axis, s.shape(0).rank());
        Value mean = s.extra(1);
        Value inverse = s.extra(2);
        boolean given = mean.isPresent() && inverse.isPresent() && mean.dtype() == s.dy().dtype();
        Moments m = given
                ? new Moments(mul(sub(s.x(), mean), inverse), inverse, axes)
                : moments(s.x(), axes, s.node.real("epsilon", 1e-5f));
        if (s.hasDy(0) && axes.length == 1 && s.shape(1).rank() == 1) {
            rowRule(s, m);
        } else if (s.hasDy(0)) {
            scaleAndBias(s, s.dy(), m.u);
            if (s.wants(0)) {
                s.add(0, m.back(mul(s.dy(), s.x(1))));
            }
        }
        double n = s.shape(0).slice(axis, s.shape(0).rank()).size();
        if (s.hasDy(1)) {
            s.add(0, mul(cast(s.dy(1), s.type(0).dtype()), 1 / n));
        }
        if (s.hasDy(2)) { // d(inverse)/dx = -inverse^2 u / n
            Value g = mul(cast(s.dy(2), s.type(0).dtype()), mul(m.inverse, m.inverse));
            s.add(0, mul(mul(g, m.u), -1 / n));
        }
    }

    /** Over the last axis: the means of g = dy scale and of g u along a row are products with the scale. */
    private static void rowRule(Step s, Moments m) {
        Value dy = s.dy();
        Value weighted = mul(dy, m.u);
        s.add(1, weighted);
        s.add(2, dy);
        if (s.wants(0)) {
            long n = s.shape(1).dim(0);
            Value share = reshape(mul(s.x(1), 1.0 / n), n, 1);
            Value along = mul(m.u, matMul(weighted, share));
            Value g = sub(mul(dy, s.x(1)), matMul(dy, share));
            s.add(0, mul(sub(g, along), m.inverse));
        }
    }

    private static void rmsRule(Step s) {
        long[] axes = axesFrom(s.axis("axis", -1), s.shape(0).rank());
        Value square = mean(mul(s.x(), s.x()), axes);
        Value inverse = reciprocal(sqrt(add(square, s.node.real("epsilon", 1e-5f))));
        Value u = mul(s.x(), inverse);
        if (s.wants(1)) {
            s.add(1, mul(s.dy(), u));
        }
        Value g = mul(s.dy(), s.x(1));
        s.add(0, mul(sub(g, mul(u, mean(mul(g, u), axes))), inverse));
    }

    /** A vector over channels, to multiply with {@code [N, C, ...]}. */
    private static Value perChannel(Value v, int rank) {
        long[] sizes = new long[rank - 1];
        Arrays.fill(sizes, 1);
        sizes[0] = v.shape().size();
        return Ops.reshape(v, Shape.of(sizes));
    }

    /** Sums to a vector over channels. */
    private static Value toChannels(Value g) {
        return reduceSum(
                g, false, LongStream.range(0, g.rank()).filter(a -> a != 1).toArray());
    }

    private static void instanceRule(Step s) {
        int rank = s.shape(0).rank();
        Moments m = moments(s.x(), axesFrom(2, rank), s.node.real("epsilon", 1e-5f));
        channelScaleAndBias(s, m.u);
        s.add(0, m.back(mul(s.dy(), perChannel(s.x(1), rank))));
    }

    private static void channelScaleAndBias(Step s, Value u) {
        if (s.wants(1)) {
            s.add(1, toChannels(mul(s.dy(), u)));
        }
        if (s.wants(2)) {
            s.add(2, toChannels(s.dy()));
        }
    }

    /** Scale and bias are per channel, before opset 21 per group. */
    private static void groupRule(Step s) {
        Shape x = s.shape(0);
        long groups = s.node.integer("num_groups", 1);
        Shape grouped = Shape.of(x.dim(0), groups, x.size() / x.dim(0) / groups);
        Moments m = moments(Ops.reshape(s.x(), grouped), new long[] {2}, s.node.real("epsilon", 1e-5f));
        boolean perGroup = s.shape(1).dim(0) == groups && groups != x.dim(1);
        if (perGroup) {
            Value dy = Ops.reshape(s.dy(), grouped);
            if (s.wants(1)) {
                s.add(1, toChannels(mul(dy, m.u)));
            }
            if (s.wants(2)) {
                s.add(2, toChannels(dy));
            }
            s.add(0, Ops.reshape(m.back(mul(dy, perChannel(s.x(1), 3))), x));
            return;
        }
        channelScaleAndBias(s, Ops.reshape(m.u, x));
        Value g = mul(s.dy(), perChannel(s.x(1), x.rank()));
        s.add(0, Ops.reshape(m.back(Ops.reshape(g, grouped)), x));
    }

    private static void batchRule(Step s) {
        int rank = s.shape(0).rank();
        float epsilon = s.node.real("epsilon", 1e-5f);
        long[] axes = LongStream.range(0, rank).filter(a -> a != 1).toArray();
        Value scale = perChannel(s.x(1), rank);
        if (s.node.integer("training_mode", 0) != 0) {
            batchStatisticsRule(s, axes, scale, epsilon);
            return;
        }
        Value inverse = reciprocal(sqrt(add(s.x(4), epsilon)));
        Value wide = perChannel(inverse, rank);
        s.add(0, mul(s.dy(), mul(scale, wide)));
        Value u = mul(sub(s.x(), perChannel(s.x(3), rank)), wide);
        channelScaleAndBias(s, u);
        Value slope = mul(s.x(1), inverse);
        if (s.wants(3)) {
            s.add(3, neg(mul(toChannels(s.dy()), slope)));
        }
        if (s.wants(4)) {
            Value g = toChannels(mul(s.dy(), u));
            s.add(4, mul(mul(g, mul(slope, inverse)), -0.5));
        }
    }

    /**
     * By the batch's own statistics: {@code dx = scale / sd (dy - mean(dy) - c mean(dy c) / sd^2)} with {@code c = x - mean},
     * written with as few passes over the images as there can be, and the statistics as an executor without a kernel
     * for them writes them forward, so that both parts share them.
     */
    private static void batchStatisticsRule(Step s, long[] axes, Value scale, double epsilon) {
        double n = s.shape(0).size() / (double) s.shape(0).dim(1);
        Value centred = sub(s.x(), reduceMean(s.x(), true, axes));
        Value variance = reduceMean(mul(centred, centred), true, axes);
        Value inverse = reciprocal(sqrt(add(variance, epsilon)));
        Value total = reduceSum(s.dy(), true, axes);
        Value along = mul(reduceSum(mul(s.dy(), centred), true, axes), inverse);
        s.add(1, Ops.reshape(along, s.shape(1)));
        s.add(2, Ops.reshape(total, s.shape(2)));
        if (s.wants(0)) {
            Value slope = mul(mul(along, inverse), 1 / n);
            Value direct = sub(s.dy(), mul(total, 1 / n));
            s.add(0, mul(sub(direct, mul(centred, slope)), mul(scale, inverse)));
        }
        runningStatistics(s, centred, n);
    }

    /** running = momentum old + (1 - momentum) batch. */
    private static void runningStatistics(Step s, Value centred, double n) {
        double momentum = s.node.real("momentum", 0.9f);
        int rank = s.shape(0).rank();
        if (s.hasDy(1)) {
            s.add(3, mul(s.dy(1), momentum));
            s.add(0, mul(perChannel(s.dy(1), rank), (1 - momentum) / n));
        }
        if (s.hasDy(2)) {
            s.add(4, mul(s.dy(2), momentum));
            s.add(0, mul(mul(centred, perChannel(s.dy(2), rank)), 2 * (1 - momentum) / n));
        }
    }

    /** y = x / |x|_p: dx = (dy - d|x| sum(dy y)) / |x|. */
    private static void lpRule(Step s) {
        long axis = s.axis("axis", -1);
        boolean one = s.node.integer("p", 2) == 1;
        Value x = s.x();
        Value norm = one ? reduceSum(abs(x), true, axis) : sqrt(reduceSum(mul(x, x), true, axis));
        Value slope = one ? sign(x) : div(x, norm);
        s.add(0, div(sub(s.dy(), mul(slope, reduceSum(mul(s.dy(), div(x, norm)), true, axis))), norm));
    }
}
