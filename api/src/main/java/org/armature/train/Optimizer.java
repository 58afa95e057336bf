package org.armature.train;

import java.util.List;
import java.util.Map;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A rule that makes new parameters from old ones and their gradients, as a graph. Service with {@code armature.id} and
 * {@code armature.kind=optimizer}. The trainer joins forward, backward and this rule into one program.
 */
@ConsumerType
public interface Optimizer {
    /**
     * What a step gives.
     *
     * @param parameter the new parameter
     * @param slots the new state, by the names of {@link #slots}
     */
    record Update(Value parameter, Map<String, Value> slots) {
        public Update {
            slots = Map.copyOf(slots);
        }
    }

    /** E.g. {@code adamw}. */
    String id();

    /** Names of the state kept for each parameter, of its shape, zero at first: {@code ["m", "v"]}. */
    List<String> slots(Config config);

    /**
     * Adds the update of one parameter.
     *
     * @param parameter its {@link Value#name} is the official one; biases and norms are those of rank 0 and 1
     * @param gradient of the parameter's shape, clipped already
     * @param slots the state, by the names of {@link #slots}
     * @param learningRate scalar
     * @param step scalar, 1 for the first step
     */
    Update update(
            Value parameter, Value gradient, Map<String, Value> slots, Value learningRate, Value step, Config config);
}
