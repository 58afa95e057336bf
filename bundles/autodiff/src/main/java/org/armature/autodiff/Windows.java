package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import java.util.stream.LongStream;
import org.armature.graph.Constant;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** Convolutions and pools. */
final class Windows {
    private Windows() {}

    static void rules(Rules.Table t) {
        t.put("Conv", Windows::convRule);
        t.put("ConvTranspose", Windows::convTransposeRule);
        t.put("MaxPool", Windows::maxPoolRule);
        t.put("AveragePool", Windows::averagePoolRule);
        t.put("GlobalAveragePool", s -> {
            double n = s.shape(0).slice(2, s.shape(0).rank()).size();
            s.add(0, mul(s.dy(), 1 / n));
        });
        t.put("GlobalMaxPool", s -> {
            Value hit = cast(equal(s.x(), s.y()), s.dy().dtype());
            s.add(0, mul(div(s.dy(), reduceSum(hit, true, spatial(s.shape(0)))), hit));
        });
    }

    private static long[] spatial(Shape x) {
        return LongStream.range(2, x.rank()).toArray();
    }

    private static long[] kernel(Shape w) {
        return w.slice(2, w.rank()).sizes();
    }

    private static Value overChannels(Value dy) {
        return reduceSum(
                dy, false, LongStream.range(0, dy.rank()).filter(a -> a != 1).toArray());
    }

    private static void convRule(Step s) {
        Geometry g = Geometry.of(s.node, s.shape(0), s.node.output().shape(), kernel(s.shape(1)));
        if (s.wants(0)) {
            s.add(0, Convolution.input(s.dy(), s.x(1), g));
        }
        if (s.wants(1)) {
            s.add(1, Convolution.weights(s.x(0), s.dy(), g));
        }
        if (s.wants(2)) {
            s.add(2, overChannels(s.dy()));
        }
    }

    /** The transpose's input stands where the convolution's output is. */
    private static void convTransposeRule(Step s) {
        Geometry g = Geometry.ofTranspose(s.node, s.shape(0), s.node.output().shape(), kernel(s.shape(1)));
        if (s.wants(0)) {
            Value dx = conv(s.dy(), s.x(1), Value.none(), g.window());
            long[] axes = spatial(s.shape(0));
            s.add(
                    0,
                    dx.shape().equals(s.shape(0))
                            ? dx
                            : slice(dx, axes, new long[axes.length], g.out(), Geometry.ones(axes.length)));
        }
        if (s.wants(1)) {
            s.add(1, Convolution.weights(s.dy(), s.x(0), g));
        }
        if (s.wants(2)) {
            s.add(2, overChannels(s.dy()));
        }
    }

    /** Back to where the maximum came from; MaxPool's indices count through the whole input. */
    private static void maxPoolRule(Step s) {
        if (s.node.integer("storage_order", 0) != 0) {
            throw s.fail("storage_order=1: use 0");
        }
        Shape x = s.shape(0);
        Value zeros = Ops.reshape(s.zeros(0), Shape.of(x.size()));
        Value flat = scatterElements(zeros, reshape(s.extra(1), -1), reshape(s.dy(), -1), 0, "add");
        s.add(0, Ops.reshape(flat, x));
    }

    private static void averagePoolRule(Step s) {
        Shape x = s.shape(0);
        long[] k = s.node.integers("kernel_shape");
        Geometry g = Geometry.of(s.node, x, s.node.output().shape(), k);
        Value dy = s.dy();
        if (g.tiles()) {
            s.add(0, repeated(mul(dy, 1.0 / g.taps()), g, x));
            return;
        }
        Value share = mul(dy, s.constant(shares(s, g)));
        long planes = x.dim(0) * x.dim(1);
        Value images = Ops.reshape(share, Shape.of(planes, 1).concat(Shape.of(g.out())));
        Value ones = s.constant(Constant.full(dy.dtype(), Shape.of(1, 1).concat(Shape.of(k)), 1));
        // The last window of ceil_mode may reach past the end: what falls there is cut off.
        int rank = g.rank();
        long[] pads = g.pads().clone();
        long[] extra = g.outputPadding();
        for (int i = 0; i < rank; i++) {
            if (extra[i] < 0) {
                pads[i + rank] -= extra[i];
                extra[i] = 0;
            }
        }
        Value sum = convTranspose(images, ones, Value.none(), g.window().pads(pads), extra);
        s.add(0, Ops.reshape(sum, x));
    }

    /** Each element of {@code g [N, C, out...]} copied over its tile. */
    private static Value repeated(Value v, Geometry g, Shape x) {
        int rank = g.rank();
        long[] apart = new long[2 + 2 * rank];
        apart[0] = x.dim(0);
        apart[1] = x.dim(1);
        long[] full = apart.clone();
        for (int i = 0; i < rank; i++) {
            apart[2 + 2 * i] = g.out()[i];
            apart[3 + 2 * i] = 1;
            full[2 + 2 * i] = g.out()[i];
            full[3 + 2 * i] = g.kernel()[i];
        }
        return Ops.reshape(expand(Ops.reshape(v, Shape.of(apart)), full), x);
    }

    /** One over the number of elements that each window averages, {@code [1, 1, out...]}. */
    private static Constant shares(Step s, Geometry g) {
        boolean padding = s.node.integer("count_include_pad", 0) != 0;
        int rank = g.rank();
        double[] all = new double[Math.toIntExact(g.outSize())];
        long[] at = new long[rank];
        for (int p = 0; p < all.length; p++) {
            long count = 1;
            for (int i = 0; i < rank; i++) {
                long low = padding ? -g.pads()[i] : 0;
                long high = padding ? g.in()[i] + g.pads()[i + rank] : g.in()[i];
                long start = at[i] * g.strides()[i] - g.pads()[i];
                long d = g.dilations()[i];
                count *= LongStream.range(0, g.kernel()[i])
                        .map(k -> start + k * d)
                        .filter(q -> q >= low && q < high)
                        .count();
            }
            all[p] = 1.0 / Math.max(1, count);
            for (int i = rank - 1; i >= 0 && ++at[i] == g.out()[i]; i--) {
                at[i] = 0;
            }
        }
        return Constant.of(s.dy().dtype(), Shape.of(1, 1).concat(Shape.of(g.out())), all);
    }
}
