package org.armature.pickplace;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.armature.robot.JointLimits;
import org.jspecify.annotations.Nullable;

/**
 * A motion in joint space as a function of robot time: segments of minimum jerk one after another. The first takes over
 * what the initial velocity has along its path; the rest of that velocity fades out beside it, so that a plan made in
 * mid-motion starts without a jump and overshoots no more than the limits force it to.
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
    private static final double VELOCITY_SHARE = 0.8;

    private static final double ACCELERATION_SHARE = 0.65;
    private static final int SAMPLES = 48;
    /** With more path lengths per duration than this at its start, the quintic would turn back before its end. */
    private static final double FASTEST_START = 3;

    private static final double SHORTEST = 0.04;
    private static final double LONGER = 1.06;

    /** {@code speed} is that at its start, in path lengths per duration. */
    private record Segment(Stage stage, List<double[]> knots, double start, double duration, double speed) {
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
        fadeOut();
    }

    private void fadeOut() {
        for (int j = 0; j < fade.length; j++) {
            // the fading velocity's greatest deceleration is below 4 v / T
            fade[j] = Math.max(0.1, 4 * Math.abs(velocity[j]) / limits.acceleration()[j]);
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
        Segment next = inMotion(stage, all);
        segments.add(next);
        end += next.duration;
        last = all.getLast();
        return this;
    }

    /** Appends standing still. */
    Plan dwell(Stage stage, double seconds) {
        segments.add(new Segment(stage, List.of(last, last), end, seconds, 0));
        end += seconds;
        return this;
    }

    /** Takes over as much of the initial velocity along the path as the limits allow to brake before its end. */
    private Segment inMotion(Stage stage, List<double[]> knots) {
        int pieces = knots.size() - 1;
        double dot = 0;
        double square = 0;
        for (int j = 0; j < last.length; j++) {
            double d = (knots.get(1)[j] - knots.get(0)[j]) * pieces;
            dot += d * velocity[j];
            square += d * d;
        }
        double rate = segments.isEmpty() && square > 1e-8 ? Math.max(0, dot / square) : 0;
        Segment best = fastest(stage, knots, rate);
        for (int halvings = 0; best == null && halvings < 4; halvings++) {
            rate = halvings < 3 ? rate / 2 : 0;
            best = fastest(stage, knots, rate);
        }
        if (best == null) {
            throw new IllegalStateException(
                    "no duration keeps a path within the limits: is one of its points not finite?");
        }
        if (rate == 0) {
            return best;
        }
        double[] before = new double[last.length];
        double[] after = new double[last.length];
        along(knots, 0, before);
        along(knots, 1e-4, after);
        for (int j = 0; j < last.length; j++) {
            velocity[j] -= rate * (after[j] - before[j]) / 1e-4;
        }
        fadeOut();
        return best;
    }

    /** The shortest segment within the limits that starts at {@code rate} path lengths a second; null if there is none. */
    private @Nullable Segment fastest(Stage stage, List<double[]> knots, double rate) {
        double longest = rate > 0 ? FASTEST_START / rate : 60;
        for (double duration = SHORTEST; duration <= longest; duration *= LONGER) {
            if (withinLimits(knots, duration, rate * duration)) {
                return new Segment(stage, knots, end, duration, rate * duration);
            }
        }
        return null;
    }

    private boolean withinLimits(List<double[]> knots, double duration, double speed) {
        int n = last.length;
        double[][] p = new double[3][n];
        double h = 1.0 / SAMPLES;
        along(knots, minimumJerk(0, speed), p[0]);
        along(knots, minimumJerk(h, speed), p[1]);
        for (int i = 1; i < SAMPLES; i++) {
            along(knots, minimumJerk((i + 1) * h, speed), p[2]);
            for (int j = 0; j < n; j++) {
                double v = Math.abs(p[2][j] - p[0][j]) / (2 * h * duration);
                double a = Math.abs(p[2][j] - 2 * p[1][j] + p[0][j]) / (h * h * duration * duration);
                // what moves already may keep its speed
                double most = Math.max(VELOCITY_SHARE * limits.velocity()[j], speed > 0 ? Math.abs(velocity[j]) : 0);
                if (v > most || a > ACCELERATION_SHARE * limits.acceleration()[j]) {
                    return false;
                }
            }
            double[] first = p[0];
            p[0] = p[1];
            p[1] = p[2];
            p[2] = first;
        }
        return true;
    }

    /** The quintic from 0 at speed {@code u} to rest at 1; u = 0 is 10 t^3 - 15 t^4 + 6 t^5 (Flash and Hogan 1985). */
    private static double minimumJerk(double t, double u) {
        double x = Math.clamp(t, 0.0, 1.0);
        return x * (u + x * x * (10 - 6 * u + x * (-15 + 8 * u + x * (6 - 3 * u))));
    }

    /**
     * A cubic through the knots, s in [0, 1] but for a hair of overshoot, which between two knots leaves neither of them behind
     * (Fritsch and Butland 1984): so no joint is led beyond its limits.
     */
    private static void along(List<double[]> knots, double s, double[] out) {
        int pieces = knots.size() - 1;
        int i = Math.min(pieces - 1, (int) (s * pieces));
        double t = s * pieces - i;
        double[] a = knots.get(i);
        double[] b = knots.get(i + 1);
        double[] before = i > 0 ? knots.get(i - 1) : null;
        double[] after = i + 2 <= pieces ? knots.get(i + 2) : null;
        for (int j = 0; j < out.length; j++) {
            double d = b[j] - a[j];
            double m0 = before == null ? d : slope(a[j] - before[j], d);
            double m1 = after == null ? d : slope(d, after[j] - b[j]);
            out[j] = a[j] + t * (m0 + t * (3 * d - 2 * m0 - m1 + t * (m0 + m1 - 2 * d)));
        }
    }

    /** At a knot between two steps: their harmonic mean, and none where the direction turns. */
    private static double slope(double before, double after) {
        return before * after > 0 ? 2 * before * after / (before + after) : 0;
    }

    /** Positions {@code [J]} for robot time {@code nanos}: the start before it, the end after it. */
    double[] at(long nanos) {
        double t = (nanos - startNanos) * 1e-9;
        double[] out = new double[last.length];
        if (segments.isEmpty()) {
            System.arraycopy(last, 0, out, 0, out.length);
        } else {
            Segment s = segment(t);
            along(s.knots, minimumJerk((t - s.start) / s.duration, s.speed), out);
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

    /** Where the stage at robot time {@code nanos} ends, {@code [J]}. */
    double[] goal(long nanos) {
        return end(segments.indexOf(segment((nanos - startNanos) * 1e-9)));
    }

    /** Where the first {@code stage} that is not over at robot time {@code nanos} ends, {@code [J]}. */
    Optional<double[]> goal(Stage stage, long nanos) {
        double t = (nanos - startNanos) * 1e-9;
        for (int i = 0; i < segments.size(); i++) {
            if (segments.get(i).stage == stage && segments.get(i).end() > t) {
                return Optional.of(end(i));
            }
        }
        return Optional.empty();
    }

    /** Where the stage that segment {@code i} belongs to ends. */
    private double[] end(int i) {
        int k = i;
        while (k + 1 < segments.size() && segments.get(k + 1).stage == segments.get(i).stage) {
            k++;
        }
        return segments.get(k).knots.getLast().clone();
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
