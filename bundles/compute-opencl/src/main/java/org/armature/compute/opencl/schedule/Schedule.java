package org.armature.compute.opencl.schedule;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.armature.compute.opencl.codegen.GroupTile;
import org.armature.compute.opencl.codegen.LocalAttention;
import org.armature.compute.opencl.codegen.Target;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Fold;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.ir.Winograd;
import org.armature.compute.opencl.lower.Lowering.Lowered;
import org.armature.graph.DType;
import org.jspecify.annotations.Nullable;

/**
 * Kernels in order.
 *
 * <p>How it is made: contractions get their right operand in panels; an array that costs less to compute again than to write
 * and read is substituted into those who use it; reductions over the same rows, and what is done to each row afterwards, become
 * one kernel; elementwise work on a result follows it in its kernel.
 *
 * @param inputs arrays handed in
 * @param outputs arrays handed out
 * @param kernels in an order in which they can run
 */
public record Schedule(SequencedMap<String, Array> inputs, SequencedMap<String, Array> outputs, List<Kernel> kernels) {
    /** An expression with more arrays than this substituted into it is cut. */
    private static final int LARGEST = 40;

    /** Fewer rows than this do not keep a device busy. */
    private static final long FEW_ROWS = 16;

    /** Rows one item does with a panel it made itself. */
    private static final long LOCAL_ROWS = 256;

    /** Floats of such a panel: it stays in the second cache. */
    private static final long LOCAL_PANEL = 40_000;

    /** Fewer channels than this do not pay for transforming a convolution's windows. */
    private static final long FEW_CHANNELS = 16;

    /** Elements that are copied into panels in the time in which one of a result is written across. */
    private static final long WRITTEN_ACROSS = 2;

    /** Such panels of a product at least, to keep the cores busy. */
    private static final long LOCAL_ITEMS = 16;

    /** Steps of a window's line that pay for finding where it begins, and as many as an item's copies hold. */
    private static final long SHORTEST_LINE = 8;

    private static final long LONGEST_LINE = 1024;

    private static final double STORE = 3;
    private static final double LOAD = 1;
    private static final double SPREAD = 4;

    /**
     * Schedules.
     *
     * @param target decides the sizes of tiles
     * @param fuse whether arrays may share kernels
     */
    public static Schedule of(Lowered lowered, Target target, boolean fuse) {
        return new Scheduler(lowered, target, fuse).run();
    }

    static final class Scheduler {
        private final Lowered lowered;
        private final Target target;
        private final int panelWidth;
        private final boolean fuse;
        private final SequencedMap<String, Array> outputs = new LinkedHashMap<>();
        private final List<Array> order = new ArrayList<>();
        private final Map<Array, Boolean> forced = new IdentityHashMap<>();
        private final Map<Array, Array> panels = new IdentityHashMap<>();
        private final Map<Array, Array.Rule> attended;
        private final Set<Array> operands = java.util.Collections.newSetFromMap(new IdentityHashMap<>());

        Scheduler(Lowered lowered, Target target, boolean fuse) {
            this.lowered = lowered;
            this.target = target;
            this.panelWidth = target.panel();
            this.fuse = fuse;
            Collection<Array> roots = lowered.outputs().values();
            attended = fuse
                    ? Attentions.find(
                            topological(roots, Array::rule), roots, a -> target.cpu() || LocalAttention.fits(a, target))
                    : Map.of();
        }

        Schedule run() {
            prepare(topological(lowered.outputs().values(), this::rule));
            outputs.values().forEach(a -> forced.put(a, true));
            Map<Array, Array> kept = inline();
            List<Array> real = order.stream()
                    .filter(a -> kept.containsKey(a))
                    .map(kept::get)
                    .filter(a -> !isSource(a))
                    .toList();
            SequencedMap<String, Array> results = new LinkedHashMap<>();
            outputs.forEach((k, a) -> results.put(k, kept.getOrDefault(a, a)));
            Map<Array, Array> packed = new IdentityHashMap<>();
            panels.forEach((product, panel) -> packed.put(kept.get(product), kept.get(panel)));
            List<Kernel> kernels = new Grouping(real, results.values(), packed, fuse).kernels();
            return new Schedule(lowered.inputs(), results, kernels);
        }

        private static boolean isSource(Array a) {
            return a.rule() instanceof Array.Given || a.rule() instanceof Array.Literal;
        }

        /** The rule an array as lowered is computed by. */
        private Array.Rule rule(Array a) {
            return attended.getOrDefault(a, a.rule());
        }

        private static List<Array> topological(Collection<Array> roots, Function<Array, Array.Rule> rule) {
            List<Array> all = new ArrayList<>();
            Map<Array, Boolean> seen = new IdentityHashMap<>();
            // Explicit stack: graphs of thousands of nodes are deep.
            java.util.ArrayDeque<Object[]> stack = new java.util.ArrayDeque<>();
            for (Array root : roots) {
                stack.push(new Object[] {root, false});
                while (!stack.isEmpty()) {
                    Object[] top = stack.pop();
                    Array a = (Array) top[0];
                    if ((boolean) top[1]) {
                        all.add(a);
                    } else if (seen.putIfAbsent(a, true) == null) {
                        stack.push(new Object[] {a, true});
                        for (Array b : Bodies.loaded(rule.apply(a)).reversed()) {
                            if (!seen.containsKey(b)) {
                                stack.push(new Object[] {b, false});
                            }
                        }
                    }
                }
            }
            return all;
        }

        // ---- operands of contractions, long reductions -------------------------------------------------------------

        private void prepare(List<Array> before) {
            Map<Array, Array> now = new IdentityHashMap<>();
            Map<List<Object>, Array> shared = new HashMap<>();
            Map<Array, Array> moved = rearranged(before);
            for (Array a : before) {
                if (isSource(a)) {
                    now.put(a, a);
                    order.add(a);
                    continue;
                }
                if (moved.containsValue(a)) {
                    continue; // made where it is moved to
                }
                Array.Rule rule = Bodies.rewrite(
                        moved.containsKey(a) ? placed(a, moved.get(a)) : rule(a),
                        s -> Scalar.substitute(s, Index::of, l -> new Scalar.Load(now.get(l.array()), l.at())));
                Array b = switch (rule) {
                    case Array.Contraction c -> contraction(a, c, shared);
                    case Array.Reduction r -> reduction(a, r);
                    default -> new Array(a.name(), a.type(), a.shape(), rule);
                };
                now.put(a, b);
                order.add(b);
            }
            lowered.outputs().forEach((k, a) -> outputs.put(k, now.get(a)));
        }

        /** Arrays that are all there is made of a product, its elements in another order; and the product. */
        private Map<Array, Array> rearranged(List<Array> before) {
            Map<Array, Integer> readers = new IdentityHashMap<>();
            before.forEach(a -> Bodies.loaded(rule(a)).forEach(b -> readers.merge(b, 1, Integer::sum)));
            lowered.outputs().values().forEach(a -> readers.merge(a, 1, Integer::sum));
            Map<Array, Array> moved = new IdentityHashMap<>();
            for (Array a : before) {
                if (fuse
                        && a.rule() instanceof Array.Pointwise p
                        && p.body() instanceof Scalar.Load l
                        && isPlaced(rule(l.array()))
                        && readers.get(l.array()) == 1
                        && l.array().type() == a.type()
                        && isPermuted(p, l)) {
                    moved.put(a, l.array());
                }
            }
            return moved;
        }

        /** Whether the result has the operand's elements in another order of the axes. */
        private static boolean isPermuted(Array.Pointwise p, Scalar.Load l) {
            return l.at().size() == p.axes().size()
                    && l.array().size() == Bodies.size(p.axes())
                    && axes(p, l).containsAll(p.axes());
        }

        /** Where an operand's element is in the result that has its elements in another order; null if it is no such result. */
        static @Nullable List<Index> moved(Array.Pointwise p, List<Index> at) {
            return p.body() instanceof Scalar.Load l && isPermuted(p, l) ? permuted(p.axes(), axes(p, l), at) : null;
        }

        /** Whether a kernel writes its results wherever they are to lie. */
        private static boolean isPlaced(Array.Rule r) {
            return r instanceof Array.Contraction || r instanceof Array.Attended;
        }

        /** Which of the result's variables each index of the operand is; one that never varies is the first such. */
        private static List<Var> axes(Array.Pointwise p, Scalar.Load l) {
            List<Var> all = new ArrayList<>();
            for (Index i : l.at()) {
                p.axes().stream()
                        .filter(v -> !all.contains(v) && Index.of(v).equals(i))
                        .findFirst()
                        .ifPresent(all::add);
            }
            return all;
        }

        /** The product, its elements where they are moved to; transposed, it is the transposed factors' product. */
        private Array.Rule placed(Array to, Array product) {
            Array.Pointwise p = (Array.Pointwise) to.rule();
            List<Var> from = axes(p, (Scalar.Load) p.body());
            if (rule(product) instanceof Array.Attended t) {
                return new Array.Attended(t.of(), t.which(), permuted(p.axes(), from, t.place()));
            }
            Array.Contraction c = (Array.Contraction) rule(product);
            List<Index> place = permuted(p.axes(), from, c.place());
            boolean transposed = to.position(place).stride(c.column()) != 1
                    && to.position(place).stride(c.row()) == 1;
            Array.Contraction there =
                    new Array.Contraction(c.batch(), c.row(), c.column(), c.inner(), c.left(), c.right(), place);
            return transposed ? there.transposed() : there;
        }

        private static List<Index> permuted(List<Var> axes, List<Var> from, List<Index> place) {
            return axes.stream().map(v -> place.get(from.indexOf(v))).toList();
        }

        private Array contraction(Array a, Array.Contraction c, Map<List<Object>, Array> shared) {
            Scalar right = Scalar.source(c.right());
            if (GroupTile.fits(target)) {
                return tiled(a, c, Scalar.source(c.left()), right);
            }
            Array windows = windows(a, c, right, shared);
            if (windows != null) {
                return windows;
            }
            Array convolved = convolved(a, c, right, shared);
            if (convolved != null) {
                return convolved;
            }
            if (isLocal(c, right)) {
                return new Array(
                        a.name(),
                        a.type(),
                        a.shape(),
                        new Array.Contraction(
                                c.batch(), c.row(), c.column(), c.inner(), left(a, c, shared), right, c.place()));
            }
            if (isWide(c) && plain(c.transposed()) != null) {
                return contraction(a, c.transposed(), shared);
            }
            boolean batched = Scalar.vars(right).contains(c.batch());
            long count = (c.column().size() + panelWidth - 1) / panelWidth;
            Array panel = shared.computeIfAbsent(key("right", right, c.batch(), c.column(), c.inner()), k -> {
                long[] shape = {batched ? c.batch().size() : 1, count, c.inner().size(), panelWidth};
                List<Var> axes = Var.each("p", shape);
                Index column = Index.of(axes.get(1)).times(panelWidth).plus(Index.of(axes.get(3)));
                Index inside = column.clamp(0, c.column().size() - 1);
                Scalar body = Scalar.substitute(
                        right,
                        v -> v == c.batch()
                                ? Index.of(axes.get(0))
                                : v == c.column() ? inside : v == c.inner() ? Index.of(axes.get(2)) : Index.of(v));
                Array p = new Array(a.name() + ".panels", DType.FLOAT, shape, new Array.Pointwise(axes, body));
                order.add(p);
                forced.put(p, true);
                return p;
            });
            Scalar load = new Scalar.Load(
                    panel,
                    List.of(
                            batched ? Index.of(c.batch()) : Index.ZERO,
                            Index.of(c.column()).div(panelWidth),
                            Index.of(c.inner()),
                            Index.of(c.column()).mod(panelWidth)));
            Array product = new Array(
                    a.name(),
                    a.type(),
                    a.shape(),
                    new Array.Contraction(
                            c.batch(), c.row(), c.column(), c.inner(), left(a, c, shared), load, c.place()));
            panels.put(product, panel);
            return product;
        }

        /** Operands as they are: a work-group copies what it multiplies. A long sum of few results is done in parts. */
        private Array tiled(Array a, Array.Contraction c, Scalar left, Scalar right) {
            Array.Contraction whole =
                    new Array.Contraction(c.batch(), c.row(), c.column(), c.inner(), left, right, c.place());
            long count = GroupTile.parts(whole, target);
            if (count == 1) {
                return new Array(a.name(), a.type(), a.shape(), whole);
            }
            Var batch = new Var(c.batch().name(), count * c.batch().size());
            Var inner = new Var(c.inner().name(), c.inner().size() / count);
            Index part = Index.of(batch).div(c.batch().size());
            Function<Var, Index> within = Scalar.replace(
                    List.of(c.batch(), c.inner()),
                    List.of(
                            Index.of(batch).mod(c.batch().size()),
                            part.times(inner.size()).plus(Index.of(inner))));
            List<Index> place = new ArrayList<>(List.of(part));
            c.place().forEach(i -> place.add(i.substitute(within)));
            long[] shape = LongStream.concat(LongStream.of(count), LongStream.of(a.shape()))
                    .toArray();
            Array parts = new Array(
                    a.name() + ".parts",
                    DType.FLOAT,
                    shape,
                    new Array.Contraction(
                            batch,
                            c.row(),
                            c.column(),
                            inner,
                            Scalar.substitute(left, within),
                            Scalar.substitute(right, within),
                            place));
            order.add(parts);
            List<Var> axes = Var.each("i", a.shape());
            Var over = new Var("part", count);
            List<Index> at = new ArrayList<>(List.of(Index.of(over)));
            at.addAll(Index.of(axes));
            return new Array(
                    a.name(),
                    a.type(),
                    a.shape(),
                    new Array.Reduction(axes, List.of(over), Fold.SUM, new Scalar.Load(parts, at)));
        }

        /** How often an expression is evaluated; an operand that work-groups copy, once for each that does. */
        private double evaluations(Array.Rule rule, Scalar body) {
            double once = Bodies.evaluations(rule, body);
            return !GroupTile.fits(target)
                    ? once
                    : switch (rule) {
                        case Array.Contraction c ->
                            once * GroupTile.of(c, target).times(c, body);
                        case Array.Attended t -> once * LocalAttention.times(t.of(), body);
                        default -> once;
                    };
        }

        /** A convolution by Winograd's algorithm, its kernels transformed once for all. Null where it would not pay. */
        private @Nullable Array convolved(Array a, Array.Contraction c, Scalar right, Map<List<Object>, Array> shared) {
            if (!fuse
                    || !target.cpu()
                    || c.row().size() < FEW_CHANNELS
                    || !Winograd.is(c, right)
                    || c.inner().size() < FEW_CHANNELS * Winograd.TAPS * Winograd.TAPS
                    || Winograd.together(((Scalar.Load) right).array(), c.row().size(), target.vector()) == 0) {
                return null;
            }
            Scalar left = Scalar.source(c.left());
            int side = Winograd.SIDE;
            // Rows past the end for whole tiles.
            int height = target.tile(c.row().size());
            long rows = Math.ceilDiv(c.row().size(), height) * height;
            Var channel = new Var("channel", c.inner().size() / (Winograd.TAPS * Winograd.TAPS));
            Var point = new Var("point", Winograd.POINTS);
            Array kernels = shared.computeIfAbsent(key("winograd", left, c.batch(), c.row(), c.inner()), k -> {
                long[] shape = {side, side, channel.size(), rows};
                List<Var> axes = Var.each("w", shape);
                List<Index> at = Index.of(axes);
                Index row = at.get(3).clamp(0, c.row().size() - 1);
                Array w = new Array(
                        a.name() + ".transformed",
                        DType.FLOAT,
                        shape,
                        new Array.Pointwise(axes, Winograd.transformed(c, left, row, at.get(2), at.get(0), at.get(1))));
                order.add(w);
                forced.put(w, true);
                return w;
            });
            Index p = Index.of(point);
            Winograd w = new Winograd(
                    c.row(),
                    c.column(),
                    point,
                    channel,
                    new Scalar.Load(kernels, List.of(p.div(side), p.mod(side), Index.of(channel), Index.of(c.row()))),
                    right,
                    c.place());
            forced.put(w.image(), true);
            return new Array(a.name(), a.type(), a.shape(), new Array.Convolved(w));
        }

        /** Whether making panels of the narrower operand saves more than writing the result across costs. */
        private boolean isWide(Array.Contraction c) {
            return fuse
                    && target.cpu()
                    && c.inner().size() * (c.column().size() - c.row().size())
                            > WRITTEN_ACROSS * c.row().size() * c.column().size();
        }

        /**
         * A product whose columns are neighbours along one axis of an array, and whose windows over the other axes overlap: that
         * axis goes in panels, the others stay, so that nothing is copied more than once. Null if it is no such product.
         */
        private @Nullable Array windows(Array a, Array.Contraction c, Scalar right, Map<List<Object>, Array> shared) {
            long elements = c.column().size() * c.inner().size();
            if (!fuse
                    || !target.cpu()
                    || !(right instanceof Scalar.Load l)
                    || l.array().size() > elements / 2
                    || c.column().size() % panelWidth != 0) {
                return null;
            }
            Var lane = new Var("lane", panelWidth);
            Index column = Index.of(new Var("panel", c.column().size() / panelWidth))
                    .times(panelWidth)
                    .plus(Index.of(lane));
            List<Index> at = ((Scalar.Load) Scalar.substitute(l, v -> v == c.column() ? column : Index.of(v))).at();
            List<Integer> along = IntStream.range(0, at.size())
                    .filter(i -> at.get(i).mentions(lane))
                    .boxed()
                    .toList();
            if (along.size() != 1
                    || l.array().dim(along.getFirst()) % panelWidth != 0
                    || !at.get(along.getFirst()).mod(panelWidth).equals(Index.of(lane))) {
                return null;
            }
            // The left operand goes on by equal steps, whatever it is.
            Array.Contraction lines =
                    new Array.Contraction(c.batch(), c.row(), c.column(), c.inner(), right, right, c.place());
            if (lines.run(LONGEST_LINE) < SHORTEST_LINE) {
                return null;
            }
            int axis = along.getFirst();
            Array panel = shared.computeIfAbsent(List.of("windows", new Identity(l.array()), axis), k -> {
                List<Long> sizes = Arrays.stream(l.array().shape()).boxed().toList();
                long[] shape = panelled(sizes, axis, n -> n / panelWidth, n -> (long) panelWidth).stream()
                        .mapToLong(n -> n)
                        .toArray();
                List<Var> axes = Var.each("p", shape);
                List<Index> from = new ArrayList<>(Index.of(axes.subList(1, axes.size() - 1)));
                from.add(axis, Index.of(axes.getFirst()).times(panelWidth).plus(Index.of(axes.getLast())));
                Array p = new Array(
                        l.array().name() + ".panels",
                        DType.FLOAT,
                        shape,
                        new Array.Pointwise(axes, Scalar.convert(new Scalar.Load(l.array(), from), DType.FLOAT)));
                order.add(p);
                forced.put(p, true);
                return p;
            });
            Array.Contraction r = new Array.Contraction(
                    c.batch(),
                    c.row(),
                    c.column(),
                    c.inner(),
                    left(a, c, shared),
                    new Scalar.Load(panel, panelled(l.at(), axis, i -> i.div(panelWidth), i -> i.mod(panelWidth))),
                    c.place());
            Array product = new Array(a.name(), a.type(), a.shape(), r);
            panels.put(product, panel);
            return product;
        }

        /** Sizes or indices of an array with an axis in panels: the panel, the other axes, the place in the panel. */
        private static <T> List<T> panelled(List<T> all, int axis, UnaryOperator<T> panel, UnaryOperator<T> place) {
            List<T> r = new ArrayList<>(all);
            T x = r.remove(axis);
            r.addFirst(panel.apply(x));
            r.add(place.apply(x));
            return r;
        }

        /**
         * Whether an item makes the panel it needs: if it does all rows with it, there is enough else to do at the same
         * time, and it is small and made of memory.
         */
        private boolean isLocal(Array.Contraction c, Scalar right) {
            return fuse
                    && target.cpu()
                    && c.row().size() <= LOCAL_ROWS
                    && c.inner().size() * target.panel() <= LOCAL_PANEL
                    && c.batch().size() * c.column().size() >= LOCAL_ITEMS * target.panel()
                    && (c.batch().size() == 1 || Scalar.vars(right).contains(c.batch()))
                    && right instanceof Scalar.Load;
        }

        /** The left operand: in memory, neighbours along the inner index or along the rows. */
        private Scalar left(Array a, Array.Contraction c, Map<List<Object>, Array> shared) {
            Scalar plain = plain(c);
            if (plain != null) {
                return plain;
            }
            Scalar left = Scalar.source(c.left());
            boolean batched = Scalar.vars(left).contains(c.batch());
            // In the order of what it is made of, so that its producer can write it, or it is what its producer wrote.
            Var outer = isAcross(left, c.row(), c.inner()) ? c.inner() : c.row();
            Var last = outer == c.row() ? c.inner() : c.row();
            Array rows = shared.computeIfAbsent(key("left", left, c.batch(), outer, last), k -> {
                long[] shape = {batched ? c.batch().size() : 1, outer.size(), last.size()};
                List<Var> axes = Var.each("l", shape);
                Scalar body = Scalar.substitute(left, Scalar.replace(List.of(c.batch(), outer, last), Index.of(axes)));
                Array r = new Array(a.name() + ".rows", DType.FLOAT, shape, new Array.Pointwise(axes, body));
                order.add(r);
                forced.put(r, true);
                operands.add(r);
                return r;
            });
            return new Scalar.Load(
                    rows, List.of(batched ? Index.of(c.batch()) : Index.ZERO, Index.of(outer), Index.of(last)));
        }

        /**
         * The left operand as an element of a matrix: of the array it comes from, or of one that it is moved through and that becomes
         * memory for it. Null if there is none.
         */
        private @Nullable Scalar plain(Array.Contraction c) {
            Scalar.Load best = null;
            Scalar at = c.left();
            while (at instanceof Scalar.Load l) {
                Index p = l.array().position(l.at());
                if (l.array().type() == DType.FLOAT
                        && (p.stride(c.inner()) == 1 || p.stride(c.row()) == 1)
                        && p.isPlain(c.row())
                        && p.isPlain(c.inner())) {
                    best = l;
                }
                Scalar from = Scalar.moved(l);
                if (from == l) {
                    break;
                }
                at = from;
            }
            if (best == null || isSource(best.array()) || !(best.array().rule() instanceof Array.Pointwise)) {
                return best;
            }
            double elements = (double) c.row().size()
                    * c.inner().size()
                    * (Scalar.vars(best).contains(c.batch()) ? c.batch().size() : 1);
            if (best.array().size() > elements) {
                return null;
            }
            forced.put(best.array(), true);
            return best;
        }

        /** Whether neighbours in memory are in neighbouring rows. */
        private static boolean isAcross(Scalar left, Var row, Var inner) {
            int along = 0;
            int across = 0;
            for (Scalar.Load l : Scalar.loads(left)) {
                Index p = l.array().position(l.at());
                along += isNear(p, inner) ? 1 : 0;
                across += isNear(p, row) ? 1 : 0;
            }
            return across > along;
        }

        /** Whether neighbours are mostly one step of a variable apart. */
        private static boolean isNear(Index p, Var v) {
            return p.terms().entrySet().stream()
                    .anyMatch(t -> t.getValue() == 1
                            && !(t.getKey() instanceof Index.Quotient)
                            && Index.mentions(t.getKey(), v));
        }

        /** Equal operands of several products are made once: x for the queries, the keys and the values. */
        private static List<Object> key(String side, Scalar body, Var... vars) {
            List<Object> k = new ArrayList<>(List.of(side));
            Map<Var, Index> canonical = new IdentityHashMap<>();
            for (Var v : vars) {
                k.add(v.size());
                canonical.put(v, Index.of(new Index.Data(MARKS.get(canonical.size()), v.size())));
            }
            if (body instanceof Scalar.Load l) {
                Scalar.Load same = (Scalar.Load) Scalar.substitute(body, v -> canonical.getOrDefault(v, Index.of(v)));
                k.add(new Identity(l.array()));
                k.add(same.at());
            } else {
                k.add(new Object());
            }
            return k;
        }

        private static final List<Scalar> MARKS = List.of(
                Scalar.literal(DType.INT64, 0L), Scalar.literal(DType.INT64, 1L), Scalar.literal(DType.INT64, 2L));

        private record Identity(Array array) {
            @Override
            public boolean equals(Object o) {
                return o instanceof Identity i && i.array == array;
            }

            @Override
            public int hashCode() {
                return System.identityHashCode(array);
            }
        }

        /** A long reduction to few numbers is done in two steps, the first of them parallel. */
        private Array reduction(Array a, Array.Reduction r) {
            double results = Bodies.size(r.axes());
            double length = Bodies.size(r.over());
            if (results >= FEW_ROWS || length < 32768) {
                return new Array(a.name(), a.type(), a.shape(), r);
            }
            Var split =
                    r.over().stream().filter(v -> v.size() >= 32).findFirst().orElse(null);
            if (split == null) {
                return new Array(a.name(), a.type(), a.shape(), r);
            }
            long chunk = (split.size() + 63) / 64;
            long chunks = (split.size() + chunk - 1) / chunk;
            Var part = new Var("part", chunks);
            Var within = new Var(split.name(), chunk);
            Index at = Index.of(part).times(chunk).plus(Index.of(within));
            List<Var> axes = new ArrayList<>(r.axes());
            axes.add(part);
            List<Var> over = new ArrayList<>(r.over());
            over.set(over.indexOf(split), within);
            Index inside = at.clamp(0, split.size() - 1);
            Scalar body = Scalar.substitute(r.body(), v -> v == split ? inside : Index.of(v));
            body = Scalar.select(List.of(new Scalar.Inside(at, 0, split.size())), body, neutral(r.fold(), body.type()));
            long[] shape = axes.stream().mapToLong(Var::size).toArray();
            DType type = Scalar.computed(a.type());
            Array parts = new Array(a.name() + ".parts", type, shape, new Array.Reduction(axes, over, r.fold(), body));
            order.add(parts);
            forced.put(parts, true);
            Var last = new Var("part", chunks);
            List<Index> from = new ArrayList<>(Index.of(r.axes()));
            from.add(Index.of(last));
            return new Array(
                    a.name(),
                    a.type(),
                    a.shape(),
                    new Array.Reduction(r.axes(), List.of(last), r.fold(), new Scalar.Load(parts, from)));
        }

        private static Scalar neutral(Fold fold, DType t) {
            return switch (fold) {
                case SUM -> Scalar.literal(t, 0L);
                case PRODUCT -> new Scalar.Literal(t, 1, 1);
                case MAX ->
                    new Scalar.Literal(
                            t,
                            Double.NEGATIVE_INFINITY,
                            t == DType.INT64 ? Long.MIN_VALUE : t == DType.INT32 ? Integer.MIN_VALUE : 0);
                case MIN ->
                    new Scalar.Literal(
                            t,
                            Double.POSITIVE_INFINITY,
                            t == DType.INT64 ? Long.MAX_VALUE : t == DType.INT32 ? Integer.MAX_VALUE : 1);
            };
        }

        // ---- substitution ------------------------------------------------------------------------------------------

        /** Arrays that become memory, with what they are computed from substituted into them. */
        private Map<Array, Array> inline() {
            Map<Array, Double> evaluations = new IdentityHashMap<>();
            Map<Array, Boolean> inlined = new IdentityHashMap<>();
            for (Array a : order.reversed()) {
                double own = evaluations.getOrDefault(a, 0.0);
                boolean in = a.rule() instanceof Array.Pointwise p && !forced.containsKey(a) && isCheaper(a, p, own);
                if (in) {
                    inlined.put(a, true);
                }
                for (Scalar body : Bodies.of(a.rule())) {
                    double times = in ? own : evaluations(a.rule(), body);
                    for (Scalar.Load l : Scalar.loads(body)) {
                        evaluations.merge(l.array(), times, Double::sum);
                    }
                }
            }
            cut(inlined);
            Map<Array, Array> kept = new IdentityHashMap<>();
            for (Array a : order) {
                if (inlined.containsKey(a)) {
                    continue;
                }
                if (isSource(a)) {
                    kept.put(a, a);
                    continue;
                }
                Expansion e = new Expansion(inlined, kept);
                Array.Rule rule = Bodies.rewrite(a.rule(), e::expand);
                if (operands.contains(a) && isCopy(a, rule)) {
                    inlined.put(a, true); // what it copies is in memory too
                    continue;
                }
                kept.put(a, new Array(a.name(), a.type(), a.shape(), rule));
            }
            return kept;
        }

        private static boolean isCopy(Array a, Array.Rule rule) {
            return rule instanceof Array.Pointwise p
                    && p.body() instanceof Scalar.Load l
                    && l.array().type() == a.type()
                    && l.array().position(l.at()).equals(Index.linear(p.axes()));
        }

        private boolean isCheaper(Array a, Array.Pointwise p, double evaluations) {
            double[] cost = {0};
            new Scalar.Visitor(
                            s -> cost[0] += switch (s) {
                                case Scalar.Load l -> isSpread(l, p) ? SPREAD : LOAD;
                                case Scalar.Apply f -> fuse ? f.formula().cost() : 1e9;
                                case Scalar.Select c -> 1;
                                default -> 0;
                            },
                            v -> {})
                    .visit(p.body());
            double size = Bodies.size(p.axes());
            return evaluations * cost[0] <= size * (cost[0] + STORE) + evaluations * LOAD;
        }

        /** Whether neighbours of the result are far apart in the array: reading them so costs a cache line each. */
        private static boolean isSpread(Scalar.Load l, Array.Pointwise p) {
            for (Var v : p.axes().reversed()) {
                if (v.size() > 1) {
                    return l.array().position(l.at()).stride(v) > 1;
                }
            }
            return false;
        }

        /** Bounds how much is substituted into one expression. */
        private void cut(Map<Array, Boolean> inlined) {
            Map<Array, Set<Array>> closure = new IdentityHashMap<>();
            for (Array a : order) {
                Set<Array> all = java.util.Collections.newSetFromMap(new IdentityHashMap<>());
                for (Array b : Bodies.loaded(a.rule())) {
                    if (inlined.containsKey(b)) {
                        all.add(b);
                        all.addAll(closure.getOrDefault(b, Set.of()));
                    }
                }
                if (inlined.containsKey(a) && all.size() > LARGEST) {
                    inlined.remove(a);
                    all = Set.of();
                }
                closure.put(a, all);
            }
        }

        /** Substitutes; an array at the same place twice is the same expression. */
        private record Expansion(
                Map<Array, Boolean> inlined, Map<Array, Array> kept, Map<Array, Map<List<Index>, Scalar>> done) {
            Expansion(Map<Array, Boolean> inlined, Map<Array, Array> kept) {
                this(inlined, kept, new IdentityHashMap<>());
            }

            Scalar expand(Scalar s) {
                return Scalar.substitute(s, Index::of, this::load);
            }

            private Scalar load(Scalar.Load l) {
                if (!inlined.containsKey(l.array())) {
                    Array now = kept.get(l.array());
                    return now == l.array() ? l : new Scalar.Load(now, l.at());
                }
                Map<List<Index>, Scalar> places = done.computeIfAbsent(l.array(), k -> new HashMap<>());
                Scalar known = places.get(l.at());
                if (known == null) {
                    Array.Pointwise p = (Array.Pointwise) l.array().rule();
                    known = Scalar.substitute(p.body(), Scalar.replace(p.axes(), l.at()), this::load);
                    known = Scalar.convert(known, l.array().type());
                    places.put(l.at(), known);
                }
                return known;
            }
        }
    }

    /** Bytes a kernel reads and writes at least, each array once. */
    public static double bytes(Kernel k) {
        double[] sum = {0};
        k.writes().forEach(a -> sum[0] += a.bytes());
        reads(k).forEach(a -> sum[0] += a.bytes());
        return sum[0];
    }

    /** Arrays of memory a kernel reads. */
    public static List<Array> reads(Kernel k) {
        Map<Array, Boolean> seen = new IdentityHashMap<>();
        List<Array> all = new ArrayList<>();
        Set<Array> own = java.util.Collections.newSetFromMap(new IdentityHashMap<>());
        own.addAll(k.writes());
        switch (k) {
            case Kernel.Columns c -> own.add(c.reduction());
            case Kernel.Tiles t -> own.add(t.product());
            case Kernel.Convolving w -> own.add(w.product());
            case Kernel.Rows r ->
                r.stages().forEach(s -> {
                    if (s instanceof Kernel.Stage.Reduce f) {
                        own.add(f.array());
                    }
                });
            default -> {}
        }
        for (Scalar s : bodies(k)) {
            for (Scalar.Load l : Scalar.loads(s)) {
                if (!own.contains(l.array()) && seen.putIfAbsent(l.array(), true) == null) {
                    all.add(l.array());
                }
            }
        }
        return all;
    }

    /** All expressions of a kernel. */
    public static List<Scalar> bodies(Kernel k) {
        List<Scalar> all = new ArrayList<>();
        switch (k) {
            case Kernel.Loop l -> l.stores().forEach(s -> all.add(s.body()));
            case Kernel.Rows r ->
                r.stages().forEach(s -> {
                    switch (s) {
                        case Kernel.Stage.Reduce f -> all.add(f.body());
                        case Kernel.Stage.Fill f -> f.stores().forEach(t -> all.add(t.body()));
                    }
                });
            case Kernel.Columns c -> {
                all.add(c.body());
                c.stores().forEach(s -> all.add(s.body()));
            }
            case Kernel.Tiles t -> {
                all.add(t.rule().left());
                all.add(t.rule().right());
                t.stores().forEach(s -> all.add(s.body()));
            }
            case Kernel.Convolving w -> {
                all.add(w.rule().kernels());
                all.add(w.rule().window());
                w.stores().forEach(s -> all.add(s.body()));
            }
            case Kernel.Attending a -> all.addAll(a.rule().expressions());
            case Kernel.Lines l -> all.addAll(Bodies.of(l.rule()));
        }
        return all;
    }

    /** About how many additions a kernel does; a multiplication with an addition counts two. */
    public static double flops(Kernel k) {
        return switch (k) {
            case Kernel.Loop l ->
                Bodies.size(l.space())
                        * l.stores().stream().mapToDouble(s -> cost(s.body())).sum();
            case Kernel.Rows r ->
                Bodies.size(r.rows())
                        * r.stages().stream()
                                .mapToDouble(s -> switch (s) {
                                    case Kernel.Stage.Reduce f -> Bodies.size(f.over()) * (1 + cost(f.body()));
                                    case Kernel.Stage.Fill f ->
                                        Bodies.size(f.inner())
                                                * f.stores().stream()
                                                        .mapToDouble(t -> cost(t.body()))
                                                        .sum();
                                })
                                .sum();
            case Kernel.Columns c -> Bodies.size(c.axes()) * Bodies.size(c.over()) * (1 + cost(c.body()));
            case Kernel.Tiles t -> t.rule().flops();
            case Kernel.Convolving w -> w.rule().flops();
            case Kernel.Attending a -> a.rule().flops();
            case Kernel.Lines l -> l.array().size();
        };
    }

    /** About how many additions a formula takes. */
    public static double cost(Scalar s) {
        double[] c = {0};
        new Scalar.Visitor(
                        n -> c[0] += n instanceof Scalar.Apply a ? a.formula().cost() : 0, v -> {})
                .visit(s);
        return c[0];
    }

    @Override
    public String toString() {
        StringBuilder s = new StringBuilder();
        for (int i = 0; i < kernels.size(); i++) {
            Kernel k = kernels.get(i);
            s.append(String.format(
                    "%3d %-8s %-60s <- %s%n",
                    i,
                    k.getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT),
                    String.join(", ", k.writes().stream().map(Array::toString).toList()),
                    String.join(", ", reads(k).stream().map(Array::name).toList())));
        }
        return s.toString();
    }
}
