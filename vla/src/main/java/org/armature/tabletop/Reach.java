package org.armature.tabletop;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.armature.pickplace.Chain;
import org.armature.pickplace.Motion;
import org.armature.robot.ActionChunk;
import org.armature.robot.Observation;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;
import org.jspecify.annotations.Nullable;

/**
 * Goes to one {@link Goal} after another: minimum jerk from wherever the motion is, in a straight line of the tool where the
 * way is steep or short, else of the joints. A goal that is about the same as before changes nothing.
 */
final class Reach {
    static final int HORIZON = 20;
    static final long PERIOD = 20_000_000L;
    private static final double SAME = 0.004;
    /** Once there, the last millimetres count: the hand waits for them. */
    private static final double EXACTLY = 0.0015;

    private static final double SAME_TURN = 0.06;
    private static final double SAME_OPENING = 0.1;
    private static final double STEEP = 0.06;
    private static final int KNOTS = 6;
    /** An arm joint this far from its plan, rad, is not following it. */
    private static final double ASTRAY = 0.25;

    private final RobotDescription robot;
    private final Chain kinematics;
    private final int gripper;
    private final double open;
    private @Nullable Motion motion;
    private @Nullable Goal goal;

    Reach(RobotDescription robot, Chain kinematics) {
        this.robot = robot;
        this.kinematics = kinematics;
        this.gripper = robot.gripper();
        this.open = robot.limits().upper()[gripper];
    }

    /** Forgets where it was going. */
    void forget() {
        motion = null;
        goal = null;
    }

    /** The chunk {@code [20, J]} that goes there. */
    ActionChunk to(Goal next, Observation seen) {
        long t = seen.timeNanos();
        Motion now = motion;
        if (now != null && astray(now.at(t), seen.position())) {
            now = null;
        }
        if (now == null || goal == null || !same(goal, next, arrived(now, t) ? EXACTLY : SAME)) {
            now = plan(now, next, seen);
            goal = next;
        }
        motion = now;
        return chunk(now, t);
    }

    /** The chunk that stands still. */
    ActionChunk still(Observation seen) {
        forget();
        return chunk(new Motion(seen.timeNanos(), robot.limits(), seen.position(), seen.velocity()), seen.timeNanos());
    }

    private ActionChunk chunk(Motion m, long nanos) {
        int n = robot.joints().size();
        double[] actions = new double[HORIZON * n];
        for (int k = 0; k < HORIZON; k++) {
            System.arraycopy(m.at(nanos + k * PERIOD), 0, actions, k * n, n);
        }
        return new ActionChunk(nanos, PERIOD, n, actions);
    }

    private boolean astray(double[] wanted, double[] measured) {
        for (int j = 0; j < wanted.length; j++) {
            if (j != gripper && Math.abs(wanted[j] - measured[j]) > ASTRAY) {
                return true;
            }
        }
        return false;
    }

    /** Whether the motion has ended. */
    private static boolean arrived(Motion m, long nanos) {
        for (double v : m.velocityAt(nanos)) {
            if (v != 0) {
                return false;
            }
        }
        return true;
    }

    private static boolean same(Goal a, Goal b, double near) {
        return Math.hypot(Math.hypot(a.x() - b.x(), a.y() - b.y()), a.z() - b.z()) < near
                && Math.abs(Features.wrapped(a.heading() - b.heading())) < SAME_TURN
                && Math.abs(a.opening() - b.opening()) < SAME_OPENING;
    }

    private Motion plan(@Nullable Motion before, Goal next, Observation seen) {
        long t = seen.timeNanos();
        double[] from = before == null ? seen.position().clone() : before.at(t);
        double[] velocity = before == null ? seen.velocity().clone() : before.velocityAt(t);
        double opening = Math.clamp(next.opening(), 0, 1) * open;
        if (before == null && opening < from[gripper]) {
            // what is held keeps the fingers apart: they go on pressing
            from[gripper] = opening;
            velocity[gripper] = 0;
        }
        Motion m = new Motion(t, robot.limits(), from, velocity);
        double[] start = kinematics.tool(from).matrix();
        double[] end = next.pose().matrix();
        boolean steep = Math.hypot(end[3] - start[3], end[7] - start[7]) < STEEP;
        int knots = steep ? KNOTS : 1;
        List<double[]> path = new ArrayList<>();
        double[] q = from;
        for (int k = 1; k <= knots; k++) {
            double f = (double) k / knots;
            double[] p = end.clone();
            for (int i = 3; i < 12; i += 4) {
                p[i] = (1 - f) * start[i] + f * end[i];
            }
            Optional<double[]> solved = kinematics.solve(new Pose(p), q, steep ? q : robot.home());
            if (solved.isEmpty()) {
                break;
            }
            q = solved.get().clone();
            q[gripper] = (1 - f) * from[gripper] + f * opening;
            path.add(q);
        }
        if (path.isEmpty()) {
            q = from.clone();
            q[gripper] = opening;
            path.add(q);
        }
        m.through(path);
        return m;
    }
}
