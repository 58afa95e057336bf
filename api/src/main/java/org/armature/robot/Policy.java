package org.armature.robot;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * A brain: observation in, action chunk out. Kind {@code policy}.
 *
 * <p>Implement it for rules or planners; a network exported to {@code .onnx} needs no class of its own, only a JSON file
 * that names its inputs and outputs. The service with the highest {@code service.ranking} drives the robot; a newer one
 * takes over while the robot moves, after it has answered the last real observations sensibly.
 *
 * <p>{@code act} is called by one thread of the runtime at a time, never the control loop's, 2 to 50 times a second. It
 * should look at {@link Thread#interrupted()} in long loops: a policy that hangs is abandoned with its thread.
 *
 * <p>Laws: the chunk fits {@link #spec()}; it starts at the observation's time; all numbers are finite; after
 * {@link #reset()} equal observations give equal chunks.
 */
@ConsumerType
public interface Policy {
    /** What it answers. */
    PolicySpec spec();

    /** The next H actions for this observation. */
    ActionChunk act(Observation observation);

    /** Forgets everything about the episode before. */
    default void reset() {}
}
