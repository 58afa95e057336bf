package org.armature.nn;

import java.util.Map;
import java.util.Set;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.model.Config;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Fills parameters before training. Service with {@code armature.id} and {@code armature.kind=initializer}. It is given all
 * parameters of a model at once, because some initialisations look at more than one.
 *
 * <p>Laws: the same seed, names and shapes give the same bits; tensors it is not meant for are left alone.
 */
@ConsumerType
public interface Initializer {
    /** E.g. {@code orthogonal-lin}. */
    String id();

    /**
     * Overwrites parameters in place.
     *
     * @param parameters by name, in the graph's order
     * @param seed of everything that is drawn
     */
    void initialize(Map<String, Tensor> parameters, Config config, long seed);

    /**
     * As {@link #initialize(Map, Config, long)}, for those that look at the network whose parameters they are.
     *
     * @param graph the network as it is evaluated
     * @return names of the parameters it has written; those that it leaves alone are not among them
     * @throws IllegalArgumentException if the graph or the configuration does not allow it
     */
    default Set<String> initialize(Graph graph, Map<String, Tensor> parameters, Config config, long seed) {
        initialize(parameters, config, seed);
        return parameters.keySet();
    }
}
