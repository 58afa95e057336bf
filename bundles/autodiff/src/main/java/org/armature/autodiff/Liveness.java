package org.armature.autodiff;

import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Value;

/** Bytes that are alive while a graph runs node by node, in its order. Views take no memory of their own. */
final class Liveness {
    private static final Set<String> VIEWS = Set.of("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity");

    private Liveness() {}

    static long bytes(Value v) {
        return v.shape().isStatic() ? v.shape().size() * v.dtype().bytes() : 0;
    }

    /** The most that is alive beside inputs, parameters, constants and outputs. */
    static long peakBytes(Graph g) {
        return walk(g, -1);
    }

    /** What is alive when the forward part, as long as {@code source}, has run and the backward part begins. */
    static long keptBytes(Graph gradient, Graph source) {
        return walk(gradient, source.nodes().size());
    }

    /** Peak over all nodes, or the bytes alive after {@code stop} nodes. */
    private static long walk(Graph g, int stop) {
        Map<Value, Value> owner = new IdentityHashMap<>();
        Map<Value, Integer> uses = new IdentityHashMap<>();
        for (Node n : g.nodes()) {
            for (Value v : n.outputs()) {
                owner.put(v, VIEWS.contains(n.type()) ? owner.getOrDefault(n.input(0), v) : v);
            }
            for (Value v : n.inputs()) {
                uses.merge(owner.getOrDefault(v, v), 1, Integer::sum);
            }
        }
        g.outputs().values().forEach(v -> uses.merge(owner.getOrDefault(v, v), 1, Integer::sum));
        long now = 0;
        long peak = 0;
        int at = 0;
        for (Node n : g.nodes()) {
            for (Value v : n.outputs()) {
                now += owner.get(v) == v ? bytes(v) : 0;
            }
            peak = Math.max(peak, now);
            for (Value v : n.inputs()) {
                Value o = owner.getOrDefault(v, v);
                if (uses.merge(o, -1, Integer::sum) == 0 && owner.containsKey(o)) {
                    now -= bytes(o);
                }
            }
            for (Value v : n.outputs()) {
                if (owner.get(v) == v && !uses.containsKey(v)) {
                    now -= bytes(v);
                }
            }
            if (++at == stop) {
                return now;
            }
        }
        return peak;
    }
}
