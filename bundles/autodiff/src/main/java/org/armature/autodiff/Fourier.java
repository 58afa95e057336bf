package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import java.util.List;
import org.armature.graph.Constant;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * The discrete Fourier transform is linear: the way back is its adjoint, the transform in the other direction without (or
 * with) the 1/n. A one-sided transform's adjoint is one-sided too; points of half a spectrum stand for their mirror images
 * when a signal is made of them, but not when one is transformed.
 */
final class Fourier {
    private Fourier() {}

    static void rules(Rules.Table t) {
        t.put("DFT", Fourier::rule);
    }

    private static void rule(Step s) {
        Shape x = s.shape(0);
        int axis = x.axis(s.opset() >= 20 ? (s.has(2) ? s.longs(2)[0] : -2) : s.node.integer("axis", 1));
        boolean inverse = s.node.integer("inverse", 0) != 0;
        boolean half = s.node.integer("onesided", 0) != 0;
        long length = s.has(1) ? s.longs(1)[0] : inverse && half ? 2 * (x.dim(axis) - 1) : x.dim(axis);
        Value g = s.dy();
        if (half && inverse) {
            g = weighted(s, transform(s, g, axis, length, false, true), axis, length, 1.0 / length, 2.0 / length);
        } else if (half && x.dim(-1) == 1) {
            g = transform(s, weighted(s, g, axis, length, length, length / 2.0), axis, length, true, true);
        } else {
            g = mul(transform(s, g, axis, length, !inverse, false), inverse ? 1.0 / length : length);
        }
        g = resized(g, axis, x.dim(axis));
        s.add(0, x.dim(-1) == 1 ? slice(g, g.rank() - 1, 0, 1) : g);
    }

    /** Half a spectrum whose points that are their own mirror images count {@code own}, all others {@code pair}. */
    private static Value weighted(Step s, Value g, int axis, long length, double own, double pair) {
        double[] weights = new double[Math.toIntExact(length / 2 + 1)];
        for (int k = 0; k < weights.length; k++) {
            weights[k] = k == 0 || 2L * k == length ? own : pair;
        }
        long[] sizes = Geometry.ones(g.rank());
        sizes[axis] = weights.length;
        return mul(g, s.constant(Constant.of(g.dtype(), Shape.of(sizes), weights)));
    }

    private static Value transform(Step s, Value x, int axis, long length, boolean inverse, boolean half) {
        return s.opset() >= 20
                ? dft(x, axis, length, inverse, half)
                : s.builder()
                        .node(
                                "DFT",
                                List.of(x, s.constant(Constant.longs(Shape.SCALAR, length))),
                                attributes("axis", (long) axis, "inverse", inverse, "onesided", half));
    }

    private static Value resized(Value x, int axis, long size) {
        long now = x.shape().dim(axis);
        return now > size ? slice(x, axis, 0, size) : Layout.pad(x, axis, 0, size - now);
    }
}
