package org.armature.autodiff;

import static org.armature.graph.Ops.concat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.armature.compute.GradientRequest;
import org.armature.graph.Attribute;
import org.armature.graph.Constant;
import org.armature.graph.Graph;
import org.armature.graph.GraphException;
import org.armature.graph.Node;
import org.armature.graph.Op;
import org.armature.graph.Ops;
import org.armature.graph.Rewriter;
import org.armature.graph.TensorType;
import org.armature.graph.Value;

/** Builds one gradient graph. Used once. */
final class Backward {
    /** Something to add to a cotangent: a whole tensor, or a slab {@code [from, from + size)} of an axis. */
    private record Part(int axis, long from, Value value) {
        static final int WHOLE = -1;

        long to() {
            return from + value.shape().dim(axis);
        }
    }

    private final Graph source;
    private final GradientRequest request;
    private final Recomputation recomputation;
    private final Graph.Builder builder;
    private final Rewriter forward;
    private final Set<Value> active = identitySet();
    private final Map<Value, List<Part>> parts = new IdentityHashMap<>();
    private final Map<Value, Value> cotangents = new IdentityHashMap<>();
    private final Map<Node, List<Value>> copies = new IdentityHashMap<>();
    private final Set<Value> used = identitySet();

    /** Start from a graph whose calls without a rule of their own are inlined, see {@link #inlined}. */
    Backward(Graph source, GradientRequest request, Recomputation recomputation) {
        this.source = source;
        this.request = request;
        this.recomputation = recomputation;
        this.builder = Graph.builder(source.name() + ".gradients", source.opset());
        this.forward = new Rewriter(source, builder);
    }

    /** Calls without a backward rule replaced by their bodies. */
    static Graph inlined(Graph graph) {
        Graph g = graph;
        while (g.nodes().stream().anyMatch(Backward::isPlainCall)) {
            g = Rewriter.rewrite(g, (n, r) -> {
                if (!isPlainCall(n)) {
                    return false;
                }
                Graph body = Ops.body(n);
                Map<String, Value> given = new HashMap<>();
                for (int i = 0; i < body.inputs().size(); i++) {
                    given.put(body.inputs().get(i).name(), r.get(n.input(i)));
                }
                List<Value> out = List.copyOf(r.builder().inline(body, given).values());
                for (int i = 0; i < out.size(); i++) {
                    r.replace(n.outputs().get(i), out.get(i));
                }
                return true;
            });
        }
        return g;
    }

    private static boolean isPlainCall(Node n) {
        return isCall(n) && n.attribute("backward").isEmpty();
    }

    private static boolean isCall(Node n) {
        return n.op().domain().equals(Op.ARMATURE) && n.type().equals("Call");
    }

    Graph run() {
        checkRequest();
        for (Value v : source.inputs()) {
            forward.replace(v, builder.input(v.name(), v.dtype(), v.shape()));
        }
        for (Value v : source.parameters()) {
            forward.replace(v, builder.parameter(v.name(), v.dtype(), v.shape()));
        }
        findActive();
        Set<Value> needed = neededForOutputs();
        for (Node n : source.nodes()) {
            boolean differentiated = n.outputs().stream().anyMatch(v -> active.contains(v) && needed.contains(v));
            copies.put(n, differentiated ? Extras.copy(n, forward) : forward.copy(n));
        }
        for (String name : request.of()) {
            Value out = source.output(name);
            Value seed = request.ones().contains(name)
                    ? filled(out.type(), 1)
                    : builder.input(GradientRequest.COTANGENT + name, out.dtype(), out.shape());
            if (active.contains(out)) {
                add(out, seed);
            }
        }
        for (Node n : source.nodes().reversed()) {
            if (n.outputs().stream().anyMatch(this::hasCotangent)) {
                differentiate(n);
            }
        }
        for (String name : request.keep()) {
            builder.output(name, forward.get(source.output(name)));
        }
        for (String name : request.wrt()) {
            Value v = source(name);
            Value g = hasCotangent(v) ? cotangent(v) : zeros(v.type());
            builder.output(GradientRequest.GRADIENT + name, g);
        }
        return builder.build();
    }

    private void checkRequest() {
        for (Value v : concatenated(source.inputs(), source.parameters())) {
            if (!v.shape().isStatic()) {
                throw new GraphException("cannot differentiate graph " + source.name() + ": size "
                        + v.shape().symbols().getFirst() + " of " + v + " is not bound: call graph.bind first");
            }
        }
        for (String name : request.of()) {
            Value v = source.output(name);
            if (!v.dtype().isFloating()) {
                throw new GraphException("cannot differentiate output " + name + " of graph " + source.name()
                        + ": it is " + v.dtype() + ", not a floating type");
            }
        }
        for (String name : request.wrt()) {
            if (!source(name).dtype().isFloating()) {
                throw new GraphException("cannot differentiate graph " + source.name() + " by " + source(name)
                        + ": it is not of a floating type");
            }
        }
    }

    private Value source(String name) {
        return source.source(name)
                .orElseThrow(() -> new GraphException("graph " + source.name() + " has no input or parameter " + name
                        + " to differentiate by: it has "
                        + concatenated(source.inputs(), source.parameters()).stream()
                                .map(Value::name)
                                .toList()));
    }

    private void findActive() {
        request.wrt().forEach(name -> active.add(source(name)));
        for (Node n : source.nodes()) {
            boolean stops = n.op().equals(new Op(Op.ARMATURE, "StopGradient"));
            if (!stops && n.inputs().stream().anyMatch(active::contains)) {
                n.outputs().stream().filter(v -> v.dtype().isFloating()).forEach(active::add);
            }
        }
    }

    private Set<Value> neededForOutputs() {
        Set<Value> needed = identitySet();
        request.of().forEach(name -> needed.add(source.output(name)));
        for (Node n : source.nodes().reversed()) {
            if (n.outputs().stream().anyMatch(needed::contains)) {
                needed.addAll(n.inputs());
            }
        }
        return needed;
    }

    private void differentiate(Node n) {
        Step step = new Step(this, n);
        recomputation.enter(n, this);
        if (isCall(n)) {
            callBackward(step);
            return;
        }
        Rule rule = Rules.of(n.op())
                .orElseThrow(() -> step.fail("operator " + n.op()
                        + " has no derivative here: put a stopGradient before it, or call it as a subgraph with a backward"
                        + " rule"));
        rule.apply(step);
    }

    /** Inlines the backward graph that the caller gave. */
    private void callBackward(Step s) {
        Graph body = Ops.body(s.node);
        Graph rule = ((Attribute.Body) s.node.attributes().get("backward")).value();
        List<String> outputs = List.copyOf(body.outputs().keySet());
        Map<String, Value> given = new HashMap<>();
        for (Value in : concatenated(rule.inputs(), rule.parameters())) {
            String name = in.name();
            int output = outputs.indexOf(
                    name.startsWith(GradientRequest.COTANGENT)
                            ? name.substring(GradientRequest.COTANGENT.length())
                            : name);
            if (name.startsWith(GradientRequest.COTANGENT) && output >= 0) {
                given.put(name, s.dy(output));
            } else if (indexOf(body, name) >= 0) {
                given.put(name, s.x(indexOf(body, name)));
            } else if (output >= 0) {
                given.put(name, s.y(output));
            } else {
                throw s.fail("its backward rule asks for " + name + ": it may have the inputs and outputs of "
                        + body.name() + " and their cotangents");
            }
        }
        builder.inline(rule, given).forEach((name, g) -> {
            int i = name.startsWith(GradientRequest.GRADIENT)
                    ? indexOf(body, name.substring(GradientRequest.GRADIENT.length()))
                    : -1;
            if (i < 0) {
                throw s.fail(
                        "its backward rule has an output " + name + ": name it grad.<input of " + body.name() + ">");
            }
            s.add(i, g);
        });
    }

    private static int indexOf(Graph body, String input) {
        return body.inputs().stream().map(Value::name).toList().indexOf(input);
    }

    Graph.Builder builder() {
        return builder;
    }

    Rewriter forward() {
        return forward;
    }

    /** Values of the source that rules asked for: what the forward pass keeps. */
    Set<Value> used() {
        return used;
    }

    /** What a value of the source is in the gradient graph, computed again if it was not kept. */
    Value saved(Value v) {
        if (!v.isPresent() || v.constant().isPresent()) {
            return forward.get(v);
        }
        used.add(v);
        return recomputation.get(v, this);
    }

    /** Output {@code i} of the forward copy of a node, which may have more than the node, see {@link Extras}. */
    Value extra(Node n, int i) {
        List<Value> out = copies.getOrDefault(n, List.of());
        return i < out.size() ? out.get(i) : Value.none();
    }

    /** Any cotangent that is known at this point; recomputation waits for it. */
    Optional<Value> someCotangent(Node n) {
        return n.outputs().stream().filter(this::hasCotangent).findFirst().map(this::cotangent);
    }

    boolean wants(Value v) {
        return active.contains(v);
    }

    boolean hasCotangent(Value v) {
        return cotangents.containsKey(v) || parts.containsKey(v);
    }

    void add(Value v, Value g) {
        parts.computeIfAbsent(v, k -> new ArrayList<>()).add(new Part(Part.WHOLE, 0, g));
    }

    void addPart(Value v, int axis, long from, Value g) {
        if (g.shape().equals(v.shape())) {
            add(v, g);
        } else {
            parts.computeIfAbsent(v, k -> new ArrayList<>()).add(new Part(axis, from, g));
        }
    }

    /** The sum of what was added so far. */
    Value cotangent(Value v) {
        List<Part> all = parts.remove(v);
        if (all == null) {
            return cotangents.get(v);
        }
        List<Value> whole = new ArrayList<>();
        Value before = cotangents.get(v);
        if (before != null) {
            whole.add(before);
        }
        all.stream().filter(p -> p.axis == Part.WHOLE).forEach(p -> whole.add(p.value));
        all.stream().map(Part::axis).filter(a -> a >= 0).distinct().sorted().forEach(axis -> {
            List<Part> slabs =
                    new ArrayList<>(all.stream().filter(p -> p.axis == axis).toList());
            slabs.sort(Comparator.comparingLong(Part::from));
            while (!slabs.isEmpty()) {
                whole.add(layer(v, axis, slabs));
            }
        });
        Value sum = whole.getFirst();
        for (Value g : whole.subList(1, whole.size())) {
            sum = Ops.add(sum, g);
        }
        cotangents.put(v, sum);
        return sum;
    }

    /** Takes slabs that do not overlap and puts them side by side, with zeros in the gaps. */
    private Value layer(Value v, int axis, List<Part> slabs) {
        if (slabs.size() == 1) {
            Part p = slabs.removeFirst();
            long[] pads = new long[2 * v.rank()];
            pads[axis] = p.from;
            pads[axis + v.rank()] = v.shape().dim(axis) - p.to();
            return Ops.pad(p.value, "constant", pads);
        }
        List<Value> row = new ArrayList<>();
        long at = 0;
        for (var it = slabs.iterator(); it.hasNext(); ) {
            Part p = it.next();
            if (p.from >= at) {
                if (p.from > at) {
                    row.add(zeros(new TensorType(v.dtype(), v.shape().with(axis, p.from - at))));
                }
                row.add(p.value);
                at = p.to();
                it.remove();
            }
        }
        long size = v.shape().dim(axis);
        if (at < size) {
            row.add(zeros(new TensorType(v.dtype(), v.shape().with(axis, size - at))));
        }
        return row.size() == 1 ? row.getFirst() : concat(axis, row);
    }

    Value zeros(TensorType t) {
        return filled(t, 0);
    }

    /** Expanded from a scalar, so that the graph stays small. */
    private Value filled(TensorType t, double value) {
        Value one = builder.constant(Constant.scalar(t.dtype(), value));
        return t.shape().rank() == 0 ? one : Ops.expand(one, t.shape());
    }

    private static List<Value> concatenated(List<Value> a, List<Value> b) {
        List<Value> all = new ArrayList<>(a);
        all.addAll(b);
        return all;
    }

    static <T> Set<T> identitySet() {
        return Collections.newSetFromMap(new IdentityHashMap<>());
    }
}
