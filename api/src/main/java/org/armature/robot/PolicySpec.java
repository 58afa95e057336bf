package org.armature.robot;

/**
 * What a policy answers, known before it runs; the runtime refuses a policy whose spec does not fit the robot.
 *
 * @param joints J it commands; must equal the robot's
 * @param horizon H, actions a chunk
 * @param periodNanos time between two actions of a chunk
 * @param space what the numbers mean
 */
public record PolicySpec(int joints, int horizon, long periodNanos, ActionSpace space) {
    /** What the numbers of a chunk mean. */
    public enum ActionSpace {
        /** Position targets, rad or m. */
        ABSOLUTE,
        /** Differences to the measured position at the observation, rad or m. */
        DELTA
    }

    /** @throws IllegalArgumentException if a number is not positive */
    public PolicySpec {
        if (joints <= 0 || horizon <= 0 || periodNanos <= 0) {
            throw new IllegalArgumentException("a policy needs positive joints, horizon and period, not " + joints
                    + ", " + horizon + ", " + periodNanos);
        }
    }
}
