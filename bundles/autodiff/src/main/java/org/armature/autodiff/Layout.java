package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** Operators that move elements about: the way back moves them back. */
final class Layout {
    private Layout() {}

    static void rules(Rules.Table t) {
        for (String reshaped : List.of("Reshape", "Flatten", "Squeeze", "Unsqueeze")) {
            t.put(reshaped, s -> s.add(0, Ops.reshape(s.dy(), s.shape(0))));
        }
        t.put("Transpose", s -> s.add(0, transpose(s.dy(), inverse(permutation(s)))));
        t.put("Expand", s -> s.add(0, s.dy()));
        t.put("Tile", Layout::tileRule);
        t.put("Concat", Layout::concatRule);
        t.put("Split", Layout::splitRule);
        t.put("Slice", Layout::sliceRule);
        t.put("Pad", Layout::padRule);
        t.put("DepthToSpace", Layout::depthToSpaceRule);
        t.put("SpaceToDepth", Layout::spaceToDepthRule);
    }

    private static long[] permutation(Step s) {
        int rank = s.shape(0).rank();
        return s.node.integers(
                "perm", LongStream.range(0, rank).map(i -> rank - 1 - i).toArray());
    }

    static long[] inverse(long... perm) {
        long[] back = new long[perm.length];
        for (int i = 0; i < perm.length; i++) {
            back[(int) perm[i]] = i;
        }
        return back;
    }

    /** {@code [r0, d0, r1, d1, ...]} summed over the repeats. */
    private static void tileRule(Step s) {
        long[] times = s.longs(1);
        long[] sizes = new long[2 * times.length];
        for (int i = 0; i < times.length; i++) {
            sizes[2 * i] = times[i];
            sizes[2 * i + 1] = s.shape(0).dim(i);
        }
        long[] repeats = LongStream.range(0, times.length)
                .map(i -> 2 * i)
                .filter(i -> sizes[(int) i] != 1)
                .toArray();
        Value apart = Ops.reshape(s.dy(), Shape.of(sizes));
        Value sum = repeats.length == 0 ? apart : reduceSum(apart, false, repeats);
        s.add(0, Ops.reshape(sum, s.shape(0)));
    }

    private static void concatRule(Step s) {
        int axis = s.axis("axis", 0);
        long at = 0;
        for (int i = 0; i < s.node.inputs().size(); i++) {
            long to = at + s.shape(i).dim(axis);
            if (s.wants(i)) {
                s.add(i, slice(s.dy(), axis, at, to));
            }
            at = to;
        }
    }

    private static void splitRule(Step s) {
        int axis = s.axis("axis", 0);
        long at = 0;
        for (int i = 0; i < s.node.outputs().size(); i++) {
            if (s.hasDy(i)) {
                s.addPart(0, axis, at, s.dy(i));
            }
            at += s.node.outputs().get(i).shape().dim(axis);
        }
    }

    private static void sliceRule(Step s) {
        Shape x = s.shape(0);
        long[] starts = s.has(1) ? s.longs(1) : s.node.integers("starts");
        long[] axes = s.has(3)
                ? s.longs(3)
                : s.node.integers("axes", LongStream.range(0, starts.length).toArray());
        long[] steps = s.has(4) ? s.longs(4) : new long[starts.length];
        if (!s.has(4)) {
            Arrays.fill(steps, 1);
        }
        Value g = s.dy();
        for (int i = 0; i < axes.length; i++) {
            int a = x.axis(axes[i]);
            long size = x.dim(a);
            long from = Math.clamp(starts[i] < 0 ? starts[i] + size : starts[i], 0, steps[i] > 0 ? size : size - 1);
            long count = g.shape().dim(a);
            if (steps[i] == 1 && axes.length == 1) {
                s.addPart(0, a, from, g);
                return;
            }
            if (count == 0) {
                return;
            }
            if (steps[i] < 0) {
                g = flip(g, a);
                from += (count - 1) * steps[i];
            }
            g = spread(g, a, Math.abs(steps[i]));
            g = pad(g, a, from, size - from - g.shape().dim(a));
        }
        s.add(0, g);
    }

    static Value flip(Value x, int axis) {
        return slice(x, axis, -1, Long.MIN_VALUE, -1);
    }

    /** Zeros before and after along one axis. */
    static Value pad(Value x, int axis, long before, long after) {
        if (before == 0 && after == 0) {
            return x;
        }
        long[] pads = new long[2 * x.rank()];
        pads[axis] = before;
        pads[axis + x.rank()] = after;
        return Ops.pad(x, "constant", pads);
    }

    /** {@code step - 1} zeros between neighbours: size n becomes (n - 1) step + 1. */
    static Value spread(Value x, int axis, long step) {
        long n = x.shape().dim(axis);
        if (step == 1 || n < 2) {
            return x;
        }
        Shape s = x.shape();
        Shape apart = s.slice(0, axis + 1).concat(Shape.of(1)).concat(s.slice(axis + 1, s.rank()));
        Value zeros = pad(Ops.reshape(x, apart), axis + 1, 0, step - 1);
        return slice(Ops.reshape(zeros, s.with(axis, n * step)), axis, 0, (n - 1) * step + 1);
    }

    /** Zeros and constants fall away; mirrored, repeated and wrapped elements go back to where they came from. */
    private static void padRule(Step s) {
        int rank = s.shape(0).rank();
        long[] pads = s.has(1) ? s.longs(1) : s.node.integers("pads");
        long[] axes = s.has(3) ? s.longs(3) : LongStream.range(0, rank).toArray();
        String mode = s.node.text("mode", "constant");
        Value g = s.dy();
        Value fill = Value.none();
        for (int i = 0; i < axes.length; i++) {
            int a = s.shape(0).axis(axes[i]);
            long before = pads[i];
            long after = pads[i + axes.length];
            long size = s.shape(0).dim(a);
            if (!mode.equals("constant")) {
                g = before == 0 && after == 0 ? g : foldBorders(g, a, size, before, after, mode);
                continue;
            }
            if (before > 0 || after > 0) {
                g = slice(g, a, Math.max(before, 0), g.shape().dim(a) - Math.max(after, 0));
            }
            g = pad(g, a, Math.max(-before, 0), Math.max(-after, 0));
        }
        if (s.wants(2)) {
            fill = sub(reduceSum(s.dy(), false), reduceSum(g, false));
            s.add(2, Ops.reshape(fill, s.shape(2)));
        }
        s.add(0, g);
    }

    private static Value foldBorders(Value g, int axis, long size, long before, long after, String mode) {
        long[] from = new long[Math.toIntExact(size + before + after)];
        for (int i = 0; i < from.length; i++) {
            long p = i - before;
            from[i] = switch (mode) {
                case "edge" -> Math.clamp(p, 0, size - 1);
                case "wrap" -> Math.floorMod(p, size);
                default -> mirrored(p, size);
            };
        }
        return Indexing.scatterAdd(g, g.builder().longs(from), axis, g.shape().with(axis, size));
    }

    /** Without repeating the border: -1 is 1. */
    private static long mirrored(long p, long size) {
        if (size == 1) {
            return 0;
        }
        long q = Math.floorMod(p, 2 * (size - 1));
        return q < size ? q : 2 * (size - 1) - q;
    }

    /** Both operators as a reshape, a permutation and a reshape. */
    private static void depthToSpaceRule(Step s) {
        long b = s.node.integer("blocksize", 1);
        Shape x = s.shape(0);
        long n = x.dim(0);
        long c = x.dim(1) / (b * b);
        long h = x.dim(2);
        long w = x.dim(3);
        Value apart = reshape(s.dy(), n, c, h, b, w, b);
        boolean crd = s.node.text("mode", "DCR").equals("CRD");
        Value back = crd ? transpose(apart, 0, 1, 3, 5, 2, 4) : transpose(apart, 0, 3, 5, 1, 2, 4);
        s.add(0, Ops.reshape(back, x));
    }

    private static void spaceToDepthRule(Step s) {
        long b = s.node.integer("blocksize", 1);
        Shape x = s.shape(0);
        Value apart = reshape(s.dy(), x.dim(0), b, b, x.dim(1), x.dim(2) / b, x.dim(3) / b);
        s.add(0, Ops.reshape(transpose(apart, 0, 3, 4, 1, 5, 2), x));
    }
}
