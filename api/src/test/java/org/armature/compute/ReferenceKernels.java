package org.armature.compute;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleBinaryOperator;
import java.util.function.DoubleUnaryOperator;
import java.util.function.IntFunction;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.armature.graph.DType;
import org.armature.graph.Node;
import org.armature.graph.Shape;

/** ONNX's operators as their definitions say, one node at a time. */
final class ReferenceKernels {
    /** Row-major numbers. */
    record Array(long[] shape, double[] v) {
        static Array zeros(long... shape) {
            return new Array(shape, new double[(int) size(shape)]);
        }

        static Array make(long[] shape, IntFunction<Double> f) {
            Array a = zeros(shape);
            Arrays.setAll(a.v, f::apply);
            return a;
        }

        static long size(long... shape) {
            return Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        }

        int rank() {
            return shape.length;
        }

        Shape asShape() {
            return Shape.of(shape);
        }

        int dim(int i) {
            return (int) shape[i < 0 ? i + shape.length : i];
        }

        long[] longs() {
            return Arrays.stream(v).mapToLong(d -> (long) d).toArray();
        }

        Array reshape(long... s) {
            return new Array(s, v);
        }

        Array map(DoubleUnaryOperator f) {
            return new Array(shape, Arrays.stream(v).map(f).toArray());
        }

        /** Elements of this array for every position of a larger shape it broadcasts to. */
        double[] spread(long... to) {
            int n = (int) size(to);
            double[] r = new double[n];
            long[] strides = new Array(shape, v).asShape().strides();
            int lead = to.length - rank();
            for (int p = 0; p < n; p++) {
                long rest = p;
                long at = 0;
                for (int i = to.length - 1; i >= 0; i--) {
                    long c = rest % to[i];
                    rest /= to[i];
                    if (i >= lead && shape[i - lead] != 1) {
                        at += c * strides[i - lead];
                    }
                }
                r[p] = v[(int) at];
            }
            return r;
        }

        Array transpose(int... perm) {
            long[] to = Arrays.stream(perm).mapToLong(p -> shape[p]).toArray();
            long[] strides = asShape().strides();
            return collect(to, c -> {
                long at = 0;
                for (int i = 0; i < perm.length; i++) {
                    at += c[i] * strides[perm[i]];
                }
                return v[(int) at];
            });
        }

        double at(long... c) {
            long p = 0;
            for (int i = 0; i < c.length; i++) {
                p = p * shape[i] + c[i];
            }
            return v[(int) p];
        }

        int offset(long... c) {
            long p = 0;
            for (int i = 0; i < c.length; i++) {
                p = p * shape[i] + c[i];
            }
            return (int) p;
        }

        static Array collect(long[] shape, java.util.function.ToDoubleFunction<long[]> f) {
            Array r = zeros(shape);
            int[] p = {0};
            each(shape, c -> r.v[p[0]++] = f.applyAsDouble(c));
            return r;
        }

        /** Every position in row-major order. */
        static void each(long[] shape, java.util.function.Consumer<long[]> f) {
            long n = size(shape);
            long[] c = new long[shape.length];
            for (long k = 0; k < n; k++) {
                f.accept(c);
                for (int i = shape.length - 1; i >= 0 && ++c[i] == shape[i]; i--) {
                    c[i] = 0;
                }
            }
        }
    }

    private final int opset;
    private final Node n;
    private final Array[] in;

    ReferenceKernels(int opset, Node n, Array[] in) {
        this.opset = opset;
        this.n = n;
        this.in = in;
    }

    List<Array> run() {
        return switch (n.type()) {
            case "MaxPool" -> maxPool();
            case "Split" -> split();
            case "TopK" -> topK();
            case "LayerNormalization" -> layerNormalization();
            case "BatchNormalization" -> batchNormalization();
            case "Dropout" -> List.of(in[0], in[0].map(d -> 1));
            default -> List.of(one());
        };
    }

    private Array one() {
        Array x = in.length > 0 ? in[0] : Array.zeros();
        return switch (n.type()) {
            case "Add" -> fold(Double::sum);
            case "Sub" -> fold((a, b) -> a - b);
            case "Mul" -> fold((a, b) -> a * b);
            case "Div" -> integral() ? fold((a, b) -> (double) ((long) a / (long) b)) : fold((a, b) -> a / b);
            case "Pow" -> fold(Math::pow);
            case "Mod" -> n.integer("fmod", 0) != 0 ? fold((a, b) -> a % b) : fold((a, b) -> a - b * Math.floor(a / b));
            case "Max" -> fold(Math::max);
            case "Min" -> fold(Math::min);
            case "Sum" -> fold(Double::sum);
            case "Mean" -> fold(Double::sum).map(a -> a / in.length);
            case "Equal" -> fold((a, b) -> a == b ? 1 : 0);
            case "Less" -> fold((a, b) -> a < b ? 1 : 0);
            case "Greater" -> fold((a, b) -> a > b ? 1 : 0);
            case "LessOrEqual" -> fold((a, b) -> a <= b ? 1 : 0);
            case "GreaterOrEqual" -> fold((a, b) -> a >= b ? 1 : 0);
            case "And" -> fold((a, b) -> a * b);
            case "Or" -> fold(Math::max);
            case "Xor" -> fold((a, b) -> a != b ? 1 : 0);
            case "PRelu" -> fold((a, b) -> a < 0 ? a * b : a);
            case "Where" -> where();
            case "Not" -> x.map(a -> 1 - a);
            case "IsNaN" -> x.map(a -> Double.isNaN(a) ? 1 : 0);
            case "IsInf" -> x.map(a -> Double.isInfinite(a) ? 1 : 0);
            case "Neg" -> x.map(a -> -a);
            case "Abs" -> x.map(Math::abs);
            case "Sign" -> x.map(Math::signum);
            case "Floor" -> x.map(Math::floor);
            case "Ceil" -> x.map(Math::ceil);
            case "Round" -> x.map(Math::rint);
            case "Sqrt" -> x.map(Math::sqrt);
            case "Reciprocal" -> x.map(a -> 1 / a);
            case "Exp" -> x.map(Math::exp);
            case "Log" -> x.map(Math::log);
            case "Sin" -> x.map(Math::sin);
            case "Cos" -> x.map(Math::cos);
            case "Tan" -> x.map(Math::tan);
            case "Asin" -> x.map(Math::asin);
            case "Acos" -> x.map(Math::acos);
            case "Atan" -> x.map(Math::atan);
            case "Sinh" -> x.map(Math::sinh);
            case "Cosh" -> x.map(Math::cosh);
            case "Tanh" -> x.map(Math::tanh);
            case "Asinh" -> x.map(a -> Math.log(a + Math.sqrt(a * a + 1)));
            case "Acosh" -> x.map(a -> Math.log(a + Math.sqrt(a * a - 1)));
            case "Atanh" -> x.map(a -> 0.5 * Math.log((1 + a) / (1 - a)));
            case "Erf" -> x.map(ReferenceKernels::erf);
            case "Identity" -> x;
            case "Cast" -> cast(x, DType.ofOnnx((int) n.integer("to", 1)));
            case "CastLike" -> cast(x, n.input(1).dtype());
            case "Clip" -> x.map(a -> Math.min(Math.max(a, bound(1, -Double.MAX_VALUE)), bound(2, Double.MAX_VALUE)));
            case "Relu" -> x.map(a -> Math.max(a, 0));
            case "LeakyRelu" -> x.map(a -> a < 0 ? a * real("alpha", 0.01f) : a);
            case "ThresholdedRelu" -> x.map(a -> a > real("alpha", 1) ? a : 0);
            case "Elu" -> x.map(a -> a > 0 ? a : real("alpha", 1) * Math.expm1(a));
            case "Celu" -> x.map(a -> a > 0 ? a : real("alpha", 1) * Math.expm1(a / real("alpha", 1)));
            case "Selu" ->
                x.map(a -> real("gamma", 1.0507009873554805f)
                        * (a > 0 ? a : real("alpha", 1.6732632423543772f) * Math.expm1(a)));
            case "Sigmoid" -> x.map(ReferenceKernels::sigmoid);
            case "HardSigmoid" -> x.map(a -> Math.clamp(real("alpha", 0.2f) * a + real("beta", 0.5f), 0.0, 1.0));
            case "HardSwish" -> x.map(a -> a * Math.clamp(a / 6 + 0.5, 0.0, 1.0));
            case "Softplus" -> x.map(a -> Math.log1p(Math.exp(a)));
            case "Softsign" -> x.map(a -> a / (1 + Math.abs(a)));
            case "Mish" -> x.map(a -> a * Math.tanh(Math.log1p(Math.exp(a))));
            case "Swish" -> x.map(a -> a * sigmoid(real("alpha", 1) * a));
            case "QuickGelu" -> x.map(a -> a * sigmoid(real("alpha", 1.702f) * a));
            case "Gelu" -> x.map(a -> gelu(a, n.text("approximate", "none").equals("tanh")));
            case "FastGelu" -> (in.length > 1 ? fold(Double::sum) : x).map(a -> gelu(a, true));
            case "BiasGelu" -> fold(Double::sum).map(a -> gelu(a, false));
            case "Shrink" -> x.map(a -> Math.abs(a) > real("lambd", 0.5f) ? a - Math.signum(a) * real("bias", 0) : 0);
            case "MatMul" -> matMul(x, in[1]);
            case "FusedMatMul" ->
                matMul(swap(x, n.integer("transA", 0)), swap(in[1], n.integer("transB", 0)))
                        .map(a -> a * real("alpha", 1));
            case "Gemm" -> gemm();
            case "Einsum" -> einsum();
            case "Conv" -> conv();
            case "ConvTranspose" -> convTranspose();
            case "AveragePool" -> averagePool();
            case "GlobalAveragePool" -> reduceOver(x, spatial(x), true, "ReduceMean");
            case "GlobalMaxPool" -> reduceOver(x, spatial(x), true, "ReduceMax");
            case "Softmax" -> softmax(false);
            case "LogSoftmax" -> softmax(true);
            case "InstanceNormalization" -> channels(normal(x, spatial(x), epsilon(), true), in[1], in[2]);
            case "GroupNormalization" -> groupNormalization();
            case "RMSNormalization", "SimplifiedLayerNormalization" -> rms();
            case "MeanVarianceNormalization" ->
                normal(
                        x,
                        Arrays.stream(n.integers("axes", 0, 2, 3))
                                .mapToInt(a -> (int) a)
                                .toArray(),
                        0,
                        true);
            case "LpNormalization" -> {
                Array norm = reduceOver(
                        x, new int[] {axis("axis", -1)}, true, n.integer("p", 2) == 1 ? "ReduceL1" : "ReduceL2");
                yield binary(x, norm, (a, b) -> a / b);
            }
            case "ReduceSum",
                    "ReduceMean",
                    "ReduceMax",
                    "ReduceMin",
                    "ReduceProd",
                    "ReduceL1",
                    "ReduceL2",
                    "ReduceLogSum",
                    "ReduceLogSumExp",
                    "ReduceSumSquare" -> reduce();
            case "CumSum" -> cumSum();
            case "Reshape", "Flatten", "Squeeze", "Unsqueeze" -> x.reshape(outShape());
            case "Shape" ->
                new Array(outShape(), Arrays.stream(x.shape).asDoubleStream().toArray());
            case "Transpose" ->
                x.transpose(ints(n.integers(
                        "perm",
                        LongStream.range(0, x.rank()).map(i -> x.rank() - 1 - i).toArray())));
            case "Expand" -> new Array(outShape(), x.spread(outShape()));
            case "Tile" -> Array.collect(outShape(), c -> x.at(wrapped(c, x.shape)));
            case "Concat" -> concat();
            case "Slice" -> slice();
            case "Pad" -> pad();
            case "DepthToSpace" -> depthToSpace();
            case "SpaceToDepth" -> {
                long b = n.integer("blocksize", 1);
                yield x.reshape(x.shape[0], x.shape[1], x.shape[2] / b, b, x.shape[3] / b, b)
                        .transpose(0, 3, 5, 1, 2, 4)
                        .reshape(outShape());
            }
            case "Gather" -> gather();
            case "GatherElements" -> {
                int axis = axis("axis", 0);
                yield Array.collect(in[1].shape, c -> {
                    long[] from = c.clone();
                    from[axis] = positive((long) in[1].at(c), x.shape[axis]);
                    return x.at(from);
                });
            }
            case "GatherND" -> gatherND();
            case "ScatterElements" -> scatterElements();
            case "ScatterND" -> scatterND();
            case "Trilu" -> {
                long k = in.length > 1 ? (long) in[1].v[0] : 0;
                boolean upper = n.integer("upper", 1) != 0;
                yield Array.collect(x.shape, c -> {
                    long d = c[c.length - 1] - c[c.length - 2];
                    return (upper ? d >= k : d <= k) ? x.at(c) : 0;
                });
            }
            case "OneHot" -> {
                int rank = x.rank() + 1;
                int axis = (int) n.integer("axis", -1);
                int a = axis < 0 ? axis + rank : axis;
                yield Array.collect(outShape(), c -> {
                    long[] from = IntStream.range(0, rank)
                            .filter(i -> i != a)
                            .mapToLong(i -> c[i])
                            .toArray();
                    return in[2].v[positive((long) x.at(from), (long) in[1].v[0]) == c[a] ? 1 : 0];
                });
            }
            case "Range" -> Array.make(outShape(), i -> x.v[0] + i * in[2].v[0]);
            case "ConstantOfShape" -> {
                double fill = n.attribute("value").orElse(null) instanceof org.armature.graph.Attribute.Data d
                        ? d.value().get(0)
                        : 0;
                yield Array.make(outShape(), i -> fill);
            }
            case "Resize" -> resize();
            case "DFT" -> dft();
            default -> throw new UnsupportedOperationException("the reference executor has no " + n.op());
        };
    }

    // ---- small things ----------------------------------------------------------------------------------------------

    private boolean integral() {
        return n.output().dtype().isInteger();
    }

    private float real(String name, float otherwise) {
        return n.real(name, otherwise);
    }

    private double epsilon() {
        return real("epsilon", 1e-5f);
    }

    private long[] outShape() {
        return n.output().shape().sizes();
    }

    private boolean has(int i) {
        return i < in.length && in[i] != null;
    }

    private double bound(int i, double otherwise) {
        return has(i) ? in[i].v[0] : otherwise;
    }

    private int axis(String name, long otherwise) {
        return in[0].asShape().axis(n.integer(name, otherwise));
    }

    private static int[] ints(long... v) {
        return Arrays.stream(v).mapToInt(a -> (int) a).toArray();
    }

    private static int[] spatial(Array x) {
        return IntStream.range(2, x.rank()).toArray();
    }

    private static long positive(long i, long size) {
        return i < 0 ? i + size : i;
    }

    private static long[] wrapped(long[] c, long[] shape) {
        long[] r = new long[c.length];
        Arrays.setAll(r, i -> c[i] % shape[i]);
        return r;
    }

    private static Array binary(Array a, Array b, DoubleBinaryOperator f) {
        long[] to = Shape.broadcast(a.asShape(), b.asShape()).sizes();
        double[] x = a.spread(to);
        double[] y = b.spread(to);
        return Array.make(to, i -> f.applyAsDouble(x[i], y[i]));
    }

    private Array fold(DoubleBinaryOperator f) {
        Array r = in[0];
        for (int i = 1; i < in.length; i++) {
            r = binary(r, in[i], f);
        }
        return r;
    }

    private Array where() {
        long[] to = outShape();
        double[] c = in[0].spread(to);
        double[] a = in[1].spread(to);
        double[] b = in[2].spread(to);
        return Array.make(to, i -> c[i] != 0 ? a[i] : b[i]);
    }

    private static Array cast(Array x, DType to) {
        return to == DType.BOOL ? x.map(a -> a != 0 ? 1 : 0) : to.isFloating() ? x : x.map(a -> (long) a);
    }

    private static double sigmoid(double a) {
        return 1 / (1 + Math.exp(-a));
    }

    private static double gelu(double a, boolean tanh) {
        return tanh
                ? 0.5 * a * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (a + 0.044715 * a * a * a)))
                : 0.5 * a * (1 + erf(a / Math.sqrt(2)));
    }

    /** Series near zero, continued fraction beyond: exact to double precision. */
    private static double erf(double x) {
        double z = Math.abs(x);
        if (z > 6) {
            return Math.signum(x);
        }
        if (z < 2.5) {
            double term = z;
            double sum = z;
            for (int k = 1; k < 200 && Math.abs(term) > 1e-18 * Math.abs(sum); k++) {
                term *= -z * z / k;
                sum += term / (2 * k + 1);
            }
            return Math.signum(x) * 2 / Math.sqrt(Math.PI) * sum;
        }
        double f = 0;
        for (int k = 100; k > 0; k--) {
            f = k / 2.0 / (z + f);
        }
        return Math.signum(x) * (1 - Math.exp(-z * z) / Math.sqrt(Math.PI) / (z + f));
    }

    // ---- products --------------------------------------------------------------------------------------------------

    private static Array swap(Array x, long yes) {
        int[] perm = IntStream.range(0, x.rank()).toArray();
        if (yes != 0) {
            perm[perm.length - 1] = perm.length - 2;
            perm[perm.length - 2] = perm.length - 1;
        }
        return x.transpose(perm);
    }

    private Array matMul(Array a, Array b) {
        Array x = a.rank() == 1 ? a.reshape(1, a.shape[0]) : a;
        Array y = b.rank() == 1 ? b.reshape(b.shape[0], 1) : b;
        int m = x.dim(-2);
        int k = x.dim(-1);
        int w = y.dim(-1);
        long[] batch = Shape.broadcast(
                        x.asShape().slice(0, x.rank() - 2), y.asShape().slice(0, y.rank() - 2))
                .sizes();
        int count = (int) Array.size(batch);
        double[] xs = x.spread(Shape.of(batch).concat(Shape.of(m, k)).sizes());
        double[] ys = y.spread(Shape.of(batch).concat(Shape.of(k, w)).sizes());
        double[] r = new double[count * m * w];
        for (int c = 0; c < count; c++) {
            for (int i = 0; i < m; i++) {
                for (int q = 0; q < k; q++) {
                    double e = xs[(c * m + i) * k + q];
                    for (int j = 0; j < w; j++) {
                        r[(c * m + i) * w + j] += e * ys[(c * k + q) * w + j];
                    }
                }
            }
        }
        return new Array(outShape(), r);
    }

    private Array gemm() {
        Array y = matMul(swap(in[0], n.integer("transA", 0)), swap(in[1], n.integer("transB", 0)))
                .map(a -> a * real("alpha", 1));
        return has(2) ? binary(y, in[2].map(a -> a * real("beta", 1)), Double::sum) : y;
    }

    private Array einsum() {
        String[] sides = n.text("equation", "").replace(" ", "").split("->", -1);
        String[] terms = sides[0].split(",", -1);
        if (sides.length < 2 || sides[0].contains(".")) {
            throw new UnsupportedOperationException("the reference executor wants a plain einsum with a result");
        }
        Map<Character, Long> sizes = new LinkedHashMap<>();
        sides[1].chars().forEach(c -> sizes.put((char) c, 1L));
        for (int t = 0; t < terms.length; t++) {
            for (int i = 0; i < terms[t].length(); i++) {
                sizes.merge(terms[t].charAt(i), in[t].shape[i], Math::max);
            }
        }
        List<Character> letters = List.copyOf(sizes.keySet());
        Array r = Array.zeros(outShape());
        Array.each(letters.stream().mapToLong(sizes::get).toArray(), c -> {
            double p = 1;
            for (int t = 0; t < terms.length; t++) {
                p *= in[t].at(pick(terms[t], letters, c, in[t].shape));
            }
            r.v[r.offset(pick(sides[1], letters, c, r.shape))] += p;
        });
        return r;
    }

    private static long[] pick(String term, List<Character> letters, long[] c, long[] shape) {
        long[] r = new long[term.length()];
        Arrays.setAll(r, i -> shape[i] == 1 ? 0 : c[letters.indexOf(term.charAt(i))]);
        return r;
    }

    // ---- windows ---------------------------------------------------------------------------------------------------

    private final class Window {
        final int rank;
        final long[] kernel;
        final long[] strides;
        final long[] dilations;
        final long[] starts;

        /** {@code fine} is the size on the side of the input of a convolution, {@code coarse} on that of its output. */
        Window(long[] kernel, long[] fine, long[] coarse) {
            this.kernel = kernel;
            rank = kernel.length;
            long[] ones = new long[rank];
            Arrays.fill(ones, 1);
            strides = n.integers("strides", ones);
            dilations = n.integers("dilations", ones);
            starts = n.integers("pads", new long[2 * rank]);
            String auto = n.text("auto_pad", "NOTSET");
            if (auto.startsWith("SAME")) {
                for (int i = 0; i < rank; i++) {
                    long total = Math.max(
                            0, (coarse[i + 2] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - fine[i + 2]);
                    starts[i] = auto.endsWith("UPPER") ? total / 2 : total - total / 2;
                }
            }
        }

        /** Calls {@code f} with kernel position and input position for each tap inside. */
        void taps(long[] coarse, long[] fine, java.util.function.BiConsumer<long[], long[]> f) {
            Array.each(kernel, k -> {
                long[] p = coarse.clone();
                boolean inside = true;
                for (int i = 0; i < rank; i++) {
                    p[i + 2] = coarse[i + 2] * strides[i] + k[i] * dilations[i] - starts[i];
                    inside &= p[i + 2] >= 0 && p[i + 2] < fine[i + 2];
                }
                if (inside) {
                    f.accept(k, p);
                }
            });
        }
    }

    private static long[] tail(long... shape) {
        return Arrays.copyOfRange(shape, 2, shape.length);
    }

    private static long[] join(long a, long b, long[] rest) {
        return LongStream.concat(LongStream.of(a, b), Arrays.stream(rest)).toArray();
    }

    private Array conv() {
        Array x = in[0];
        Array w = in[1];
        long group = n.integer("group", 1);
        long perGroup = w.shape[0] / group;
        Window win = new Window(tail(w.shape), x.shape, outShape());
        return Array.collect(outShape(), c -> {
            double[] sum = {has(2) ? in[2].v[(int) c[1]] : 0};
            win.taps(c, x.shape, (k, p) -> {
                for (long i = 0; i < w.shape[1]; i++) {
                    p[1] = c[1] / perGroup * w.shape[1] + i;
                    sum[0] += x.at(p) * w.at(join(c[1], i, k));
                }
            });
            return sum[0];
        });
    }

    private Array convTranspose() {
        Array x = in[0];
        Array w = in[1];
        long group = n.integer("group", 1);
        long perGroup = w.shape[0] / group;
        if (n.attribute("output_shape").isPresent()
                || n.text("auto_pad", "NOTSET").startsWith("SAME")) {
            throw new UnsupportedOperationException("the reference executor wants pads");
        }
        Array y = Array.collect(outShape(), c -> has(2) ? in[2].v[(int) c[1]] : 0);
        Window win = new Window(tail(w.shape), y.shape, x.shape);
        Array.each(
                x.shape,
                c -> win.taps(c, y.shape, (k, p) -> {
                    for (long i = 0; i < w.shape[1]; i++) {
                        p[1] = c[1] / perGroup * w.shape[1] + i;
                        y.v[y.offset(p)] += x.at(c) * w.at(join(c[1], i, k));
                    }
                }));
        return y;
    }

    private List<Array> maxPool() {
        Array x = in[0];
        Window win = new Window(n.integers("kernel_shape"), x.shape, outShape());
        Array at = Array.zeros(outShape());
        int[] i = {0};
        Array y = Array.collect(outShape(), c -> {
            double[] best = {Double.NEGATIVE_INFINITY};
            win.taps(c, x.shape, (k, p) -> {
                if (x.at(p) > best[0]) {
                    best[0] = x.at(p);
                    at.v[i[0]] = x.offset(p);
                }
            });
            i[0]++;
            return best[0];
        });
        return List.of(y, at);
    }

    private Array averagePool() {
        Array x = in[0];
        Window win = new Window(n.integers("kernel_shape"), x.shape, outShape());
        long[] pads = n.integers("pads", new long[2 * win.rank]);
        boolean padding = n.integer("count_include_pad", 0) != 0;
        return Array.collect(outShape(), c -> {
            double[] sum = new double[2];
            win.taps(c, x.shape, (k, p) -> {
                sum[0] += x.at(p);
                sum[1]++;
            });
            if (padding) {
                sum[1] = 0;
                Array.each(win.kernel, k -> {
                    boolean inside = true;
                    for (int i = 0; i < win.rank; i++) {
                        long p = c[i + 2] * win.strides[i] + k[i] * win.dilations[i] - win.starts[i];
                        inside &= p < x.shape[i + 2] + pads[i + win.rank];
                    }
                    sum[1] += inside ? 1 : 0;
                });
            }
            return sum[0] / sum[1];
        });
    }

    // ---- normalisations and reductions -----------------------------------------------------------------------------

    private Array softmax(boolean log) {
        Array x = in[0];
        int from = axis("axis", opset < 13 ? 1 : -1);
        int[] axes = opset < 13 ? IntStream.range(from, x.rank()).toArray() : new int[] {from};
        Array shifted = binary(x, reduceOver(x, axes, true, "ReduceMax"), (a, b) -> a - b);
        Array total = reduceOver(shifted.map(Math::exp), axes, true, "ReduceSum");
        return log
                ? binary(shifted, total.map(Math::log), (a, b) -> a - b)
                : binary(shifted.map(Math::exp), total, (a, b) -> a / b);
    }

    private static Array normal(Array x, int[] axes, double epsilon, boolean centre) {
        Array c = centre ? binary(x, reduceOver(x, axes, true, "ReduceMean"), (a, b) -> a - b) : x;
        Array variance = reduceOver(c.map(a -> a * a), axes, true, "ReduceMean");
        return binary(c, variance, (a, v) -> a / Math.sqrt(v + epsilon));
    }

    private static Array perChannel(Array v, int rank) {
        long[] s = new long[rank - 1];
        Arrays.fill(s, 1);
        s[0] = v.v.length;
        return v.reshape(s);
    }

    private static Array channels(Array x, Array scale, Array bias) {
        return binary(binary(x, perChannel(scale, x.rank()), (a, b) -> a * b), perChannel(bias, x.rank()), Double::sum);
    }

    private Array groupNormalization() {
        Array x = in[0];
        long g = n.integer("num_groups", 1);
        Array u = normal(x.reshape(x.shape[0], g, x.v.length / x.shape[0] / g), new int[] {2}, epsilon(), true);
        return opset < 21 ? channels(u, in[1], in[2]).reshape(x.shape) : channels(u.reshape(x.shape), in[1], in[2]);
    }

    private Array rms() {
        int[] axes = IntStream.range(axis("axis", -1), in[0].rank()).toArray();
        return binary(normal(in[0], axes, epsilon(), false), in[1], (a, b) -> a * b);
    }

    private List<Array> layerNormalization() {
        Array x = in[0];
        int[] axes = IntStream.range(axis("axis", -1), x.rank()).toArray();
        Array y = binary(normal(x, axes, epsilon(), true), in[1], (a, b) -> a * b);
        Array mean = reduceOver(x, axes, true, "ReduceMean");
        Array square = reduceOver(binary(x, mean, (a, b) -> (a - b) * (a - b)), axes, true, "ReduceMean");
        return List.of(has(2) ? binary(y, in[2], Double::sum) : y, mean, square.map(v -> 1 / Math.sqrt(v + epsilon())));
    }

    private List<Array> batchNormalization() {
        Array x = in[0];
        int rank = x.rank();
        if (n.integer("training_mode", 0) == 0) {
            Array centred = binary(x, perChannel(in[3], rank), (a, b) -> a - b);
            Array u = binary(centred, perChannel(in[4], rank), (a, v) -> a / Math.sqrt(v + epsilon()));
            return List.of(channels(u, in[1], in[2]));
        }
        int[] axes = IntStream.range(0, rank).filter(a -> a != 1).toArray();
        Array mean = reduceOver(x, axes, true, "ReduceMean");
        Array variance = reduceOver(binary(x, mean, (a, b) -> (a - b) * (a - b)), axes, true, "ReduceMean");
        double m = real("momentum", 0.9f);
        return List.of(
                channels(normal(x, axes, epsilon(), true), in[1], in[2]),
                binary(in[3], mean.reshape(in[3].shape), (a, b) -> m * a + (1 - m) * b),
                binary(in[4], variance.reshape(in[4].shape), (a, b) -> m * a + (1 - m) * b));
    }

    private Array reduce() {
        Array x = in[0];
        long[] axes = has(1) ? in[1].longs() : n.integers("axes");
        if (axes.length == 0 && n.integer("noop_with_empty_axes", 0) != 0) {
            return x;
        }
        int[] over = axes.length == 0
                ? IntStream.range(0, x.rank()).toArray()
                : Arrays.stream(axes).mapToInt(x.asShape()::axis).toArray();
        return reduceOver(x, over, n.integer("keepdims", 1) != 0, n.type());
    }

    private static Array reduceOver(Array x, int[] axes, boolean keep, String type) {
        long[] kept = x.shape.clone();
        Arrays.stream(axes).forEach(a -> kept[a] = 1);
        Array r = Array.zeros(kept);
        Arrays.fill(
                r.v,
                switch (type) {
                    case "ReduceMax", "ReduceLogSumExp" -> Double.NEGATIVE_INFINITY;
                    case "ReduceMin" -> Double.POSITIVE_INFINITY;
                    case "ReduceProd" -> 1;
                    default -> 0;
                });
        double count = (double) x.v.length / Math.max(1, r.v.length);
        Array.each(x.shape, c -> {
            int to = r.offset(wrapped(c, kept));
            double v = x.at(c);
            r.v[to] = switch (type) {
                case "ReduceMax" -> Math.max(r.v[to], v);
                case "ReduceMin" -> Math.min(r.v[to], v);
                case "ReduceProd" -> r.v[to] * v;
                case "ReduceL1" -> r.v[to] + Math.abs(v);
                case "ReduceL2", "ReduceSumSquare" -> r.v[to] + v * v;
                case "ReduceLogSumExp" -> {
                    double top = Math.max(r.v[to], v);
                    yield top + Math.log(Math.exp(r.v[to] - top) + Math.exp(v - top));
                }
                default -> r.v[to] + v;
            };
        });
        Array done = switch (type) {
            case "ReduceMean" -> r.map(a -> a / count);
            case "ReduceL2" -> r.map(Math::sqrt);
            case "ReduceLogSum" -> r.map(Math::log);
            default -> r;
        };
        return keep
                ? done
                : done.reshape(IntStream.range(0, kept.length)
                        .filter(i -> Arrays.stream(axes).noneMatch(a -> a == i))
                        .mapToLong(i -> kept[i])
                        .toArray());
    }

    private Array cumSum() {
        Array x = in[0];
        int axis = x.asShape().axis((long) in[1].v[0]);
        boolean reverse = n.integer("reverse", 0) != 0;
        boolean exclusive = n.integer("exclusive", 0) != 0;
        return Array.collect(x.shape, c -> {
            double sum = 0;
            long[] p = c.clone();
            for (p[axis] = 0; p[axis] < x.shape[axis]; p[axis]++) {
                long d = reverse ? p[axis] - c[axis] : c[axis] - p[axis];
                sum += d > 0 || (d == 0 && !exclusive) ? x.at(p) : 0;
            }
            return sum;
        });
    }

    private List<Array> topK() {
        Array x = in[0];
        int axis = axis("axis", -1);
        boolean largest = n.integer("largest", 1) != 0;
        Array at = Array.zeros(outShape());
        Array y = Array.zeros(outShape());
        Array.each(outShape(), c -> {
            long[] p = c.clone();
            long i = IntStream.range(0, x.dim(axis))
                    .boxed()
                    .sorted((a, b) -> {
                        p[axis] = a;
                        double u = x.at(p);
                        p[axis] = b;
                        return largest ? Double.compare(x.at(p), u) : Double.compare(u, x.at(p));
                    })
                    .toList()
                    .get((int) c[axis]);
            p[axis] = i;
            at.v[at.offset(c)] = i;
            y.v[y.offset(c)] = x.at(p);
        });
        return List.of(y, at);
    }

    // ---- layout ----------------------------------------------------------------------------------------------------

    private Array concat() {
        int axis = axis("axis", 0);
        return Array.collect(outShape(), c -> {
            long[] p = c.clone();
            int i = 0;
            while (p[axis] >= in[i].shape[axis]) {
                p[axis] -= in[i++].shape[axis];
            }
            return in[i].at(p);
        });
    }

    private List<Array> split() {
        int axis = axis("axis", 0);
        List<Array> parts = new ArrayList<>();
        long at = 0;
        for (var out : n.outputs()) {
            long from = at;
            parts.add(Array.collect(out.shape().sizes(), c -> {
                long[] p = c.clone();
                p[axis] += from;
                return in[0].at(p);
            }));
            at += out.shape().dim(axis);
        }
        return parts;
    }

    private Array slice() {
        Array x = in[0];
        long[] starts = in[1].longs();
        long[] axes =
                has(3) ? in[3].longs() : LongStream.range(0, starts.length).toArray();
        long[] from = new long[x.rank()];
        long[] step = new long[x.rank()];
        Arrays.fill(step, 1);
        for (int i = 0; i < axes.length; i++) {
            int a = x.asShape().axis(axes[i]);
            step[a] = has(4) ? in[4].longs()[i] : 1;
            from[a] = Math.clamp(positive(starts[i], x.shape[a]), 0, step[a] > 0 ? x.shape[a] : x.shape[a] - 1);
        }
        return Array.collect(outShape(), c -> {
            long[] p = c.clone();
            Arrays.setAll(p, i -> from[i] + c[i] * step[i]);
            return x.at(p);
        });
    }

    private Array pad() {
        Array x = in[0];
        long[] pads = in[1].longs();
        long[] axes = has(3) ? in[3].longs() : LongStream.range(0, x.rank()).toArray();
        String mode = n.text("mode", "constant");
        double fill = bound(2, 0);
        return Array.collect(outShape(), c -> {
            long[] p = c.clone();
            for (int i = 0; i < axes.length; i++) {
                int a = x.asShape().axis(axes[i]);
                long size = x.shape[a];
                p[a] -= pads[i];
                IntUnaryOperator mirror = q -> {
                    int m = Math.floorMod(q, (int) Math.max(1, 2 * (size - 1)));
                    return m < size ? m : (int) (2 * (size - 1) - m);
                };
                p[a] = switch (mode) {
                    case "edge" -> Math.clamp(p[a], 0, size - 1);
                    case "wrap" -> Math.floorMod(p[a], size);
                    case "reflect" -> mirror.applyAsInt((int) p[a]);
                    default -> p[a];
                };
                if (p[a] < 0 || p[a] >= size) {
                    return fill;
                }
            }
            return x.at(p);
        });
    }

    private Array depthToSpace() {
        Array x = in[0];
        long b = n.integer("blocksize", 1);
        long c = x.shape[1] / (b * b);
        return (n.text("mode", "DCR").equals("DCR")
                        ? x.reshape(x.shape[0], b, b, c, x.shape[2], x.shape[3]).transpose(0, 3, 4, 1, 5, 2)
                        : x.reshape(x.shape[0], c, b, b, x.shape[2], x.shape[3]).transpose(0, 1, 4, 2, 5, 3))
                .reshape(outShape());
    }

    // ---- indices ---------------------------------------------------------------------------------------------------

    private Array gather() {
        Array x = in[0];
        int axis = axis("axis", 0);
        int r = in[1].rank();
        return Array.collect(outShape(), c -> {
            long i = positive((long) in[1].at(Arrays.copyOfRange(c, axis, axis + r)), x.shape[axis]);
            long[] p = new long[x.rank()];
            Arrays.setAll(p, a -> a < axis ? c[a] : a == axis ? i : c[a + r - 1]);
            return x.at(p);
        });
    }

    private long[] tuple(long[] prefix) {
        Array at = in[1];
        long[] t = new long[at.dim(-1)];
        int from = at.offset(Arrays.copyOf(prefix, at.rank()));
        Arrays.setAll(t, i -> (long) at.v[from + i]);
        return t;
    }

    private Array gatherND() {
        Array x = in[0];
        int batch = (int) n.integer("batch_dims", 0);
        int lead = in[1].rank() - 1;
        return Array.collect(outShape(), c -> {
            long[] t = tuple(Arrays.copyOf(c, lead));
            long[] p = new long[x.rank()];
            Arrays.setAll(
                    p,
                    a -> a < batch
                            ? c[a]
                            : a < batch + t.length
                                    ? positive(t[a - batch], x.shape[a])
                                    : c[lead + a - batch - t.length]);
            return x.at(p);
        });
    }

    private double reduced(double old, double now) {
        return switch (n.text("reduction", "none")) {
            case "add" -> old + now;
            case "mul" -> old * now;
            case "max" -> Math.max(old, now);
            case "min" -> Math.min(old, now);
            default -> now;
        };
    }

    private Array scatterElements() {
        Array y = new Array(in[0].shape, in[0].v.clone());
        int axis = axis("axis", 0);
        Array.each(in[1].shape, c -> {
            long[] p = c.clone();
            p[axis] = positive((long) in[1].at(c), y.shape[axis]);
            y.v[y.offset(p)] = reduced(y.at(p), in[2].at(c));
        });
        return y;
    }

    private Array scatterND() {
        Array y = new Array(in[0].shape, in[0].v.clone());
        int lead = in[1].rank() - 1;
        Array.each(in[2].shape, c -> {
            long[] t = tuple(Arrays.copyOf(c, lead));
            long[] p = new long[y.rank()];
            Arrays.setAll(p, a -> a < t.length ? positive(t[a], y.shape[a]) : c[lead + a - t.length]);
            y.v[y.offset(p)] = reduced(y.at(p), in[2].at(c));
        });
        return y;
    }

    // ---- resampling and spectra ------------------------------------------------------------------------------------

    private Array resize() {
        Array y = in[0];
        long[] axes = n.integers("axes", LongStream.range(0, y.rank()).toArray());
        for (int i = 0; i < axes.length; i++) {
            int a = y.asShape().axis(axes[i]);
            double scale = has(2) && in[2].v.length > 0 ? in[2].v[i] : (double) outShape()[a] / in[0].shape[a];
            y = resizeAxis(y, a, (int) outShape()[a], scale);
        }
        return y;
    }

    private Array resizeAxis(Array x, int axis, int out, double scale) {
        long[] to = x.shape.clone();
        int size = x.dim(axis);
        to[axis] = out;
        String mode = n.text("mode", "nearest");
        double a = real("cubic_coeff_a", -0.75f);
        boolean exclude = n.integer("exclude_outside", 0) != 0;
        boolean antialias = n.integer("antialias", 0) != 0 && scale < 1;
        return Array.collect(to, c -> {
            double p = switch (n.text("coordinate_transformation_mode", "half_pixel")) {
                case "align_corners" -> out == 1 ? 0 : c[axis] * (size - 1.0) / (out - 1);
                case "asymmetric" -> c[axis] / scale;
                case "pytorch_half_pixel" -> out == 1 ? 0 : (c[axis] + 0.5) / scale - 0.5;
                default -> (c[axis] + 0.5) / scale - 0.5;
            };
            long[] q = c.clone();
            if (mode.equals("nearest")) {
                double r = switch (n.text("nearest_mode", "round_prefer_floor")) {
                    case "floor" -> Math.floor(p);
                    case "ceil" -> Math.ceil(p);
                    case "round_prefer_ceil" -> Math.floor(p + 0.5);
                    default -> Math.ceil(p - 0.5);
                };
                q[axis] = Math.clamp((long) r, 0, size - 1);
                return x.at(q);
            }
            double sum = 0;
            double total = 0;
            for (int i = -4 * size; i < 5 * size; i++) {
                double d = Math.abs(i - p) * (antialias ? scale : 1);
                double w = mode.equals("linear")
                        ? Math.max(0, 1 - d)
                        : d < 1
                                ? (a + 2) * d * d * d - (a + 3) * d * d + 1
                                : d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
                if ((exclude || antialias) && (i < 0 || i >= size)) {
                    continue;
                }
                q[axis] = Math.clamp(i, 0, size - 1);
                sum += w * x.at(q);
                total += w;
            }
            return sum / total;
        });
    }

    private Array dft() {
        Array x = in[0];
        int axis = x.asShape().axis(opset >= 20 ? (has(2) ? (long) in[2].v[0] : -2) : n.integer("axis", 1));
        boolean inverse = n.integer("inverse", 0) != 0;
        boolean half = n.integer("onesided", 0) != 0;
        boolean spectrum = inverse && half;
        int bins = x.dim(axis);
        int length = has(1) ? (int) in[1].v[0] : spectrum ? 2 * (bins - 1) : bins;
        double sign = inverse ? 1 : -1;
        return Array.collect(outShape(), c -> {
            double sum = 0;
            boolean imaginary = c[c.length - 1] == 1;
            long[] p = c.clone();
            for (int t = 0; t < length; t++) {
                boolean mirrored = spectrum && t > length / 2;
                int from = mirrored ? length - t : t;
                if (from >= bins) {
                    continue;
                }
                p[axis] = from;
                p[p.length - 1] = 0;
                double re = x.at(p);
                p[p.length - 1] = 1;
                double im = x.dim(-1) == 2 ? x.at(p) * (mirrored ? -1 : 1) : 0;
                if (spectrum && (from == 0 || 2 * from == length)) {
                    im = 0;
                }
                double angle = sign * 2 * Math.PI * ((long) t * c[axis] % length) / length;
                sum += imaginary
                        ? re * Math.sin(angle) + im * Math.cos(angle)
                        : re * Math.cos(angle) - im * Math.sin(angle);
            }
            return inverse ? sum / length : sum;
        });
    }
}
