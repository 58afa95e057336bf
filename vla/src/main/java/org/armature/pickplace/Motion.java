package org.armature.pickplace;

import java.util.List;
import org.armature.robot.JointLimits;

/** Minimum-jerk motion through joint positions within the limits, for policies that say where and not how. */
public final class Motion {
    private final Plan plan;

    /** Starts at {@code position} {@code [J]} with {@code velocity} {@code [J]} at robot time {@code startNanos}. */
    public Motion(long startNanos, JointLimits limits, double[] position, double[] velocity) {
        plan = new Plan(startNanos, limits, position, velocity);
    }

    /** Appends a smooth path through {@code knots}, each {@code [J]}, evenly spaced, as fast as the limits allow. */
    public void through(List<double[]> knots) {
        plan.through(Plan.Stage.APPROACH, knots);
    }

    /** Positions {@code [J]} for robot time {@code nanos}. */
    public double[] at(long nanos) {
        return plan.at(nanos);
    }

    /** Velocities {@code [J]} for robot time {@code nanos}. */
    public double[] velocityAt(long nanos) {
        return plan.velocityAt(nanos);
    }
}
