package org.armature.passes;

import java.util.Optional;
import java.util.function.Supplier;
import org.armature.graph.Constant;
import org.armature.graph.Graph;
import org.armature.graph.GraphException;
import org.armature.graph.Node;
import org.armature.graph.Rewriter;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** Questions a pass asks about what is upstream of a value. */
final class Match {
    private static final int ROUNDS = 50;

    private Match() {}

    /** Applies a rule until nothing changes. */
    static Graph untilStable(Graph graph, Rewriter.Rule rule) {
        Graph now = graph;
        for (int i = 0; i < ROUNDS; i++) {
            Graph next = Rewriter.rewrite(now, rule);
            if (next.equals(now)) {
                return now;
            }
            now = next;
        }
        throw new GraphException("a pass over graph " + graph.name() + " still changes it after " + ROUNDS + " rounds");
    }

    /** The node that makes a value, if it is of that operator. */
    static Optional<Node> made(Graph g, Value v, String type) {
        return g.producer(v).filter(n -> n.is(type));
    }

    /** True if nobody but one node reads the value. */
    static boolean single(Graph g, Value v) {
        return g.consumers(v).size() == 1 && !g.isOutput(v);
    }

    /** The number in a constant of one element. */
    static Optional<Double> scalar(Value v) {
        return v.constant().filter(c -> c.shape().size() == 1).map(c -> c.get(0));
    }

    static boolean isScalar(Value v, double value) {
        return scalar(v)
                .filter(s -> Math.abs(s - value) <= 1e-6 * Math.abs(value))
                .isPresent();
    }

    /** Every element of a constant is {@code value}, and using it does not widen a tensor of {@code shape}. */
    static boolean isNeutral(Value v, double value, Shape shape) {
        return v.constant()
                        .filter(c -> c.shape().size() <= 4096 && c.isAll(value))
                        .isPresent()
                && v.shape().broadcastsTo(shape);
    }

    static Optional<long[]> longs(Value v) {
        return v.constant().filter(c -> c.dtype().isInteger()).map(Constant::toLongs);
    }

    /** The first that is there. */
    @SafeVarargs
    static <T> Optional<T> first(Supplier<Optional<T>>... tries) {
        for (Supplier<Optional<T>> t : tries) {
            Optional<T> r = t.get();
            if (r.isPresent()) {
                return r;
            }
        }
        return Optional.empty();
    }
}
