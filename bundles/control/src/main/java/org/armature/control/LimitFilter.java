package org.armature.control;

import org.armature.robot.JointLimits;
import org.armature.robot.SafetyFilter;
import org.jspecify.annotations.Nullable;

/**
 * The safety filter: a goal may jump, the command that follows it keeps position, velocity and acceleration limits.
 *
 * <p>The law that makes this possible: the command's speed is never more than the robot can brake from before its position
 * limit, in whole ticks. With u = v / (a dt) and D = d / (a dt^2), braking from v takes
 * {@code (N + 1) u - N (N + 1) / 2} with N = floor(u), which is solved for u below. If the speed of one tick keeps this
 * law, the speed one full braking step lower keeps it in the next, so there is always a way to go on.
 */
final class LimitFilter implements SafetyFilter {
    private static final double EXACT = 1e-12;
    /** Share of what the curve of a limited jerk would allow, as the curve is continuous and the ticks are not. */
    private static final double DERATED = 0.8;

    private final int joints;
    private final double[] lower;
    private final double[] upper;
    private final double[] velocityLimit;
    private final double[] accelerationLimit;
    private final double[] jerkLimit;
    private final double tracking;
    private final @Nullable Workspace workspace;
    private final double[] p;
    private final double[] v;
    private final double[] a;
    private final double[] goal;
    private final double[] lastGoal;
    private final double[] probe;
    private boolean fresh = true;

    /**
     * @param tracking greatest distance of the goal from the measured position, rad or m; infinite for none
     * @param workspace box of the tool, or null
     */
    LimitFilter(JointLimits limits, double tracking, @Nullable Workspace workspace) {
        if (!(tracking > 0)) {
            throw new IllegalArgumentException("the tracking limit must be positive, not " + tracking);
        }
        joints = limits.size();
        lower = limits.lower().clone();
        upper = limits.upper().clone();
        velocityLimit = limits.velocity().clone();
        accelerationLimit = limits.acceleration().clone();
        jerkLimit = limits.jerk().clone();
        this.tracking = tracking;
        this.workspace = workspace;
        p = new double[joints];
        v = new double[joints];
        a = new double[joints];
        goal = new double[joints];
        lastGoal = new double[joints];
        probe = new double[joints];
    }

    @Override
    public void reset(double[] position) {
        System.arraycopy(position, 0, p, 0, joints);
        freeze();
    }

    /** The command stays where it is from this tick on, whatever it costs in acceleration: the emergency stop. */
    void freeze() {
        for (int j = 0; j < joints; j++) {
            v[j] = 0;
            a[j] = 0;
        }
        fresh = true;
    }

    /** The command stands still. */
    boolean standing() {
        for (int j = 0; j < joints; j++) {
            if (v[j] != 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public int filter(double[] command, double[] measured, long dtNanos) {
        for (int j = 0; j < joints; j++) {
            if (!Double.isFinite(command[j])) {
                return NOT_FINITE | stop(command, dtNanos);
            }
        }
        int flags = PASSED;
        double dt = dtNanos * 1e-9;
        for (int j = 0; j < joints; j++) {
            double w = command[j];
            double near =
                    Double.isFinite(measured[j]) ? Math.clamp(w, measured[j] - tracking, measured[j] + tracking) : w;
            if (near != w) {
                flags |= TRACKING;
            }
            double inside = Math.clamp(near, lower[j], upper[j]);
            if (inside != near) {
                flags |= POSITION;
            }
            goal[j] = inside;
        }
        if (workspace != null && workspace.outside(goal) > 0) {
            flags |= WORKSPACE;
            stayInside(workspace);
        }
        for (int j = 0; j < joints; j++) {
            // The goal's own speed is followed only if the goal moves like a thing that can be followed.
            double goalSpeed = fresh ? 0 : (goal[j] - lastGoal[j]) / dt;
            if (Math.abs(goalSpeed) > velocityLimit[j]) {
                goalSpeed = 0;
            }
            double gap = goal[j] - goalSpeed * dt - p[j];
            double wanted = goalSpeed + brakeable(gap, j, dt);
            if (jerkLimit[j] < Double.POSITIVE_INFINITY) {
                double smooth = smooth(j, goalSpeed, gap, dt);
                flags |= Math.abs(smooth - wanted) > EXACT ? JERK : PASSED;
                wanted = smooth;
            }
            flags |= step(j, wanted, command, dt);
            lastGoal[j] = goal[j];
        }
        fresh = false;
        return flags;
    }

    /**
     * Decelerates to a stop within the limits.
     *
     * @param command {@code [J]} overwritten with what may be sent
     */
    int stop(double[] command, long dtNanos) {
        int flags = PASSED;
        double dt = dtNanos * 1e-9;
        for (int j = 0; j < joints; j++) {
            double wanted = jerkLimit[j] < Double.POSITIVE_INFINITY ? eased(j, 0, dt) : 0;
            flags |= step(j, wanted, command, dt) & ~ACCELERATION;
        }
        fresh = true;
        return flags;
    }

    /** Moves the goal back along the straight way from the command until the tool is inside. */
    private void stayInside(Workspace box) {
        boolean startsInside = box.outside(p) == 0;
        double good = 0;
        double bad = 1;
        for (int i = 0; startsInside && i < 8; i++) {
            double s = (good + bad) / 2;
            for (int j = 0; j < joints; j++) {
                probe[j] = p[j] + s * (goal[j] - p[j]);
            }
            if (box.outside(probe) > 0) {
                bad = s;
            } else {
                good = s;
            }
        }
        // From outside, a goal that is further in is the way back and is let through.
        if (startsInside || box.outside(goal) >= box.outside(p)) {
            for (int j = 0; j < joints; j++) {
                goal[j] = p[j] + good * (goal[j] - p[j]);
            }
        }
    }

    /**
     * The next speed of a joint whose jerk is limited: the exact one where it is within the limits, else one on a curve
     * that comes to rest relative to the goal, looked at from where the acceleration will have died away.
     */
    private double smooth(int j, double goalSpeed, double gap, double dt) {
        double jerk = jerkLimit[j];
        double exact = goalSpeed + gap / dt;
        double needed = (exact - v[j]) / dt;
        if (Math.abs(exact) <= velocityLimit[j]
                && Math.abs(needed) <= accelerationLimit[j]
                && Math.abs(needed - a[j]) <= jerk * dt) {
            return exact;
        }
        double fade = Math.abs(a[j]) / jerk;
        double rest = gap - (v[j] - goalSpeed) * fade - a[j] * fade * fade / 3;
        double acc = Math.min(accelerationLimit[j], 1e6);
        double ramp = acc * acc / jerk;
        double far = Math.abs(rest);
        // Braking that builds up and dies away: v^2 / a + v a / j = 2 d, or v^3 = j d^2 where a is not reached.
        double trapezoid = (Math.sqrt(ramp * ramp + 8 * acc * far) - ramp) / 2;
        double speed = trapezoid >= ramp ? trapezoid : Math.cbrt(jerk * far * far);
        double towards = goalSpeed + Math.copySign(DERATED * Math.min(speed, far / dt), rest);
        // Ticks overshoot a speed by up to this; the hard limit must not be what ends it.
        double most = Math.max(0.5 * velocityLimit[j], velocityLimit[j] - jerk * dt * dt);
        return eased(j, Math.clamp(towards, -most, most), dt);
    }

    /** One tick towards a speed, so that the acceleration has died away when it is reached. */
    private double eased(int j, double speed, double dt) {
        double jerk = jerkLimit[j];
        double e = speed - v[j];
        double most = Math.min(accelerationLimit[j], DERATED * Math.sqrt(2 * jerk * Math.abs(e)));
        double wanted = Math.copySign(Math.min(most, Math.abs(e) / dt), e);
        return v[j] + Math.clamp(wanted, a[j] - jerk * dt, a[j] + jerk * dt) * dt;
    }

    /** One tick of one joint towards speed {@code wanted}; the limits that bound are returned. */
    private int step(int j, double wanted, double[] command, double dt) {
        int flags = PASSED;
        double vMax = velocityLimit[j];
        double next = Math.clamp(wanted, -vMax, vMax);
        if (Math.abs(next - wanted) > EXACT) {
            flags |= VELOCITY;
        }
        double up = Math.clamp(brakeable(upper[j] - p[j], j, dt), -vMax, vMax);
        double down = Math.clamp(brakeable(lower[j] - p[j], j, dt), -vMax, vMax);
        double most = accelerationLimit[j] * dt;
        double inside = up >= down ? Math.clamp(next, down, up) : (up + down) / 2;
        if (Math.abs(inside - next) > EXACT) {
            flags |= POSITION;
            next = inside;
        }
        double slow = Math.clamp(next, v[j] - most, v[j] + most);
        if (Math.abs(slow - next) > EXACT) {
            flags |= ACCELERATION;
            next = slow;
        }
        double to = p[j] + next * dt;
        // Rounding alone may be left over; a robot that starts outside its limits is brought back, not thrown back.
        if (p[j] <= upper[j] && to > upper[j]) {
            to = upper[j];
        } else if (p[j] >= lower[j] && to < lower[j]) {
            to = lower[j];
        }
        a[j] = (next - v[j]) / dt;
        v[j] = next;
        p[j] = to;
        command[j] = to;
        return flags;
    }

    /** The greatest speed towards a point at signed distance d from which the joint still stops there. */
    private double brakeable(double d, int j, double dt) {
        double far = Math.abs(d);
        if (far == Double.POSITIVE_INFINITY) {
            return Math.copySign(velocityLimit[j], d);
        }
        double acc = accelerationLimit[j];
        double speed;
        if (acc == Double.POSITIVE_INFINITY) {
            speed = far / dt;
        } else {
            double unit = far / (acc * dt * dt);
            double n = Math.floor((Math.sqrt(1 + 8 * unit) - 1) / 2);
            speed = (unit + n * (n + 1) / 2) / (n + 1) * acc * dt;
        }
        return Math.copySign(speed, d);
    }
}
