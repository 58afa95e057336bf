package org.armature.training;

import java.util.List;
import org.armature.compute.GradientRequest;
import org.armature.compute.Gradients;
import org.armature.graph.Graph;
import org.armature.model.Config;
import org.armature.train.GradientEstimator;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/** The exact gradient. Config: {@code memory_mb}, a budget above which parts of the forward pass are computed again. */
@Component(property = {"armature.id=backprop", "armature.kind=gradient-estimator"})
public final class Backprop implements GradientEstimator {
    private final Gradients gradients;

    @Activate
    public Backprop(@Reference Gradients gradients) {
        this.gradients = gradients;
    }

    @Override
    public String id() {
        return "backprop";
    }

    @Override
    public Graph gradients(Graph graph, String loss, List<String> parameters, Config config) {
        List<String> keep = List.copyOf(graph.outputs().keySet());
        long memory = config.wide("memory_mb", 0) << 20;
        return gradients.gradients(graph, new GradientRequest(List.of(loss), parameters, List.of(loss), keep, memory));
    }
}
