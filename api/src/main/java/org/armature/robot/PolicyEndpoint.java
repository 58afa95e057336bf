package org.armature.robot;

import java.util.Map;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A policy as remote robots and benchmark environments call it: named values in, named values out. Kind {@code endpoint}.
 *
 * <p>Implement it for a policy whose observation is not this runtime's own (Meta-World, LIBERO, ALOHA); every
 * {@link Policy} of the runtime is served without further work. Values are {@code String}, {@code Boolean}, {@code Long},
 * {@code Double}, {@code byte[]}, {@link NdArray}, {@code List} and {@code Map<String, Object>} of these, and null.
 *
 * <p>Laws: {@link #metadata()} answers before any connection; each connection gets a {@link Session} of its own, whose
 * {@code infer} is called by one thread at a time and which shares no state with other sessions; every array of an answer
 * has the horizon as its first axis.
 */
@ConsumerType
public interface PolicyEndpoint {
    /** What the client is told first: {@code action_horizon}, {@code action_dim}, {@code observation_spec}, … */
    Map<String, Object> metadata();

    /** A new connection. */
    Session open();

    /**
     * Whether {@code open} and {@code infer} never wait and take well under a millisecond. A server may then ask on the thread
     * that reads its connections, all of which stand still meanwhile.
     */
    default boolean immediate() {
        return false;
    }

    /** The state carried between the calls of one connection. */
    @ConsumerType
    interface Session extends AutoCloseable {
        /**
         * One action chunk.
         *
         * @param observation named values; arrays are views of the received message and valid only during the call
         * @return at least {@code actions}, an {@link NdArray} {@code [H, A]}
         * @throws IllegalArgumentException one sentence naming the key, what was expected and what came
         */
        Map<String, Object> infer(Map<String, Object> observation);

        @Override
        default void close() {}
    }
}
