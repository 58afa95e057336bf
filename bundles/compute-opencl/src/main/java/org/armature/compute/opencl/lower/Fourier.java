package org.armature.compute.opencl.lower;

import static org.armature.compute.opencl.lower.Lowering.add;
import static org.armature.compute.opencl.lower.Lowering.at;
import static org.armature.compute.opencl.lower.Lowering.literal;
import static org.armature.compute.opencl.lower.Lowering.map;
import static org.armature.compute.opencl.lower.Lowering.multiply;
import static org.armature.compute.opencl.lower.Lowering.sizes;
import static org.armature.compute.opencl.lower.Lowering.subtract;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Fold;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Scalar.Inside;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.DftMatrix;
import org.armature.graph.Node;
import org.armature.graph.Shape;

/**
 * Discrete Fourier transforms as products with small matrices. One of {@code N = A B} points takes points
 * {@code i = B a + b} to points {@code o = c + A d} in two stages, the first over {@code a} to {@code c}, the second over
 * {@code b} to {@code d} (Cooley and Tukey 1965; Bailey 1990):
 *
 * <pre>{@code
 * y[c + A d] = sum over b: w(N)^(b (c + A d)) * (sum over a: w(A)^(a c) * x[B a + b])
 * }</pre>
 *
 * <p>The second stage has a matrix for each {@code c} that holds the twiddle factors too, so that nothing lies between the
 * products, or, where all of them would be larger than what they multiply, one matrix, and the factors are multiplied in
 * between. A real signal is transformed this way, and only to the half {@code c <= A / 2} in the first stage. A complex one goes
 * the other way round, {@code i = c + A d} to {@code o = B a + b}: the first stage then reads what the second one of the
 * signal's own transform wrote, in the order in which it lies, and the second one writes along memory and no imaginary part if
 * it is not wanted. Intermediate arrays are {@code [c, batch before the axis..., part, b or d, batch after the axis...]}.
 */
final class Fourier {
    /** Columns of a product that are whole panels. */
    private static final long LANES = 32;

    /** Elements of the matrices that hold the twiddle factors at most. */
    private static final long FOLDED = 1 << 23;

    private Fourier() {}

    static void rules(Map<String, Rule> r) {
        r.put("DFT", Fourier::dft);
    }

    // ---- signals ---------------------------------------------------------------------------------------------------

    /** An element of a signal. */
    @FunctionalInterface
    interface Element {
        Scalar at(List<Index> batch, Index point, Index part);
    }

    /**
     * Signals that are transformed each on its own.
     *
     * @param batch sizes of the other axes
     * @param before how many of them come before that of the points
     * @param parts 1 for real numbers, 2 for complex ones
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Signal(long[] batch, int before, long points, int parts, Element element) {
        Scalar at(List<Index> batch, Index point, Index part) {
            return element.at(batch, point, part);
        }

        /** A point, zero from the last one on. */
        Scalar padded(DType type, List<Index> batch, Index point, Index part) {
            return Scalar.select(
                    List.of(new Inside(point, 0, points)),
                    at(batch, point.clamp(0, points - 1), part),
                    literal(type, 0));
        }

        Signal of(long points, int parts, Element element) {
            return new Signal(batch, before, points, parts, element);
        }

        /** {@code [head, batch before..., part, tail, batch after...]}, of sizes as of indices. */
        <T> List<T> arranged(T head, List<T> batch, T part, T tail) {
            List<T> all = new ArrayList<>(List.of(head));
            all.addAll(batch.subList(0, before));
            all.addAll(List.of(part, tail));
            all.addAll(batch.subList(before, batch.size()));
            return all;
        }

        long[] shape(long head, long part, long tail) {
            List<Long> sizes = LongStream.of(batch).boxed().toList();
            return arranged(head, sizes, part, tail).stream().mapToLong(d -> d).toArray();
        }

        /** Of the arranged indices those of the batch. */
        List<Index> batch(List<Index> arranged) {
            List<Index> all = new ArrayList<>(arranged.subList(1, before + 1));
            all.addAll(arranged.subList(before + 3, arranged.size()));
            return all;
        }

        int partAxis() {
            return before + 1;
        }

        int tailAxis() {
            return before + 2;
        }

        /** Whether neighbours in memory are of different signals. */
        boolean isAcross() {
            return Lowering.product(Arrays.copyOfRange(batch, before, batch.length)) > 1;
        }

        /** {@code [batch before..., points, batch after..., parts]}. */
        <T> List<T> natural(List<T> batch, T point, T part) {
            List<T> all = new ArrayList<>(batch);
            all.add(before, point);
            all.add(part);
            return all;
        }
    }

    /**
     * {@code y[o] = sum over i: x[i] * exp(-2 pi sqrt(-1) i (o + shift) / length)}, with the other sign and divided by the length if
     * inverse.
     *
     * @param half whether a point of the input stands for its mirror image, the conjugate, too
     * @param out points wanted
     * @param parts 1 for the real part alone
     */
    record Transform(long length, boolean inverse, boolean half, long out, int parts, long shift) {
        double weight(long i) {
            double scale = inverse ? 1.0 / length : 1;
            return half && i > 0 && 2 * i != length ? 2 * scale : scale;
        }
    }

    /** The transforms of signals. */
    static Signal transform(String name, DType type, Signal x, Transform t) {
        long b = factor(t.length());
        if (b == 0 || isShort(x, t)) {
            return dense(name, type, x, t);
        }
        Stages s = new Stages(name, type, x, t, t.length() / b, b);
        return x.parts() == 1 && !t.half() ? s.real() : s.complex();
    }

    private static boolean isShort(Signal x, Transform t) {
        return t.length() < Integer.getInteger("fft.min", 128);
    }

    /** B: the divisor with which both stages take the least multiplications; 0 if there is none. */
    private static long factor(long length) {
        return LongStream.rangeClosed(2, length / 2)
                .filter(b -> length % b == 0)
                .boxed()
                .min(Comparator.comparingLong(b -> length / b + 2 * Math.max(b, LANES)))
                .orElse(0L);
    }

    /** One product with the whole matrix. */
    private static Signal dense(String name, DType type, Signal x, Transform t) {
        long inner = x.points() * x.parts();
        Array matrix = constant(
                name + ".matrix",
                type,
                DftMatrix.of(
                        (int) x.points(), x.parts(), (int) t.out(), t.parts(), (int) t.length(), t.inverse(), t.half()),
                inner,
                t.out() * t.parts());
        List<Long> sizes = LongStream.of(x.batch()).boxed().toList();
        long[] shape = longs(x.natural(sizes, t.out(), (long) t.parts()));
        List<Integer> columns = List.of(x.before(), shape.length - 1);
        Array y = Products.contract(
                name,
                type,
                shape,
                List.of(),
                others(shape.length, columns),
                columns,
                new long[] {inner},
                (q, r, k) -> x.at(Index.unravel(r, x.batch()), k.div(x.parts()), k.mod(x.parts())),
                (q, c, k) -> at(matrix, List.of(k, c)));
        return x.of(t.out(), t.parts(), (batch, point, part) -> at(y, x.natural(batch, point, part)));
    }

    // ---- two stages ------------------------------------------------------------------------------------------------

    /** Turns of the unit circle between two points, in parts of the length. */
    @FunctionalInterface
    private interface Turns {
        long of(long q, long in, long out);
    }

    /** What a point of the input is multiplied with. */
    @FunctionalInterface
    private interface Weight {
        double of(long q, long in);
    }

    /** The other factor of a product, by the result's indices, those of the matrix zero, and the inner ones. */
    @FunctionalInterface
    private interface Data {
        Scalar at(List<Index> result, List<Index> inner);
    }

    /** Points of one side of a matrix: part by part, or point by point. */
    private record Side(long points, int parts, boolean apart) {
        long size() {
            return points * parts;
        }

        int at(long point, int part) {
            return (int) (apart ? part * points + point : point * parts + part);
        }
    }

    /**
     * One transform.
     *
     * @param a values of {@code a} and {@code c}
     * @param b values of {@code b} and {@code d}
     */
    private record Stages(String name, DType type, Signal x, Transform t, long a, long b) {
        /** Whether there is a matrix for each c. */
        boolean isFolded() {
            return 2 * t.length() * b <= FOLDED;
        }

        /** The point in the middle is the only one of half a spectrum with the last d: it goes its own way. */
        boolean hasMiddle(long points) {
            return b % 2 == 0 && 2 * points == t.length() + 2;
        }

        // ---- of a real signal

        Signal real() {
            Array first = first();
            long points = Math.min(t.out(), t.length() / 2 + 1);
            boolean apart = hasMiddle(points);
            long ends = apart ? b / 2 : Math.ceilDiv(points, a);
            Side ins = new Side(b, 2, true);
            Side outs = new Side(ends, t.parts(), true);
            Turns turns = (c, i, d) -> i * (c + a * d);
            Array y = isFolded()
                    ? each("bins", first, this::mirror, ins, outs, turns, (c, i) -> 1)
                    : each("bins", turned(first, this::mirror, true, 0), c -> c, ins, outs, turns, (c, i) -> 1);
            Element bins = (batch, point, part) ->
                    at(y, x.arranged(point.mod(a), batch, part, point.div(a).clamp(0, ends - 1)));
            Element half = apart ? with(middle(first), bins) : bins;
            return x.of(t.out(), t.parts(), t.out() == points ? half : whole(half));
        }

        /** {@code [c up to a half, ..., part, b, ...]}. */
        private Array first() {
            long steps = Math.ceilDiv(x.points(), b);
            Side out = new Side(a / 2 + 1, 2, false);
            Array m = matrix(
                    "first", 1, new Side(steps, 1, true), out, true, (q, i, o) -> i * b * o, (q, i) -> t.weight(0));
            return product(
                    "stage",
                    x.shape(out.points(), 2, b),
                    List.of(),
                    List.of(0, x.partAxis()),
                    new long[] {steps},
                    true,
                    m,
                    (at, k) ->
                            x.padded(type, x.batch(at), k.getFirst().times(b).plus(at.get(x.tailAxis())), Index.ZERO));
        }

        /** The first stage of a real signal has c up to a half, the others are conjugates: the smaller of c and A - c. */
        private Index mirror(Index c) {
            return c.clamp(0, a / 2).minus(c.plus(a / 2 - a).clamp(0, a / 2));
        }

        private Array middle(Array first) {
            double[] signs =
                    LongStream.range(0, b).mapToDouble(i -> i % 2 == 0 ? 1 : -1).toArray();
            Array sign = constant("signs", signs, b);
            long[] space = Arrays.copyOf(x.batch(), x.batch().length + 1);
            space[x.batch().length] = b;
            return Lowering.reduce(name + ".middle", type, space, Set.of(x.batch().length), false, Fold.SUM, at -> {
                List<Index> batch = at.subList(0, x.batch().length);
                return multiply(
                        at(first, x.arranged(Index.ZERO, batch, Index.ZERO, at.getLast())),
                        at(sign, List.of(at.getLast())));
            });
        }

        private Element with(Array middle, Element others) {
            return (batch, point, part) -> Scalar.select(
                    List.of(new Inside(point, t.length() / 2, t.length())),
                    Scalar.select(List.of(new Inside(part, 0, 1)), at(middle, batch), literal(type, 0)),
                    others.at(batch, point, part));
        }

        /** Both halves of the spectrum. */
        private Element whole(Element half) {
            long last = t.length() / 2;
            return (batch, point, part) -> {
                Scalar image = half.at(batch, Index.of(t.length()).minus(point).clamp(0, last), part);
                return Scalar.select(
                        List.of(new Inside(point, 0, last + 1)),
                        half.at(batch, point.clamp(0, last), part),
                        Scalar.select(List.of(new Inside(part, 0, 1)), image, multiply(image, literal(type, -1))));
            };
        }

        // ---- of a complex signal

        Signal complex() {
            boolean apart = hasMiddle(x.points());
            long steps = apart ? b / 2 : Math.ceilDiv(x.points(), a);
            Array points = map(name + ".points", type, x.shape(a, x.parts(), steps), at -> {
                Index i = at.getFirst().plus(at.get(x.tailAxis()).times(a));
                Scalar v = x.padded(type, x.batch(at), i, at.get(x.partAxis()));
                return isFolded() || !t.half() ? v : multiply(v, doubled(i));
            });
            Array inner = each(
                    "inner",
                    points,
                    c -> c,
                    new Side(steps, x.parts(), true),
                    new Side(b, 2, true),
                    (c, d, o) -> (c + a * d) * (o + t.shift()),
                    (c, d) -> isFolded() ? t.weight(c + a * d) : t.weight(0));
            Array y = last(isFolded() ? inner : turned(inner, c -> c, false, t.shift()));
            Element sum = (batch, point, part) -> at(y, placed(batch, point, part));
            return x.of(
                    t.out(),
                    t.parts(),
                    apart ? (batch, point, part) -> add(sum.at(batch, point, part), wave(batch, point, part)) : sum);
        }

        /** What the point in the middle adds. */
        private Scalar wave(List<Index> batch, Index point, Index part) {
            Scalar middle = multiply(
                    x.at(batch, Index.of(t.length() / 2), x.parts() == 1 ? Index.ZERO : part),
                    literal(type, t.weight(t.length() / 2)));
            Index odd = point.plus(Math.floorMod(t.shift(), 2)).mod(2);
            Scalar wave = Scalar.select(List.of(new Inside(odd, 0, 1)), middle, multiply(middle, literal(type, -1)));
            return x.parts() == 1 ? Scalar.select(List.of(new Inside(part, 0, 1)), wave, literal(type, 0)) : wave;
        }

        private Scalar doubled(Index i) {
            return Scalar.select(List.of(new Inside(i, 1, (t.length() + 1) / 2)), literal(type, 2), literal(type, 1));
        }

        /** {@code [batch before..., a, b, batch after..., part]}: the order of the result. */
        private Array last(Array inner) {
            Side out = new Side(Math.ceilDiv(t.out(), b), t.parts(), false);
            Array m = matrix("last", 1, new Side(a, 2, true), out, true, (q, i, o) -> i * o * b, (q, i) -> 1);
            List<Long> sizes = LongStream.of(x.batch()).boxed().toList();
            long[] shape = longs(placed(sizes, out.points(), b, (long) t.parts()));
            int first = x.before();
            return product(
                    "result",
                    shape,
                    List.of(),
                    List.of(first, shape.length - 1),
                    new long[] {2, a},
                    true,
                    m,
                    (at, k) -> {
                        List<Index> batch = new ArrayList<>(at.subList(0, first));
                        batch.addAll(at.subList(first + 2, at.size() - 1));
                        return at(inner, x.arranged(k.get(1), batch, k.get(0), at.get(first + 1)));
                    });
        }

        private List<Index> placed(List<Index> batch, Index point, Index part) {
            return placed(batch, point.div(b), point.mod(b), part);
        }

        private <T> List<T> placed(List<T> batch, T high, T low, T part) {
            List<T> all = new ArrayList<>(batch);
            all.addAll(x.before(), List.of(high, low));
            all.add(part);
            return all;
        }

        // ---- of both

        /**
         * The stage with twiddle factors: {@code [c, ..., part, o, ...]} from an array in the same order.
         *
         * @param from the array's first index for c
         * @param turns of c, i and o; with c = 0 those of the matrix alone
         */
        private Array each(
                String what, Array in, UnaryOperator<Index> from, Side ins, Side outs, Turns turns, Weight weight) {
            long count = isFolded() ? a : 1;
            boolean across = x.isAcross();
            Array m = matrix(what, count, ins, outs, across, turns, weight);
            return product(
                    what,
                    x.shape(a, outs.parts(), outs.points()),
                    isFolded() ? List.of(0) : List.of(),
                    List.of(x.partAxis(), x.tailAxis()),
                    new long[] {ins.parts(), ins.points()},
                    across,
                    m,
                    (at, k) -> at(in, x.arranged(from.apply(at.getFirst()), x.batch(at), k.get(0), k.get(1))));
        }

        /** Times the twiddle factors. */
        private Array turned(Array in, UnaryOperator<Index> from, boolean mirrored, long shift) {
            double[] factors = new double[Math.toIntExact(2 * a * b)];
            double[][] circle = circle();
            for (long c = 0; c < a; c++) {
                for (long i = 0; i < b; i++) {
                    int turns = (int) Math.floorMod(c * (i + shift), t.length());
                    factors[(int) (c * b + i)] = circle[0][turns];
                    factors[(int) ((a + c) * b + i)] = circle[1][turns];
                }
            }
            Array factor = constant("factors", factors, 2, a, b);
            return map(name + ".turned", type, x.shape(a, 2, b), at -> {
                Index c = at.getFirst();
                Index i = at.get(x.tailAxis());
                Scalar cos = at(factor, List.of(Index.ZERO, c, i));
                Scalar sin = at(factor, List.of(Index.of(1), c, i));
                Scalar re = at(in, x.arranged(from.apply(c), x.batch(at), Index.ZERO, i));
                Scalar im = at(in, x.arranged(from.apply(c), x.batch(at), Index.of(1), i));
                if (mirrored) {
                    im = Scalar.select(List.of(new Inside(c, 0, a / 2 + 1)), im, multiply(im, literal(type, -1)));
                }
                return Scalar.select(
                        List.of(new Inside(at.get(x.partAxis()), 0, 1)),
                        subtract(multiply(re, cos), multiply(im, sin)),
                        add(multiply(re, sin), multiply(im, cos)));
            });
        }

        /** A product of a matrix {@code [count, outer, inner]}, or the other way round if it is not the left factor. */
        private Array product(
                String what,
                long[] shape,
                List<Integer> batch,
                List<Integer> outer,
                long[] inner,
                boolean left,
                Array matrix,
                Data data) {
            List<Integer> taken = new ArrayList<>(batch);
            taken.addAll(outer);
            List<Integer> others = others(shape.length, taken);
            long[] sizes = others.stream().mapToLong(i -> shape[i]).toArray();
            Products.Operand m = (q, o, k) -> at(matrix, left ? List.of(q, o, k) : List.of(q, k, o));
            Products.Operand d = (q, o, k) -> {
                Index[] at = new Index[shape.length];
                Arrays.fill(at, Index.ZERO);
                batch.forEach(i -> at[i] = q);
                List<Index> of = Index.unravel(o, sizes);
                for (int i = 0; i < sizes.length; i++) {
                    at[others.get(i)] = of.get(i);
                }
                return data.at(List.of(at), Index.unravel(k, inner));
            };
            return left
                    ? Products.contract(name + "." + what, type, shape, batch, outer, others, inner, m, d)
                    : Products.contract(name + "." + what, type, shape, batch, others, outer, inner, d, m);
        }

        private Array matrix(String what, long count, Side ins, Side outs, boolean left, Turns turns, Weight weight) {
            double[][] circle = circle();
            int inner = left ? 1 : (int) outs.size();
            int outer = left ? (int) ins.size() : 1;
            double[] m = new double[Math.toIntExact(count * ins.size() * outs.size())];
            for (long q = 0; q < count; q++) {
                int from = (int) (q * ins.size() * outs.size());
                for (long i = 0; i < ins.points(); i++) {
                    double w = weight.of(q, i);
                    double sign = x.parts() == 1 && ins.parts() == 2 && q > a / 2 ? -1 : 1;
                    for (long o = 0; o < outs.points(); o++) {
                        int turn = (int) Math.floorMod(turns.of(q, i, o), t.length());
                        double[] value = {w * circle[0][turn], w * circle[1][turn]};
                        for (int p = 0; p < ins.parts(); p++) {
                            for (int r = 0; r < outs.parts(); r++) {
                                // 1 and i times the factor, their real and imaginary parts
                                double v = p == 0 ? value[r] : r == 0 ? -value[1] : value[0];
                                m[from + ins.at(i, p) * inner + outs.at(o, r) * outer] = p == 0 ? v : sign * v;
                            }
                        }
                    }
                }
            }
            return constant(
                    what + ".matrix", m, count, left ? outs.size() : ins.size(), left ? ins.size() : outs.size());
        }

        /** Cosine and sine, with the transform's sign, of every part of the circle. */
        private double[][] circle() {
            int n = Math.toIntExact(t.length());
            double[][] c = new double[2][n];
            for (int i = 0; i < n; i++) {
                c[0][i] = Math.cos(2 * Math.PI * i / n);
                c[1][i] = (t.inverse() ? 1 : -1) * Math.sin(2 * Math.PI * i / n);
            }
            return c;
        }

        private Array constant(String what, double[] values, long... shape) {
            return Fourier.constant(name + "." + what, type, values, shape);
        }
    }

    private static Array constant(String name, DType type, double[] values, long... shape) {
        return new Array(name, type, shape, new Array.Literal(Constant.of(type, Shape.of(shape), values)));
    }

    private static List<Integer> others(int rank, List<Integer> axes) {
        return IntStream.range(0, rank).filter(i -> !axes.contains(i)).boxed().toList();
    }

    private static long[] longs(List<Long> all) {
        return all.stream().mapToLong(v -> v).toArray();
    }

    // ---- DFT -------------------------------------------------------------------------------------------------------

    private static List<Array> dft(Node n, Lowering l) {
        Shape s = n.input(0).shape();
        int axis = s.axis(
                l.opset() >= 20 ? n.input(2).isPresent() ? Lowering.numbers(n, 2)[0] : -2 : n.integer("axis", 1));
        boolean inverse = n.integer("inverse", 0) != 0;
        boolean half = inverse && n.integer("onesided", 0) != 0;
        long[] out = sizes(n.output());
        long length = n.input(1).isPresent() ? Lowering.numbers(n, 1)[0] : half ? out[axis] : s.dim(axis);
        DType type = Scalar.computed(n.output().dtype());
        Signal x = l.spectra().signal(l.array(n.input(0)), axis, half ? length / 2 + 1 : length);
        int last = out.length - 1;
        Transform t =
                new Transform(length, inverse, half, l.extent(n.output(), axis), (int) l.extent(n.output(), last), 0);
        Signal y = transform(n.output().name(), type, x, t);
        Array a = map(n.output(), at -> {
            List<Index> batch = new ArrayList<>(at.subList(0, last));
            Index point = batch.remove(axis);
            Scalar v = y.at(batch, point.clamp(0, t.out() - 1), at.getLast().clamp(0, t.parts() - 1));
            return Scalar.convert(v, type);
        });
        l.spectra().add(a);
        return List.of(a);
    }
}
