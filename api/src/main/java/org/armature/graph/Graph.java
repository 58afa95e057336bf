package org.armature.graph;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An immutable graph of ONNX operators: named inputs, named parameters (the trainable weights, kept apart from the inputs),
 * constants, nodes in topological order, named outputs.
 *
 * <p>Two graphs are equal if they compute the same thing in the same way: names of inputs, parameters and outputs, types,
 * operators, attributes, constants and wiring agree; the names of nodes and of values in between do not matter. That makes
 * a graph the key of a compile cache.
 *
 * <p>Laws: for every graph {@code g}: {@code g.bind(Map.of())} equals {@code g}; every value of a node is an input, a
 * parameter, a constant or an output of an earlier node; every node is needed for an output.
 */
public final class Graph {
    /** The version of the ONNX operator set that {@link Ops} speaks. */
    public static final int OPSET = 20;

    private final String name;
    private final int opset;
    private final List<Value> inputs;
    private final List<Value> parameters;
    private final List<Value> constants;
    private final List<Node> nodes;
    private final SequencedMap<String, Value> outputs;
    private final Map<Value, Node> producers = new IdentityHashMap<>();
    private final Map<Value, List<Node>> consumers = new IdentityHashMap<>();
    private final Map<String, Value> named = new HashMap<>();
    private @Nullable List<Object> canonical;
    private int hash;

    private Graph(Builder b) {
        name = b.name;
        opset = b.opset;
        inputs = List.copyOf(b.inputs.values());
        parameters = List.copyOf(b.parameters.values());
        outputs = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(b.outputs));
        nodes = live(b.nodes, outputs.values());
        Set<Value> used = new LinkedHashSet<>();
        for (Node n : nodes) {
            for (Value v : n.outputs()) {
                producers.put(v, n);
                named.put(v.name(), v);
            }
            Set<Value> seen = Collections.newSetFromMap(new IdentityHashMap<>());
            for (Value v : n.inputs()) {
                if (v.isPresent() && seen.add(v)) {
                    consumers.computeIfAbsent(v, k -> new ArrayList<>(2)).add(n);
                    if (v.constant().isPresent()) {
                        used.add(v);
                    }
                }
            }
        }
        outputs.values().stream().filter(v -> v.constant().isPresent()).forEach(used::add);
        constants = List.copyOf(used);
        Stream.of(inputs, parameters, constants).flatMap(List::stream).forEach(v -> named.put(v.name(), v));
    }

    private static List<Node> live(List<Node> all, Collection<Value> roots) {
        Set<Value> wanted = Collections.newSetFromMap(new IdentityHashMap<>());
        wanted.addAll(roots);
        List<Node> live = new ArrayList<>();
        for (Node n : all.reversed()) {
            if (n.outputs().stream().anyMatch(wanted::contains)) {
                live.add(n);
                wanted.addAll(n.inputs());
            }
        }
        return List.copyOf(live.reversed());
    }

    public static Builder builder(String name) {
        return new Builder(name, OPSET);
    }

    /** For graphs that came in with another version of the operator set. */
    public static Builder builder(String name, int opset) {
        return new Builder(name, opset);
    }

    public String name() {
        return name;
    }

    /** Version of ONNX's operator set the nodes follow. */
    public int opset() {
        return opset;
    }

    public List<Value> inputs() {
        return inputs;
    }

    /** Trainable weights and running statistics, by their {@code state_dict} names. */
    public List<Value> parameters() {
        return parameters;
    }

    /** Constants that are used, in order of first use. */
    public List<Value> constants() {
        return constants;
    }

    /** In topological order. */
    public List<Node> nodes() {
        return nodes;
    }

    public SequencedMap<String, Value> outputs() {
        return outputs;
    }

    /** The output of that name; throws {@link GraphException} listing those there are. */
    public Value output(String name) {
        Value v = outputs.get(name);
        if (v == null) {
            throw new GraphException("graph " + this.name + " has no output " + name + ": it has " + outputs.keySet());
        }
        return v;
    }

    /** The input or parameter of that name. */
    public Optional<Value> source(String name) {
        return Stream.concat(inputs.stream(), parameters.stream())
                .filter(v -> v.name().equals(name))
                .findFirst();
    }

    /** Any value by its name. */
    public Optional<Value> value(String name) {
        return Optional.ofNullable(named.get(name));
    }

    /** The node that makes a value; empty for inputs, parameters and constants. */
    public Optional<Node> producer(Value v) {
        return Optional.ofNullable(producers.get(v));
    }

    /** Nodes that read a value, in topological order, each once. */
    public List<Node> consumers(Value v) {
        return Collections.unmodifiableList(consumers.getOrDefault(v, List.of()));
    }

    public boolean isOutput(Value v) {
        return outputs.values().stream().anyMatch(o -> o == v);
    }

    /** True if no input or parameter has a symbolic size. */
    public boolean isStatic() {
        return Stream.concat(inputs.stream(), parameters.stream())
                .allMatch(v -> v.shape().isStatic());
    }

    /** Symbols of the inputs' shapes, in order. */
    public List<String> symbols() {
        return inputs.stream()
                .flatMap(v -> v.shape().symbols().stream())
                .distinct()
                .toList();
    }

    /** The same graph with symbols replaced by numbers and every shape inferred anew. */
    public Graph bind(Map<String, Long> symbols) {
        return retype(v -> new TensorType(v.dtype(), v.shape().bind(symbols)), symbols);
    }

    /**
     * The same graph for inputs of these shapes: each symbol takes the size that stands in its place. Throws
     * {@link GraphException} if a shape does not fit its input, or one symbol would have two sizes.
     */
    public Graph bindTo(Map<String, Shape> inputShapes) {
        Map<String, Long> symbols = new TreeMap<>();
        for (Value v : inputs) {
            Shape have = inputShapes.get(v.name());
            if (have == null) {
                continue;
            }
            if (have.rank() != v.rank()) {
                throw new GraphException("input " + v + " of graph " + name + " got shape " + have);
            }
            for (int i = 0; i < have.rank(); i++) {
                String symbol = v.shape().at(i).symbol();
                Long before = symbol == null ? Long.valueOf(v.shape().dim(i)) : symbols.put(symbol, have.dim(i));
                if (before != null && before != have.dim(i)) {
                    throw new GraphException("input " + v + " of graph " + name + " got shape " + have + ": size "
                            + v.shape().at(i) + " is " + before);
                }
            }
        }
        return bind(symbols);
    }

    private Graph retype(java.util.function.Function<Value, TensorType> source, Map<String, Long> symbols) {
        Builder b = new Builder(name, opset);
        Rewriter r = new Rewriter(this, b);
        for (Value v : inputs) {
            TensorType t = source.apply(v);
            r.replace(v, b.input(v.name(), t.dtype(), t.shape()));
        }
        for (Value v : parameters) {
            TensorType t = source.apply(v);
            r.replace(v, b.parameter(v.name(), t.dtype(), t.shape()));
        }
        for (Node n : nodes) {
            r.copy(
                    n,
                    n.outputs().stream()
                            .map(o -> new TensorType(o.dtype(), o.shape().bind(symbols)))
                            .toList());
        }
        return r.finish();
    }

    /** The part that computes some of the outputs; inputs and parameters stay declared. */
    public Graph select(Collection<String> outputNames) {
        Rewriter r = new Rewriter(this);
        nodes.forEach(r::copy);
        outputNames.forEach(o -> r.builder().output(o, r.get(output(o))));
        return r.builder().build();
    }

    /** Without {@code org.armature}: calls replaced by their bodies, stop-gradients by their input. What executors compile. */
    public Graph flat() {
        if (nodes.stream().noneMatch(n -> n.op().domain().equals(Op.ARMATURE))) {
            return this;
        }
        return Rewriter.rewrite(this, (n, r) -> {
            if (!n.op().domain().equals(Op.ARMATURE)) {
                return false;
            }
            switch (n.type()) {
                case "StopGradient" -> r.replace(n.output(), r.get(n.input(0)));
                case "Call" -> {
                    Graph body = Ops.body(n).flat();
                    Map<String, Value> given = new LinkedHashMap<>();
                    for (int i = 0; i < body.inputs().size(); i++) {
                        given.put(body.inputs().get(i).name(), r.get(n.input(i)));
                    }
                    List<Value> out =
                            List.copyOf(r.builder().inline(body, given).values());
                    for (int i = 0; i < out.size(); i++) {
                        r.replace(n.outputs().get(i), out.get(i));
                    }
                }
                default -> {
                    return false;
                }
            }
            return true;
        });
    }

    private List<Object> canonical() {
        List<Object> c = canonical;
        if (c == null) {
            c = new ArrayList<>();
            Map<Value, Integer> number = new IdentityHashMap<>();
            number.put(Value.none(), -1);
            c.add(opset);
            for (List<Value> sources : List.of(inputs, parameters)) {
                c.add(sources.size());
                for (Value v : sources) {
                    number.put(v, number.size());
                    c.add(List.of(v.name(), v.dtype(), v.shape()));
                }
            }
            for (Value v : constants) {
                number.put(v, number.size());
                c.add(v.constant().orElseThrow());
            }
            for (Node n : nodes) {
                c.add(n.op());
                c.add(n.inputs().stream().map(number::get).toList());
                c.add(n.attributes());
                c.add(n.outputs().size());
                n.outputs().forEach(v -> number.put(v, number.size()));
            }
            outputs.forEach((k, v) -> number.computeIfAbsent(v, x -> {
                throw new IllegalStateException(k + " is not computed");
            }));
            List<Object> ends = new ArrayList<>();
            outputs.forEach((k, v) -> ends.add(List.of(k, number.get(v))));
            c.add(ends);
            hash = c.hashCode();
            canonical = c;
        }
        return c;
    }

    @Override
    public boolean equals(Object o) {
        return this == o
                || o instanceof Graph g
                        && hashCode() == g.hashCode()
                        && canonical().equals(g.canonical());
    }

    @Override
    public int hashCode() {
        canonical();
        return hash;
    }

    /** One line per input, parameter, node and output. */
    @Override
    public String toString() {
        StringBuilder s = new StringBuilder("graph ").append(name).append(" {\n");
        inputs.forEach(v -> s.append("  input ").append(v).append('\n'));
        parameters.forEach(v -> s.append("  parameter ").append(v).append('\n'));
        for (Node n : nodes) {
            String in = n.inputs().stream()
                    .map(v -> !v.isPresent()
                            ? "_"
                            : v.constant().map(Constant::toString).orElse(v.name()))
                    .collect(Collectors.joining(", "));
            String out = n.outputs().stream().map(Value::toString).collect(Collectors.joining(", "));
            s.append("  ")
                    .append(out)
                    .append(" = ")
                    .append(n.op())
                    .append('(')
                    .append(in)
                    .append(')');
            if (!n.attributes().isEmpty()) {
                s.append(" {");
                s.append(n.attributes().entrySet().stream()
                        .map(e -> e.getKey() + "=" + e.getValue())
                        .collect(Collectors.joining(", ")));
                s.append('}');
            }
            s.append('\n');
        }
        outputs.forEach((k, v) ->
                s.append("  output ").append(k).append(" = ").append(v).append('\n'));
        return s.append('}').toString();
    }

    /**
     * Makes a graph, node by node, in topological order by nature. Not for several threads at once. Usually called through
     * {@link Ops}; {@link #node} is there for importers and passes.
     */
    public static final class Builder {
        private final String name;
        private final int opset;
        private final SequencedMap<String, Value> inputs = new LinkedHashMap<>();
        private final SequencedMap<String, Value> parameters = new LinkedHashMap<>();
        private final Map<Constant, Value> constants = new HashMap<>();
        private final List<Node> nodes = new ArrayList<>();
        private final SequencedMap<String, Value> outputs = new LinkedHashMap<>();
        private final Set<String> names = new HashSet<>();
        private final Set<String> nodeNames = new HashSet<>();
        private final Map<String, Integer> counters = new HashMap<>();
        private String path = "";

        private Builder(String name, int opset) {
            this.name = name;
            this.opset = opset;
        }

        public String name() {
            return name;
        }

        public int opset() {
            return opset;
        }

        /** The root of the parameter names. */
        public Scope scope() {
            return new Scope(this, "");
        }

        /** Nodes made from now on are named after this place. */
        void standAt(String path) {
            this.path = path;
        }

        /** An input; throws {@link GraphException} if the name is taken. */
        public Value input(String name, DType dtype, Shape shape) {
            if (!names.add(name)) {
                throw new GraphException(
                        "graph " + this.name + " already has a value named " + name + ": give the input another name");
            }
            Value v = new Value(this, name, dtype, shape, null, null);
            inputs.put(name, v);
            return v;
        }

        /** A 32-bit floating input. */
        public Value input(String name, Shape shape) {
            return input(name, DType.FLOAT, shape);
        }

        /** A parameter, or the one of that name that is there already if type and shape agree. */
        public Value parameter(String name, DType dtype, Shape shape) {
            Value old = parameters.get(name);
            if (old != null) {
                if (old.dtype() != dtype || !old.shape().equals(shape)) {
                    throw new GraphException("parameter " + old + " is asked for as " + dtype + shape
                            + ": shared parameters must agree");
                }
                return old;
            }
            if (!names.add(name)) {
                throw new GraphException("graph " + this.name + " already has a value named " + name
                        + ": give the parameter another name");
            }
            Value v = new Value(this, name, dtype, shape, null, null);
            parameters.put(name, v);
            return v;
        }

        public Value constant(Constant data) {
            return constants.computeIfAbsent(
                    data, c -> new Value(this, unique("constant"), c.dtype(), c.shape(), c, Inference.known(c)));
        }

        public Value scalar(DType dtype, double value) {
            return constant(Constant.scalar(dtype, value));
        }

        /** A vector of INT64. */
        public Value longs(long... values) {
            return constant(Constant.longs(values));
        }

        /** Parameters asked for so far, in order. */
        public List<Value> parameters() {
            return List.copyOf(parameters.values());
        }

        /** Nodes made so far, in order, whether an output needs them or not. */
        public List<Node> nodes() {
            return List.copyOf(nodes);
        }

        /** Names a result of the graph. */
        public Builder output(String name, Value value) {
            require(value);
            if (outputs.putIfAbsent(name, value) != null) {
                throw new GraphException(
                        "graph " + this.name + " already has an output " + name + ": give it another name");
            }
            return this;
        }

        /** Applies an operator with one output. */
        public Value node(String type, List<Value> in, Map<String, Attribute> attributes) {
            return node(Op.of(type), in, attributes, 1).getFirst();
        }

        /**
         * Applies any operator.
         *
         * @param in inputs, {@link Value#none()} where an optional one is left out
         * @param count number of outputs wanted
         * @return the outputs
         * @throws GraphException if types or shapes do not fit, naming node and shapes
         */
        public List<Value> node(Op op, List<Value> in, Map<String, Attribute> attributes, int count) {
            return node(op, null, in, attributes, count, List.of());
        }

        /**
         * Applies any operator.
         *
         * @param nodeName the node's name, or null for one made up from the scope and the operator
         * @param declared types of the outputs, used where they cannot be inferred; may be empty
         */
        public List<Value> node(
                Op op,
                @Nullable String nodeName,
                List<Value> in,
                Map<String, Attribute> attributes,
                int count,
                List<TensorType> declared) {
            in.forEach(v -> {
                if (v.isPresent()) {
                    require(v);
                }
            });
            String stem = unique(op.type().toLowerCase(Locale.ROOT));
            String full = distinct(nodeName != null ? nodeName : path.isEmpty() ? stem : path + "." + stem);
            List<Inference.Result> results;
            try {
                results = new Inference(opset, op, stem, in, attributes, count, declared).run();
            } catch (GraphException | ArithmeticException | IndexOutOfBoundsException e) {
                String args = in.stream()
                        .map(v -> v.isPresent() ? v.toString() : "none")
                        .collect(Collectors.joining(", "));
                throw new GraphException(op + " '" + full + "' (" + args + "): " + e.getMessage(), e);
            }
            List<Value> out = new ArrayList<>(count);
            for (int i = 0; i < count; i++) {
                Inference.Result r = results.get(i);
                String valueName = count == 1 ? stem : unique(stem + "." + i);
                out.add(new Value(this, valueName, r.dtype(), r.shape(), null, r.known()));
            }
            nodes.add(new Node(op, full, in, out, attributes));
            return List.copyOf(out);
        }

        /**
         * Copies a graph's nodes into this one.
         *
         * @param given values for the other graph's inputs, and for those of its parameters that shall not become parameters
         *     of this graph
         * @return the other graph's outputs, in order
         */
        public SequencedMap<String, Value> inline(Graph g, Map<String, Value> given) {
            Rewriter r = new Rewriter(g, this);
            for (Value v : g.inputs) {
                Value have = given.get(v.name());
                if (have == null) {
                    throw new GraphException("input " + v + " of graph " + g.name + " is not given: pass it by name");
                }
                r.replace(v, have);
            }
            for (Value v : g.parameters) {
                Value have = given.get(v.name());
                r.replace(v, have != null ? have : parameter(v.name(), v.dtype(), v.shape()));
            }
            g.nodes.forEach(r::copy);
            SequencedMap<String, Value> out = new LinkedHashMap<>();
            g.outputs.forEach((k, v) -> out.put(k, r.get(v)));
            return out;
        }

        /** The graph as it is now; nodes that no output needs are left out. The builder may be used further. */
        public Graph build() {
            if (outputs.isEmpty()) {
                throw new GraphException("graph " + name + " has no output: name one with output(name, value)");
            }
            return new Graph(this);
        }

        private void require(Value v) {
            if (v.builder() != this) {
                throw new GraphException("value " + v + " belongs to graph " + v.builder().name + ", not to " + name
                        + ": copy it with a Rewriter or inline its graph");
            }
        }

        /** Copied nodes bring their names along; ONNX wants every node to have its own. */
        private String distinct(String nodeName) {
            String n = nodeName;
            for (int i = 2; !nodeNames.add(n); i++) {
                n = nodeName + "_" + i;
            }
            return n;
        }

        private String unique(String stem) {
            String n;
            do {
                n = stem + "_" + counters.merge(stem, 1, Integer::sum);
            } while (!names.add(n));
            return n;
        }
    }
}
