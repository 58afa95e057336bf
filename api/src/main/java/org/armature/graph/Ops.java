package org.armature.graph;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * ONNX operators as functions of values, for {@code import static}: {@code y = add(matMul(x, w), b)}. Each has the meaning,
 * the defaults and the broadcasting of its ONNX namesake at opset 20; shapes and types are inferred at once and
 * {@link GraphException} names what does not fit. Numbers become constants of the tensor's type.
 *
 * <p>For whatever is not here there is {@link Graph.Builder#node}.
 */
@SuppressWarnings("checkstyle:MethodCount")
public final class Ops {
    private Ops() {}

    // ---- elementwise -----------------------------------------------------------------------------------------------

    public static Value add(Value a, Value b) {
        return node("Add", a, b);
    }

    public static Value add(Value a, double b) {
        return add(a, like(a, b));
    }

    public static Value sub(Value a, Value b) {
        return node("Sub", a, b);
    }

    public static Value sub(Value a, double b) {
        return sub(a, like(a, b));
    }

    public static Value sub(double a, Value b) {
        return sub(like(b, a), b);
    }

    public static Value mul(Value a, Value b) {
        return node("Mul", a, b);
    }

    public static Value mul(Value a, double b) {
        return mul(a, like(a, b));
    }

    public static Value div(Value a, Value b) {
        return node("Div", a, b);
    }

    public static Value div(Value a, double b) {
        return div(a, like(a, b));
    }

    public static Value div(double a, Value b) {
        return div(like(b, a), b);
    }

    /** Remainder; {@code fmod} takes the sign of the dividend and is needed for floating types. */
    public static Value mod(Value a, Value b, boolean fmod) {
        return a.builder().node("Mod", List.of(a, b), Map.of("fmod", Attribute.of(fmod)));
    }

    public static Value pow(Value a, Value b) {
        return node("Pow", a, b);
    }

    public static Value pow(Value a, double b) {
        return pow(a, like(a, b));
    }

    public static Value max(Value... v) {
        return node("Max", v);
    }

    public static Value min(Value... v) {
        return node("Min", v);
    }

    public static Value sum(Value... v) {
        return node("Sum", v);
    }

    public static Value neg(Value x) {
        return node("Neg", x);
    }

    public static Value abs(Value x) {
        return node("Abs", x);
    }

    public static Value sign(Value x) {
        return node("Sign", x);
    }

    public static Value sqrt(Value x) {
        return node("Sqrt", x);
    }

    public static Value reciprocal(Value x) {
        return node("Reciprocal", x);
    }

    public static Value exp(Value x) {
        return node("Exp", x);
    }

    public static Value log(Value x) {
        return node("Log", x);
    }

    public static Value sin(Value x) {
        return node("Sin", x);
    }

    public static Value cos(Value x) {
        return node("Cos", x);
    }

    public static Value tan(Value x) {
        return node("Tan", x);
    }

    public static Value asin(Value x) {
        return node("Asin", x);
    }

    public static Value acos(Value x) {
        return node("Acos", x);
    }

    public static Value atan(Value x) {
        return node("Atan", x);
    }

    public static Value sinh(Value x) {
        return node("Sinh", x);
    }

    public static Value cosh(Value x) {
        return node("Cosh", x);
    }

    public static Value tanh(Value x) {
        return node("Tanh", x);
    }

    public static Value asinh(Value x) {
        return node("Asinh", x);
    }

    public static Value acosh(Value x) {
        return node("Acosh", x);
    }

    public static Value atanh(Value x) {
        return node("Atanh", x);
    }

    public static Value erf(Value x) {
        return node("Erf", x);
    }

    public static Value floor(Value x) {
        return node("Floor", x);
    }

    public static Value ceil(Value x) {
        return node("Ceil", x);
    }

    /** Halves go to the even neighbour. */
    public static Value round(Value x) {
        return node("Round", x);
    }

    public static Value identity(Value x) {
        return node("Identity", x);
    }

    /** Limits to {@code [low, high]}. */
    public static Value clip(Value x, double low, double high) {
        return node("Clip", x, like(x, low), like(x, high));
    }

    public static Value clip(Value x, Value low, Value high) {
        return node("Clip", x, low, high);
    }

    public static Value relu(Value x) {
        return node("Relu", x);
    }

    public static Value leakyRelu(Value x, double alpha) {
        return x.builder().node("LeakyRelu", List.of(x), Map.of("alpha", Attribute.of((float) alpha)));
    }

    public static Value elu(Value x, double alpha) {
        return x.builder().node("Elu", List.of(x), Map.of("alpha", Attribute.of((float) alpha)));
    }

    public static Value selu(Value x) {
        return node("Selu", x);
    }

    public static Value sigmoid(Value x) {
        return node("Sigmoid", x);
    }

    public static Value hardSigmoid(Value x, double alpha, double beta) {
        return x.builder().node("HardSigmoid", List.of(x), attributes("alpha", (float) alpha, "beta", (float) beta));
    }

    public static Value hardSwish(Value x) {
        return node("HardSwish", x);
    }

    public static Value softplus(Value x) {
        return node("Softplus", x);
    }

    public static Value softsign(Value x) {
        return node("Softsign", x);
    }

    public static Value mish(Value x) {
        return node("Mish", x);
    }

    /** x sigmoid(x), also called swish. */
    public static Value silu(Value x) {
        return mul(x, sigmoid(x));
    }

    /** x Phi(x) with the exact error function, PyTorch's default. */
    public static Value gelu(Value x) {
        return node("Gelu", x);
    }

    /** The tanh approximation of {@link #gelu}. */
    public static Value geluTanh(Value x) {
        return x.builder().node("Gelu", List.of(x), Map.of("approximate", Attribute.of("tanh")));
    }

    public static Value prelu(Value x, Value slope) {
        return node("PRelu", x, slope);
    }

    // ---- comparison and logic
    // ----------------------------------------------------------------------------------------

    public static Value equal(Value a, Value b) {
        return node("Equal", a, b);
    }

    public static Value less(Value a, Value b) {
        return node("Less", a, b);
    }

    public static Value greater(Value a, Value b) {
        return node("Greater", a, b);
    }

    public static Value lessOrEqual(Value a, Value b) {
        return node("LessOrEqual", a, b);
    }

    public static Value greaterOrEqual(Value a, Value b) {
        return node("GreaterOrEqual", a, b);
    }

    public static Value and(Value a, Value b) {
        return node("And", a, b);
    }

    public static Value or(Value a, Value b) {
        return node("Or", a, b);
    }

    public static Value xor(Value a, Value b) {
        return node("Xor", a, b);
    }

    public static Value not(Value x) {
        return node("Not", x);
    }

    public static Value isNaN(Value x) {
        return node("IsNaN", x);
    }

    public static Value isInf(Value x) {
        return node("IsInf", x);
    }

    /** {@code condition ? a : b}, elementwise with broadcasting. */
    public static Value where(Value condition, Value a, Value b) {
        return node("Where", condition, a, b);
    }

    // ---- products
    // ----------------------------------------------------------------------------------------------------

    /** {@code [..., M, K] x [..., K, N] -> [..., M, N]}, leading axes broadcast. */
    public static Value matMul(Value a, Value b) {
        return node("MatMul", a, b);
    }

    /** {@code alpha op(a) op(b) + beta c} of matrices; {@code c} may be {@link Value#none()}. */
    public static Value gemm(Value a, Value b, Value c, double alpha, double beta, boolean transA, boolean transB) {
        return a.builder()
                .node(
                        "Gemm",
                        trim(a, b, c),
                        attributes("alpha", (float) alpha, "beta", (float) beta, "transA", transA, "transB", transB));
    }

    /** PyTorch's linear layer: {@code x [..., I], weight [O, I], bias [O] or none -> [..., O]}. */
    public static Value linear(Value x, Value weight, Value bias) {
        Value y = x.rank() == 2 ? gemm(x, weight, bias, 1, 1, false, true) : matMul(x, transpose(weight, 1, 0));
        return x.rank() == 2 || !bias.isPresent() ? y : add(y, bias);
    }

    public static Value einsum(String equation, Value... terms) {
        return terms[0].builder().node("Einsum", List.of(terms), Map.of("equation", Attribute.of(equation)));
    }

    // ---- windows
    // -----------------------------------------------------------------------------------------------------

    /** Strides, padding and so on of convolutions and pools; start from {@link #of} and change what differs. */
    public record Window(
            long[] strides, long[] pads, long[] dilations, long group, boolean ceil, boolean countPadding) {
        /** Stride 1, no padding, no dilation, over {@code n} spatial axes. */
        public static Window of(int n) {
            return new Window(full(n, 1), new long[2 * n], full(n, 1), 1, false, false);
        }

        /** The same stride on every axis. */
        public Window stride(long s) {
            return new Window(full(strides.length, s), pads, dilations, group, ceil, countPadding);
        }

        public Window strides(long... s) {
            return new Window(s, pads, dilations, group, ceil, countPadding);
        }

        /** The same padding at both ends of every axis. */
        public Window pad(long p) {
            return new Window(strides, full(pads.length, p), dilations, group, ceil, countPadding);
        }

        /** All starts, then all ends, as ONNX orders them. */
        public Window pads(long... p) {
            return new Window(strides, p, dilations, group, ceil, countPadding);
        }

        public Window dilation(long d) {
            return new Window(strides, pads, full(dilations.length, d), group, ceil, countPadding);
        }

        public Window dilations(long... d) {
            return new Window(strides, pads, d, group, ceil, countPadding);
        }

        public Window group(long g) {
            return new Window(strides, pads, dilations, g, ceil, countPadding);
        }

        /** Pools only: rounds the number of windows up. */
        public Window ceilMode() {
            return new Window(strides, pads, dilations, group, true, countPadding);
        }

        /** Average pools only: padding counts as zeros, PyTorch's default. */
        public Window countIncludePad() {
            return new Window(strides, pads, dilations, group, ceil, true);
        }

        private static long[] full(int n, long v) {
            long[] a = new long[n];
            Arrays.fill(a, v);
            return a;
        }
    }

    /** {@code x [N, C, spatial...], weight [O, C/group, kernel...], bias [O] or none -> [N, O, spatial...]}. */
    public static Value conv(Value x, Value weight, Value bias, Window w) {
        return x.builder()
                .node(
                        "Conv",
                        trim(x, weight, bias),
                        attributes("strides", w.strides, "pads", w.pads, "dilations", w.dilations, "group", w.group));
    }

    /** {@code x [N, C, spatial...], weight [C, O/group, kernel...], bias [O] or none -> [N, O, spatial...]}. */
    public static Value convTranspose(Value x, Value weight, Value bias, Window w, long... outputPadding) {
        Map<String, Attribute> a =
                attributes("strides", w.strides, "pads", w.pads, "dilations", w.dilations, "group", w.group);
        if (outputPadding.length > 0) {
            a.put("output_padding", Attribute.of(outputPadding));
        }
        return x.builder().node("ConvTranspose", trim(x, weight, bias), a);
    }

    public static Value maxPool(Value x, long[] kernel, Window w) {
        return x.builder()
                .node(
                        "MaxPool",
                        List.of(x),
                        attributes(
                                "kernel_shape",
                                kernel,
                                "strides",
                                w.strides,
                                "pads",
                                w.pads,
                                "dilations",
                                w.dilations,
                                "ceil_mode",
                                w.ceil));
    }

    public static Value averagePool(Value x, long[] kernel, Window w) {
        return x.builder()
                .node(
                        "AveragePool",
                        List.of(x),
                        attributes(
                                "kernel_shape",
                                kernel,
                                "strides",
                                w.strides,
                                "pads",
                                w.pads,
                                "ceil_mode",
                                w.ceil,
                                "count_include_pad",
                                w.countPadding));
    }

    /** {@code [N, C, spatial...] -> [N, C, 1...]}. */
    public static Value globalAveragePool(Value x) {
        return node("GlobalAveragePool", x);
    }

    public static Value globalMaxPool(Value x) {
        return node("GlobalMaxPool", x);
    }

    // ---- normalisation
    // -----------------------------------------------------------------------------------------------

    public static Value softmax(Value x, int axis) {
        return x.builder().node("Softmax", List.of(x), Map.of("axis", Attribute.of((long) axis)));
    }

    public static Value logSoftmax(Value x, int axis) {
        return x.builder().node("LogSoftmax", List.of(x), Map.of("axis", Attribute.of((long) axis)));
    }

    /** Over the axes from {@code axis} on; {@code bias} may be none. */
    public static Value layerNormalization(Value x, Value scale, Value bias, int axis, double epsilon) {
        return x.builder()
                .node("LayerNormalization", trim(x, scale, bias), attributes("axis", (long) axis, "epsilon", (float)
                        epsilon));
    }

    /** {@code x [N, C, ...]}, normalised with running statistics (inference). */
    public static Value batchNormalization(
            Value x, Value scale, Value bias, Value mean, Value variance, double epsilon) {
        return x.builder()
                .node("BatchNormalization", List.of(x, scale, bias, mean, variance), attributes("epsilon", (float)
                        epsilon));
    }

    public static Value instanceNormalization(Value x, Value scale, Value bias, double epsilon) {
        return x.builder()
                .node("InstanceNormalization", List.of(x, scale, bias), attributes("epsilon", (float) epsilon));
    }

    /**
     * PyTorch's group norm: {@code x [N, C, ...]}, scale and bias {@code [C]}. Written with instance normalisation because
     * ONNX's own operator takes one scale per group before opset 21.
     */
    public static Value groupNormalization(Value x, Value scale, Value bias, int groups, double epsilon) {
        Value grouped = reshape(x, 0, groups, -1);
        Value one = x.builder().constant(Constant.full(x.dtype(), Shape.of(groups), 1));
        Value zero = x.builder().constant(Constant.full(x.dtype(), Shape.of(groups), 0));
        Value y = reshapeAs(instanceNormalization(grouped, one, zero, epsilon), x);
        long[] perChannel = new long[x.rank() - 1];
        Arrays.fill(perChannel, 1);
        perChannel[0] = -1;
        return add(mul(y, reshape(scale, perChannel)), reshape(bias, perChannel));
    }

    // ---- reductions
    // --------------------------------------------------------------------------------------------------

    public static Value reduceSum(Value x, boolean keep, long... axes) {
        return reduce("ReduceSum", x, keep, axes);
    }

    public static Value reduceMean(Value x, boolean keep, long... axes) {
        return reduce("ReduceMean", x, keep, axes);
    }

    public static Value reduceMax(Value x, boolean keep, long... axes) {
        return reduce("ReduceMax", x, keep, axes);
    }

    public static Value reduceMin(Value x, boolean keep, long... axes) {
        return reduce("ReduceMin", x, keep, axes);
    }

    public static Value reduceProd(Value x, boolean keep, long... axes) {
        return reduce("ReduceProd", x, keep, axes);
    }

    public static Value reduceL2(Value x, boolean keep, long... axes) {
        return reduce("ReduceL2", x, keep, axes);
    }

    public static Value reduceSumSquare(Value x, boolean keep, long... axes) {
        return reduce("ReduceSumSquare", x, keep, axes);
    }

    public static Value reduceLogSumExp(Value x, boolean keep, long... axes) {
        return reduce("ReduceLogSumExp", x, keep, axes);
    }

    /** {@code reduce("ReduceMax", x, true, -1)}; no axes means all. */
    public static Value reduce(String type, Value x, boolean keep, long... axes) {
        List<Value> in = axes.length == 0 ? List.of(x) : List.of(x, x.builder().longs(axes));
        return x.builder().node(type, in, Map.of("keepdims", Attribute.of(keep)));
    }

    public static Value argMax(Value x, int axis, boolean keep) {
        return x.builder().node("ArgMax", List.of(x), attributes("axis", (long) axis, "keepdims", keep));
    }

    public static Value argMin(Value x, int axis, boolean keep) {
        return x.builder().node("ArgMin", List.of(x), attributes("axis", (long) axis, "keepdims", keep));
    }

    /** Running sum along an axis. */
    public static Value cumSum(Value x, int axis, boolean exclusive, boolean reverse) {
        return x.builder()
                .node(
                        "CumSum",
                        List.of(x, x.builder().constant(Constant.longs(Shape.SCALAR, axis))),
                        attributes("exclusive", exclusive, "reverse", reverse));
    }

    /** {@code [values, indices]} of the k largest or smallest, sorted. */
    public static List<Value> topK(Value x, long k, int axis, boolean largest) {
        return x.builder()
                .node(
                        Op.of("TopK"),
                        List.of(x, x.builder().longs(k)),
                        attributes("axis", (long) axis, "largest", largest, "sorted", true),
                        2);
    }

    // ---- shapes
    // ------------------------------------------------------------------------------------------------------

    /** 0 keeps the size of the input at that axis, -1 takes what remains. */
    public static Value reshape(Value x, long... sizes) {
        return node("Reshape", x, x.builder().longs(sizes));
    }

    /** To a shape with at most one symbol. */
    public static Value reshape(Value x, Shape shape) {
        long[] sizes = new long[shape.rank()];
        int symbols = 0;
        for (int i = 0; i < sizes.length; i++) {
            Dim d = shape.at(i);
            sizes[i] = d.isKnown() ? d.size() : -1;
            symbols += d.isKnown() ? 0 : 1;
        }
        if (symbols > 1) {
            throw new GraphException("reshape to " + shape + " leaves " + symbols
                    + " sizes open: bind the symbols first, or use reshapeAs");
        }
        boolean zeros = Arrays.stream(sizes).anyMatch(s -> s == 0);
        return x.builder()
                .node(
                        "Reshape",
                        List.of(x, x.builder().longs(sizes)),
                        zeros ? Map.of("allowzero", Attribute.of(true)) : Map.of());
    }

    /** To the shape another value has at run time. */
    public static Value reshapeAs(Value x, Value like) {
        return like.shape().dims().stream().filter(d -> !d.isKnown()).count() <= 1
                ? reshape(x, like.shape())
                : node("Reshape", x, shape(like));
    }

    public static Value flatten(Value x, int axis) {
        return x.builder().node("Flatten", List.of(x), Map.of("axis", Attribute.of((long) axis)));
    }

    public static Value transpose(Value x, long... perm) {
        return x.builder().node("Transpose", List.of(x), Map.of("perm", Attribute.of(perm)));
    }

    /** The last two axes exchanged. */
    public static Value transposeLast(Value x) {
        long[] perm = new long[x.rank()];
        Arrays.setAll(perm, i -> i);
        perm[perm.length - 1] = perm.length - 2;
        perm[perm.length - 2] = perm.length - 1;
        return transpose(x, perm);
    }

    public static Value squeeze(Value x, long... axes) {
        return node("Squeeze", x, x.builder().longs(axes));
    }

    public static Value unsqueeze(Value x, long... axes) {
        return node("Unsqueeze", x, x.builder().longs(axes));
    }

    public static Value concat(int axis, Value... v) {
        return v[0].builder().node("Concat", List.of(v), Map.of("axis", Attribute.of((long) axis)));
    }

    public static Value concat(int axis, List<Value> v) {
        return concat(axis, v.toArray(Value[]::new));
    }

    /** Pieces of the given sizes. */
    public static List<Value> split(Value x, int axis, long... sizes) {
        return x.builder()
                .node(
                        Op.of("Split"),
                        List.of(x, x.builder().longs(sizes)),
                        Map.of("axis", Attribute.of((long) axis)),
                        sizes.length);
    }

    /** {@code x[from:to:step]} along one axis; negative bounds count from the end, {@code Long.MAX_VALUE} is the end. */
    public static Value slice(Value x, int axis, long from, long to, long step) {
        Graph.Builder b = x.builder();
        return node("Slice", x, b.longs(from), b.longs(to), b.longs(axis), b.longs(step));
    }

    public static Value slice(Value x, int axis, long from, long to) {
        return slice(x, axis, from, to, 1);
    }

    public static Value slice(Value x, long[] axes, long[] from, long[] to, long[] steps) {
        Graph.Builder b = x.builder();
        return node("Slice", x, b.longs(from), b.longs(to), b.longs(axes), b.longs(steps));
    }

    /** Element {@code index} of an axis, the axis gone. */
    public static Value select(Value x, int axis, long index) {
        return gather(x, x.builder().constant(Constant.longs(Shape.SCALAR, index)), axis);
    }

    public static Value gather(Value x, Value indices, int axis) {
        return x.builder().node("Gather", List.of(x, indices), Map.of("axis", Attribute.of((long) axis)));
    }

    public static Value gatherElements(Value x, Value indices, int axis) {
        return x.builder().node("GatherElements", List.of(x, indices), Map.of("axis", Attribute.of((long) axis)));
    }

    public static Value gatherND(Value x, Value indices, int batchDims) {
        return x.builder().node("GatherND", List.of(x, indices), Map.of("batch_dims", Attribute.of((long) batchDims)));
    }

    /** {@code reduction}: none, add, mul, max, min. */
    public static Value scatterElements(Value x, Value indices, Value updates, int axis, String reduction) {
        return x.builder()
                .node(
                        "ScatterElements",
                        List.of(x, indices, updates),
                        attributes("axis", (long) axis, "reduction", reduction));
    }

    public static Value scatterND(Value x, Value indices, Value updates, String reduction) {
        return x.builder()
                .node("ScatterND", List.of(x, indices, updates), Map.of("reduction", Attribute.of(reduction)));
    }

    public static Value expand(Value x, long... sizes) {
        return node("Expand", x, x.builder().longs(sizes));
    }

    public static Value expand(Value x, Shape shape) {
        return expand(x, shape.sizes());
    }

    public static Value tile(Value x, long... repeats) {
        return node("Tile", x, x.builder().longs(repeats));
    }

    /** Starts of all axes, then ends; {@code mode}: constant (zeros), reflect, edge, wrap. */
    public static Value pad(Value x, String mode, long... pads) {
        return x.builder().node("Pad", List.of(x, x.builder().longs(pads)), Map.of("mode", Attribute.of(mode)));
    }

    /** Pads with a number. */
    public static Value pad(Value x, double value, long... pads) {
        return node("Pad", x, x.builder().longs(pads), like(x, value));
    }

    /**
     * Resamples to new sizes of all axes.
     *
     * @param mode nearest, linear or cubic
     * @param coordinates half_pixel (PyTorch's align_corners=False), align_corners, asymmetric, pytorch_half_pixel
     * @param options more attributes, e.g. {@code antialias}, {@code cubic_coeff_a}, {@code nearest_mode}
     */
    public static Value resize(Value x, long[] sizes, String mode, String coordinates, Map<String, Attribute> options) {
        Map<String, Attribute> a = attributes("mode", mode, "coordinate_transformation_mode", coordinates);
        a.putAll(options);
        return x.builder()
                .node(
                        "Resize",
                        List.of(x, Value.none(), Value.none(), x.builder().longs(sizes)),
                        a);
    }

    /** The shape as INT64; inference knows it wherever it is fixed. */
    public static Value shape(Value x) {
        return node("Shape", x);
    }

    /** Upper or lower triangle of the last two axes, {@code k} diagonals off the main one. */
    public static Value trilu(Value x, boolean upper, long k) {
        return x.builder()
                .node(
                        "Trilu",
                        List.of(x, x.builder().constant(Constant.longs(Shape.SCALAR, k))),
                        Map.of("upper", Attribute.of(upper)));
    }

    public static Value oneHot(Value indices, long depth, DType dtype, int axis) {
        Graph.Builder b = indices.builder();
        return b.node(
                "OneHot",
                List.of(indices, b.longs(depth), b.constant(Constant.of(dtype, Shape.of(2), 0, 1))),
                Map.of("axis", Attribute.of((long) axis)));
    }

    public static Value range(Value start, Value limit, Value delta) {
        return node("Range", start, limit, delta);
    }

    public static Value cast(Value x, DType to) {
        return x.dtype() == to ? x : x.builder().node("Cast", List.of(x), Map.of("to", Attribute.of((long) to.onnx())));
    }

    /** The product of complex numbers {@code [..., 2]} (real, imaginary), broadcast. */
    public static Value complexMul(Value a, Value b) {
        List<Value> x = split(a, -1, 1, 1);
        List<Value> y = split(b, -1, 1, 1);
        return concat(
                -1,
                sub(mul(x.get(0), y.get(0)), mul(x.get(1), y.get(1))),
                add(mul(x.get(0), y.get(1)), mul(x.get(1), y.get(0))));
    }

    /**
     * Discrete Fourier transform along an axis; the last axis of {@code x} holds 1 (real) or 2 (complex) numbers and of the
     * result 2, but 1 for {@code inverse} with {@code onesided}.
     *
     * @param length number of points, or -1 for the size of the axis
     */
    public static Value dft(Value x, int axis, long length, boolean inverse, boolean onesided) {
        Graph.Builder b = x.builder();
        return b.node(
                "DFT",
                List.of(
                        x,
                        length < 0 ? Value.none() : b.constant(Constant.longs(Shape.SCALAR, length)),
                        b.constant(Constant.longs(Shape.SCALAR, axis))),
                attributes("inverse", inverse, "onesided", onesided));
    }

    // ---- quantisation
    // ------------------------------------------------------------------------------------------------

    public static Value quantizeLinear(Value x, Value scale, Value zeroPoint, int axis) {
        return x.builder().node("QuantizeLinear", trim(x, scale, zeroPoint), Map.of("axis", Attribute.of((long) axis)));
    }

    public static Value dequantizeLinear(Value x, Value scale, Value zeroPoint, int axis) {
        return x.builder()
                .node("DequantizeLinear", trim(x, scale, zeroPoint), Map.of("axis", Attribute.of((long) axis)));
    }

    // ---- ours
    // --------------------------------------------------------------------------------------------------------

    /** The value itself, through which no derivative flows. */
    public static Value stopGradient(Value x) {
        return x.builder()
                .node(new Op(Op.ARMATURE, "StopGradient"), List.of(x), Map.of(), 1)
                .getFirst();
    }

    /**
     * Calls a named subgraph.
     *
     * @param body a graph without parameters; its inputs are {@code in}, in order and of the same types
     * @param backward the derivative to use instead of differentiating the body, or null. Its inputs are named like the
     *     body's inputs, like the body's outputs, and {@code cotangent.<output>}, as many of them as it needs; its output
     *     {@code grad.<input>} is the cotangent of that input, an input without one gets none.
     * @return the body's outputs, in order
     */
    public static List<Value> call(Graph body, @Nullable Graph backward, Value... in) {
        Map<String, Attribute> a = attributes("name", body.name(), "body", body);
        if (backward != null) {
            a.put("backward", Attribute.of(backward));
        }
        return in[0].builder()
                .node(
                        new Op(Op.ARMATURE, "Call"),
                        List.of(in),
                        a,
                        body.outputs().size());
    }

    /** The body of a {@code Call} node. */
    public static Graph body(Node call) {
        return ((Attribute.Body) call.attributes().get("body")).value();
    }

    // ---- helpers
    // -----------------------------------------------------------------------------------------------------

    /** A scalar constant of the type of {@code x}. */
    public static Value like(Value x, double value) {
        return x.builder().scalar(x.dtype(), value);
    }

    /** A named operator with one output and no attribute. */
    public static Value node(String type, Value... in) {
        return in[0].builder().node(type, trim(in), Map.of());
    }

    /** Attributes from names and values in turn: {@code attributes("axis", 1L, "keepdims", true)}. */
    public static Map<String, Attribute> attributes(Object... pairs) {
        Map<String, Attribute> a = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            a.put(
                    (String) pairs[i],
                    switch (pairs[i + 1]) {
                        case Integer v -> Attribute.of(v.longValue());
                        case Long v -> Attribute.of(v.longValue());
                        case Boolean v -> Attribute.of(v.booleanValue());
                        case Float v -> Attribute.of(v.floatValue());
                        case Double v -> Attribute.of(v.floatValue());
                        case String v -> Attribute.of(v);
                        case long[] v -> Attribute.of(v);
                        case Constant v -> Attribute.of(v);
                        case Graph v -> Attribute.of(v);
                        case Attribute v -> v;
                        default ->
                            throw new GraphException("attribute " + pairs[i] + " has a value of "
                                    + pairs[i + 1].getClass() + ": use a number, text, long[], Constant or Graph");
                    });
        }
        return a;
    }

    /** Inputs without trailing absent ones. */
    private static List<Value> trim(Value... in) {
        List<Value> v = new ArrayList<>(Arrays.asList(in));
        while (!v.getLast().isPresent()) {
            v.removeLast();
        }
        return v;
    }
}
