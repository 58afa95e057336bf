package org.armature.autodiff;

import org.armature.compute.GradientRequest;
import org.armature.compute.Gradients;
import org.armature.graph.Graph;
import org.osgi.service.component.annotations.Component;

/**
 * Reverse-mode differentiation: the forward nodes, then the rule of each node in reverse order. A memory budget is met by
 * computing parts of the forward pass again, see {@link Recomputation}.
 */
@Component(property = {"armature.id=reverse", "armature.kind=gradients"})
public final class ReverseMode implements Gradients {
    @Override
    public Graph gradients(Graph graph, GradientRequest request) {
        return Recomputation.within(request.memoryBytes(), graph, request);
    }
}
