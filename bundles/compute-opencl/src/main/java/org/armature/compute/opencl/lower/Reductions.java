package org.armature.compute.opencl.lower;

import static org.armature.compute.opencl.lower.Lowering.add;
import static org.armature.compute.opencl.lower.Lowering.apply;
import static org.armature.compute.opencl.lower.Lowering.at;
import static org.armature.compute.opencl.lower.Lowering.axisSet;
import static org.armature.compute.opencl.lower.Lowering.divide;
import static org.armature.compute.opencl.lower.Lowering.literal;
import static org.armature.compute.opencl.lower.Lowering.map;
import static org.armature.compute.opencl.lower.Lowering.multiply;
import static org.armature.compute.opencl.lower.Lowering.range;
import static org.armature.compute.opencl.lower.Lowering.reduce;
import static org.armature.compute.opencl.lower.Lowering.sizes;
import static org.armature.compute.opencl.lower.Lowering.spread;
import static org.armature.compute.opencl.lower.Lowering.subtract;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Fold;
import org.armature.compute.opencl.ir.Formula;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Scalar.Inside;
import org.armature.graph.DType;
import org.armature.graph.Node;
import org.armature.graph.Shape;

/**
 * Reductions, normalisations, softmax and pools, written as their definitions: the scheduler joins the passes over a row into
 * one kernel again.
 */
final class Reductions {
    private static final Formula EXP = Formula.of("exp", "exp(x)");
    private static final Formula LOG = Formula.of("log", "log(x)");
    private static final Formula ROOT = Formula.of("sqrt", "sqrt(x)");
    private static final Formula INVERSE_ROOT = Formula.of("rsqrt", "1t / sqrt(x)");
    private static final Formula ABSOLUTE = Formula.of("abs", "x < 0 ? -x : x");
    private static final Formula SAME = Formula.of("equal", "x == y");

    private Reductions() {}

    static void rules(Map<String, Rule> r) {
        for (String type :
                List.of("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")) {
            r.put("Reduce" + type, (n, l) -> reduceNode(n, l, type));
        }
        r.put("ArgMax", (n, l) -> arg(n, l, Fold.MAX));
        r.put("ArgMin", (n, l) -> arg(n, l, Fold.MIN));
        r.put("Softmax", (n, l) -> softmax(n, l, false));
        r.put("LogSoftmax", (n, l) -> softmax(n, l, true));
        r.put("Hardmax", Reductions::hardmax);
        r.put("LayerNormalization", Reductions::layerNormalization);
        r.put("RMSNormalization", Reductions::rms);
        r.put("SimplifiedLayerNormalization", Reductions::rms);
        r.put("InstanceNormalization", Reductions::instanceNormalization);
        r.put("GroupNormalization", Reductions::groupNormalization);
        r.put("MeanVarianceNormalization", (n, l) -> {
            Array x = l.array(n.input(0));
            Set<Integer> axes = axisSet(n.input(0).shape(), n.integers("axes", 0, 2, 3));
            Moments m = moments(x, axes, 0);
            return map(n, at -> multiply(subtract(at(x, at), spread(m.mean, at)), spread(m.inverse, at)));
        });
        r.put("BatchNormalization", Reductions::batchNormalization);
        r.put("LpNormalization", (n, l) -> {
            Array x = l.array(n.input(0));
            Set<Integer> axis = axisSet(n.input(0).shape(), n.integer("axis", -1));
            Array norm = fold(x, axis, true, n.integer("p", 2) == 1 ? "L1" : "L2");
            return map(n, at -> divide(at(x, at), spread(norm, at)));
        });
        r.put("LRN", Reductions::lrn);
        r.put("MaxPool", Reductions::maxPool);
        r.put("AveragePool", Reductions::averagePool);
        r.put("LpPool", Reductions::lpPool);
        r.put("GlobalAveragePool", (n, l) -> global(n, l, "Mean"));
        r.put("GlobalMaxPool", (n, l) -> global(n, l, "Max"));
    }

    // ---- reductions ------------------------------------------------------------------------------------------------

    private static List<Array> reduceNode(Node n, Lowering l, String type) {
        Array x = l.array(n.input(0));
        Shape s = n.input(0).shape();
        long[] axes = Lowering.axes(n, 1);
        if (axes == null || axes.length == 0) {
            if (n.integer("noop_with_empty_axes", 0) != 0) {
                return List.of(x);
            }
            axes = java.util.stream.LongStream.range(0, s.rank()).toArray();
        }
        return List.of(fold(x, axisSet(s, axes), n.integer("keepdims", 1) != 0, type));
    }

    /** One of ONNX's reductions, by its name without "Reduce". */
    static Array fold(Array x, Set<Integer> axes, boolean keep, String type) {
        String name = x.name() + "." + type.toLowerCase(java.util.Locale.ROOT);
        UnaryOperator<Scalar> of = switch (type) {
            case "L1" -> v -> apply(ABSOLUTE, v);
            case "L2", "SumSquare" -> v -> multiply(v, v);
            default -> v -> v;
        };
        Fold f = switch (type) {
            case "Max" -> Fold.MAX;
            case "Min" -> Fold.MIN;
            case "Prod" -> Fold.PRODUCT;
            default -> Fold.SUM;
        };
        if (type.equals("LogSumExp")) {
            Array top = reduce(name + ".max", x.type(), x.shape(), axes, true, Fold.MAX, at -> at(x, at));
            // An infinite maximum would make NaN of infinity minus infinity.
            Array shift = map(
                    name + ".shift",
                    x.type(),
                    top.shape(),
                    at -> apply(Formula.of("finite", "fabs(x) == INFINITY ? 0t : x"), at(top, at)));
            Array sum = reduce(
                    name + ".sum",
                    x.type(),
                    x.shape(),
                    axes,
                    true,
                    Fold.SUM,
                    at -> apply(EXP, subtract(at(x, at), spread(shift, at))));
            Array y = map(name, x.type(), sum.shape(), at -> add(apply(LOG, at(sum, at)), at(shift, at)));
            return keep ? y : Lowering.reshape(name, y, dropped(y.shape(), axes));
        }
        Array sum = reduce(name, x.type(), x.shape(), axes, keep, f, at -> of.apply(at(x, at)));
        double count = axes.stream().mapToDouble(a -> x.dim(a)).reduce(1, (a, b) -> a * b);
        return switch (type) {
            case "Mean" ->
                x.type().isFloating()
                        ? map(name, x.type(), sum.shape(), at -> multiply(at(sum, at), literal(x.type(), 1 / count)))
                        : map(
                                name,
                                x.type(),
                                sum.shape(),
                                at -> apply(Formula.of("mean", "x / y"), at(sum, at), Scalar.literal(x.type(), (long)
                                        Math.max(1, count))));
            case "L2" -> map(name, x.type(), sum.shape(), at -> rooted(at(sum, at)));
            case "LogSum" -> map(name, x.type(), sum.shape(), at -> apply(LOG, at(sum, at)));
            default -> sum;
        };
    }

    private static Scalar rooted(Scalar v) {
        return v.type().isFloating()
                ? apply(ROOT, v)
                : Scalar.convert(apply(ROOT, Scalar.convert(v, DType.DOUBLE)), v.type());
    }

    private static long[] dropped(long[] shape, Set<Integer> axes) {
        return java.util.stream.IntStream.range(0, shape.length)
                .filter(i -> !axes.contains(i))
                .mapToLong(i -> shape[i])
                .toArray();
    }

    /** The best value, then the first (or last) place that has it. */
    private static List<Array> arg(Node n, Lowering l, Fold fold) {
        Array x = l.array(n.input(0));
        int axis = n.input(0).shape().axis(n.integer("axis", 0));
        boolean last = n.integer("select_last_index", 0) != 0;
        return List.of(place(
                n.output().name(),
                x,
                Set.of(axis),
                n.integer("keepdims", 1) != 0,
                fold,
                last,
                at -> new Scalar.Position(at.get(axis), DType.INT64)));
    }

    private static Array place(
            String name,
            Array x,
            Set<Integer> axes,
            boolean keep,
            Fold fold,
            boolean last,
            java.util.function.Function<List<Index>, Scalar> position) {
        Array best = reduce(name + ".best", x.type(), x.shape(), axes, true, fold, at -> at(x, at));
        long none = last ? -1 : Long.MAX_VALUE;
        return reduce(
                name,
                DType.INT64,
                x.shape(),
                axes,
                keep,
                last ? Fold.MAX : Fold.MIN,
                at -> new Scalar.Select(
                        new Scalar.Apply(SAME, List.of(at(x, at), spread(best, at)), DType.BOOL),
                        position.apply(at),
                        Scalar.literal(DType.INT64, none)));
    }

    private static List<Array> softmax(Node n, Lowering l, boolean log) {
        Array x = l.array(n.input(0));
        Shape s = n.input(0).shape();
        int from = s.axis(n.integer("axis", l.opset() < 13 ? 1 : -1));
        Set<Integer> axes = l.opset() < 13 ? range(from, s.rank()) : Set.of(from);
        String name = n.output().name();
        Array top = reduce(name + ".max", x.type(), x.shape(), axes, true, Fold.MAX, at -> at(x, at));
        Array sum = reduce(
                name + ".sum",
                x.type(),
                x.shape(),
                axes,
                true,
                Fold.SUM,
                at -> apply(EXP, subtract(at(x, at), spread(top, at))));
        return map(n, at -> {
            Scalar shifted = subtract(at(x, at), spread(top, at));
            return log
                    ? subtract(shifted, apply(LOG, spread(sum, at)))
                    : multiply(apply(EXP, shifted), apply(Formula.of("inverse", "1t / x"), spread(sum, at)));
        });
    }

    private static List<Array> hardmax(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        int axis = n.input(0).shape().axis(n.integer("axis", l.opset() < 13 ? 1 : -1));
        Array first = place(
                n.output().name() + ".arg",
                x,
                Set.of(axis),
                true,
                Fold.MAX,
                false,
                at -> new Scalar.Position(at.get(axis), DType.INT64));
        return map(
                n,
                at -> new Scalar.Select(
                        new Scalar.Apply(
                                SAME,
                                List.of(new Scalar.Position(at.get(axis), DType.INT64), spread(first, at)),
                                DType.BOOL),
                        literal(x.type(), 1),
                        literal(x.type(), 0)));
    }

    // ---- normalisations --------------------------------------------------------------------------------------------

    /** Mean, variance and {@code 1 / sqrt(variance + epsilon)}, axes kept. */
    private record Moments(Array mean, Array variance, Array inverse) {}

    private static Moments moments(Array x, Set<Integer> axes, double epsilon) {
        Array mean = fold(x, axes, true, "Mean");
        double count = axes.stream().mapToDouble(a -> x.dim(a)).reduce(1, (a, b) -> a * b);
        Array squares = reduce(x.name() + ".squares", x.type(), x.shape(), axes, true, Fold.SUM, at -> {
            Scalar c = subtract(at(x, at), spread(mean, at));
            return multiply(c, c);
        });
        Array variance = map(
                x.name() + ".variance",
                x.type(),
                squares.shape(),
                at -> multiply(at(squares, at), literal(x.type(), 1 / count)));
        return new Moments(mean, variance, inverse(variance, epsilon));
    }

    private static Array inverse(Array variance, double epsilon) {
        return map(
                variance.name() + ".inverse",
                variance.type(),
                variance.shape(),
                at -> apply(INVERSE_ROOT, add(at(variance, at), literal(variance.type(), epsilon))));
    }

    private static double epsilon(Node n) {
        return n.real("epsilon", 1e-5f);
    }

    private static List<Array> layerNormalization(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Shape s = n.input(0).shape();
        Set<Integer> axes = range(s.axis(n.integer("axis", -1)), s.rank());
        Moments m = moments(x, axes, epsilon(n));
        Array y = map(n.output(), at -> {
            Scalar r = multiply(subtract(at(x, at), spread(m.mean, at)), spread(m.inverse, at));
            r = n.input(1).isPresent() ? multiply(r, l.spread(n.input(1), at)) : r;
            return n.input(2).isPresent() ? add(r, l.spread(n.input(2), at)) : r;
        });
        List<Array> out = new ArrayList<>(List.of(y));
        for (int i = 1; i < n.outputs().size(); i++) {
            Array a = i == 1 ? m.mean : m.inverse;
            out.add(map(n.outputs().get(i), at -> at(a, at)));
        }
        return out;
    }

    private static List<Array> rms(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Shape s = n.input(0).shape();
        Set<Integer> axes = range(s.axis(n.integer("axis", -1)), s.rank());
        double count = axes.stream().mapToDouble(a -> x.dim(a)).reduce(1, (a, b) -> a * b);
        Array squares = fold(x, axes, true, "SumSquare");
        Array mean = map(
                x.name() + ".meansquare",
                x.type(),
                squares.shape(),
                at -> multiply(at(squares, at), literal(x.type(), 1 / count)));
        Array inverse = inverse(mean, epsilon(n));
        Array y = map(n.output(), at -> multiply(multiply(at(x, at), spread(inverse, at)), l.spread(n.input(1), at)));
        return n.outputs().size() == 1 ? List.of(y) : List.of(y, map(n.outputs().get(1), at -> at(inverse, at)));
    }

    private static List<Array> instanceNormalization(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Moments m = moments(x, range(2, x.rank()), epsilon(n));
        return map(
                n,
                at -> add(
                        multiply(
                                multiply(subtract(at(x, at), spread(m.mean, at)), spread(m.inverse, at)),
                                at(l.array(n.input(1)), List.of(at.get(1)))),
                        at(l.array(n.input(2)), List.of(at.get(1)))));
    }

    private static List<Array> groupNormalization(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        long groups = n.integer("num_groups", 1);
        long batch = x.dim(0);
        long inner = batch * groups == 0 ? 0 : x.size() / batch / groups;
        Array rows = Lowering.reshape(x.name() + ".groups", x, batch, groups, inner);
        Moments m = moments(rows, Set.of(2), epsilon(n));
        boolean perGroup = l.opset() < 21;
        return map(n, at -> {
            Index group = at.get(1).div(x.dim(1) / groups);
            List<Index> g = List.of(at.get(0), group, Index.ZERO);
            List<Index> c = List.of(perGroup ? group : at.get(1));
            return add(
                    multiply(
                            multiply(subtract(at(x, at), at(m.mean, g)), at(m.inverse, g)), at(l.array(n.input(1)), c)),
                    at(l.array(n.input(2)), c));
        });
    }

    private static List<Array> batchNormalization(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Array scale = l.array(n.input(1));
        Array bias = l.array(n.input(2));
        Array mean = l.array(n.input(3));
        Array variance = l.array(n.input(4));
        if (n.integer("training_mode", 0) == 0) {
            Array inverse = inverse(variance, epsilon(n));
            return map(n, at -> {
                List<Index> c = List.of(at.get(1));
                return add(
                        multiply(multiply(subtract(at(x, at), at(mean, c)), at(inverse, c)), at(scale, c)),
                        at(bias, c));
            });
        }
        Set<Integer> axes = new java.util.TreeSet<>(range(0, x.rank()));
        axes.remove(1);
        Moments m = moments(x, axes, epsilon(n));
        double momentum = n.real("momentum", 0.9f);
        List<Array> out = new ArrayList<>(map(n, at -> {
            List<Index> c = List.of(at.get(1));
            return add(
                    multiply(multiply(subtract(at(x, at), spread(m.mean, at)), spread(m.inverse, at)), at(scale, c)),
                    at(bias, c));
        }));
        for (int i = 1; i < Math.min(3, n.outputs().size()); i++) {
            Array running = i == 1 ? mean : variance;
            Array now = Lowering.reshape(n.outputs().get(i).name() + ".batch", i == 1 ? m.mean : m.variance, x.dim(1));
            out.add(map(
                    n.outputs().get(i),
                    at -> add(
                            multiply(at(running, at), literal(x.type(), momentum)),
                            multiply(at(now, at), literal(x.type(), 1 - momentum)))));
        }
        return out;
    }

    private static List<Array> lrn(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        long size = n.integer("size", 1);
        long[] space = java.util.Arrays.copyOf(x.shape(), x.rank() + 1);
        space[x.rank()] = size;
        Array squares =
                reduce(n.output().name() + ".squares", x.type(), space, Set.of(x.rank()), false, Fold.SUM, at -> {
                    Index c = at.get(1).plus(at.getLast()).plus(-(size - 1) / 2);
                    List<Index> from = new ArrayList<>(at.subList(0, x.rank()));
                    from.set(1, c.clamp(0, x.dim(1) - 1));
                    Scalar v = at(x, from);
                    return Scalar.select(List.of(new Inside(c, 0, x.dim(1))), multiply(v, v), literal(x.type(), 0));
                });
        Formula f = Formula.of(
                "lrn",
                "x / pow(" + n.real("bias", 1) + "t + " + n.real("alpha", 1e-4f) / size + "t * y, "
                        + n.real("beta", 0.75f) + "t)");
        return map(n, at -> apply(f, at(x, at), at(squares, at)));
    }

    // ---- pools -----------------------------------------------------------------------------------------------------

    private static List<Array> global(Node n, Lowering l, String type) {
        Array x = l.array(n.input(0));
        return List.of(fold(x, range(2, x.rank()), true, type));
    }

    /** The space of a pool: the output, then the window. */
    private static long[] space(long[] out, long[] kernel) {
        long[] s = java.util.Arrays.copyOf(out, out.length + kernel.length);
        System.arraycopy(kernel, 0, s, out.length, kernel.length);
        return s;
    }

    private static Scalar tap(Window w, Array x, List<Index> at, Scalar outside, UnaryOperator<Scalar> of) {
        List<Inside> inside = new ArrayList<>();
        return Scalar.select(inside(w, x, at, inside), of.apply(at(x, from(w, x, at))), outside);
    }

    private static List<Inside> inside(Window w, Array x, List<Index> at, List<Inside> inside) {
        for (int i = 0; i < x.rank() - 2; i++) {
            w.tap(i, at.get(i + 2), at.get(x.rank() + i), inside);
        }
        return inside;
    }

    private static List<Index> from(Window w, Array x, List<Index> at) {
        List<Index> from = new ArrayList<>(at.subList(0, 2));
        for (int i = 0; i < x.rank() - 2; i++) {
            from.add(w.tap(i, at.get(i + 2), at.get(x.rank() + i), new ArrayList<>()));
        }
        return from;
    }

    private static List<Array> maxPool(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        long[] out = sizes(n.output());
        Window w = Window.pool(n, x.shape(), out);
        long[] space = space(out, w.kernel());
        Set<Integer> over = range(out.length, space.length);
        Scalar lowest = x.type().isFloating()
                ? literal(x.type(), Double.NEGATIVE_INFINITY)
                : Scalar.literal(x.type(), lowest(x.type()));
        Array best =
                reduce(n.output().name(), x.type(), space, over, false, Fold.MAX, at -> tap(w, x, at, lowest, v -> v));
        if (n.outputs().size() == 1) {
            return List.of(best);
        }
        boolean columnMajor = n.integer("storage_order", 0) != 0;
        Array place = reduce(n.outputs().get(1).name(), DType.INT64, space, over, false, Fold.MIN, at -> {
            List<Index> p = from(w, x, at);
            Index flat = x.position(p);
            if (columnMajor) {
                flat = Index.linear(
                        List.of(p.get(0), p.get(1), p.get(3), p.get(2)), x.dim(0), x.dim(1), x.dim(3), x.dim(2));
            }
            Scalar hit = new Scalar.Apply(
                    SAME, List.of(tap(w, x, at, lowest, v -> v), at(best, at.subList(0, out.length))), DType.BOOL);
            Scalar none = Scalar.literal(DType.INT64, Long.MAX_VALUE);
            return Scalar.select(
                    inside(w, x, at, new ArrayList<>()),
                    new Scalar.Select(hit, new Scalar.Position(flat, DType.INT64), none),
                    none);
        });
        return List.of(best, place);
    }

    private static long lowest(DType t) {
        return switch (t) {
            case INT8 -> Byte.MIN_VALUE;
            case INT16 -> Short.MIN_VALUE;
            case INT32 -> Integer.MIN_VALUE;
            case INT64 -> Long.MIN_VALUE;
            default -> 0;
        };
    }

    private static List<Array> averagePool(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        long[] out = sizes(n.output());
        Window w = Window.pool(n, x.shape(), out);
        long[] space = space(out, w.kernel());
        Set<Integer> over = range(out.length, space.length);
        Array sum = reduce(
                n.output().name() + ".sum",
                x.type(),
                space,
                over,
                false,
                Fold.SUM,
                at -> tap(w, x, at, literal(x.type(), 0), v -> v));
        boolean padding = n.integer("count_include_pad", 0) != 0;
        int d = w.kernel().length;
        long[] pads = n.integers("pads", new long[2 * d]);
        // How many taps count depends on the place alone.
        long[] flat = space.clone();
        flat[0] = 1;
        flat[1] = 1;
        Array count = reduce(n.output().name() + ".count", x.type(), flat, over, false, Fold.SUM, at -> {
            List<Inside> inside = new ArrayList<>();
            for (int i = 0; i < d; i++) {
                Index p = at.get(i + 2)
                        .times(w.strides()[i])
                        .plus(at.get(out.length + i).times(w.dilations()[i]))
                        .plus(-w.starts()[i]);
                inside.add(
                        padding
                                ? new Inside(
                                        p, -w.starts()[i], w.fine()[i] + Math.max(pads[d + i], padded(n, w, out, i)))
                                : new Inside(p, 0, w.fine()[i]));
            }
            return Scalar.select(inside, literal(x.type(), 1), literal(x.type(), 0));
        });
        return map(n, at -> divide(at(sum, at), spread(count, at)));
    }

    /** Padding after, where the node says SAME. */
    private static long padded(Node n, Window w, long[] out, int i) {
        return n.text("auto_pad", "NOTSET").startsWith("SAME")
                ? Math.max(
                                0,
                                (out[i + 2] - 1) * w.strides()[i]
                                        + (w.kernel()[i] - 1) * w.dilations()[i]
                                        + 1
                                        - w.fine()[i])
                        - w.starts()[i]
                : 0;
    }

    private static List<Array> lpPool(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        long[] out = sizes(n.output());
        Window w = Window.pool(n, x.shape(), out);
        long[] space = space(out, w.kernel());
        long p = n.integer("p", 2);
        Formula power = Formula.of("power", p == 1 ? "fabs(x)" : p == 2 ? "x * x" : "pow(fabs(x), " + p + ".0t)");
        Formula root = Formula.of("root", p == 1 ? "x" : p == 2 ? "sqrt(x)" : "pow(x, 1t / " + p + ".0t)");
        Array sum = reduce(
                n.output().name() + ".sum",
                x.type(),
                space,
                range(out.length, space.length),
                false,
                Fold.SUM,
                at -> tap(w, x, at, literal(x.type(), 0), v -> apply(power, v)));
        return map(n, at -> apply(root, at(sum, at)));
    }
}
