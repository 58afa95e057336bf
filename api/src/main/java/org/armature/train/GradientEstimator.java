package org.armature.train;

import java.util.List;
import org.armature.graph.Graph;
import org.armature.model.Config;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Makes a graph that computes (an estimate of) the gradient. Service with {@code armature.id} and
 * {@code armature.kind=gradient-estimator}; {@code backprop} is the default, zeroth-order methods are others.
 */
@ConsumerType
public interface GradientEstimator {
    /** Inputs with this prefix are filled with fresh standard normal numbers before each step, from the seed and the step. */
    String RANDOM = "random.";

    String id();

    /**
     * Adds gradients to a graph.
     *
     * @param graph with every size bound
     * @param loss name of the scalar output to differentiate
     * @param parameters names of what to differentiate by
     * @return a graph of the same inputs (and any {@code random.*}), parameters and outputs, and an output
     *     {@code grad.<name>} for each parameter
     */
    Graph gradients(Graph graph, String loss, List<String> parameters, Config config);
}
