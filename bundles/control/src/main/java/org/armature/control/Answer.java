package org.armature.control;

import org.armature.robot.ActionChunk;
import org.armature.robot.JointLimits;
import org.armature.robot.Observation;
import org.armature.robot.PolicySpec;
import org.armature.robot.PolicySpec.ActionSpace;
import org.armature.robot.RobotDescription;
import org.jspecify.annotations.Nullable;

/** Whether an answer of a policy is one this robot can follow. */
final class Answer {
    /** Beyond a limit by this much is a rounding matter of the policy's, rad or m. */
    private static final double SLACK = 1e-3;
    /** A chunk faster than this many times the velocity limit is nonsense; below, the safety filter slows it. */
    private static final double TOO_FAST = 3;

    private Answer() {}

    /** @throws Refused if the policy is made for another robot */
    static void check(String what, @Nullable PolicySpec spec, RobotDescription robot) throws Refused {
        if (spec == null) {
            throw new Refused(what + " has no spec");
        }
        if (spec.joints() != robot.joints().size()) {
            throw new Refused(what + " commands " + spec.joints() + " joints, but " + robot.name() + " has "
                    + robot.joints().size() + " (" + String.join(", ", robot.joints()) + ")");
        }
    }

    /** @throws Refused naming the joint, the value and the limit */
    static void check(
            String what, @Nullable ActionChunk chunk, PolicySpec spec, Observation seen, RobotDescription robot)
            throws Refused {
        if (chunk == null) {
            throw new Refused(what + " answered null");
        }
        if (chunk.joints() != spec.joints()) {
            throw new Refused(what + " answered for " + chunk.joints() + " joints, but its spec says " + spec.joints());
        }
        JointLimits limits = robot.limits();
        double seconds = chunk.periodNanos() * 1e-9;
        for (int k = 0; k < chunk.horizon(); k++) {
            for (int j = 0; j < chunk.joints(); j++) {
                double raw = chunk.at(k, j);
                String where =
                        what + ": action " + k + " of joint " + robot.joints().get(j);
                if (!Double.isFinite(raw)) {
                    throw new Refused(where + " is " + raw);
                }
                double q = spec.space() == ActionSpace.DELTA ? raw + seen.position()[j] : raw;
                if (q < limits.lower()[j] - SLACK || q > limits.upper()[j] + SLACK) {
                    throw new Refused(where + " is " + (float) q + ", outside its limits " + (float) limits.lower()[j]
                            + " to " + (float) limits.upper()[j]);
                }
                if (k > 0 && j != robot.gripper()) {
                    double speed = Math.abs(raw - chunk.at(k - 1, j)) / seconds;
                    if (speed > TOO_FAST * limits.velocity()[j]) {
                        throw new Refused(where + " asks for a speed of " + (float) speed + ", its limit is "
                                + (float) limits.velocity()[j]);
                    }
                }
            }
        }
    }
}
