package org.armature.passes;

import java.util.List;
import org.armature.compute.Executor;
import org.armature.compute.GraphPass;
import org.armature.graph.Graph;
import org.armature.graph.GraphException;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** All passes in the order that serves inference, again and again until none finds anything. */
@Component(property = {"armature.id=standard", "armature.kind=pass"})
public final class Standard implements GraphPass {
    private static final int ROUNDS = 10;

    private final List<GraphPass> passes;

    @Activate
    public Standard(@Reference Executor executor) {
        passes = List.of(
                new FoldConstants(executor),
                new Simplify(),
                new CommonSubexpressions(),
                new FoldBatchNorm(),
                new Fuse(),
                new Simplify());
    }

    @Override
    public String id() {
        return "standard";
    }

    @Override
    public Graph apply(Graph graph) {
        Graph now = graph;
        for (int i = 0; i < ROUNDS; i++) {
            Graph next = now;
            for (GraphPass p : passes) {
                next = p.apply(next);
            }
            if (next.equals(now)) {
                return now;
            }
            now = next;
        }
        throw new GraphException(
                "the standard passes still change graph " + graph.name() + " after " + ROUNDS + " rounds");
    }
}
