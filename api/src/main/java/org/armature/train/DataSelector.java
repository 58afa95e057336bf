package org.armature.train;

import java.util.Map;
import org.armature.compute.Tensor;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Says which examples an epoch uses, in which order. Service with {@code armature.id} and {@code armature.kind=data-selector};
 * without one every example is used once an epoch, shuffled.
 *
 * <p>Laws: the order depends on nothing but the arguments and what was observed, so that a run that goes on after a stop
 * sees the same examples.
 */
@ConsumerType
public interface DataSelector {
    String id();

    /**
     * Indices of an epoch, in order.
     *
     * @param size examples there are
     */
    long[] order(int epoch, long size, long seed);

    /** Called after each step with the examples used and the step's scalar results. */
    default void observe(long[] indices, Map<String, Double> results) {}

    /** What must be kept to go on; the caller's to close. */
    default Map<String, Tensor> state() {
        return Map.of();
    }

    /** Takes what {@link #state} gave; the tensors are the caller's, so copies what it keeps. */
    default void restore(Map<String, Tensor> state) {}
}
