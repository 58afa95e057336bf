package org.armature.graph;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Types and shapes of a node's outputs, by the rules of ONNX. Integer values of up to {@value #LIMIT} elements (shapes,
 * axes, indices) are followed through the operators that exporters compute shapes with.
 */
final class Inference {
    private static final int LIMIT = 1024;

    /** What is known of one output. */
    record Result(DType dtype, Shape shape, @Nullable List<Dim> known) {}

    private final int opset;
    private final Op op;
    private final String stem;
    private final List<Value> in;
    private final Map<String, Attribute> attributes;
    private final int count;
    private final List<TensorType> declared;

    Inference(
            int opset,
            Op op,
            String stem,
            List<Value> in,
            Map<String, Attribute> attributes,
            int count,
            List<TensorType> declared) {
        this.opset = opset;
        this.op = op;
        this.stem = stem;
        this.in = in;
        this.attributes = attributes;
        this.count = count;
        this.declared = declared;
    }

    static @Nullable List<Dim> known(Constant c) {
        if (c.dtype().isFloating() || c.shape().size() > LIMIT) {
            return null;
        }
        return Arrays.stream(c.toLongs()).mapToObj(Dim::of).toList();
    }

    List<Result> run() {
        List<Result> r = infer();
        if (r == null) {
            if (declared.size() < count) {
                throw new GraphException(
                        "the output shape depends on a value that is not constant: make axes, sizes and"
                                + " split points constants, or declare the output's type");
            }
            r = declared.stream()
                    .map(t -> new Result(t.dtype(), t.shape(), null))
                    .toList();
        }
        if (r.size() < count) {
            throw new GraphException("has " + r.size() + " outputs, not " + count);
        }
        return r;
    }

    private @Nullable List<Result> infer() {
        List<Result> r = switch (op.domain()) {
            case Op.ONNX -> onnx();
            case Op.MICROSOFT -> microsoft();
            case Op.ARMATURE -> armature();
            default -> null;
        };
        if (r == null && declared.size() < count) {
            if (List.of("If", "Loop", "Scan").contains(op.type())) {
                throw new GraphException(
                        "control flow is not supported: export the model with fixed sizes or unroll it");
            }
            if (op.type().startsWith("Random")
                    || op.type().equals("Multinomial")
                    || op.type().equals("Bernoulli")) {
                throw new GraphException("randomness is an explicit input here: feed the random tensor");
            }
        }
        return r;
    }

    // ---- operators -------------------------------------------------------------------------------------------------

    @SuppressWarnings("StatementSwitchToExpressionSwitch")
    private @Nullable List<Result> onnx() {
        return switch (op.type()) {
            case "Abs",
                    "Neg",
                    "Sign",
                    "Relu",
                    "Clip",
                    "CumSum",
                    "Trilu",
                    "BitwiseNot",
                    "Round",
                    "Ceil",
                    "Floor",
                    "ScatterElements",
                    "ScatterND",
                    "Scatter",
                    "ReverseSequence" -> same();
            case "Sqrt",
                    "Exp",
                    "Log",
                    "Sin",
                    "Cos",
                    "Tan",
                    "Asin",
                    "Acos",
                    "Atan",
                    "Sinh",
                    "Cosh",
                    "Tanh",
                    "Asinh",
                    "Acosh",
                    "Atanh",
                    "Sigmoid",
                    "HardSigmoid",
                    "HardSwish",
                    "Elu",
                    "Celu",
                    "Selu",
                    "LeakyRelu",
                    "ThresholdedRelu",
                    "Softplus",
                    "Softsign",
                    "Gelu",
                    "Mish",
                    "Swish",
                    "Erf",
                    "Reciprocal",
                    "Softmax",
                    "LogSoftmax",
                    "Hardmax",
                    "Shrink",
                    "LpNormalization",
                    "LRN",
                    "MeanVarianceNormalization",
                    "InstanceNormalization",
                    "GroupNormalization" -> {
                floating(0);
                yield same();
            }
            case "RMSNormalization", "SimplifiedLayerNormalization" -> {
                floating(0);
                yield count == 1 ? same() : normalization();
            }
            case "Identity" ->
                List.of(new Result(type(0), shape(0), in.getFirst().known().orElse(null)));
            case "Not" -> {
                require(type(0) == DType.BOOL, "needs bool, not " + type(0));
                yield same();
            }
            case "IsNaN", "IsInf" -> one(DType.BOOL, shape(0));
            case "Dropout" -> List.of(result(type(0), shape(0)), result(DType.BOOL, shape(0)));
            case "Add", "Sub", "Mul", "Div", "Mod" -> {
                sameTypes();
                yield List.of(new Result(type(0), broadcast(), arithmetic()));
            }
            case "Max", "Min", "Mean", "Sum", "PRelu", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift" -> {
                sameTypes();
                yield one(type(0), broadcast());
            }
            case "Pow" -> one(type(0), broadcast());
            case "And", "Or", "Xor" -> {
                require(type(0) == DType.BOOL && type(1) == DType.BOOL, "needs two bools");
                yield one(DType.BOOL, broadcast());
            }
            case "Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual" -> {
                sameTypes();
                yield List.of(new Result(DType.BOOL, broadcast(), comparison()));
            }
            case "Where" -> {
                require(
                        type(0) == DType.BOOL,
                        "the condition must be bool, not " + type(0) + ": compare or cast first");
                require(type(1) == type(2), "the branches are " + type(1) + " and " + type(2) + ": cast one");
                yield List.of(new Result(type(1), broadcast(), where()));
            }
            case "MatMul" -> {
                sameTypes();
                yield one(type(0), matMul(shape(0), shape(1)));
            }
            case "MatMulInteger" -> one(DType.INT32, matMul(shape(0), shape(1)));
            case "QLinearMatMul" -> one(type(7), matMul(shape(0), shape(3)));
            case "Gemm" -> gemm();
            case "Einsum" -> one(type(0), einsum());
            case "Conv" -> {
                sameTypes();
                yield one(type(0), conv(shape(0), shape(1)));
            }
            case "ConvInteger" -> one(DType.INT32, conv(shape(0), shape(1)));
            case "QLinearConv" -> one(type(7), conv(shape(0), shape(3)));
            case "ConvTranspose" -> one(type(0), convTranspose());
            case "MaxPool" -> {
                Shape s = pool();
                yield List.of(result(type(0), s), result(DType.INT64, s));
            }
            case "AveragePool", "LpPool" -> one(type(0), pool());
            case "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool" -> {
                Shape s = shape(0);
                for (int i = 2; i < s.rank(); i++) {
                    s = s.with(i, 1);
                }
                yield one(type(0), s);
            }
            case "BatchNormalization" -> {
                Shape c = shape(0).slice(1, 2);
                require(
                        fits(c.at(0), shape(1).at(0)),
                        "scale " + shape(1) + " does not fit the " + c.at(0) + " channels");
                yield List.of(
                        result(type(0), shape(0)),
                        result(type(0), c),
                        result(type(0), c),
                        result(type(0), c),
                        result(type(0), c));
            }
            case "LayerNormalization" -> {
                floating(0);
                yield normalization();
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
            case "ArgMax", "ArgMin" ->
                one(DType.INT64, reduced(new long[] {integer("axis", 0)}, integer("keepdims", 1) != 0));
            case "Shape" -> shapeOf();
            case "Size" -> List.of(new Result(DType.INT64, Shape.SCALAR, List.of(product(shape(0).dims()))));
            case "Reshape" -> reshape();
            case "Flatten" -> {
                int axis = (int) integer("axis", 1);
                axis = axis < 0 ? axis + shape(0).rank() : axis;
                yield one(
                        type(0),
                        Shape.of(List.of(
                                product(shape(0).dims().subList(0, axis)),
                                product(shape(0).dims().subList(axis, shape(0).rank())))));
            }
            case "Transpose" -> transpose();
            case "Squeeze" -> squeeze();
            case "Unsqueeze" -> unsqueeze();
            case "Concat" -> concat();
            case "Split" -> split();
            case "Slice" -> slice();
            case "Gather" -> {
                int axis = shape(0).axis(integer("axis", 0));
                Shape s = shape(0);
                yield List.of(new Result(
                        type(0),
                        s.slice(0, axis).concat(shape(1)).concat(s.slice(axis + 1, s.rank())),
                        s.rank() == 1 ? pick(numbers(1)) : null));
            }
            case "GatherElements" -> one(type(0), shape(1));
            case "GatherND" -> {
                int b = (int) integer("batch_dims", 0);
                Shape ix = shape(1);
                int depth = (int) ix.dim(-1);
                yield one(type(0), ix.slice(0, ix.rank() - 1).concat(shape(0).slice(b + depth, shape(0).rank())));
            }
            case "Expand" -> {
                List<Dim> target = dims(1);
                Shape t = target != null ? Shape.of(target) : unknown((int) shape(1).dim(0));
                yield one(type(0), Shape.broadcast(shape(0), t));
            }
            case "Tile" -> {
                List<Dim> times = dims(1);
                List<Dim> d = new ArrayList<>();
                for (int i = 0; i < shape(0).rank(); i++) {
                    d.add(times == null ? symbol(i) : shape(0).at(i).times(times.get(i)));
                }
                yield one(type(0), Shape.of(d));
            }
            case "Pad" -> pad();
            case "Resize" -> resize();
            case "Upsample" -> one(type(0), scaled(shape(0), axesOr(null), scales(1)));
            case "DepthToSpace" -> {
                long b = integer("blocksize", 1);
                Shape s = shape(0);
                yield one(
                        type(0),
                        Shape.of(List.of(
                                s.at(0),
                                s.at(1).dividedBy(Dim.of(b * b)),
                                s.at(2).times(Dim.of(b)),
                                s.at(3).times(Dim.of(b)))));
            }
            case "SpaceToDepth" -> {
                Dim b = Dim.of(integer("blocksize", 1));
                Shape s = shape(0);
                yield one(
                        type(0),
                        Shape.of(List.of(
                                s.at(0),
                                s.at(1).times(b.times(b)),
                                s.at(2).dividedBy(b),
                                s.at(3).dividedBy(b))));
            }
            case "OneHot" -> {
                List<Dim> depth = dims(1);
                int rank = shape(0).rank() + 1;
                int axis = (int) integer("axis", -1);
                axis = axis < 0 ? axis + rank : axis;
                List<Dim> d = new ArrayList<>(shape(0).dims());
                d.add(axis, depth == null ? symbol(axis) : depth.getFirst());
                yield one(type(2), Shape.of(d));
            }
            case "TopK" -> {
                List<Dim> k = dims(1);
                int axis = shape(0).axis(integer("axis", -1));
                Shape s = shape(0).with(axis, k == null ? symbol(axis) : k.getFirst());
                yield List.of(result(type(0), s), result(DType.INT64, s));
            }
            case "Range" -> range();
            case "ConstantOfShape" -> {
                List<Dim> d = dims(0);
                Constant v = attributes.get("value") instanceof Attribute.Data a ? a.value() : null;
                Shape s = d != null ? Shape.of(d) : unknown((int) shape(0).dim(0));
                List<Dim> content = null;
                if (v != null && v.dtype().isInteger() && s.isStatic() && s.size() <= LIMIT) {
                    content = Collections.nCopies((int) s.size(), Dim.of(v.getLong(0)));
                }
                yield List.of(new Result(v == null ? DType.FLOAT : v.dtype(), s, content));
            }
            case "EyeLike" ->
                one(attributes.containsKey("dtype") ? DType.ofOnnx((int) integer("dtype", 1)) : type(0), shape(0));
            case "NonZero" -> one(DType.INT64, Shape.named(shape(0).rank(), symbol(1)));
            case "Cast" -> List.of(new Result(DType.ofOnnx((int) integer("to", 1)), shape(0), dims(0)));
            case "CastLike" -> List.of(new Result(type(1), shape(0), dims(0)));
            case "DFT" -> dft();
            case "QuantizeLinear" ->
                one(
                        has(2)
                                ? type(2)
                                : attributes.containsKey("output_dtype") && integer("output_dtype", 0) != 0
                                        ? DType.ofOnnx((int) integer("output_dtype", 2))
                                        : DType.UINT8,
                        shape(0));
            case "DequantizeLinear" ->
                one(
                        integer("output_dtype", 0) != 0 ? DType.ofOnnx((int) integer("output_dtype", 1)) : type(1),
                        shape(0));
            case "DynamicQuantizeLinear" ->
                List.of(
                        result(DType.UINT8, shape(0)),
                        result(DType.FLOAT, Shape.SCALAR),
                        result(DType.UINT8, Shape.SCALAR));
            case "GridSample" -> one(type(0), shape(0).slice(0, 2).concat(shape(1).slice(1, shape(1).rank() - 1)));
            case "Col2Im" -> col2Im();
            default -> null;
        };
    }

    private @Nullable List<Result> microsoft() {
        return switch (op.type()) {
            case "Gelu",
                    "FastGelu",
                    "BiasGelu",
                    "QuickGelu",
                    "BiasAdd",
                    "BiasSoftmax",
                    "RotaryEmbedding",
                    "BiasDropout",
                    "GroupNorm",
                    "Inverse" -> same();
            case "FusedMatMul", "TransposeMatMul" -> {
                sameTypes();
                yield one(
                        type(0),
                        matMul(swapped(shape(0), integer("transA", 0)), swapped(shape(1), integer("transB", 0))));
            }
            case "FusedGemm" -> gemm();
            case "FusedConv" -> one(type(0), conv(shape(0), shape(1)));
            case "SkipLayerNormalization", "SkipSimplifiedLayerNormalization" -> {
                Shape mean = shape(0).with(-1, 1);
                yield List.of(
                        result(type(0), shape(0)),
                        result(DType.FLOAT, mean),
                        result(DType.FLOAT, mean),
                        result(type(0), shape(0)));
            }
            case "MultiHeadAttention" -> {
                Shape v = has(2) ? shape(2) : shape(0);
                Dim width = v.rank() == 4 ? v.at(1).times(v.at(3)) : v.at(-1);
                yield one(type(0), shape(0).with(2, width));
            }
            case "MatMulIntegerToFloat", "DynamicQuantizeMatMul" ->
                one(op.type().startsWith("Dynamic") ? type(0) : type(2), matMul(shape(0), shape(1)));
            case "QLinearAdd", "QLinearMul" -> one(type(0), Shape.broadcast(shape(0), shape(3)));
            case "QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax" -> same();
            default -> null;
        };
    }

    private @Nullable List<Result> armature() {
        return switch (op.type()) {
            case "StopGradient" -> same();
            case "Call" -> {
                Graph body = ((Attribute.Body) attributes.get("body")).value();
                require(body.parameters().isEmpty(), "the body has parameters: make them inputs");
                require(
                        body.inputs().size() == in.size(),
                        "the body takes " + body.inputs().size() + " inputs");
                for (int i = 0; i < in.size(); i++) {
                    require(
                            body.inputs().get(i).type().equals(in.get(i).type()),
                            "the body's input is " + body.inputs().get(i));
                }
                yield body.outputs().values().stream()
                        .map(v -> result(v.dtype(), v.shape()))
                        .toList();
            }
            default -> throw new GraphException("there is no such operator in domain org.armature");
        };
    }

    // ---- rules -----------------------------------------------------------------------------------------------------

    private List<Result> gemm() {
        sameTypes();
        Shape a = swapped(shape(0), integer("transA", 0));
        Shape b = swapped(shape(1), integer("transB", 0));
        require(a.rank() == 2 && b.rank() == 2, "needs two matrices");
        Shape s = matMul(a, b);
        require(!has(2) || Shape.broadcast(shape(2), s).equals(s), "bias does not broadcast to " + s);
        return one(type(0), s);
    }

    private static Shape swapped(Shape s, long yes) {
        return yes == 0 ? s : s.with(-1, s.at(-2)).with(-2, s.at(-1));
    }

    private static Shape matMul(Shape a, Shape b) {
        if (a.rank() == 0 || b.rank() == 0) {
            throw new GraphException("a scalar cannot be multiplied as a matrix: use Mul");
        }
        Shape a2 = a.rank() == 1 ? Shape.of(1).concat(a) : a;
        Shape b2 = b.rank() == 1 ? b.concat(Shape.of(1)) : b;
        require(
                fits(a2.at(-1), b2.at(-2)),
                "inner sizes " + a2.at(-1) + " and " + b2.at(-2) + " differ: transpose one side or check the widths");
        Shape s = Shape.broadcast(a2.slice(0, a2.rank() - 2), b2.slice(0, b2.rank() - 2));
        if (a.rank() > 1) {
            s = s.concat(Shape.of(List.of(a2.at(-2))));
        }
        return b.rank() > 1 ? s.concat(Shape.of(List.of(b2.at(-1)))) : s;
    }

    private Shape einsum() {
        String equation = text("equation", "").replace(" ", "");
        String[] sides = equation.split("->", -1);
        String[] terms = sides[0].split(",", -1);
        require(terms.length == in.size(), "equation \"" + equation + "\" has " + terms.length + " terms");
        Map<Character, Dim> sizes = new LinkedHashMap<>();
        Map<Character, Integer> uses = new HashMap<>();
        Shape dots = Shape.SCALAR;
        for (int t = 0; t < terms.length; t++) {
            String letters = terms[t].replace("...", ".");
            Shape s = shape(t);
            int extra = s.rank() - (letters.length() - (letters.contains(".") ? 1 : 0));
            require(
                    extra >= 0 && (extra == 0 || letters.contains(".")),
                    "term " + terms[t] + " does not fit shape " + s);
            int axis = 0;
            for (char c : letters.toCharArray()) {
                if (c == '.') {
                    dots = Shape.broadcast(dots, s.slice(axis, axis + extra));
                    axis += extra;
                } else {
                    Dim d = s.at(axis++);
                    Dim old = sizes.get(c);
                    require(
                            old == null || fits(old, d) || old.is(1) || d.is(1),
                            "index " + c + " has sizes " + old + " and " + d);
                    if (old == null || old.is(1)) {
                        sizes.put(c, d);
                    }
                    uses.merge(c, 1, Integer::sum);
                }
            }
        }
        String out = sides.length > 1
                ? sides[1].replace("...", ".")
                : (sides[0].contains("...") ? "." : "")
                        + sizes.keySet().stream()
                                .filter(c -> uses.get(c) == 1)
                                .sorted()
                                .map(String::valueOf)
                                .reduce("", String::concat);
        List<Dim> d = new ArrayList<>();
        for (char c : out.toCharArray()) {
            if (c == '.') {
                d.addAll(dots.dims());
            } else {
                Dim size = sizes.get(c);
                if (size == null) {
                    throw new GraphException("index " + c + " of the result is in no term");
                }
                d.add(size);
            }
        }
        return Shape.of(d);
    }

    private Shape conv(Shape x, Shape w) {
        require(
                x.rank() == w.rank() && x.rank() > 2,
                "input " + x + " and kernel " + w + " must have the same rank >= 3");
        Dim channels = w.at(1).times(Dim.of(integer("group", 1)));
        require(
                fits(x.at(1), channels),
                "input " + x + " has " + x.at(1) + " channels, kernel " + w + " with group=" + integer("group", 1)
                        + " needs " + channels);
        Shape kernel = w.slice(2, w.rank());
        return x.slice(0, 1).concat(w.slice(0, 1)).concat(windows(x, kernel, false));
    }

    private Shape pool() {
        Shape x = shape(0);
        Shape kernel = Shape.of(integers("kernel_shape"));
        require(kernel.rank() == x.rank() - 2, "kernel_shape " + kernel + " does not fit input " + x);
        return x.slice(0, 2).concat(windows(x, kernel, integer("ceil_mode", 0) != 0));
    }

    private Shape windows(Shape x, Shape kernel, boolean ceil) {
        int n = kernel.rank();
        long[] strides = orOnes(integers("strides"), n);
        long[] dilations = orOnes(integers("dilations"), n);
        long[] pads = attributes.containsKey("pads") ? integers("pads") : new long[2 * n];
        require(
                pads.length == 2 * n && strides.length == n && dilations.length == n,
                "pads, strides or dilations do not fit a kernel " + kernel);
        String auto = text("auto_pad", "NOTSET");
        List<Dim> d = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            Dim size = x.at(i + 2);
            Dim stride = Dim.of(strides[i]);
            if (auto.startsWith("SAME")) {
                d.add(size.plus(Dim.of(strides[i] - 1)).dividedBy(stride));
                continue;
            }
            Dim reach =
                    kernel.at(i).minus(Dim.of(1)).times(Dim.of(dilations[i])).plus(Dim.of(1));
            Dim room = size.plus(Dim.of(pads[i] + pads[i + n])).minus(reach);
            if (auto.equals("VALID")) {
                room = size.minus(reach);
            }
            require(
                    !room.isKnown() || room.size() >= 0,
                    "window " + reach + " is larger than the padded size " + room.plus(reach) + " at axis " + (i + 2));
            Dim out = (ceil ? room.plus(Dim.of(strides[i] - 1)) : room)
                    .dividedBy(stride)
                    .plus(Dim.of(1));
            // The last window of ceil mode must not start in the padding at the end.
            if (ceil && out.isKnown() && size.isKnown() && (out.size() - 1) * strides[i] >= size.size() + pads[i]) {
                out = out.minus(Dim.of(1));
            }
            d.add(out);
        }
        return Shape.of(d);
    }

    private Shape convTranspose() {
        Shape x = shape(0);
        Shape w = shape(1);
        require(
                fits(x.at(1), w.at(0)),
                "input " + x + " has " + x.at(1) + " channels, kernel " + w + " needs " + w.at(0));
        int n = x.rank() - 2;
        long[] strides = orOnes(integers("strides"), n);
        long[] dilations = orOnes(integers("dilations"), n);
        long[] pads = attributes.containsKey("pads") ? integers("pads") : new long[2 * n];
        long[] extra = attributes.containsKey("output_padding") ? integers("output_padding") : new long[n];
        long[] fixed = integers("output_shape");
        String auto = text("auto_pad", "NOTSET");
        List<Dim> d = new ArrayList<>();
        d.add(x.at(0));
        d.add(w.at(1).times(Dim.of(integer("group", 1))));
        for (int i = 0; i < n; i++) {
            Dim size = x.at(i + 2);
            if (fixed.length > 0) {
                d.add(Dim.of(fixed[fixed.length - n + i]));
            } else if (auto.startsWith("SAME")) {
                d.add(size.times(Dim.of(strides[i])));
            } else {
                Dim reach =
                        w.at(i + 2).minus(Dim.of(1)).times(Dim.of(dilations[i])).plus(Dim.of(1));
                d.add(size.minus(Dim.of(1))
                        .times(Dim.of(strides[i]))
                        .plus(reach)
                        .plus(Dim.of(extra[i] - pads[i] - pads[i + n])));
            }
        }
        return Shape.of(d);
    }

    private List<Result> normalization() {
        Shape x = shape(0);
        int axis = x.axis(integer("axis", -1));
        Shape mean = x;
        for (int i = axis; i < x.rank(); i++) {
            mean = mean.with(i, 1);
        }
        require(!has(1) || Shape.broadcast(shape(1), x).equals(x), "scale does not broadcast to " + x);
        DType stash = DType.ofOnnx((int) integer("stash_type", 1));
        return List.of(result(type(0), x), result(stash, mean), result(stash, mean));
    }

    private @Nullable List<Result> reduce() {
        boolean keep = integer("keepdims", 1) != 0;
        long[] axes = attributes.containsKey("axes") ? integers("axes") : new long[0];
        if (has(1)) {
            long[] given = numbers(1);
            if (given == null) {
                return keep ? one(type(0), unknown(shape(0).rank())) : null;
            }
            axes = given;
        }
        if (axes.length == 0) {
            if (integer("noop_with_empty_axes", 0) != 0) {
                return same();
            }
            axes = IntStream.range(0, shape(0).rank()).asLongStream().toArray();
        }
        List<Dim> content = op.type().equals("ReduceProd") && dims(0) != null && shape(0).rank() == 1
                ? List.of(product(nonNull(dims(0))))
                : null;
        return List.of(new Result(type(0), reduced(axes, keep), content));
    }

    private Shape reduced(long[] axes, boolean keep) {
        Shape x = shape(0);
        boolean[] gone = new boolean[x.rank()];
        for (long a : axes) {
            gone[x.axis(a)] = true;
        }
        List<Dim> d = new ArrayList<>();
        for (int i = 0; i < gone.length; i++) {
            if (!gone[i]) {
                d.add(x.at(i));
            } else if (keep) {
                d.add(Dim.of(1));
            }
        }
        return Shape.of(d);
    }

    private List<Result> shapeOf() {
        int rank = shape(0).rank();
        int from = clamp(integer("start", 0), rank);
        int to = Math.max(from, clamp(integer("end", rank), rank));
        List<Dim> d = shape(0).dims().subList(from, to);
        return List.of(new Result(DType.INT64, Shape.of(d.size()), d));
    }

    private static int clamp(long axis, int rank) {
        return (int) Math.clamp(axis < 0 ? axis + rank : axis, 0, rank);
    }

    private List<Result> reshape() {
        Shape x = shape(0);
        List<Dim> target = dims(1);
        if (target == null) {
            return one(type(0), unknown((int) shape(1).dim(0)));
        }
        boolean zeroIsZero = integer("allowzero", 0) != 0;
        List<Dim> d = new ArrayList<>();
        int free = -1;
        for (int i = 0; i < target.size(); i++) {
            Dim t = target.get(i);
            if (t.is(-1)) {
                require(free < 0, "target " + target + " leaves two sizes open");
                free = i;
                d.add(Dim.of(1));
            } else if (t.is(0) && !zeroIsZero) {
                d.add(x.at(i));
            } else {
                d.add(t);
            }
        }
        if (free >= 0) {
            d.set(free, quotient(x.dims(), d));
        }
        Shape s = Shape.of(d);
        if (x.isStatic() && s.isStatic()) {
            require(
                    x.size() == s.size(),
                    "shape " + x + " has " + x.size() + " elements, " + target + " would have " + s.size());
        }
        return List.of(new Result(type(0), s, dims(0)));
    }

    /** Product of {@code all} divided by the product of {@code part}, equal symbols cancelled. */
    private static Dim quotient(List<Dim> all, List<Dim> part) {
        List<Dim> rest = new ArrayList<>(part);
        long number = 1;
        Dim symbols = Dim.of(1);
        for (Dim d : all) {
            if (d.isKnown()) {
                number = Math.multiplyExact(number, d.size());
            } else if (!rest.remove(d)) {
                symbols = symbols.times(d);
            }
        }
        long divisor = 1;
        for (Dim d : rest) {
            if (d.isKnown()) {
                divisor = Math.multiplyExact(divisor, d.size());
            } else {
                return Dim.named("(" + product(all) + "/" + product(part) + ")");
            }
        }
        if (divisor == 0) {
            throw new GraphException("cannot infer a size beside a size of 0: give every size");
        }
        if (number % divisor == 0) {
            return symbols.times(Dim.of(number / divisor));
        }
        require(!symbols.isKnown(), "sizes " + all + " cannot be divided into " + part);
        return Dim.named("(" + product(all) + "/" + divisor + ")");
    }

    private List<Result> transpose() {
        Shape x = shape(0);
        long[] perm = attributes.containsKey("perm")
                ? integers("perm")
                : IntStream.range(0, x.rank()).mapToLong(i -> x.rank() - 1 - i).toArray();
        require(perm.length == x.rank(), "perm " + Arrays.toString(perm) + " does not fit shape " + x);
        require(
                Arrays.stream(perm).map(x::axis).distinct().count() == perm.length,
                "perm " + Arrays.toString(perm) + " names an axis twice");
        return one(
                type(0),
                Shape.of(Arrays.stream(perm).mapToObj(p -> x.at((int) p)).toList()));
    }

    private @Nullable List<Result> squeeze() {
        Shape x = shape(0);
        long[] axes = axesOr(null);
        if (axes == null) {
            if (has(1)) {
                return null;
            }
            axes = IntStream.range(0, x.rank())
                    .filter(i -> x.at(i).is(1))
                    .asLongStream()
                    .toArray();
        }
        for (long a : axes) {
            require(
                    !x.at((int) a).isKnown() || x.at((int) a).is(1),
                    "axis " + a + " has size " + x.at((int) a) + ", not 1");
        }
        return List.of(new Result(type(0), reduced(axes, false), dims(0)));
    }

    private @Nullable List<Result> unsqueeze() {
        long[] axes = axesOr(null);
        Shape x = shape(0);
        if (axes == null) {
            return has(1) && shape(1).isStatic() ? one(type(0), unknown(x.rank() + (int) shape(1).size())) : null;
        }
        int rank = x.rank() + axes.length;
        boolean[] added = new boolean[rank];
        for (long a : axes) {
            int i = (int) (a < 0 ? a + rank : a);
            require(i >= 0 && i < rank && !added[i], "axis " + a + " is out of range or named twice");
            added[i] = true;
        }
        List<Dim> d = new ArrayList<>();
        int from = 0;
        for (int i = 0; i < rank; i++) {
            d.add(added[i] ? Dim.of(1) : x.at(from++));
        }
        return List.of(new Result(type(0), Shape.of(d), dims(0)));
    }

    private List<Result> concat() {
        sameTypes();
        Shape first = shape(0);
        int axis = first.axis(integer("axis", 0));
        Dim size = Dim.of(0);
        List<Dim> content = first.rank() == 1 ? new ArrayList<>() : null;
        for (int i = 0; i < in.size(); i++) {
            Shape s = shape(i);
            require(s.rank() == first.rank(), "shapes " + first + " and " + s + " have different ranks");
            for (int a = 0; a < s.rank(); a++) {
                require(
                        a == axis || fits(s.at(a), first.at(a)),
                        "shapes " + first + " and " + s + " differ at axis " + a + ", not only at axis " + axis);
            }
            size = size.plus(s.at(axis));
            List<Dim> k = dims(i);
            if (content != null && k != null) {
                content.addAll(k);
            } else {
                content = null;
            }
        }
        return List.of(new Result(type(0), first.with(axis, size), content));
    }

    private List<Result> split() {
        int axis = shape(0).axis(integer("axis", 0));
        Dim total = shape(0).at(axis);
        long[] sizes = attributes.containsKey("split") ? integers("split") : has(1) ? numbers(1) : null;
        if (sizes == null && !has(1)) {
            int parts = (int) integer("num_outputs", count);
            if (!total.isKnown()) {
                Dim each = total.dividedBy(Dim.of(parts));
                return Collections.nCopies(parts, result(type(0), shape(0).with(axis, each)));
            }
            long each = (total.size() + parts - 1) / parts;
            sizes = new long[parts];
            for (int i = 0; i < parts; i++) {
                sizes[i] = Math.max(0, Math.min(each, total.size() - i * each));
            }
        }
        List<Result> r = new ArrayList<>();
        for (int i = 0; i < (sizes == null ? count : sizes.length); i++) {
            r.add(result(type(0), shape(0).with(axis, sizes == null ? symbol(i) : Dim.of(sizes[i]))));
        }
        if (sizes != null && total.isKnown()) {
            require(
                    Arrays.stream(sizes).sum() == total.size(),
                    "parts " + Arrays.toString(sizes) + " do not add up to " + total + " at axis " + axis);
        }
        return r;
    }

    private List<Result> slice() {
        Shape x = shape(0);
        long[] starts = attributes.containsKey("starts") ? integers("starts") : has(1) ? numbers(1) : null;
        long[] ends = attributes.containsKey("ends") ? integers("ends") : has(2) ? numbers(2) : null;
        int n = starts != null ? starts.length : (int) shape(1).dim(0);
        long[] axes = attributes.containsKey("axes")
                ? integers("axes")
                : has(3) ? numbers(3) : IntStream.range(0, n).asLongStream().toArray();
        long[] steps = has(4) ? numbers(4) : orOnes(new long[0], n);
        if (axes == null) {
            return one(type(0), unknown(x.rank()));
        }
        List<Dim> d = new ArrayList<>(x.dims());
        List<Dim> content = dims(0);
        for (int i = 0; i < n; i++) {
            int a = x.axis(axes[i]);
            Dim size = x.at(a);
            if (starts == null || ends == null || steps == null) {
                d.set(a, symbol(a));
                content = null;
            } else if (!size.isKnown()) {
                d.set(a, symbolicSlice(size, starts[i], ends[i], steps[i], a));
                content = null;
            } else {
                require(steps[i] != 0, "a step of 0");
                long s = size.size();
                boolean up = steps[i] > 0;
                long from = Math.clamp(starts[i] < 0 ? starts[i] + s : starts[i], 0, up ? s : s - 1);
                long to = Math.clamp(ends[i] < 0 ? Math.max(ends[i] + s, -1) : ends[i], up ? 0 : -1, s);
                long len = Math.max(0, Math.ceilDiv(to - from, steps[i]));
                d.set(a, Dim.of(len));
                if (content != null && x.rank() == 1) {
                    List<Dim> part = new ArrayList<>();
                    for (long k = 0; k < len; k++) {
                        part.add(content.get((int) (from + k * steps[i])));
                    }
                    content = part;
                } else {
                    content = null;
                }
            }
        }
        return List.of(new Result(type(0), Shape.of(d), content));
    }

    private Dim symbolicSlice(Dim size, long start, long end, long step, int axis) {
        if (step == 1 && end >= Integer.MAX_VALUE) {
            return start >= 0 ? size.minus(Dim.of(start)) : Dim.of(-start);
        }
        if (step == 1 && start >= 0 && end < 0) {
            return size.minus(Dim.of(start - end));
        }
        if (step == 1 && start >= 0 && end >= start) {
            return Dim.of(end - start);
        }
        return step == -1 && start == -1 ? size : symbol(axis);
    }

    private List<Result> pad() {
        Shape x = shape(0);
        long[] pads = attributes.containsKey("pads") ? integers("pads") : has(1) ? numbers(1) : null;
        long[] axes = has(3)
                ? numbers(3)
                : IntStream.range(0, x.rank()).asLongStream().toArray();
        if (pads == null || axes == null) {
            return one(type(0), unknown(x.rank()));
        }
        require(
                pads.length == 2 * axes.length,
                "pads " + Arrays.toString(pads) + " must hold a start and an end for " + axes.length + " axes");
        Shape s = x;
        for (int i = 0; i < axes.length; i++) {
            int a = x.axis(axes[i]);
            s = s.with(a, x.at(a).plus(Dim.of(pads[i] + pads[i + axes.length])));
        }
        return one(type(0), s);
    }

    private List<Result> resize() {
        Shape x = shape(0);
        long[] axes = attributes.containsKey("axes")
                ? integers("axes")
                : IntStream.range(0, x.rank()).asLongStream().toArray();
        if (!has(3)) {
            return one(type(0), scaled(x, axes, scales(opset < 11 ? 1 : 2)));
        }
        List<Dim> sizes = dims(3);
        if (sizes == null) {
            return one(type(0), unknown(x.rank()));
        }
        String keep = text("keep_aspect_ratio_policy", "stretch");
        Shape s = x;
        if (keep.equals("stretch")) {
            for (int i = 0; i < axes.length; i++) {
                s = s.with(x.axis(axes[i]), sizes.get(i));
            }
            return one(type(0), s);
        }
        double scale = keep.equals("not_larger") ? Double.MAX_VALUE : 0;
        for (int i = 0; i < axes.length; i++) {
            double r = (double) sizes.get(i).size() / x.dim(x.axis(axes[i]));
            scale = keep.equals("not_larger") ? Math.min(scale, r) : Math.max(scale, r);
        }
        for (long a : axes) {
            s = s.with(x.axis(a), (long) Math.floor(scale * x.dim(x.axis(a)) + 0.5));
        }
        return one(type(0), s);
    }

    private Shape scaled(Shape x, long @Nullable [] axes, double @Nullable [] scales) {
        if (scales == null) {
            return unknown(x.rank());
        }
        Shape s = x;
        for (int i = 0; i < scales.length; i++) {
            int a = axes == null ? i : x.axis(axes[i]);
            if (scales[i] != 1) {
                s = s.with(a, x.at(a).isKnown() ? Dim.of((long) Math.floor(x.dim(a) * scales[i])) : symbol(a));
            }
        }
        return s;
    }

    private double @Nullable [] scales(int input) {
        return has(input) ? in.get(input).constant().map(Constant::toDoubles).orElse(null) : null;
    }

    private List<Result> range() {
        Constant[] c = new Constant[3];
        for (int i = 0; i < 3; i++) {
            c[i] = in.get(i).constant().orElse(null);
        }
        if (c[0] != null && c[1] != null && c[2] != null) {
            require(c[2].get(0) != 0, "a step of 0");
            long n = Math.max(0, (long) Math.ceil((c[1].get(0) - c[0].get(0)) / c[2].get(0)));
            List<Dim> content = null;
            if (type(0).isInteger() && n <= LIMIT) {
                content = new ArrayList<>();
                for (long i = 0; i < n; i++) {
                    content.add(Dim.of(c[0].getLong(0) + i * c[2].getLong(0)));
                }
            }
            return List.of(new Result(type(0), Shape.of(n), content));
        }
        List<Dim> from = dims(0);
        List<Dim> to = dims(1);
        List<Dim> step = dims(2);
        if (from != null && to != null && step != null && step.getFirst().is(1)) {
            return one(type(0), Shape.of(List.of(to.getFirst().minus(from.getFirst()))));
        }
        return one(type(0), unknown(1));
    }

    private @Nullable List<Result> dft() {
        Shape x = shape(0);
        List<Dim> given = opset >= 20 && has(2) ? dims(2) : null;
        if (has(2) && given == null) {
            return null;
        }
        int axis = x.axis(given != null ? given.getFirst().size() : integer("axis", opset >= 20 ? -2 : 1));
        boolean half = integer("onesided", 0) != 0;
        boolean inverse = integer("inverse", 0) != 0;
        List<Dim> length = has(1) ? dims(1) : null;
        Dim n = has(1) ? length == null ? symbol(axis) : length.getFirst() : x.at(axis);
        if (half && !inverse) {
            n = n.dividedBy(Dim.of(2)).plus(Dim.of(1));
        } else if (half && !has(1)) {
            n = n.minus(Dim.of(1)).times(Dim.of(2));
        }
        return one(type(0), x.with(axis, n).with(-1, half && inverse ? 1 : 2));
    }

    private List<Result> col2Im() {
        List<Dim> image = dims(1);
        List<Dim> block = dims(2);
        Dim[] spatial = new Dim[(int) shape(1).dim(0)];
        for (int i = 0; i < spatial.length; i++) {
            spatial[i] = image == null ? symbol(i + 2) : image.get(i);
        }
        Dim channels = block == null ? symbol(1) : shape(0).at(1).dividedBy(product(block));
        return one(type(0), Shape.of(List.of(shape(0).at(0), channels)).concat(Shape.of(List.of(spatial))));
    }

    // ---- known contents --------------------------------------------------------------------------------------------

    private @Nullable List<Dim> arithmetic() {
        List<Dim> a = dims(0);
        List<Dim> b = dims(1);
        if (a == null || b == null || shape(0).rank() > 1 || shape(1).rank() > 1) {
            return null;
        }
        int n = a.isEmpty() || b.isEmpty() ? 0 : Math.max(a.size(), b.size());
        List<Dim> r = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            Dim x = a.get(a.size() == 1 ? 0 : i);
            Dim y = b.get(b.size() == 1 ? 0 : i);
            boolean quotient = op.type().equals("Div") || op.type().equals("Mod");
            if (quotient && y.is(0) || op.type().equals("Mod") && !(x.isKnown() && y.isKnown())) {
                return null;
            }
            r.add(
                    switch (op.type()) {
                        case "Add" -> x.plus(y);
                        case "Sub" -> x.minus(y);
                        case "Mul" -> x.times(y);
                        case "Mod" ->
                            Dim.of(integer("fmod", 0) == 1 ? x.size() % y.size() : Math.floorMod(x.size(), y.size()));
                        default -> x.dividedBy(y);
                    });
        }
        return r;
    }

    private @Nullable List<Dim> comparison() {
        List<Dim> a = dims(0);
        List<Dim> b = dims(1);
        if (!op.type().equals("Equal") || a == null || b == null || shape(0).rank() > 1 || shape(1).rank() > 1) {
            return null;
        }
        int n = a.isEmpty() || b.isEmpty() ? 0 : Math.max(a.size(), b.size());
        List<Dim> r = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            // A symbol is a size, never the -1 that exporters compare it with.
            r.add(Dim.of(a.get(a.size() == 1 ? 0 : i).equals(b.get(b.size() == 1 ? 0 : i)) ? 1 : 0));
        }
        return r;
    }

    private @Nullable List<Dim> where() {
        List<Dim> c = dims(0);
        List<Dim> a = dims(1);
        List<Dim> b = dims(2);
        if (c == null || a == null || b == null || broadcast().rank() > 1) {
            return null;
        }
        int n = Math.max(c.size(), Math.max(a.size(), b.size()));
        List<Dim> r = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            List<Dim> from = c.get(c.size() == 1 ? 0 : i).is(0) ? b : a;
            r.add(from.get(from.size() == 1 ? 0 : i));
        }
        return r;
    }

    private @Nullable List<Dim> pick(long @Nullable [] indices) {
        List<Dim> all = dims(0);
        if (all == null || indices == null) {
            return null;
        }
        return Arrays.stream(indices)
                .mapToObj(i -> all.get((int) (i < 0 ? i + all.size() : i)))
                .toList();
    }

    // ---- small things ----------------------------------------------------------------------------------------------

    private boolean has(int i) {
        return i < in.size() && in.get(i).isPresent();
    }

    private Value value(int i) {
        if (!has(i)) {
            throw new GraphException("input " + i + " is missing");
        }
        return in.get(i);
    }

    private Shape shape(int i) {
        return value(i).shape();
    }

    private DType type(int i) {
        return value(i).dtype();
    }

    private @Nullable List<Dim> dims(int i) {
        return value(i).known().orElse(null);
    }

    private long @Nullable [] numbers(int i) {
        List<Dim> d = dims(i);
        return d != null && d.stream().allMatch(Dim::isKnown)
                ? d.stream().mapToLong(Dim::size).toArray()
                : null;
    }

    /** Axes from the attribute (before opset 13) or from input 1. */
    private long @Nullable [] axesOr(long @Nullable [] otherwise) {
        return attributes.containsKey("axes") ? integers("axes") : has(1) ? numbers(1) : otherwise;
    }

    private long integer(String name, long otherwise) {
        return attributes.get(name) instanceof Attribute.Int a ? a.value() : otherwise;
    }

    private long[] integers(String name) {
        return attributes.get(name) instanceof Attribute.Ints a ? a.array() : new long[0];
    }

    private String text(String name, String otherwise) {
        return attributes.get(name) instanceof Attribute.Text a ? a.value() : otherwise;
    }

    private static long[] orOnes(long[] v, int n) {
        if (v.length > 0) {
            return v;
        }
        long[] ones = new long[n];
        Arrays.fill(ones, 1);
        return ones;
    }

    private Dim symbol(int axis) {
        return Dim.named("?" + stem.toLowerCase(Locale.ROOT) + "." + axis);
    }

    private Shape unknown(int rank) {
        return Shape.of(IntStream.range(0, rank).mapToObj(this::symbol).toList());
    }

    private static Dim product(List<Dim> dims) {
        Dim p = Dim.of(1);
        for (Dim d : dims) {
            p = p.times(d);
        }
        return p;
    }

    /** Whether two sizes may be the same: symbols get the benefit of the doubt. */
    private static boolean fits(Dim a, Dim b) {
        return !a.isKnown() || !b.isKnown() || a.size() == b.size();
    }

    private Shape broadcast() {
        Shape s = shape(0);
        for (int i = 1; i < in.size(); i++) {
            s = Shape.broadcast(s, shape(i));
        }
        return s;
    }

    private void sameTypes() {
        for (Value v : in) {
            require(
                    !v.isPresent() || v.dtype() == type(0),
                    "mixes " + type(0) + " and " + v.dtype() + ": cast one of them");
        }
    }

    private void floating(int i) {
        require(type(i).isFloating(), "needs a floating type, not " + type(i) + ": cast first");
    }

    private List<Result> same() {
        return one(type(0), shape(0));
    }

    private static List<Result> one(DType dtype, Shape shape) {
        return List.of(result(dtype, shape));
    }

    private static Result result(DType dtype, Shape shape) {
        return new Result(dtype, shape, null);
    }

    private static <T> T nonNull(@Nullable T v) {
        if (v == null) {
            throw new IllegalStateException();
        }
        return v;
    }

    private static void require(boolean condition, String message) {
        if (!condition) {
            throw new GraphException(message);
        }
    }
}
