package org.armature.compute.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.ByteString;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.armature.compute.Tensor;
import org.armature.graph.Attribute;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Dim;
import org.armature.graph.Graph;
import org.armature.graph.GraphException;
import org.armature.graph.Op;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.ModelFormat;
import org.armature.model.Parameters;
import org.jspecify.annotations.Nullable;

/**
 * ONNX protobuf as a graph. Models of opset 13 to 19 are brought to opset 20, newer ones to the oldest version from 20 on
 * in which their operators mean the same; older ones keep theirs, so that an executor that knows it can still run them.
 */
final class OnnxReader {
    private static final Set<String> REDUCTIONS = Set.of(
            "ReduceMean",
            "ReduceMax",
            "ReduceMin",
            "ReduceProd",
            "ReduceL1",
            "ReduceL2",
            "ReduceLogSum",
            "ReduceLogSumExp",
            "ReduceSumSquare");

    /** Since when operators exist, or mean what they mean, that are newer than opset 20. */
    private static final Map<String, Integer> SINCE = Map.of(
            "GroupNormalization",
            21,
            "RMSNormalization",
            23,
            "Attention",
            23,
            "RotaryEmbedding",
            23,
            "Swish",
            24,
            "TensorScatter",
            24,
            "BitCast",
            26,
            "CumProd",
            26);

    /** Attributes that came with opset 21 (quantisation by blocks) or later. */
    private static final Map<String, Integer> ATTRIBUTE_SINCE =
            Map.of("block_size", 21, "output_dtype", 21, "precision", 23, "round_mode", 24);

    /** What exporters call values that have no name in the program. */
    private static final Pattern UNNAMED = Pattern.compile("val_\\d+|onnx::\\w+|.*[Cc]onstant.*|_\\w+");

    /** Operators of which a lone unnamed number is a factor or an epsilon, not a bias or a kernel. */
    private static final Set<String> SCALING = Set.of("Mul", "Div", "Pow", "Max", "Min", "Clip", "Expand", "Where");

    private final @Nullable Path folder;
    private final Arena files;
    private final Map<String, Value> values = new HashMap<>();
    private final Map<String, Tensor> weights = new LinkedHashMap<>();
    private final Map<String, TensorType> declared = new HashMap<>();

    private OnnxReader(@Nullable Path folder, Arena files) {
        this.folder = folder;
        this.files = files;
    }

    /**
     * Reads a model.
     *
     * @param folder where external data lies, or null to refuse it
     */
    static ModelFormat.Imported read(ModelProto model, @Nullable Path folder) throws IOException {
        Arena files = Arena.ofAuto();
        OnnxReader r = new OnnxReader(folder, files);
        try {
            Graph g = r.graph(model);
            return new ModelFormat.Imported(g, Parameters.of(r.weights));
        } catch (RuntimeException | IOException e) {
            r.weights.values().forEach(Tensor::close);
            throw e;
        }
    }

    private Graph graph(ModelProto model) throws IOException {
        int opset = 1;
        for (OperatorSetIdProto o : model.getOpsetImportList()) {
            if (o.getDomain().isEmpty() || o.getDomain().equals("ai.onnx")) {
                opset = Math.toIntExact(o.getVersion());
            }
        }
        if (model.getFunctionsCount() > 0) {
            throw new GraphException("the model defines functions of its own ("
                    + model.getFunctions(0).getName() + "): inline them when exporting");
        }
        GraphProto g = model.getGraph();
        boolean lift = opset >= 13 && opset < Graph.OPSET;
        int needed = g.getNodeList().stream().mapToInt(OnnxReader::since).max().orElse(Graph.OPSET);
        Graph.Builder b = Graph.builder(g.getName(), lift ? Graph.OPSET : Math.min(opset, needed));
        Set<String> initialized = new HashSet<>();
        for (TensorProto t : g.getInitializerList()) {
            initialized.add(t.getName());
        }
        for (ValueInfoProto v : g.getInputList()) {
            if (!initialized.contains(v.getName())) {
                TensorType t = type(v);
                values.put(v.getName(), b.input(v.getName(), t.dtype(), t.shape()));
            }
        }
        Set<String> structural = new HashSet<>();
        for (NodeProto n : g.getNodeList()) {
            if (n.getOpType().equals("Resize") || n.getOpType().equals("Upsample")) {
                structural.addAll(n.getInputList().subList(1, n.getInputCount()));
            }
        }
        Set<String> weighing = new HashSet<>();
        for (NodeProto n : g.getNodeList()) {
            if (!SCALING.contains(n.getOpType())) {
                weighing.addAll(n.getInputList());
            }
        }
        for (TensorProto t : g.getInitializerList()) {
            boolean factor = t.getDimsList().stream().allMatch(d -> d == 1)
                    && UNNAMED.matcher(t.getName()).matches()
                    && !weighing.contains(t.getName());
            initializer(b, t, factor || structural.contains(t.getName()));
        }
        for (ValueInfoProto v : g.getValueInfoList()) {
            declare(v);
        }
        for (ValueInfoProto v : g.getOutputList()) {
            declare(v);
        }
        for (NodeProto n : g.getNodeList()) {
            node(b, n, opset, lift);
        }
        for (ValueInfoProto v : g.getOutputList()) {
            b.output(v.getName(), value(v.getName(), "the graph's outputs"));
        }
        return b.build();
    }

    private void initializer(Graph.Builder b, TensorProto t, boolean structural) throws IOException {
        DType dtype = DType.ofOnnx(t.getDataType());
        // A floating tensor is a weight; a lone number is an epsilon or a scale of the formula.
        if (dtype.isFloating() && t.getDimsCount() > 0 && !structural) {
            Tensor data = tensor(t);
            weights.put(t.getName(), data);
            values.put(t.getName(), b.parameter(t.getName(), dtype, data.shape()));
        } else {
            values.put(t.getName(), b.constant(constant(t)));
        }
    }

    private void node(Graph.Builder b, NodeProto n, int opset, boolean lift) throws IOException {
        if (n.getOpType().equals("Constant") && n.getDomain().isEmpty()) {
            values.put(n.getOutput(0), b.constant(constantNode(n)));
            return;
        }
        List<Value> in = new ArrayList<>();
        for (String s : n.getInputList()) {
            in.add(s.isEmpty() ? Value.none() : value(s, n.getName()));
        }
        while (!in.isEmpty() && !in.getLast().isPresent()) {
            in.removeLast();
        }
        Map<String, Attribute> attributes = new LinkedHashMap<>();
        for (AttributeProto a : n.getAttributeList()) {
            attributes.put(a.getName(), attribute(n, a));
        }
        Op op = new Op(n.getDomain(), n.getOpType());
        if (lift && op.domain().isEmpty()) {
            lift(b, op.type(), opset, in, attributes, n.getOutputCount());
        }
        if (op.domain().isEmpty()
                && op.type().equals("Mod")
                && in.getFirst().dtype().isFloating()
                && !(attributes.get("fmod") instanceof Attribute.Int f && f.value() == 1)) {
            // Since opset 27: floating remainder with the sign of the divisor.
            Value x = in.get(0);
            Value y = in.get(1);
            values.put(n.getOutput(0), Ops.sub(x, Ops.mul(Ops.floor(Ops.div(x, y)), y)));
            return;
        }
        int count = n.getOutputCount();
        while (count > 1 && n.getOutput(count - 1).isEmpty()) {
            count--;
        }
        List<TensorType> types = new ArrayList<>();
        for (String o : n.getOutputList().subList(0, count)) {
            TensorType t = declared.get(o);
            if (t == null) {
                types.clear();
                break;
            }
            types.add(t);
        }
        List<Value> out = b.node(op, n.getName().isEmpty() ? null : n.getName(), in, attributes, count, types);
        for (int i = 0; i < count; i++) {
            values.put(n.getOutput(i), out.get(i));
        }
    }

    /** The oldest operator set from 20 on in which a node means what it does in the newest. */
    private static int since(NodeProto n) {
        int since = n.getDomain().isEmpty() ? SINCE.getOrDefault(n.getOpType(), Graph.OPSET) : Graph.OPSET;
        for (AttributeProto a : n.getAttributeList()) {
            since = Math.max(since, ATTRIBUTE_SINCE.getOrDefault(a.getName(), Graph.OPSET));
        }
        return since;
    }

    /** What changed its form between opset 13 and 20. */
    private static void lift(
            Graph.Builder b, String type, int opset, List<Value> in, Map<String, Attribute> attributes, int outputs) {
        if (opset < 18 && REDUCTIONS.contains(type) && attributes.get("axes") instanceof Attribute.Ints axes) {
            attributes.remove("axes");
            in.add(b.longs(axes.array()));
        }
        if (opset < 18 && type.equals("Split") && in.size() == 1) {
            attributes.put("num_outputs", Attribute.of((long) outputs));
        }
        if (opset < 20 && type.equals("DFT")) {
            long axis = attributes.remove("axis") instanceof Attribute.Int a ? a.value() : 1;
            if (in.size() == 1) {
                in.add(Value.none());
            }
            in.add(b.constant(Constant.longs(Shape.SCALAR, axis)));
        }
        if (opset < 20 && type.equals("GridSample") && attributes.get("mode") instanceof Attribute.Text t) {
            attributes.put(
                    "mode",
                    Attribute.of(
                            switch (t.value()) {
                                case "bilinear" -> "linear";
                                case "bicubic" -> "cubic";
                                default -> t.value();
                            }));
        }
    }

    private Value value(String name, String user) {
        Value v = values.get(name);
        if (v == null) {
            throw new GraphException("'" + user + "' reads " + name
                    + ", which nothing before it makes: the model is broken" + " or not sorted");
        }
        return v;
    }

    private void declare(ValueInfoProto v) {
        if (v.getType().hasTensorType() && v.getType().getTensorType().hasShape()) {
            declared.put(v.getName(), type(v));
        }
    }

    private static TensorType type(ValueInfoProto v) {
        TypeProto p = v.getType();
        if (!p.hasTensorType()) {
            throw new GraphException(
                    v.getName() + " is not a tensor: sequences, maps and optional values are not supported");
        }
        TypeProto.Tensor t = p.getTensorType();
        if (!t.hasShape()) {
            throw new GraphException(v.getName() + " has no shape in the file: run ONNX shape inference on it");
        }
        List<Dim> dims = new ArrayList<>();
        for (TensorShapeProto.Dimension d : t.getShape().getDimList()) {
            dims.add(
                    switch (d.getValueCase()) {
                        case DIM_VALUE -> Dim.of(d.getDimValue());
                        case DIM_PARAM ->
                            d.getDimParam().isEmpty()
                                    ? Dim.named(v.getName() + "." + dims.size())
                                    : Dim.named(d.getDimParam());
                        default -> Dim.named(v.getName() + "." + dims.size());
                    });
        }
        return new TensorType(DType.ofOnnx(t.getElemType()), Shape.of(dims));
    }

    private Constant constantNode(NodeProto n) throws IOException {
        AttributeProto a = n.getAttribute(0);
        return switch (a.getName()) {
            case "value" -> constant(a.getT());
            case "value_float" -> Constant.scalar(DType.FLOAT, a.getF());
            case "value_int" -> Constant.longs(Shape.SCALAR, a.getI());
            case "value_ints" ->
                Constant.longs(
                        a.getIntsList().stream().mapToLong(Long::longValue).toArray());
            case "value_floats" ->
                Constant.of(
                        DType.FLOAT,
                        Shape.of(a.getFloatsCount()),
                        a.getFloatsList().stream()
                                .mapToDouble(Float::doubleValue)
                                .toArray());
            default ->
                throw new GraphException("constant '" + n.getName() + "' holds " + a.getName()
                        + ": only tensors and numbers are supported");
        };
    }

    private Attribute attribute(NodeProto n, AttributeProto a) throws IOException {
        return switch (a.getType()) {
            case INT -> Attribute.of(a.getI());
            case FLOAT -> Attribute.of(a.getF());
            case STRING -> Attribute.of(a.getS().toStringUtf8());
            case INTS -> new Attribute.Ints(a.getIntsList());
            case FLOATS -> new Attribute.Reals(a.getFloatsList());
            case STRINGS ->
                new Attribute.Texts(a.getStringsList().stream()
                        .map(ByteString::toStringUtf8)
                        .toList());
            case TENSOR -> Attribute.of(constant(a.getT()));
            default ->
                throw new GraphException(n.getOpType() + " '" + n.getName() + "' has attribute " + a.getName()
                        + " of type " + a.getType() + ": control flow is not supported, export without it");
        };
    }

    private Constant constant(TensorProto t) throws IOException {
        DType dtype = DType.ofOnnx(t.getDataType());
        Shape shape = shape(t);
        MemorySegment external = external(t, dtype, shape);
        if (external != null) {
            return Constant.of(dtype, shape, external);
        }
        long bytes = checked(t, dtype, shape);
        MemorySegment m = Arena.ofAuto().allocate(Math.max(1, bytes), 64).asSlice(0, bytes);
        fill(t, dtype, m);
        return Constant.of(dtype, shape, m);
    }

    private Tensor tensor(TensorProto t) throws IOException {
        DType dtype = DType.ofOnnx(t.getDataType());
        Shape shape = shape(t);
        MemorySegment external = external(t, dtype, shape);
        if (external != null) {
            return Tensor.wrap(dtype, shape, external, files);
        }
        checked(t, dtype, shape);
        Tensor out = Tensor.zeros(dtype, shape);
        fill(t, dtype, out.data());
        return out;
    }

    /** One {@code TensorProto} that holds its own data. */
    static Tensor readTensor(TensorProto t) throws IOException {
        return new OnnxReader(null, Arena.ofAuto()).tensor(t);
    }

    private static Shape shape(TensorProto t) {
        return Shape.of(t.getDimsList().stream().mapToLong(Long::longValue).toArray());
    }

    private @Nullable MemorySegment external(TensorProto t, DType dtype, Shape shape) throws IOException {
        if (t.getDataLocation() != TensorProto.DataLocation.EXTERNAL) {
            return null;
        }
        Map<String, String> where = new HashMap<>();
        for (StringStringEntryProto e : t.getExternalDataList()) {
            where.put(e.getKey(), e.getValue());
        }
        String location = where.getOrDefault("location", "");
        if (folder == null || location.isEmpty()) {
            throw new IOException("tensor " + t.getName() + " keeps its data in file '" + location
                    + "', which cannot be reached from here: open the model from its folder");
        }
        Path file = folder.resolve(location).normalize();
        if (!file.startsWith(folder.normalize())) {
            throw new IOException("tensor " + t.getName() + " points outside the model's folder (" + location + ")");
        }
        try (FileChannel c = FileChannel.open(file, StandardOpenOption.READ)) {
            long bytes = Math.multiplyExact(shape.size(), (long) dtype.bytes());
            long offset = Long.parseLong(where.getOrDefault("offset", "0"));
            long length = Long.parseLong(where.getOrDefault("length", Long.toString(bytes)));
            if (length != bytes || offset < 0 || offset > c.size() - length) {
                throw new IOException("tensor " + t.getName() + " " + dtype + shape + " wants " + bytes + " bytes, "
                        + location + " gives " + length + " at " + offset + " of " + c.size());
            }
            return c.map(FileChannel.MapMode.READ_ONLY, offset, length, files);
        } catch (NumberFormatException | ArithmeticException e) {
            throw new IOException("tensor " + t.getName() + " has an offset or size that is no number: " + where, e);
        }
    }

    /** The number of bytes, having checked that the file holds that many before anything is allocated. */
    private static long checked(TensorProto t, DType dtype, Shape shape) {
        long n = shape.size();
        long have = t.hasRawData()
                ? t.getRawData().size() / dtype.bytes()
                : switch (dtype) {
                    case FLOAT -> t.getFloatDataCount();
                    case DOUBLE -> t.getDoubleDataCount();
                    case INT64 -> t.getInt64DataCount();
                    case UINT32, UINT64 -> t.getUint64DataCount();
                    default -> t.getInt32DataCount();
                };
        if (n != have || (t.hasRawData() && t.getRawData().size() % dtype.bytes() != 0)) {
            throw new GraphException(
                    "tensor " + t.getName() + " " + dtype + shape + " needs " + n + " elements, the file has " + have);
        }
        return n * dtype.bytes();
    }

    private static void fill(TensorProto t, DType dtype, MemorySegment m) {
        if (t.hasRawData()) {
            m.copyFrom(MemorySegment.ofBuffer(t.getRawData().asReadOnlyByteBuffer()));
            return;
        }
        long n = m.byteSize() / dtype.bytes();
        for (int i = 0; i < n; i++) {
            switch (dtype) {
                case FLOAT -> Constant.write(dtype, m, i, t.getFloatData(i));
                case DOUBLE -> Constant.write(dtype, m, i, t.getDoubleData(i));
                case INT64 -> Constant.writeLong(dtype, m, i, t.getInt64Data(i));
                case UINT32, UINT64 -> Constant.writeLong(dtype, m, i, t.getUint64Data(i));
                case FLOAT16, BFLOAT16 -> m.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i, (short) t.getInt32Data(i));
                default -> Constant.writeLong(dtype, m, i, t.getInt32Data(i));
            }
        }
    }
}
