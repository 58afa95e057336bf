package org.armature.robot;

/**
 * H future actions of a policy. Action k is meant for robot time {@code observationNanos + k * periodNanos}.
 *
 * <p>Plain numbers of this bundle's own class, so that the control loop may keep following a chunk after the policy's
 * bundle is gone.
 *
 * @param observationNanos robot time of the observation it was computed from
 * @param periodNanos time between two actions, greater than 0
 * @param joints J
 * @param actions {@code [H, J]} row-major
 */
public record ActionChunk(long observationNanos, long periodNanos, int joints, double[] actions) {
    /** @throws IllegalArgumentException if the sizes do not fit; NaN is left to the safety filter */
    public ActionChunk {
        if (joints <= 0 || actions.length == 0 || actions.length % joints != 0) {
            throw new IllegalArgumentException(
                    "a chunk of " + actions.length + " numbers is no whole number of actions of " + joints + " joints");
        }
        if (periodNanos <= 0) {
            throw new IllegalArgumentException("a chunk's period must be positive, not " + periodNanos + " ns");
        }
    }

    /** H. */
    public int horizon() {
        return actions.length / joints;
    }

    /** Action {@code k} of joint {@code j}. */
    public double at(int k, int j) {
        return actions[k * joints + j];
    }

    /** Robot time for which the last action is meant. */
    public long endNanos() {
        return observationNanos + (horizon() - 1L) * periodNanos;
    }
}
