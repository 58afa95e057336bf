package org.armature.compute.opencl.lower;

import static org.armature.compute.opencl.lower.Lowering.add;
import static org.armature.compute.opencl.lower.Lowering.at;
import static org.armature.compute.opencl.lower.Lowering.map;
import static org.armature.compute.opencl.lower.Lowering.multiply;
import static org.armature.compute.opencl.lower.Lowering.sizes;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Fold;
import org.armature.compute.opencl.ir.Formula;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Node;
import org.armature.graph.Shape;

/** Resizing, whose weights depend on sizes alone and are computed here, on the host, and sampling. */
final class Resampling {
    private Resampling() {}

    static void rules(Map<String, Rule> r) {
        r.put("Resize", Resampling::resize);
        r.put("Upsample", Resampling::resize);
        r.put("GridSample", Resampling::gridSample);
    }

    // ---- resize ----------------------------------------------------------------------------------------------------

    private static double @org.jspecify.annotations.Nullable [] numbers(Node n, int i) {
        if (!n.input(i).isPresent()) {
            return null;
        }
        Constant c = n.input(i).constant().orElse(null);
        if (c != null) {
            return c.shape().size() == 0 ? null : c.toDoubles();
        }
        return Arrays.stream(Lowering.numbers(n, i)).asDoubleStream().toArray();
    }

    private static List<Array> resize(Node n, Lowering l) {
        boolean upsample = n.is("Upsample");
        Array x = l.array(n.input(0));
        long[] out = sizes(n.output());
        int rank = x.rank();
        long[] axes = n.integers("axes", LongStream.range(0, rank).toArray());
        double[] scales = upsample ? numbers(n, 1) : l.opset() < 11 ? numbers(n, 1) : numbers(n, 2);
        double[] roi = upsample || l.opset() < 11 ? null : numbers(n, 1);
        Array y = x;
        for (int i = 0; i < axes.length; i++) {
            int a = n.input(0).shape().axis(axes[i]);
            double scale = scales != null ? scales[i] : scaleOf(n, out, x.shape(), axes, i);
            boolean crop =
                    n.text("coordinate_transformation_mode", "half_pixel").equals("tf_crop_and_resize");
            if (out[a] == x.dim(a) && scale == 1 && !crop) {
                continue;
            }
            double from = crop && roi != null ? roi[i] : 0;
            double to = crop && roi != null ? roi[axes.length + i] : 1;
            y = along(n, y, a, (int) out[a], scale, from, to, upsample);
        }
        return List.of(y);
    }

    /** Of sizes given: where the aspect ratio is kept, one scale for all axes. */
    private static double scaleOf(Node n, long[] out, long[] in, long[] axes, int i) {
        String policy = n.text("keep_aspect_ratio_policy", "stretch");
        long[] want = n.input(3).isPresent() && !policy.equals("stretch") ? Lowering.numbers(n, 3) : null;
        if (want == null) {
            int a = Math.floorMod((int) axes[i], in.length);
            return (double) out[a] / in[a];
        }
        double scale = policy.equals("not_larger") ? Double.POSITIVE_INFINITY : 0;
        for (int k = 0; k < axes.length; k++) {
            double s = (double) want[k] / in[Math.floorMod((int) axes[k], in.length)];
            scale = policy.equals("not_larger") ? Math.min(scale, s) : Math.max(scale, s);
        }
        return scale;
    }

    /** One axis: {@code y[o] = sum over taps of weight[o, t] x[place[o, t]]}. */
    private static Array along(
            Node n, Array x, int axis, int out, double scale, double from, double to, boolean upsample) {
        int size = (int) x.dim(axis);
        String mode = n.text("mode", "nearest");
        String coordinates = n.text("coordinate_transformation_mode", upsample ? "asymmetric" : "half_pixel");
        boolean antialias = n.integer("antialias", 0) != 0 && scale < 1;
        boolean exclude = n.integer("exclude_outside", 0) != 0;
        double a = n.real("cubic_coeff_a", -0.75f);
        boolean crop = coordinates.equals("tf_crop_and_resize");
        List<List<double[]>> rows = new ArrayList<>();
        int most = 1;
        for (int o = 0; o < out; o++) {
            double p = switch (coordinates) {
                case "align_corners" -> out == 1 ? 0 : o * (size - 1.0) / (length(out, size, scale) - 1);
                case "asymmetric" -> o / scale;
                case "pytorch_half_pixel" -> out == 1 ? 0 : (o + 0.5) / scale - 0.5;
                case "half_pixel_symmetric" -> {
                    double adjustment = out / (scale * size);
                    yield size / 2.0 * (1 - adjustment) + (o + 0.5) / scale - 0.5;
                }
                case "tf_crop_and_resize" ->
                    out > 1
                            ? from * (size - 1) + o * (to - from) * (size - 1) / (out - 1)
                            : 0.5 * (from + to) * (size - 1);
                default -> (o + 0.5) / scale - 0.5;
            };
            List<double[]> taps = crop && (p < 0 || p > size - 1)
                    ? List.of()
                    : taps(n, mode, p, size, a, exclude, antialias ? scale : 1, upsample);
            rows.add(taps);
            most = Math.max(most, taps.size());
        }
        double[] weights = new double[out * most];
        long[] places = new long[out * most];
        double[] extra = new double[out];
        for (int o = 0; o < out; o++) {
            List<double[]> taps = rows.get(o);
            extra[o] = taps.isEmpty() ? n.real("extrapolation_value", 0) : 0;
            for (int t = 0; t < taps.size(); t++) {
                places[o * most + t] = (long) taps.get(t)[0];
                weights[o * most + t] = taps.get(t)[1];
            }
        }
        DType type = Scalar.computed(x.type());
        DType real = type.isFloating() ? type : DType.FLOAT;
        Array place = constant(n, "place", Constant.longs(Shape.of(out, most), places));
        Array weight = constant(n, "weight", Constant.of(real, Shape.of(out, most), weights));
        long[] shape = x.shape();
        shape[axis] = out;
        String name = n.output().name() + ".axis" + axis;
        if (most == 1 && Arrays.stream(weights).allMatch(w -> w == 1)) {
            return map(
                    name,
                    x.type(),
                    shape,
                    at -> at(x, moved(at, axis, Index.data(at(place, List.of(at.get(axis), Index.ZERO)), size))));
        }
        long[] space = Arrays.copyOf(shape, shape.length + 1);
        space[shape.length] = most;
        Array sum = Lowering.reduce(name, real, space, java.util.Set.of(shape.length), false, Fold.SUM, at -> {
            List<Index> tap = List.of(at.get(axis), at.getLast());
            List<Index> source = moved(at.subList(0, shape.length), axis, Index.data(at(place, tap), size));
            return multiply(Scalar.convert(at(x, source), real), at(weight, tap));
        });
        if (!crop && sum.type() == x.type()) {
            return sum;
        }
        Array e = constant(n, "extrapolated", Constant.of(real, Shape.of(out), extra));
        return map(
                name, x.type(), shape, at -> Scalar.convert(add(at(sum, at), at(e, List.of(at.get(axis)))), x.type()));
    }

    private static double length(int out, int size, double scale) {
        return Math.abs(scale * size - out) < 1 ? Math.max(scale * size, 1.0000001) : out;
    }

    private static Array constant(Node n, String what, Constant c) {
        return new Array(n.output().name() + "." + what, c.dtype(), c.shape().sizes(), new Array.Literal(c));
    }

    private static List<Index> moved(List<Index> at, int axis, Index now) {
        List<Index> r = new ArrayList<>(at);
        r.set(axis, now);
        return r;
    }

    private static List<double[]> taps(
            Node n, String mode, double p, int size, double a, boolean exclude, double stretch, boolean upsample) {
        if (mode.equals("nearest")) {
            double r = switch (n.text("nearest_mode", upsample ? "floor" : "round_prefer_floor")) {
                case "floor" -> Math.floor(p);
                case "ceil" -> Math.ceil(p);
                case "round_prefer_ceil" -> Math.floor(p + 0.5);
                default -> Math.ceil(p - 0.5);
            };
            return List.of(new double[] {Math.clamp((long) r, 0, size - 1), 1});
        }
        double reach = (mode.equals("linear") ? 1 : 2) / stretch;
        double total = 0;
        List<double[]> taps = new ArrayList<>();
        for (long i = (long) Math.floor(p - reach); i <= (long) Math.ceil(p + reach); i++) {
            double d = Math.abs(i - p) * stretch;
            double w = mode.equals("linear")
                    ? Math.max(0, 1 - d)
                    : d < 1
                            ? (a + 2) * d * d * d - (a + 3) * d * d + 1
                            : d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
            if (w == 0 || (exclude && (i < 0 || i >= size))) {
                continue;
            }
            taps.add(new double[] {Math.clamp(i, 0, size - 1), w});
            total += w;
        }
        for (double[] t : taps) {
            t[1] /= total;
        }
        return taps;
    }

    // ---- grid ------------------------------------------------------------------------------------------------------

    /** Bilinear or nearest sampling of images at computed places. */
    private static List<Array> gridSample(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Array grid = l.array(n.input(1));
        String mode = n.text("mode", "linear");
        String padding = n.text("padding_mode", "zeros");
        if (x.rank() != 4 || mode.contains("cubic") || padding.equals("reflection")) {
            throw new UnsupportedOperationException(
                    "node " + n.name() + " (GridSample): the executor opencl has 4-D linear"
                            + " and nearest sampling with zeros or border: use the executor onnx");
        }
        boolean corners = n.integer("align_corners", 0) != 0;
        boolean nearest = mode.equals("nearest");
        return map(n, at -> {
            Scalar px =
                    pixel(at(grid, List.of(at.get(0), at.get(2), at.get(3), Index.of(1))), x.dim(2), corners, nearest);
            Scalar py =
                    pixel(at(grid, List.of(at.get(0), at.get(2), at.get(3), Index.ZERO)), x.dim(3), corners, nearest);
            Scalar sum = null;
            for (int i = 0; i < (nearest ? 1 : 4); i++) {
                Scalar term = corner(x, at, px, py, i / 2, i % 2, padding.equals("border"));
                sum = sum == null ? term : add(sum, term);
            }
            return java.util.Objects.requireNonNull(sum);
        });
    }

    private static Scalar pixel(Scalar g, long size, boolean corners, boolean round) {
        String p = corners ? "(x + 1t) * " + (size - 1) / 2.0 + "t" : "((x + 1t) * " + size + ".0t - 1t) * 0.5t";
        return Lowering.apply(Formula.of("pixel", round ? "rint(" + p + ")" : p), g);
    }

    private static Scalar corner(Array x, List<Index> at, Scalar py, Scalar px, int dy, int dx, boolean border) {
        Scalar w = multiply(weight(py, dy), weight(px, dx));
        Index iy = whole(py, dy, x.dim(2));
        Index ix = whole(px, dx, x.dim(3));
        Scalar v = multiply(w, at(x, List.of(at.get(0), at.get(1), iy, ix)));
        return border ? v : multiply(multiply(v, inside(py, dy, x.dim(2))), inside(px, dx, x.dim(3)));
    }

    private static Scalar weight(Scalar p, int d) {
        return Lowering.apply(Formula.of("weight", d == 1 ? "x - floor(x)" : "1t - (x - floor(x))"), p);
    }

    private static Scalar inside(Scalar p, int d, long size) {
        return Lowering.apply(
                Formula.of(
                        "inside",
                        "floor(x) + " + d + ".0t >= 0t && floor(x) + " + d + ".0t < " + size + ".0t ? 1t : 0t"),
                p);
    }

    private static Index whole(Scalar p, int d, long size) {
        Scalar held = Lowering.apply(
                Formula.of("whole", "fmin(fmax(floor(x) + " + d + ".0t, 0t), " + (size - 1) + ".0t)"), p);
        return Index.data(Scalar.convert(held, DType.INT64), size);
    }
}
