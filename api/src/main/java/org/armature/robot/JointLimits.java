package org.armature.robot;

import java.util.List;

/**
 * What the joints may do. All arrays are {@code [J]}; infinite where there is no limit.
 *
 * @param lower lowest position, rad or m
 * @param upper highest position, rad or m
 * @param velocity highest speed, rad/s or m/s, greater than 0
 * @param acceleration highest acceleration, rad/s^2 or m/s^2, greater than 0
 * @param jerk highest jerk, rad/s^3 or m/s^3, greater than 0
 */
public record JointLimits(double[] lower, double[] upper, double[] velocity, double[] acceleration, double[] jerk) {
    /** @throws IllegalArgumentException naming the joint, the value and the limit when they contradict */
    public JointLimits {
        int n = lower.length;
        for (double[] a : List.of(upper, velocity, acceleration, jerk)) {
            if (a.length != n) {
                throw new IllegalArgumentException("limits of " + n + " and of " + a.length + " joints do not fit");
            }
        }
        for (int j = 0; j < n; j++) {
            if (!(lower[j] <= upper[j])) {
                throw new IllegalArgumentException(
                        "joint " + j + ": lower limit " + lower[j] + " is above its upper limit " + upper[j]);
            }
            if (!(velocity[j] > 0 && acceleration[j] > 0 && jerk[j] > 0)) {
                throw new IllegalArgumentException("joint " + j + ": limits of velocity, acceleration and jerk must be"
                        + " positive, but are " + velocity[j] + ", " + acceleration[j] + ", " + jerk[j]);
            }
        }
    }

    /** Number of joints J. */
    public int size() {
        return lower.length;
    }

    /** The stricter of the two, joint by joint: configuration may only tighten what the robot's description says. */
    public JointLimits tightenedBy(JointLimits other) {
        if (other.size() != size()) {
            throw new IllegalArgumentException(
                    "limits of " + size() + " and of " + other.size() + " joints do not fit");
        }
        int n = size();
        double[][] r = new double[5][n];
        for (int j = 0; j < n; j++) {
            r[0][j] = Math.max(lower[j], other.lower[j]);
            r[1][j] = Math.min(upper[j], other.upper[j]);
            r[2][j] = Math.min(velocity[j], other.velocity[j]);
            r[3][j] = Math.min(acceleration[j], other.acceleration[j]);
            r[4][j] = Math.min(jerk[j], other.jerk[j]);
        }
        return new JointLimits(r[0], r[1], r[2], r[3], r[4]);
    }
}
