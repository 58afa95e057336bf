package org.armature.autodiff;

import org.armature.compute.GradientRequest;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Value;

/** Which forward values the backward part keeps, and which it computes again. */
final class Recomputation {
    static Graph within(long budget, Graph graph, GradientRequest request) {
        return new Backward(Backward.inlined(graph), request, new Recomputation()).run();
    }

    /** Called before the rule of a node of the source. */
    void enter(Node n, Backward backward) {}

    Value get(Value v, Backward backward) {
        return backward.forward().get(v);
    }
}
