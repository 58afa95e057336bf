package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import java.util.Arrays;
import java.util.stream.LongStream;
import org.armature.graph.Constant;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * Resize is a matrix along each axis: {@code y = R x}, so {@code dx = R' dy}. The rows of {@code R} are built here from the
 * definition of the operator.
 */
final class Resampling {
    private Resampling() {}

    static void rules(Rules.Table t) {
        t.put("Resize", Resampling::rule);
        t.put("Upsample", Resampling::rule);
    }

    private static void rule(Step s) {
        Shape x = s.shape(0);
        Shape y = s.node.output().shape();
        int scalesAt = s.node.is("Upsample") || s.opset() < 11 ? 1 : 2;
        double[] scales = s.has(scalesAt)
                ? s.type(scalesAt).constant().map(Constant::toDoubles).orElse(new double[0])
                : new double[0];
        long[] axes = s.node.integers("axes", LongStream.range(0, x.rank()).toArray());
        if (s.node.text("coordinate_transformation_mode", "half_pixel").equals("tf_crop_and_resize")) {
            throw s.fail(
                    "coordinate_transformation_mode=tf_crop_and_resize has no derivative here: use Slice and another"
                            + " mode");
        }
        Value g = s.dy();
        for (int i = 0; i < axes.length; i++) {
            int axis = x.axis(axes[i]);
            double scale = scales.length > 0 ? scales[i] : (double) y.dim(axis) / x.dim(axis);
            if (x.dim(axis) != y.dim(axis) || scale != 1) {
                g = back(s, g, axis, x.dim(axis), y.dim(axis), scale);
            }
        }
        s.add(0, g);
    }

    private static Value back(Step s, Value g, int axis, long in, long out, double scale) {
        String mode = s.node.text("mode", "nearest");
        String where = s.node.text("coordinate_transformation_mode", s.opset() < 11 ? "asymmetric" : "half_pixel");
        String nearest = s.node.text("nearest_mode", s.opset() < 11 ? "floor" : "round_prefer_floor");
        boolean whole = scale == Math.rint(scale) && out == in * (long) scale;
        if (mode.equals("nearest") && whole && repeats(in, out, scale, where, nearest)) {
            Shape apart = g.shape()
                    .slice(0, axis)
                    .concat(Shape.of(in, (long) scale))
                    .concat(g.shape().slice(axis + 1, g.rank()));
            return reduceSum(Ops.reshape(g, apart), false, axis + 1);
        }
        double[][] rows = new double[Math.toIntExact(out)][Math.toIntExact(in)];
        for (int o = 0; o < rows.length; o++) {
            fill(s, rows[o], o, source(o, in, out, scale, where), scale, mode, nearest);
        }
        return alongAxis(g, axis, rows);
    }

    private static boolean repeats(long in, long out, double scale, String where, String nearest) {
        for (long o = 0; o < out; o++) {
            if (nearest(source(o, in, out, scale, where), nearest, in) != o / (long) scale) {
                return false;
            }
        }
        return true;
    }

    /** {@code R'} along an axis. */
    private static Value alongAxis(Value g, int axis, double[][] rows) {
        int out = rows.length;
        int in = rows[0].length;
        double[] flat = new double[in * out];
        boolean second = axis == g.rank() - 2;
        for (int o = 0; o < out; o++) {
            for (int i = 0; i < in; i++) {
                flat[second ? i * out + o : o * in + i] = rows[o][i];
            }
        }
        Value matrix =
                g.builder().constant(Constant.of(g.dtype(), second ? Shape.of(in, out) : Shape.of(out, in), flat));
        if (second) {
            return matMul(matrix, g);
        }
        if (axis == g.rank() - 1) {
            return matMul(g, matrix);
        }
        long[] perm = LongStream.range(0, g.rank()).toArray();
        perm[axis] = g.rank() - 1L;
        perm[g.rank() - 1] = axis;
        return transpose(matMul(transpose(g, perm), matrix), perm);
    }

    /** Where output position {@code o} lies in the input. */
    private static double source(long o, long in, long out, double scale, String where) {
        return switch (where) {
            case "align_corners" -> out == 1 ? 0 : o * (in - 1.0) / (out - 1.0);
            case "asymmetric" -> o / scale;
            case "pytorch_half_pixel" -> out > 1 ? (o + 0.5) / scale - 0.5 : 0;
            case "half_pixel_symmetric" -> {
                double adjustment = out / (scale * in);
                double centre = in / 2.0;
                yield centre * (1 - adjustment) + (o + 0.5) / scale - 0.5;
            }
            default -> (o + 0.5) / scale - 0.5;
        };
    }

    private static long nearest(double p, String mode, long in) {
        double q = switch (mode) {
            case "round_prefer_ceil" -> Math.floor(p + 0.5);
            case "floor" -> Math.floor(p);
            case "ceil" -> Math.ceil(p);
            default -> Math.ceil(p - 0.5);
        };
        return Math.clamp((long) q, 0, in - 1);
    }

    private static void fill(Step s, double[] row, int o, double p, double scale, String mode, String nearest) {
        if (mode.equals("nearest")) {
            row[(int) nearest(p, nearest, row.length)] = 1;
            return;
        }
        boolean cubic = mode.equals("cubic");
        boolean antialias = s.node.integer("antialias", 0) != 0 && scale < 1;
        boolean outside = cubic && s.node.integer("exclude_outside", 0) != 0;
        double a = s.node.real("cubic_coeff_a", -0.75f);
        double width = antialias ? 1 / scale : 1;
        double support = (cubic ? 2 : 1) * width;
        double total = 0;
        int last = row.length - 1;
        for (int i = (int) Math.floor(p - support); i <= (int) Math.ceil(p + support); i++) {
            double d = Math.abs(p - i) / width;
            double weight = cubic ? cubic(d, a) : Math.max(0, 1 - d);
            boolean inside = i >= 0 && i <= last;
            // Beyond the border the border's value is used, or nothing with exclude_outside and antialias.
            if (weight != 0 && (inside || !(outside || antialias))) {
                row[Math.clamp(i, 0, last)] += weight;
                total += weight;
            }
        }
        double sum = total;
        if (outside || antialias) {
            Arrays.setAll(row, i -> row[i] / sum);
        }
    }

    private static double cubic(double d, double a) {
        if (d <= 1) {
            return ((a + 2) * d - (a + 3)) * d * d + 1;
        }
        return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
    }
}
