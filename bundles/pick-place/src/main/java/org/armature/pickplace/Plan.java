package org.armature.pickplace;

import java.util.ArrayList;
import java.util.List;
import org.armature.robot.JointLimits;

/**
 * A motion in joint space as a function of robot time: segments of minimum jerk one after another, each at rest at its
 * ends, plus the initial velocity fading out, so that a plan made in mid-motion starts without a jerk.
 */
final class Plan {
    /** What a segment is for. */
    enum Stage {
        RAISE,
        APPROACH,
        DESCEND,
        CLOSE,
        LIFT,
        CARRY,
        LOWER,
        RELEASE,
        RETREAT,
        HOME,
        LOOK
    }

    /** Shares of the limits a plan uses; the rest is for tracking and for blending. */
    private static final double VELOCITY_SHARE = 0.75;

    private static final double ACCELERATION_SHARE = 0.6;
    private static final int SAMPLES = 64;

    private record Segment(Stage stage, List<double[]> knots, double start, double duration) {
        double end() {
            return start + duration;
        }
    }

    private final long startNanos;
    private final JointLimits limits;
    private final List<Segment> segments = new ArrayList<>();
    private final double[] velocity;
    private final double[] fade;
    private double[] last;
    private double end;

    /**
     * Starts at {@code position} {@code [J]} with {@code velocity} {@code [J]} at robot time {@code startNanos}.
     */
    Plan(long startNanos, JointLimits limits, double[] position, double[] velocity) {
        this.startNanos = startNanos;
        this.limits = limits;
        this.last = position.clone();
        this.velocity = velocity.clone();
        this.fade = new double[position.length];
        for (int j = 0; j < fade.length; j++) {
            // the fading velocity's greatest deceleration is below 4 v / T
            fade[j] = Math.max(0.15, 4 * Math.abs(velocity[j]) / (ACCELERATION_SHARE * limits.acceleration()[j]));
        }
    }

    /** Where it ends so far, {@code [J]}. */
    double[] last() {
        return last.clone();
    }

    /** Appends a straight line in joint space to {@code to} {@code [J]}. */
    Plan line(Stage stage, double[] to) {
        return through(stage, List.of(to));
    }

    /** Appends a smooth path through {@code knots}, evenly spaced, as fast as the limits allow. */
    Plan through(Stage stage, List<double[]> knots) {
        List<double[]> all = new ArrayList<>();
        all.add(last);
        knots.forEach(k -> all.add(k.clone()));
        double duration = duration(all);
        segments.add(new Segment(stage, all, end, duration));
        end += duration;
        last = all.getLast();
        return this;
    }

    /** Appends standing still. */
    Plan dwell(Stage stage, double seconds) {
        segments.add(new Segment(stage, List.of(last, last), end, seconds));
        end += seconds;
        return this;
    }

    /** Time scaling is exact: velocities fall with 1 / T, accelerations with 1 / T^2. */
    private double duration(List<double[]> knots) {
        int n = last.length;
        double[] before = new double[n];
        double[] here = new double[n];
        double[] after = new double[n];
        double h = 1.0 / SAMPLES;
        double needed = 0.02;
        for (int i = 1; i < SAMPLES; i++) {
            along(knots, minimumJerk((i - 1) * h), before);
            along(knots, minimumJerk(i * h), here);
            along(knots, minimumJerk((i + 1) * h), after);
            for (int j = 0; j < n; j++) {
                double v = Math.abs(after[j] - before[j]) / (2 * h);
                double a = Math.abs(after[j] - 2 * here[j] + before[j]) / (h * h);
                needed = Math.max(needed, v / (VELOCITY_SHARE * limits.velocity()[j]));
                needed = Math.max(needed, Math.sqrt(a / (ACCELERATION_SHARE * limits.acceleration()[j])));
            }
        }
        return needed;
    }

    /** s(t) = 10 t^3 - 15 t^4 + 6 t^5 (Flash and Hogan 1985). */
    private static double minimumJerk(double t) {
        double x = Math.clamp(t, 0.0, 1.0);
        return x * x * x * (10 + x * (-15 + 6 * x));
    }

    /** Catmull-Rom through the knots, s in [0, 1]. */
    private static void along(List<double[]> knots, double s, double[] out) {
        int pieces = knots.size() - 1;
        int i = Math.min(pieces - 1, (int) (s * pieces));
        double t = s * pieces - i;
        double[] a = knots.get(i);
        double[] b = knots.get(i + 1);
        double[] before = i > 0 ? knots.get(i - 1) : null;
        double[] after = i + 2 <= pieces ? knots.get(i + 2) : null;
        for (int j = 0; j < out.length; j++) {
            double m0 = before == null ? b[j] - a[j] : (b[j] - before[j]) / 2;
            double m1 = after == null ? b[j] - a[j] : (after[j] - a[j]) / 2;
            double d = b[j] - a[j];
            out[j] = a[j] + t * (m0 + t * (3 * d - 2 * m0 - m1 + t * (m0 + m1 - 2 * d)));
        }
    }

    /** Positions {@code [J]} for robot time {@code nanos}: the start before it, the end after it. */
    double[] at(long nanos) {
        double t = (nanos - startNanos) * 1e-9;
        double[] out = new double[last.length];
        if (segments.isEmpty()) {
            System.arraycopy(last, 0, out, 0, out.length);
        } else {
            Segment s = segment(t);
            along(s.knots, minimumJerk((t - s.start) / s.duration), out);
        }
        for (int j = 0; j < out.length; j++) {
            double x = t / fade[j];
            if (x > 0 && x < 1) {
                out[j] += velocity[j] * fade[j] * x * (1 + x * x * (-6 + x * (8 - 3 * x)));
            }
            out[j] = Math.clamp(out[j], limits.lower()[j], limits.upper()[j]);
        }
        return out;
    }

    /** Velocities {@code [J]} for robot time {@code nanos}. */
    double[] velocityAt(long nanos) {
        long step = 1_000_000;
        double[] a = at(nanos - step);
        double[] b = at(nanos + step);
        for (int j = 0; j < a.length; j++) {
            b[j] = (b[j] - a[j]) / (2e-9 * step);
        }
        return b;
    }

    /** The stage at robot time {@code nanos}. */
    Stage stage(long nanos) {
        return segment((nanos - startNanos) * 1e-9).stage;
    }

    /** Seconds until the stage at {@code nanos} ends. */
    double stageLeft(long nanos) {
        double t = (nanos - startNanos) * 1e-9;
        return segment(t).end() - t;
    }

    private Segment segment(double t) {
        for (Segment s : segments) {
            if (t < s.end()) {
                return s;
            }
        }
        return segments.getLast();
    }

    /** Whether it is over at {@code nanos}. */
    boolean over(long nanos) {
        return (nanos - startNanos) * 1e-9 >= end;
    }

    /** Whole length in seconds. */
    double seconds() {
        return end;
    }
}
