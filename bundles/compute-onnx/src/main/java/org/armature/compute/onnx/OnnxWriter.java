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
import java.util.ArrayList;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.armature.graph.Attribute;
import org.armature.graph.Constant;
import org.armature.graph.Dim;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Op;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;

/** A graph as ONNX protobuf. Parameters become inputs unless a {@link Weights} says how to write them as initializers. */
final class OnnxWriter {
    /** How a parameter is written. */
    interface Weights {
        /** Whether there is a value for this parameter. */
        boolean has(String name);

        /** Adds the data, or where it is, to the tensor's description. */
        void write(String name, TensorProto.Builder tensor);
    }

    /** No weights: every parameter is an input. */
    static final Weights NONE = new Weights() {
        @Override
        public boolean has(String name) {
            return false;
        }

        @Override
        public void write(String name, TensorProto.Builder tensor) {
            throw new IllegalStateException(name);
        }
    };

    /**
     * A written model.
     *
     * @param outputNames names of the outputs in the file, in the graph's order; they differ from the graph's where an output
     *     is called like an input
     */
    record Written(ModelProto model, List<String> outputNames) {}

    private final Graph graph;
    private final Map<Value, String> names = new IdentityHashMap<>();
    private final Set<String> taken = new HashSet<>();
    private final Set<String> nodeNames = new HashSet<>();

    private OnnxWriter(Graph graph) {
        this.graph = graph;
    }

    static Written write(Graph graph, Weights weights) {
        return new OnnxWriter(graph.flat()).write(weights);
    }

    private Written write(Weights weights) {
        GraphProto.Builder g = GraphProto.newBuilder().setName(graph.name().isEmpty() ? "graph" : graph.name());
        for (Value v : graph.inputs()) {
            g.addInput(info(name(v, v.name()), v.type()));
        }
        for (Value v : graph.parameters()) {
            String n = name(v, v.name());
            if (weights.has(n)) {
                TensorProto.Builder t = header(n, v.type());
                weights.write(n, t);
                g.addInitializer(t);
            } else {
                g.addInput(info(n, v.type()));
            }
        }
        // Results of nodes take the name of the output they are; everything else reaches its output through Identity.
        List<String> outputNames = new ArrayList<>();
        List<NodeProto> ends = new ArrayList<>();
        for (Map.Entry<String, Value> e : graph.outputs().entrySet()) {
            Value v = e.getValue();
            String n;
            if (graph.producer(v).isPresent() && !names.containsKey(v)) {
                n = name(v, e.getKey());
            } else {
                n = unique(e.getKey());
                ends.add(NodeProto.newBuilder()
                        .setOpType("Identity")
                        .addInput(names.containsKey(v) ? names.get(v) : name(v, v.name()))
                        .addOutput(n)
                        .build());
            }
            outputNames.add(n);
            g.addOutput(info(n, v.type()));
        }
        for (Value v : graph.constants()) {
            Constant c = v.constant().orElseThrow();
            String n = names.containsKey(v) ? names.get(v) : name(v, v.name());
            TensorProto.Builder t =
                    header(n, v.type()).setRawData(ByteString.copyFrom(c.data().asByteBuffer()));
            if (v.dtype().isFloating() && v.rank() > 0) { // as an initializer, it would be read as a weight
                g.addNode(NodeProto.newBuilder()
                        .setOpType("Constant")
                        .addOutput(n)
                        .addAttribute(AttributeProto.newBuilder()
                                .setName("value")
                                .setType(AttributeProto.AttributeType.TENSOR)
                                .setT(t)));
            } else {
                g.addInitializer(t);
            }
        }
        boolean microsoft = false;
        for (Node n : graph.nodes()) {
            g.addNode(node(n));
            microsoft |= n.op().domain().equals(Op.MICROSOFT);
        }
        g.addAllNode(ends);
        ModelProto.Builder m = ModelProto.newBuilder()
                .setIrVersion(graph.opset() > 20 ? 10 : 9)
                .setProducerName("armature")
                .addOpsetImport(OperatorSetIdProto.newBuilder().setDomain("").setVersion(graph.opset()))
                .setGraph(g);
        if (microsoft) {
            m.addOpsetImport(
                    OperatorSetIdProto.newBuilder().setDomain(Op.MICROSOFT).setVersion(1));
        }
        return new Written(m.build(), outputNames);
    }

    private NodeProto node(Node n) {
        NodeProto.Builder p = NodeProto.newBuilder()
                .setName(unique(n.name(), nodeNames))
                .setOpType(n.type())
                .setDomain(n.op().domain());
        for (Value v : n.inputs()) {
            p.addInput(v.isPresent() ? names.get(v) : "");
        }
        for (Value v : n.outputs()) {
            p.addOutput(names.containsKey(v) ? names.get(v) : name(v, v.name()));
        }
        n.attributes().forEach((k, a) -> p.addAttribute(attribute(k, a)));
        return p.build();
    }

    private static AttributeProto attribute(String name, Attribute a) {
        AttributeProto.Builder p = AttributeProto.newBuilder().setName(name);
        switch (a) {
            case Attribute.Int v -> p.setType(AttributeProto.AttributeType.INT).setI(v.value());
            case Attribute.Ints v ->
                p.setType(AttributeProto.AttributeType.INTS).addAllInts(v.value());
            case Attribute.Real v ->
                p.setType(AttributeProto.AttributeType.FLOAT).setF(v.value());
            case Attribute.Reals v ->
                p.setType(AttributeProto.AttributeType.FLOATS).addAllFloats(v.value());
            case Attribute.Text v ->
                p.setType(AttributeProto.AttributeType.STRING).setS(ByteString.copyFromUtf8(v.value()));
            case Attribute.Texts v -> {
                p.setType(AttributeProto.AttributeType.STRINGS);
                v.value().forEach(s -> p.addStrings(ByteString.copyFromUtf8(s)));
            }
            case Attribute.Data v ->
                p.setType(AttributeProto.AttributeType.TENSOR)
                        .setT(header(
                                        name,
                                        new TensorType(
                                                v.value().dtype(), v.value().shape()))
                                .setRawData(ByteString.copyFrom(v.value().data().asByteBuffer())));
            case Attribute.Body v ->
                p.setType(AttributeProto.AttributeType.GRAPH)
                        .setG(write(v.value(), NONE).model().getGraph());
        }
        return p.build();
    }

    static TensorProto.Builder header(String name, TensorType type) {
        TensorProto.Builder t =
                TensorProto.newBuilder().setName(name).setDataType(type.dtype().onnx());
        for (long d : type.shape().sizes()) {
            t.addDims(d);
        }
        return t;
    }

    /** Points a tensor at bytes in another file. */
    static void external(TensorProto.Builder t, String location, long offset, long length) {
        t.setDataLocation(TensorProto.DataLocation.EXTERNAL)
                .addExternalData(entry("location", location))
                .addExternalData(entry("offset", Long.toString(offset)))
                .addExternalData(entry("length", Long.toString(length)));
    }

    private static StringStringEntryProto entry(String key, String value) {
        return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
    }

    private static ValueInfoProto info(String name, TensorType type) {
        TypeProto.Tensor.Builder t =
                TypeProto.Tensor.newBuilder().setElemType(type.dtype().onnx()).setShape(shape(type.shape()));
        return ValueInfoProto.newBuilder()
                .setName(name)
                .setType(TypeProto.newBuilder().setTensorType(t))
                .build();
    }

    private static TensorShapeProto shape(Shape s) {
        TensorShapeProto.Builder p = TensorShapeProto.newBuilder();
        for (Dim d : s.dims()) {
            TensorShapeProto.Dimension.Builder b = TensorShapeProto.Dimension.newBuilder();
            // Computed symbols are for people: two unequal expressions may stand for one size.
            if (d.isKnown()) {
                b.setDimValue(d.size());
            } else if (d.toString().matches("\\w+")) {
                b.setDimParam(d.toString());
            }
            p.addDim(b);
        }
        return p.build();
    }

    private String name(Value v, String wanted) {
        String n = unique(wanted);
        names.put(v, n);
        return n;
    }

    private String unique(String wanted) {
        return unique(wanted, taken);
    }

    /** Inlined graphs repeat names; ONNX Runtime takes each value's and each node's name once. */
    private static String unique(String wanted, Set<String> taken) {
        String n = wanted;
        for (int i = 1; !taken.add(n); i++) {
            n = wanted + "#" + i;
        }
        return n;
    }
}
