package org.armature.graph;

import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * Changes a graph by writing another one: walk the old nodes in order, copy those that stay, build something else for those
 * that do not.
 *
 * <pre>{@code
 * Graph squared = Rewriter.rewrite(graph, (node, r) -> {
 *     if (!node.is("Abs")) return false;                       // copied
 *     Value x = r.get(node.input(0));                          // the input, in the new graph
 *     r.replace(node.output(), mul(x, x));                     // stands for the old output from here on
 *     return true;
 * });
 * }</pre>
 */
public final class Rewriter {
    /** Decides over one node. */
    @FunctionalInterface
    public interface Rule {
        /** Returns true after having called {@link Rewriter#replace} for the node's outputs; false to have it copied. */
        boolean apply(Node node, Rewriter rewriter);
    }

    private final Graph source;
    private final Graph.Builder builder;
    private final Map<Value, Value> map = new IdentityHashMap<>();

    /** Into a new graph that has the same name, inputs and parameters. */
    public Rewriter(Graph source) {
        this(source, Graph.builder(source.name(), source.opset()));
        for (Value v : source.inputs()) {
            map.put(v, builder.input(v.name(), v.dtype(), v.shape()));
        }
        for (Value v : source.parameters()) {
            map.put(v, builder.parameter(v.name(), v.dtype(), v.shape()));
        }
    }

    /** Into a given builder; the caller replaces the source's inputs and parameters first. */
    public Rewriter(Graph source, Graph.Builder builder) {
        this.source = source;
        this.builder = builder;
    }

    /** Applies a rule to every node and keeps the outputs' names. */
    public static Graph rewrite(Graph graph, Rule rule) {
        Rewriter r = new Rewriter(graph);
        for (Node n : graph.nodes()) {
            if (!rule.apply(n, r)) {
                r.copy(n);
            }
        }
        return r.finish();
    }

    public Graph source() {
        return source;
    }

    public Graph.Builder builder() {
        return builder;
    }

    /** What stands for an old value in the new graph; throws {@link GraphException} if nothing does yet. */
    public Value get(Value old) {
        if (!old.isPresent()) {
            return old;
        }
        Value now = map.get(old);
        if (now == null) {
            Constant c = old.constant()
                    .orElseThrow(() -> new GraphException("value " + old + " of graph " + source.name()
                            + " has no counterpart yet: copy or replace its producer first"));
            now = builder.constant(c);
            map.put(old, now);
        }
        return now;
    }

    /** Lets {@code now} stand for {@code old} from here on. */
    public void replace(Value old, Value now) {
        map.put(old, now);
    }

    /** Copies a node; returns its outputs in the new graph. */
    public List<Value> copy(Node n) {
        return copy(n, n.outputs().stream().map(Value::type).toList());
    }

    List<Value> copy(Node n, List<TensorType> declared) {
        List<Value> in = n.inputs().stream().map(this::get).toList();
        List<Value> out =
                builder.node(n.op(), n.name(), in, n.attributes(), n.outputs().size(), declared);
        for (int i = 0; i < out.size(); i++) {
            map.put(n.outputs().get(i), out.get(i));
        }
        return out;
    }

    /** Names the outputs as in the source and builds. */
    public Graph finish() {
        source.outputs().forEach((k, v) -> builder.output(k, get(v)));
        return builder.build();
    }
}
