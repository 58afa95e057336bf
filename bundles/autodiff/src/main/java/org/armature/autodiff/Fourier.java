package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import org.armature.graph.Constant;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * The discrete Fourier transform is linear: the way back is its adjoint, the transform in the other direction without (or
 * with) the 1/n.
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
            g = fromReal(s, g, axis, length);
        } else {
            g = half ? resized(g, axis, length) : g;
            g = inverse ? mul(transform(s, g, axis, false), 1.0 / length) : mul(transform(s, g, axis, true), length);
        }
        g = resized(g, axis, x.dim(axis));
        s.add(0, x.dim(-1) == 1 ? slice(g, g.rank() - 1, 0, 1) : g);
    }

    /** Of half a spectrum that a real signal was made of: all but the ends stood for two. */
    private static Value fromReal(Step s, Value dy, int axis, long length) {
        Value g = resized(transform(s, dy, axis, false), axis, length / 2 + 1);
        double[] weights = new double[Math.toIntExact(length / 2 + 1)];
        for (int k = 0; k < weights.length; k++) {
            weights[k] = (k == 0 || 2L * k == length ? 1.0 : 2.0) / length;
        }
        long[] sizes = Geometry.ones(g.rank());
        sizes[axis] = weights.length;
        return mul(g, s.constant(Constant.of(g.dtype(), Shape.of(sizes), weights)));
    }

    private static Value transform(Step s, Value x, int axis, boolean inverse) {
        return s.opset() >= 20
                ? dft(x, axis, -1, inverse, false)
                : s.builder()
                        .node(
                                "DFT",
                                java.util.List.of(x),
                                attributes("axis", (long) axis, "inverse", inverse, "onesided", false));
    }

    private static Value resized(Value x, int axis, long size) {
        long now = x.shape().dim(axis);
        return now > size ? slice(x, axis, 0, size) : Layout.pad(x, axis, 0, size - now);
    }
}
