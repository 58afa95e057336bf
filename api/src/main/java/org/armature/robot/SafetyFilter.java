package org.armature.robot;

import org.osgi.annotation.versioning.ProviderType;

/**
 * The last word on every command; part of the control bundle, not replaceable by a policy.
 *
 * <p>Order a tick: finite, distance to the measured position, position, workspace box, velocity, jerk (when limited),
 * acceleration. The first four move the goal, the last three the step towards it, so that whatever the goal does the
 * command keeps the limits of position, velocity and acceleration; the jerk limit gives way where it contradicts them.
 * Called by the loop's thread alone; neither allocates nor locks.
 */
@ProviderType
public interface SafetyFilter {
    /** Nothing changed. */
    int PASSED = 0;
    /** A number was not finite: the previous command was kept. */
    int NOT_FINITE = 1;
    /** Clamped to a position limit. */
    int POSITION = 2;
    /** Clamped to the velocity limit. */
    int VELOCITY = 4;
    /** Clamped to the acceleration limit. */
    int ACCELERATION = 8;
    /** Clamped to the jerk limit. */
    int JERK = 16;
    /** Clamped to the greatest allowed distance from the measured position. */
    int TRACKING = 32;
    /** Stopped at the border of the tool's workspace box. */
    int WORKSPACE = 64;

    /**
     * Makes a command safe, in place.
     *
     * @param command {@code [J]} wanted, overwritten with what may be sent
     * @param measured {@code [J]} measured positions
     * @param dtNanos time since the last command
     * @return the flags above, or-ed
     */
    int filter(double[] command, double[] measured, long dtNanos);

    /** Starts anew from a standing robot at {@code position} {@code [J]}. */
    void reset(double[] position);
}
