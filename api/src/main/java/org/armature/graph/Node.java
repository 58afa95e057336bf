package org.armature.graph;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** One operator applied to values. Optional inputs that are left out are {@link Value#none()}. */
public final class Node {
    private final Op op;
    private final String name;
    private final List<Value> inputs;
    private final List<Value> outputs;
    private final Map<String, Attribute> attributes;

    Node(Op op, String name, List<Value> inputs, List<Value> outputs, Map<String, Attribute> attributes) {
        this.op = op;
        this.name = name;
        this.inputs = List.copyOf(inputs);
        this.outputs = List.copyOf(outputs);
        this.attributes = Collections.unmodifiableMap(new LinkedHashMap<>(attributes));
    }

    public Op op() {
        return op;
    }

    /** {@code op().type()}, for {@code switch (node.type())}; check {@link #is} where the domain matters. */
    public String type() {
        return op.type();
    }

    /** True for the ONNX operator of that name. */
    public boolean is(String type) {
        return op.domain().isEmpty() && op.type().equals(type);
    }

    /** Where the node stands, e.g. {@code blocks.0.attn.MatMul_1}; for people and error messages. */
    public String name() {
        return name;
    }

    public List<Value> inputs() {
        return inputs;
    }

    /** Input {@code i}, or {@link Value#none()} if it is left out. */
    public Value input(int i) {
        return i < inputs.size() ? inputs.get(i) : Value.none();
    }

    public List<Value> outputs() {
        return outputs;
    }

    /** The first output. */
    public Value output() {
        return outputs.getFirst();
    }

    public Map<String, Attribute> attributes() {
        return attributes;
    }

    public Optional<Attribute> attribute(String name) {
        return Optional.ofNullable(attributes.get(name));
    }

    public long integer(String name, long otherwise) {
        return attributes.get(name) instanceof Attribute.Int a ? a.value() : otherwise;
    }

    public float real(String name, float otherwise) {
        return attributes.get(name) instanceof Attribute.Real a ? a.value() : otherwise;
    }

    public String text(String name, String otherwise) {
        return attributes.get(name) instanceof Attribute.Text a ? a.value() : otherwise;
    }

    /** The integers of an attribute, or {@code otherwise}. */
    public long[] integers(String name, long... otherwise) {
        return attributes.get(name) instanceof Attribute.Ints a ? a.array() : otherwise;
    }

    @Override
    public String toString() {
        String out = outputs.stream().map(Value::toString).collect(Collectors.joining(", "));
        String in = inputs.stream().map(v -> v.isPresent() ? v.name() : "_").collect(Collectors.joining(", "));
        String at = attributes.isEmpty()
                ? ""
                : attributes.entrySet().stream()
                        .map(e -> e.getKey() + "=" + e.getValue())
                        .collect(Collectors.joining(", ", " {", "}"));
        return out + " = " + op + "(" + in + ")" + at;
    }
}
