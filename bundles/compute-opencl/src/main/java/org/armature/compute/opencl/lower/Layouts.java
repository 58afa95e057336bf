package org.armature.compute.opencl.lower;

import static org.armature.compute.opencl.lower.Lowering.at;
import static org.armature.compute.opencl.lower.Lowering.literal;
import static org.armature.compute.opencl.lower.Lowering.map;
import static org.armature.compute.opencl.lower.Lowering.numbers;
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
import org.armature.compute.opencl.ir.Scalar.Inside;
import org.armature.compute.opencl.ir.Var;
import org.armature.graph.Attribute;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Node;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** Operators that move elements: index maps, gathers, scatters, sorting. */
final class Layouts {
    private Layouts() {}

    static void rules(Map<String, Rule> r) {
        for (String type : List.of("Reshape", "Flatten", "Squeeze", "Unsqueeze")) {
            r.put(type, (n, l) -> List.of(Lowering.reshape(n.output().name(), l.array(n.input(0)), sizes(n.output()))));
        }
        r.put("Transpose", Layouts::transpose);
        r.put("Expand", (n, l) -> map(n, at -> l.spread(n.input(0), at)));
        r.put("Tile", (n, l) -> {
            Array x = l.array(n.input(0));
            return map(n, at -> at(x, each(at, (i, p) -> p.mod(Math.max(1, x.dim(i))))));
        });
        r.put("Concat", Layouts::concat);
        r.put("Split", Layouts::split);
        r.put("Slice", Layouts::slice);
        r.put("Pad", Layouts::pad);
        r.put("DepthToSpace", Layouts::depthToSpace);
        r.put("SpaceToDepth", (n, l) -> {
            Array x = l.array(n.input(0));
            long b = n.integer("blocksize", 1);
            return map(n, at -> {
                Index c = at.get(1);
                Index block = c.div(x.dim(1));
                return at(
                        x,
                        List.of(
                                at.get(0),
                                c.mod(x.dim(1)),
                                at.get(2).times(b).plus(block.div(b)),
                                at.get(3).times(b).plus(block.mod(b))));
            });
        });
        r.put("Gather", Layouts::gather);
        r.put("GatherElements", (n, l) -> {
            Array x = l.array(n.input(0));
            int axis = n.input(0).shape().axis(n.integer("axis", 0));
            return map(n, at -> at(x, replaced(at, axis, Index.data(at(l.array(n.input(1)), at), x.dim(axis)))));
        });
        r.put("GatherND", Layouts::gatherND);
        r.put("ScatterElements", Layouts::scatterElements);
        r.put("Scatter", Layouts::scatterElements);
        r.put("ScatterND", Layouts::scatterND);
        r.put("Trilu", (n, l) -> {
            long k = n.input(1).isPresent() ? numbers(n, 1)[0] : 0;
            boolean upper = n.integer("upper", 1) != 0;
            return map(n, at -> {
                Index d = at.getLast().minus(at.get(at.size() - 2));
                Inside in = upper ? new Inside(d, k, Integer.MAX_VALUE) : new Inside(d, Integer.MIN_VALUE, k + 1);
                return Scalar.select(
                        List.of(in),
                        at(l.array(n.input(0)), at),
                        literal(n.output().dtype(), 0));
            });
        });
        r.put("OneHot", Layouts::oneHot);
        r.put("Range", (n, l) -> {
            DType t = n.output().dtype();
            return map(
                    n,
                    at -> Lowering.add(
                            l.spread(n.input(0), List.of()),
                            Lowering.multiply(new Scalar.Position(at.getFirst(), t), l.spread(n.input(2), List.of()))));
        });
        r.put("ConstantOfShape", (n, l) -> {
            Constant c = n.attribute("value").orElse(null) instanceof Attribute.Data d
                    ? d.value()
                    : Constant.scalar(DType.FLOAT, 0);
            return map(n, at -> new Scalar.Literal(Scalar.computed(c.dtype()), c.get(0), c.getLong(0)));
        });
        r.put(
                "EyeLike",
                (n, l) -> map(
                        n,
                        at -> Scalar.select(
                                List.of(new Inside(
                                        at.get(1).minus(at.get(0)), n.integer("k", 0), n.integer("k", 0) + 1)),
                                Scalar.literal(n.output().dtype(), 1L),
                                Scalar.literal(n.output().dtype(), 0L))));
        r.put("Shape", (n, l) -> List.of(l.array(n.output())));
        r.put("Size", (n, l) -> List.of(l.array(n.output())));
        r.put("TopK", Layouts::topK);
        r.put("CumSum", Layouts::cumSum);
        r.put("ReverseSequence", Layouts::reverseSequence);
    }

    @FunctionalInterface
    private interface Move {
        Index apply(int axis, Index at);
    }

    private static List<Index> each(List<Index> at, Move f) {
        List<Index> r = new ArrayList<>(at.size());
        for (int i = 0; i < at.size(); i++) {
            r.add(f.apply(i, at.get(i)));
        }
        return r;
    }

    private static List<Index> replaced(List<Index> at, int axis, Index now) {
        return each(at, (i, p) -> i == axis ? now : p);
    }

    private static List<Array> transpose(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        int rank = x.rank();
        long[] perm = n.integers(
                "perm", LongStream.range(0, rank).map(i -> rank - 1 - i).toArray());
        return map(n, at -> {
            Index[] from = new Index[rank];
            for (int i = 0; i < rank; i++) {
                from[(int) perm[i]] = at.get(i);
            }
            return at(x, List.of(from));
        });
    }

    private static List<Array> concat(Node n, Lowering l) {
        int axis = n.output().shape().axis(n.integer("axis", 0));
        List<Array> parts =
                n.inputs().stream().map(l::array).filter(a -> a.dim(axis) > 0).toList();
        if (parts.size() == 1) {
            return List.of(parts.getFirst());
        }
        Array product = Products.joined(n.output(), parts, axis);
        if (product != null) {
            return List.of(product);
        }
        return map(n, at -> {
            Scalar r = null;
            long end = n.output().shape().dim(axis);
            for (Array a : parts.reversed()) {
                long from = end - a.dim(axis);
                Index p = at.get(axis).plus(-from).clamp(0, a.dim(axis) - 1);
                Scalar here = at(a, replaced(at, axis, p));
                r = r == null ? here : Scalar.select(List.of(new Inside(at.get(axis), Long.MIN_VALUE, end)), here, r);
                end = from;
            }
            return r == null ? literal(n.output().dtype(), 0) : r;
        });
    }

    private static List<Array> split(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        int axis = n.input(0).shape().axis(n.integer("axis", 0));
        List<Array> out = new ArrayList<>();
        long from = 0;
        for (Value v : n.outputs()) {
            long start = from;
            out.add(map(v, at -> at(x, replaced(at, axis, at.get(axis).plus(start)))));
            from += v.shape().dim(axis);
        }
        return out;
    }

    /** What a Slice takes of each axis. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Cut(long[] from, long[] step) {
        static Cut of(Node n) {
            Shape x = n.input(0).shape();
            long[] starts = n.input(1).isPresent() ? numbers(n, 1) : n.integers("starts");
            long[] given = n.input(3).isPresent() ? numbers(n, 3) : n.integers("axes");
            long[] axes = given.length > 0
                    ? given
                    : LongStream.range(0, starts.length).toArray();
            long[] steps = n.input(4).isPresent() ? numbers(n, 4) : new long[0];
            long[] from = new long[x.rank()];
            long[] step = new long[x.rank()];
            Arrays.fill(step, 1);
            for (int i = 0; i < axes.length; i++) {
                int a = x.axis(axes[i]);
                long size = x.dim(a);
                step[a] = steps.length > 0 ? steps[i] : 1;
                from[a] = Math.clamp(
                        starts[i] < 0 ? starts[i] + size : starts[i], 0, Math.max(0, step[a] > 0 ? size : size - 1));
            }
            return new Cut(from, step);
        }

        /** Where what is taken ends, if so much of it is. */
        long reach(int axis, long taken) {
            return from[axis] + Math.max(0, step[axis] * (taken - 1)) + 1;
        }
    }

    private static List<Array> slice(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Cut c = Cut.of(n);
        return map(n, at -> at(x, each(at, (i, p) -> p.times(c.step[i]).plus(c.from[i]))));
    }

    private static List<Array> pad(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        int rank = x.rank();
        long[] given = n.input(1).isPresent() ? numbers(n, 1) : n.integers("pads");
        long[] axes = n.input(3).isPresent()
                ? numbers(n, 3)
                : LongStream.range(0, rank).toArray();
        long[] before = new long[rank];
        for (int i = 0; i < axes.length; i++) {
            before[n.input(0).shape().axis(axes[i])] = given[i];
        }
        String mode = n.text("mode", "constant");
        Scalar fill = n.input(2).isPresent()
                ? l.spread(n.input(2), List.of())
                : literal(n.output().dtype(), n.real("value", 0));
        return map(n, at -> {
            List<Inside> inside = new ArrayList<>();
            List<Index> from = each(at, (i, p) -> {
                long size = x.dim(i);
                Index q = p.plus(-before[i]);
                return switch (mode) {
                    case "edge" -> q.clamp(0, size - 1);
                    case "wrap" -> q.mod(size);
                    case "reflect" -> reflected(q, size);
                    default -> {
                        inside.add(new Inside(q, 0, size));
                        yield q.clamp(0, size - 1);
                    }
                };
            });
            return x.size() == 0 ? fill : Scalar.select(inside, at(x, from), fill);
        });
    }

    /** The period is {@code 2 (size - 1)}: {@code (size - 1) - |m - (size - 1)|} by clamping both halves. */
    private static Index reflected(Index q, long size) {
        if (size == 1) {
            return Index.ZERO;
        }
        long top = size - 1;
        Index m = q.mod(2 * top);
        // min(m, top) - max(m - top, 0)
        return m.clamp(0, top).minus(m.plus(-top).clamp(0, top));
    }

    private static List<Array> depthToSpace(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        long b = n.integer("blocksize", 1);
        long channels = x.dim(1) / (b * b);
        boolean dcr = n.text("mode", "DCR").equals("DCR");
        return map(n, at -> {
            Index block = at.get(2).mod(b).times(b).plus(at.get(3).mod(b));
            Index c = dcr
                    ? block.times(channels).plus(at.get(1))
                    : at.get(1).times(b * b).plus(block);
            return at(x, List.of(at.get(0), c, at.get(2).div(b), at.get(3).div(b)));
        });
    }

    private static List<Array> gather(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Array indices = l.array(n.input(1));
        int axis = n.input(0).shape().axis(n.integer("axis", 0));
        int r = indices.rank();
        return map(n, at -> {
            Scalar i = at(indices, at.subList(axis, axis + r));
            List<Index> from = new ArrayList<>(at.subList(0, axis));
            from.add(element(i, x.dim(axis)));
            from.addAll(at.subList(axis + r, at.size()));
            return at(x, from);
        });
    }

    /** A constant index is index arithmetic, others are read at run time. */
    private static Index element(Scalar i, long size) {
        return i instanceof Scalar.Literal c
                ? Index.of(Math.clamp(c.bits() < 0 ? c.bits() + size : c.bits(), 0, Math.max(0, size - 1)))
                : Index.data(i, size);
    }

    private static List<Index> tuple(Array indices, List<Index> prefix, long[] sizes) {
        List<Index> t = new ArrayList<>();
        for (int i = 0; i < sizes.length; i++) {
            List<Index> p = new ArrayList<>(prefix);
            p.add(Index.of(i));
            t.add(element(at(indices, p), sizes[i]));
        }
        return t;
    }

    private static List<Array> gatherND(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Array indices = l.array(n.input(1));
        int batch = (int) n.integer("batch_dims", 0);
        int lead = indices.rank() - 1;
        int depth = (int) indices.dim(-1);
        long[] sizes = Arrays.copyOfRange(x.shape(), batch, batch + depth);
        return map(n, at -> {
            List<Index> from = new ArrayList<>(at.subList(0, batch));
            from.addAll(tuple(indices, at.subList(0, lead), sizes));
            from.addAll(at.subList(lead, at.size()));
            return at(x, from);
        });
    }

    private static Fold fold(Node n) {
        return switch (n.text("reduction", "none")) {
            case "mul" -> Fold.PRODUCT;
            case "max" -> Fold.MAX;
            case "min" -> Fold.MIN;
            default -> Fold.SUM;
        };
    }

    private static List<Array> scatterElements(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Array indices = l.array(n.input(1));
        Array updates = l.array(n.input(2));
        int axis = n.input(0).shape().axis(n.integer("axis", 0));
        // Lines along the axis are independent.
        List<Var> lanes = new ArrayList<>();
        Var along = new Var("along", x.dim(axis));
        Var update = new Var("update", indices.dim(axis));
        List<Inside> condition = new ArrayList<>();
        List<Index> place = new ArrayList<>();
        List<Index> source = new ArrayList<>();
        for (int i = 0; i < x.rank(); i++) {
            if (i == axis) {
                place.add(Index.of(along));
                source.add(Index.of(update));
            } else {
                Var v = new Var("i" + i, x.dim(i));
                lanes.add(v);
                place.add(Index.of(v));
                source.add(Index.of(v).clamp(0, Math.max(0, indices.dim(i) - 1)));
                condition.add(new Inside(Index.of(v), 0, indices.dim(i)));
            }
        }
        List<Index> target = replaced(place, axis, element(at(indices, source), x.dim(axis)));
        return List.of(new Array(
                n.output().name(),
                x.type(),
                x.shape(),
                new Array.Scatter(
                        lanes,
                        List.of(along),
                        place,
                        at(x, place),
                        List.of(update),
                        condition,
                        target,
                        at(updates, source),
                        n.text("reduction", "none").equals("none"),
                        fold(n))));
    }

    private static List<Array> scatterND(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Array indices = l.array(n.input(1));
        Array updates = l.array(n.input(2));
        int depth = (int) indices.dim(-1);
        int lead = indices.rank() - 1;
        // Positions within the slices are independent.
        List<Var> lanes = Var.each("i", Arrays.copyOfRange(x.shape(), depth, x.rank()));
        List<Var> copied = Var.each("c", Arrays.copyOf(x.shape(), depth));
        List<Var> loop = Var.each("u", Arrays.copyOf(indices.shape(), lead));
        List<Index> place = new ArrayList<>(Index.of(copied));
        place.addAll(Index.of(lanes));
        List<Index> target = tuple(indices, Index.of(loop), Arrays.copyOf(x.shape(), depth));
        target.addAll(Index.of(lanes));
        List<Index> source = new ArrayList<>(Index.of(loop));
        source.addAll(Index.of(lanes));
        return List.of(new Array(
                n.output().name(),
                x.type(),
                x.shape(),
                new Array.Scatter(
                        lanes,
                        copied,
                        place,
                        at(x, place),
                        loop,
                        List.of(),
                        target,
                        at(updates, source),
                        n.text("reduction", "none").equals("none"),
                        fold(n))));
    }

    private static List<Array> oneHot(Node n, Lowering l) {
        int rank = n.output().rank();
        int axis = n.output().shape().axis(n.integer("axis", -1));
        long depth = n.output().shape().dim(axis);
        Array indices = l.array(n.input(0));
        Array values = l.array(n.input(2));
        // Out of range indices set nothing: the comparison is on the value, not on a clamped index.
        Formula same = Formula.of("onehot", "y == x || y + " + depth + " == x");
        return map(n, at -> {
            List<Index> from = new ArrayList<>(at);
            from.remove(axis);
            Scalar i = Scalar.convert(at(indices, from.subList(0, rank - 1)), DType.INT64);
            Scalar hit = new Scalar.Apply(same, List.of(new Scalar.Position(at.get(axis), DType.INT64), i), DType.BOOL);
            return new Scalar.Select(hit, at(values, List.of(Index.of(1))), at(values, List.of(Index.ZERO)));
        });
    }

    private static List<Array> topK(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Shape s = n.input(0).shape();
        int axis = s.axis(n.integer("axis", -1));
        long k = n.outputs().getFirst().shape().dim(axis);
        List<Var> axes = Var.each("i", x.shape());
        Array order = new Array(
                n.output().name() + ".order",
                DType.INT64,
                s.with(axis, k).sizes(),
                new Array.Ranking(axes, axis, k, n.integer("largest", 1) != 0, at(x, Index.of(axes))));
        Array values = map(n.output(), at -> at(x, replaced(at, axis, Index.data(at(order, at), x.dim(axis)))));
        return List.of(values, order);
    }

    private static List<Array> cumSum(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        int axis = n.input(0).shape().axis(numbers(n, 1)[0]);
        List<Var> axes = Var.each("i", x.shape());
        return List.of(new Array(
                n.output().name(),
                x.type(),
                x.shape(),
                new Array.Scan(
                        axes,
                        axis,
                        n.integer("exclusive", 0) != 0,
                        n.integer("reverse", 0) != 0,
                        at(x, Index.of(axes)))));
    }

    private static List<Array> reverseSequence(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        int time = (int) n.integer("time_axis", 0);
        int batch = (int) n.integer("batch_axis", 1);
        Formula mirrored = Formula.of("mirrored", "x < y ? y - 1 - x : x");
        return map(n, at -> {
            Scalar length = at(l.array(n.input(1)), List.of(at.get(batch)));
            Scalar from = Lowering.apply(mirrored, new Scalar.Position(at.get(time), DType.INT64), length);
            return at(x, replaced(at, time, Index.data(from, x.dim(time))));
        });
    }
}
