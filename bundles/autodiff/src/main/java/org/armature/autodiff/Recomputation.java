package org.armature.autodiff;

import java.util.ArrayList;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.armature.compute.GradientRequest;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which forward values the backward part keeps, and which it computes again from those kept (Chen et al., "Training Deep
 * Nets with Sublinear Memory Cost", 2016). The forward nodes are cut into segments that hold about the same number of bytes;
 * what crosses a cut is kept, the rest of a segment is computed again just before its own backward part. Of the plans that
 * fit the budget, by {@link Liveness}, the one with the fewest segments is taken: it computes least again.
 */
final class Recomputation {
    private static final Logger LOG = LoggerFactory.getLogger(Recomputation.class);
    private static final int[] SEGMENTS = {2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64};

    /** Segment of each node; empty: everything is kept. */
    private final Map<Node, Integer> segments;

    private final Set<Value> kept;
    private final Map<Value, Node> producers = new IdentityHashMap<>();
    private final Map<Value, Value> again = new IdentityHashMap<>();
    private int current = -1;
    private Value gate = Value.none();

    private Recomputation(Graph source, Map<Node, Integer> segments, Set<Value> kept) {
        this.segments = segments;
        this.kept = kept;
        source.nodes().forEach(n -> n.outputs().forEach(v -> producers.put(v, n)));
    }

    private static Recomputation none(Graph source) {
        return new Recomputation(source, Map.of(), Set.of());
    }

    static Graph within(long budget, Graph graph, GradientRequest request) {
        Graph source = Backward.inlined(graph);
        Backward plain = new Backward(source, request, none(source));
        Graph best = plain.run();
        if (budget == 0) {
            return best;
        }
        long least = Liveness.keptBytes(best, source);
        if (least <= budget) {
            return best;
        }
        for (int n : SEGMENTS) {
            Map<Node, Integer> segments = cut(source, plain.used(), n);
            Recomputation r = new Recomputation(source, segments, crossing(source, segments, request));
            Graph g = new Backward(source, request, r).run();
            long bytes = Liveness.keptBytes(g, source);
            if (bytes < least) {
                least = bytes;
                best = g;
            }
            if (bytes <= budget) {
                return g;
            }
        }
        LOG.warn(
                "The gradients of {} keep {} bytes even when most is computed again, more than the budget of {}: use a"
                        + " smaller batch.",
                graph.name(),
                least,
                budget);
        return best;
    }

    /** Segments of about equal bytes that the backward part reads. */
    private static Map<Node, Integer> cut(Graph source, Set<Value> used, int count) {
        long total = source.nodes().stream().mapToLong(n -> bytes(n, used)).sum();
        Map<Node, Integer> segment = new IdentityHashMap<>();
        long before = 0;
        for (Node n : source.nodes()) {
            segment.put(n, (int) Math.min(count - 1, before * count / Math.max(1, total)));
            before += bytes(n, used);
        }
        return segment;
    }

    private static long bytes(Node n, Set<Value> used) {
        return n.outputs().stream()
                .filter(used::contains)
                .mapToLong(Liveness::bytes)
                .sum();
    }

    /** Values that a later segment reads. The last segment's are all kept: its backward part comes first. */
    private static Set<Value> crossing(Graph source, Map<Node, Integer> segments, GradientRequest request) {
        Set<Value> kept = Backward.identitySet();
        int last = segments.values().stream().mapToInt(i -> i).max().orElse(0);
        for (Node n : source.nodes()) {
            int own = segments.get(n);
            for (Value v : n.outputs()) {
                boolean later = source.consumers(v).stream().anyMatch(c -> segments.get(c) != own);
                if (later || own == last || source.isOutput(v)) {
                    kept.add(v);
                }
            }
        }
        request.of().forEach(name -> kept.add(source.output(name)));
        return kept;
    }

    /** Called before the rule of a node of the source: forgets what was computed for another segment. */
    void enter(Node n, Backward backward) {
        int segment = segments.getOrDefault(n, -1);
        if (segment != current) {
            current = segment;
            again.clear();
            gate = backward.someCotangent(n).map(Recomputation::never).orElse(Value.none());
        }
    }

    /**
     * A condition that depends on the backward part: it keeps an executor from computing the segment early, or from finding
     * that it has been computed before.
     */
    private static Value never(Value cotangent) {
        Shape s = cotangent.shape();
        Value first = s.rank() == 0 ? cotangent : Ops.reshape(cotangent, Shape.of(s.size()));
        return Ops.isNaN(s.rank() == 0 ? first : Ops.slice(first, 0, 0, 1));
    }

    Value get(Value v, Backward backward) {
        Node maker = producers.get(v);
        if (segments.isEmpty() || maker == null || kept.contains(v)) {
            return backward.forward().get(v);
        }
        Value known = again.get(v);
        if (known != null) {
            return known;
        }
        List<Value> in = new ArrayList<>();
        for (Value x : maker.inputs()) {
            in.add(gated(x, backward));
        }
        List<Value> out = backward.builder()
                .node(maker.op(), null, in, maker.attributes(), maker.outputs().size(), types(maker.outputs()));
        for (int i = 0; i < out.size(); i++) {
            again.put(maker.outputs().get(i), out.get(i));
        }
        return out.get(maker.outputs().indexOf(v));
    }

    private static List<org.armature.graph.TensorType> types(Collection<Value> values) {
        return values.stream().map(Value::type).toList();
    }

    /** An input of something computed again: kept values pass the gate once per segment. */
    private Value gated(Value x, Backward backward) {
        if (!x.isPresent() || x.constant().isPresent()) {
            return backward.forward().get(x);
        }
        Node maker = producers.get(x);
        if (maker != null && !kept.contains(x)) {
            return get(x, backward);
        }
        Value now = backward.forward().get(x);
        if (!gate.isPresent() || !x.dtype().isFloating() || maker == null) {
            return now; // inputs and parameters are there anyway; what is computed from the two alone is not delayed
        }
        return again.computeIfAbsent(x, k -> Ops.where(gate, now, now));
    }
}
