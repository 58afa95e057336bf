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
import java.util.function.IntFunction;
import java.util.function.LongToDoubleFunction;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Fold;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Scalar.Inside;
import org.armature.graph.Constant;
import org.armature.graph.DType;
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
 * products. A real signal is transformed this way: its first stage gives conjugates for {@code c} and {@code A - c}, of which one
 * is computed, and the second stage makes both from it. A complex one goes the other way round, {@code i = c + A d} to
 * {@code o = B a + b}: its first stage reads what the second one of a real signal wrote in the order in which that lies, its second
 * one writes along memory; if the real part is all that is wanted, what {@code c} and {@code A - c} give is summed in between.
 * Arrays between the stages are {@code [c, batch before the axis..., side, part, b or d, batch after the axis...]}, where the side
 * is {@code c} or {@code A - c}.
 *
 * <p>Lengths with a large prime factor are convolutions with a chirp by transforms of a power of two (Bluestein 1970).
 */
final class Fourier {
    /** Columns of a product that are whole panels. */
    private static final long LANES = 32;

    /** Elements of a matrix up to which one product is faster. */
    private static final long SMALL = 1 << 17;

    /** Points of a stage that is one product. */
    private static final long LARGEST = 512;

    /** Elements of matrices at most. */
    private static final long MATRICES = 1 << 23;

    /** Multiplications of what cannot be. */
    private static final long NEVER = 1L << 40;

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

        /** {@code [head, batch before..., side and part, tail, batch after...]}, of sizes as of indices. */
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
     * {@code y[o] = scale * sum over i: x[i] * exp(-2 pi sqrt(-1) i (o + shift) / length)}, with the other sign if inverse.
     *
     * @param half whether a point of the input stands for its mirror image, the conjugate, too
     * @param out points wanted
     * @param parts 1 for the real part alone
     */
    record Transform(long length, boolean inverse, boolean half, double scale, long out, int parts, long shift) {
        static Transform forward(long length, long out) {
            return new Transform(length, false, false, 1, out, 2, 0);
        }

        static Transform inverse(long length, boolean half, long out, int parts, long shift) {
            return new Transform(length, true, half, 1.0 / length, out, parts, shift);
        }

        double weight(long i) {
            return half && i > 0 && 2 * i != length ? 2 * scale : scale;
        }
    }

    /** The transforms of signals. */
    static Signal transform(String name, DType type, Signal x, Transform t) {
        long n = t.length();
        double elements = (double) x.points() * x.parts() * t.out() * t.parts();
        if (elements <= SMALL || elements <= MATRICES && least(n) == n) {
            return dense(name, type, x, t);
        }
        if (n != power(n) && chirp(n) < stages(n)) {
            return new Chirp(name, type, x, t).transform();
        }
        Stages s = new Stages(name, type, x, t, n / factor(n), factor(n));
        return x.parts() == 1 && !t.half() && t.shift() == 0 ? s.real() : s.complex();
    }

    /** About how many multiplications a point takes. */
    private static long least(long length) {
        long other = Math.min(stages(length), length == power(length) ? NEVER : chirp(length));
        return Math.min(length, other);
    }

    /** In two stages. */
    static long stages(long length) {
        long b = factor(length);
        return b == 0 ? NEVER : stages(length, b);
    }

    private static long stages(long length, long b) {
        long a = length / b;
        return (a <= LARGEST ? a : least(a)) + 2 * Math.max(b, LANES);
    }

    /** And by transforms of a power of two, three of complex numbers. */
    private static long chirp(long length) {
        long n = power(2 * length);
        return 2 * 3 * stages(n) * n / length;
    }

    /** B: the divisor with which both stages take the least multiplications; 0 if there is none. */
    private static long factor(long length) {
        return LongStream.rangeClosed(2, Math.min(length / 2, Math.max(4, MATRICES / (2 * length))))
                .filter(b -> length % b == 0)
                .boxed()
                .min(Comparator.comparingLong(b -> stages(length, b)))
                .orElse(0L);
    }

    /** The power of two at or above {@code n}. */
    static long power(long n) {
        return n <= 1 ? 1 : Long.highestOneBit(n - 1) * 2;
    }

    /** One product with the whole matrix. */
    private static Signal dense(String name, DType type, Signal x, Transform t) {
        boolean left = x.isAcross();
        Side ins = new Side(x.points(), 1, x.parts(), false);
        Side outs = new Side(t.out(), 1, t.parts(), false);
        Array m = Matrix.of(t, 1, ins, outs, left)
                .array(name + ".matrix", type, 1, (q, i, o) -> i * (o + t.shift()), (q, i) -> t.weight(i));
        long[] shape = longs(x.natural(sizesOf(x), t.out(), (long) t.parts()));
        Array y = new Product(name, type, shape, List.of(), List.of(x.before(), shape.length - 1), left)
                .of(m, new long[] {x.points(), x.parts()}, (at, k) -> {
                    List<Index> batch = new ArrayList<>(at.subList(0, shape.length - 1));
                    batch.remove(x.before());
                    return x.at(batch, k.get(0), k.get(1));
                });
        return x.of(t.out(), t.parts(), (batch, point, part) -> at(y, x.natural(batch, point, part)));
    }

    private static List<Long> sizesOf(Signal x) {
        return new ArrayList<>(LongStream.of(x.batch()).boxed().toList());
    }

    // ---- products with matrices ------------------------------------------------------------------------------------

    /** Turns of the unit circle between two points, in parts of the length. */
    @FunctionalInterface
    private interface Turns {
        long of(long c, long in, long out);
    }

    /** What a point of the input is multiplied with. */
    @FunctionalInterface
    private interface Weight {
        double of(long c, long in);
    }

    /** The other factor of a product, by the result's indices, those of the matrix zero, and the inner ones. */
    @FunctionalInterface
    private interface Data {
        Scalar at(List<Index> result, List<Index> inner);
    }

    /** Rows or columns of a matrix: side by side and part by part, or point by point. */
    private record Side(long points, int sides, int parts, boolean apart) {
        long size() {
            return points * sides * parts;
        }

        int at(long point, int side, int part) {
            return (int) (apart ? (side * parts + part) * points + point : point * parts + part);
        }
    }

    /**
     * Matrices {@code [c, out, in]}, or {@code [c, in, out]}.
     *
     * @param a c of the other side is {@code a - c}
     * @param left whether out comes first
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Matrix(double[] cos, double[] sin, long a, Side ins, Side outs, boolean left) {
        static Matrix of(Transform t, long a, Side ins, Side outs, boolean left) {
            int n = Math.toIntExact(t.length());
            double[] cos = new double[n];
            double[] sin = new double[n];
            for (int i = 0; i < n; i++) {
                cos[i] = Math.cos(2 * Math.PI * i / n);
                sin[i] = (t.inverse() ? 1 : -1) * Math.sin(2 * Math.PI * i / n);
            }
            return new Matrix(cos, sin, a, ins, outs, left);
        }

        Array array(String name, DType type, long count, Turns turns, Weight weight) {
            int size = Math.toIntExact(ins.size() * outs.size());
            double[] m = new double[Math.toIntExact(count * size)];
            for (long c = 0; c < count; c++) {
                for (int side = 0; side < Math.max(ins.sides, outs.sides); side++) {
                    if (side == 0 || 2 * c % a != 0) { // else it is its own mirror image
                        fill(m, (int) c * size, side, side == 0 ? c : a - c, turns, weight);
                    }
                }
            }
            long[] shape = {count, left ? outs.size() : ins.size(), left ? ins.size() : outs.size()};
            return constant(name, type, m, shape);
        }

        private void fill(double[] m, int from, int side, long c, Turns turns, Weight weight) {
            int in = ins.sides > 1 ? side : 0;
            int out = outs.sides > 1 ? side : 0;
            int step = left ? (int) ins.size() : 1;
            for (long i = 0; i < ins.points; i++) {
                double w = weight.of(c, i);
                for (long o = 0; o < outs.points; o++) {
                    int turn = (int) Math.floorMod(turns.of(c, i, o), (long) cos.length);
                    double re = w * cos[turn];
                    double im = w * sin[turn];
                    for (int p = 0; p < ins.parts; p++) {
                        for (int r = 0; r < outs.parts; r++) {
                            double v = p == r ? re : p == 0 ? im : -im;
                            // What makes the other side is conjugated, or what it makes.
                            boolean negative = out == 1 && p == 1 || in == 1 && r == 1;
                            int at = ins.at(i, in, p) * (left ? 1 : (int) outs.size()) + outs.at(o, out, r) * step;
                            m[from + at] = negative ? -v : v;
                        }
                    }
                }
            }
        }
    }

    /**
     * A product with a matrix of {@link Matrix}.
     *
     * @param batch axis of the result with a matrix for each index, if there is one
     * @param outer axes of the result that are the matrix's own
     * @param left whether the matrix is the left factor
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Product(
            String name, DType type, long[] shape, List<Integer> batch, List<Integer> outer, boolean left) {
        Array of(Array matrix, long[] inner, Data data) {
            List<Integer> others = IntStream.range(0, shape.length)
                    .filter(i -> !batch.contains(i) && !outer.contains(i))
                    .boxed()
                    .toList();
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
                    ? Products.contract(name, type, shape, batch, outer, others, inner, m, d)
                    : Products.contract(name, type, shape, batch, others, outer, inner, d, m);
        }
    }

    // ---- two stages ------------------------------------------------------------------------------------------------

    /**
     * One transform.
     *
     * @param a values of {@code a} and {@code c}
     * @param b values of {@code b} and {@code d}
     */
    private record Stages(String name, DType type, Signal x, Transform t, long a, long b) {
        /** The point in the middle is the only one of half a spectrum with the last d: it goes its own way. */
        private boolean hasMiddle(long points) {
            return b % 2 == 0 && 2 * points == t.length() + 2;
        }

        /** The signals of one stage: those of each b. */
        private Signal sub(long points, int parts, Element element) {
            List<Long> batch = sizesOf(x);
            batch.add(x.before(), b);
            return new Signal(longs(batch), x.before(), points, parts, element);
        }

        private List<Index> outer(List<Index> batch) {
            List<Index> all = new ArrayList<>(batch);
            all.remove(x.before());
            return all;
        }

        /** The stage with twiddle factors, {@code [c, ..., side and part, o, ...]} from an array in the same order. */
        private Array twiddled(String what, Array in, Side ins, Side outs, Turns turns, Weight weight) {
            long count = in.dim(0);
            boolean left = x.isAcross();
            Array m = Matrix.of(t, a, ins, outs, left).array(name + "." + what + ".matrix", type, count, turns, weight);
            long[] shape = x.shape(count, (long) outs.sides * outs.parts, outs.points);
            return new Product(name + "." + what, type, shape, List.of(0), List.of(x.partAxis(), x.tailAxis()), left)
                    .of(
                            m,
                            new long[] {(long) ins.sides * ins.parts, ins.points},
                            (at, k) -> at(in, x.arranged(at.getFirst(), x.batch(at), k.get(0), k.get(1))));
        }

        // ---- of a real signal

        Signal real() {
            Array first = first();
            long points = Math.min(t.out(), t.length() / 2 + 1);
            boolean apart = hasMiddle(points);
            long ends = apart ? b / 2 : Math.ceilDiv(points, a);
            Array y = twiddled(
                    "spectrum",
                    first,
                    new Side(b, 1, 2, true),
                    new Side(ends, 2, t.parts(), true),
                    (c, i, d) -> i * (c + a * d),
                    (c, i) -> 1);
            Element bins = (batch, point, part) -> {
                Index c = point.mod(a);
                Index d = point.div(a).clamp(0, ends - 1);
                return Scalar.select(
                        List.of(new Inside(c, 0, a / 2 + 1)),
                        at(y, x.arranged(c.clamp(0, a / 2), batch, part, d)),
                        at(y, x.arranged(Index.of(a).minus(c).clamp(0, a / 2), batch, part.plus(t.parts()), d)));
            };
            Element half = apart ? with(middle(first), bins) : bins;
            return x.of(t.out(), t.parts(), t.out() == points ? half : whole(half));
        }

        /** {@code [c up to a half, ..., part, b, ...]}. */
        private Array first() {
            long steps = Math.ceilDiv(x.points(), b);
            long heads = a / 2 + 1;
            Element element = (batch, point, part) ->
                    x.padded(type, outer(batch), point.times(b).plus(batch.get(x.before())), part);
            Signal each = sub(steps, 1, element);
            Transform of = new Transform(a, t.inverse(), false, t.scale(), heads, 2, 0);
            long[] shape = x.shape(heads, 2, b);
            if (a > LARGEST) {
                Signal y = transform(name + ".stage", type, each, of);
                return map(name + ".first", type, shape, at -> y.at(batchOf(at), at.getFirst(), at.get(x.partAxis())));
            }
            Array m = Matrix.of(of, 1, new Side(steps, 1, 1, true), new Side(heads, 1, 2, false), true)
                    .array(name + ".first.matrix", type, 1, (q, i, o) -> i * o, (q, i) -> t.scale());
            return new Product(name + ".first", type, shape, List.of(), List.of(0, x.partAxis()), true)
                    .of(m, new long[] {steps}, (at, k) -> each.at(batchOf(at), k.getFirst(), Index.ZERO));
        }

        /** The batch of one stage from arranged indices. */
        private List<Index> batchOf(List<Index> arranged) {
            List<Index> batch = x.batch(arranged);
            batch.add(x.before(), arranged.get(x.tailAxis()));
            return batch;
        }

        private Array middle(Array first) {
            Array sign = constant(
                    name + ".signs",
                    type,
                    LongStream.range(0, b).mapToDouble(i -> i % 2 == 0 ? 1 : -1).toArray(),
                    b);
            int rank = x.batch().length;
            long[] space = Arrays.copyOf(x.batch(), rank + 1);
            space[rank] = b;
            return Lowering.reduce(
                    name + ".middle",
                    type,
                    space,
                    Set.of(rank),
                    false,
                    Fold.SUM,
                    at -> multiply(
                            at(first, x.arranged(Index.ZERO, at.subList(0, rank), Index.ZERO, at.getLast())),
                            at(sign, List.of(at.getLast()))));
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
                        Scalar.select(List.of(new Inside(part, 0, 1)), image, negative(image)));
            };
        }

        // ---- of a complex signal

        Signal complex() {
            boolean apart = hasMiddle(x.points());
            long steps = apart ? b / 2 : Math.ceilDiv(x.points(), a);
            int sides = t.parts() == 1 ? 2 : 1;
            long heads = sides == 2 ? a / 2 + 1 : a;
            Array points = map(name + ".points", type, x.shape(heads, (long) sides * x.parts(), steps), at -> {
                Index c = at.getFirst();
                Index far = at.get(x.tailAxis()).times(a);
                Index part = at.get(x.partAxis()).mod(x.parts());
                Index mirror = Index.of(a).minus(c).clamp(a / 2 + 1, a - 1);
                return Scalar.select(
                        List.of(new Inside(at.get(x.partAxis()), 0, x.parts())),
                        x.padded(type, x.batch(at), c.plus(far), part),
                        x.padded(type, x.batch(at), mirror.plus(far), part));
            });
            Array inner = twiddled(
                    "inner",
                    points,
                    new Side(steps, sides, x.parts(), true),
                    new Side(b, 1, 2, true),
                    (c, d, o) -> (c + a * d) * (o + t.shift()),
                    (c, d) -> t.weight(c + a * d));
            Signal each = sub(
                    heads,
                    2,
                    (batch, point, part) -> at(inner, x.arranged(point, outer(batch), part, batch.get(x.before()))));
            Transform of = new Transform(a, t.inverse(), false, 1, Math.ceilDiv(t.out(), b), t.parts(), 0);
            Signal y =
                    a > LARGEST ? transform(name + ".result", type, each, of) : dense(name + ".result", type, each, of);
            return x.of(t.out(), t.parts(), (batch, point, part) -> {
                List<Index> at = new ArrayList<>(batch);
                at.add(x.before(), point.mod(b));
                Scalar sum = y.at(at, point.div(b), part);
                return apart ? add(sum, wave(batch, point, part)) : sum;
            });
        }

        /** What the point in the middle adds. */
        private Scalar wave(List<Index> batch, Index point, Index part) {
            long middle = t.length() / 2;
            Scalar v = multiply(
                    x.at(batch, Index.of(middle), x.parts() == 1 ? Index.ZERO : part), literal(type, t.weight(middle)));
            Index odd = point.plus(Math.floorMod(t.shift(), 2L)).mod(2);
            Scalar wave = Scalar.select(List.of(new Inside(odd, 0, 1)), v, negative(v));
            return x.parts() == 1 ? Scalar.select(List.of(new Inside(part, 0, 1)), wave, literal(type, 0)) : wave;
        }
    }

    // ---- any length ------------------------------------------------------------------------------------------------

    /** {@code i o = (i^2 + o^2 - (o - i)^2) / 2}: a convolution with a chirp between two products with one. */
    private record Chirp(String name, DType type, Signal x, Transform t) {
        Signal transform() {
            long n = power(x.points() + t.out() - 1);
            Array in = factors(
                    "in",
                    x.points(),
                    i -> 0.5 * turns(i) + (double) Math.floorMod(i * t.shift(), t.length()),
                    t::weight);
            Array out = factors("out", t.out(), o -> 0.5 * turns(o), o -> 1);
            Array filter = factors(
                    "filter",
                    n,
                    j -> -0.5 * turns(j < t.out() ? j : n - j),
                    j -> j < t.out() || n - j < x.points() ? 1 : 0);
            Signal turned = x.of(
                    x.points(),
                    2,
                    (batch, point, part) -> product(
                            at -> x.parts() == 1 && at == 1 ? literal(type, 0) : x.at(batch, point, Index.of(at)),
                            at -> at(in, List.of(Index.of(at), point)),
                            part));
            Signal chirp = new Signal(new long[0], 0, n, 2, (batch, point, part) -> at(filter, List.of(part, point)));
            Transform there = Transform.forward(n, n);
            Signal a = Fourier.transform(name + ".turned", type, turned, there);
            Signal b = Fourier.transform(name + ".chirp", type, chirp, there);
            Signal both = x.of(
                    n,
                    2,
                    (batch, point, part) -> product(
                            at -> a.at(batch, point, Index.of(at)), at -> b.at(List.of(), point, Index.of(at)), part));
            Signal y = Fourier.transform(name + ".back", type, both, Transform.inverse(n, false, t.out(), 2, 0));
            return x.of(
                    t.out(),
                    t.parts(),
                    (batch, point, part) -> product(
                            at -> y.at(batch, point, Index.of(at)), at -> at(out, List.of(Index.of(at), point)), part));
        }

        /** j squared, in half parts of the length: the period is twice that. */
        private double turns(long j) {
            return j * j % (2 * t.length());
        }

        private Array factors(String what, long count, LongToDoubleFunction turns, LongToDoubleFunction weight) {
            int n = Math.toIntExact(count);
            double[] f = new double[2 * n];
            for (int i = 0; i < n; i++) {
                double angle = 2 * Math.PI * turns.applyAsDouble(i) / t.length();
                f[i] = weight.applyAsDouble(i) * Math.cos(angle);
                f[n + i] = weight.applyAsDouble(i) * (t.inverse() ? 1 : -1) * Math.sin(angle);
            }
            return constant(name + "." + what, type, f, 2, n);
        }
    }

    /** A part of a product of complex numbers. */
    static Scalar product(IntFunction<Scalar> x, IntFunction<Scalar> y, Index part) {
        return Scalar.select(
                List.of(new Inside(part, 0, 1)),
                subtract(multiply(x.apply(0), y.apply(0)), multiply(x.apply(1), y.apply(1))),
                add(multiply(x.apply(0), y.apply(1)), multiply(x.apply(1), y.apply(0))));
    }

    static Scalar negative(Scalar v) {
        return multiply(v, literal(v.type(), -1));
    }

    private static Array constant(String name, DType type, double[] values, long... shape) {
        return new Array(name, type, shape, new Array.Literal(Constant.of(type, Shape.of(shape), values)));
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
        long points = l.extent(n.output(), axis);
        int parts = (int) l.extent(n.output(), last);
        Transform t = new Transform(length, inverse, half, inverse ? 1.0 / length : 1, points, parts, 0);
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
