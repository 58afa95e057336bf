package org.armature.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Label;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.armature.robot.JointLimits;
import org.armature.robot.SafetyFilter;
import org.junit.jupiter.api.Test;

/** Laws of the safety filter, for whatever goals come. */
class LimitFilterProperties {
    private static final long DT = 1_000_000;
    private static final double INF = Double.POSITIVE_INFINITY;

    @Property(tries = 300)
    @Label("whatever goals come, the command keeps the limits of position, velocity and acceleration")
    void keepsItsLimits(
            @ForAll long seed,
            @ForAll @DoubleRange(min = 0.05, max = 3) double vMax,
            @ForAll @DoubleRange(min = 0.5, max = 50) double aMax,
            @ForAll @IntRange(min = 0, max = 3) int kind,
            @ForAll boolean jerky) {
        JointLimits limits = limits(vMax, aMax, jerky ? 20 * aMax : INF);
        LimitFilter filter = new LimitFilter(limits, INF, null);
        Random random = new Random(seed);
        double[] u = {random.nextDouble(-1, 1), random.nextDouble(-0.5, 0.7)};
        filter.reset(u);
        double[] before = u.clone();
        double[] v = new double[2];
        double dt = DT * 1e-9;
        double[] goal = new double[2];
        for (int t = 0; t < 1500; t++) {
            boolean stop = kind == 3 && t / 100 % 3 == 2;
            for (int j = 0; j < 2; j++) {
                goal[j] = switch (kind) {
                    case 0 -> t % 200 == 0 ? random.nextDouble(-4, 4) : goal[j];
                    case 1 -> random.nextGaussian() * 2;
                    case 2 -> 1.5 * Math.sin(t * 1e-3 * (3 + j) * 4);
                    default -> random.nextInt(50) == 0 ? Double.NaN : t * 1e-3;
                };
            }
            double[] command = goal.clone();
            if (stop) {
                filter.stop(command, DT);
            } else {
                filter.filter(command, before, DT);
            }
            for (int j = 0; j < 2; j++) {
                double speed = (command[j] - before[j]) / dt;
                double acceleration = (speed - v[j]) / dt;
                assertTrue(
                        command[j] >= limits.lower()[j] && command[j] <= limits.upper()[j], "position " + command[j]);
                assertTrue(Math.abs(speed) <= vMax * (1 + 1e-6), "velocity " + speed + " of " + vMax);
                assertTrue(
                        Math.abs(acceleration) <= aMax * (1 + 1e-4),
                        "acceleration " + acceleration + " of " + aMax + " at tick " + t);
                v[j] = speed;
                before[j] = command[j];
            }
        }
    }

    @Property(tries = 100)
    @Label("a goal that stands is reached, and passed by at most a rounding")
    void arrivesWithoutOvershoot(
            @ForAll @DoubleRange(min = -1, max = 1) double goal,
            @ForAll @DoubleRange(min = 0.2, max = 3) double vMax,
            @ForAll @DoubleRange(min = 1, max = 50) double aMax) {
        LimitFilter filter = new LimitFilter(limits(vMax, aMax, INF), INF, null);
        double[] start = {0, 0};
        filter.reset(start);
        double[] u = new double[2];
        double furthest = 0;
        for (int t = 0; t < 12_000; t++) {
            u[0] = goal;
            u[1] = 0;
            filter.filter(u, u, DT);
            furthest = Math.max(furthest, u[0] * Math.signum(goal));
        }
        assertEquals(goal, u[0], 1e-9);
        assertTrue(furthest <= Math.abs(goal) + 1e-9, "went to " + furthest + " for " + goal);
        assertTrue(filter.standing());
    }

    @Property(tries = 100)
    @Label("a limited jerk neither rings nor is exceeded on the way to a goal that stands")
    void arrivesWithLimitedJerk(
            @ForAll @DoubleRange(min = 0.1, max = 0.9) double goal,
            @ForAll @DoubleRange(min = 0.2, max = 3) double vMax,
            @ForAll @DoubleRange(min = 1, max = 20) double aMax,
            @ForAll @DoubleRange(min = 1, max = 50) double ratio) {
        double jerk = aMax * ratio;
        LimitFilter filter = new LimitFilter(limits(vMax, aMax, jerk), INF, null);
        filter.reset(new double[2]);
        double[] u = new double[2];
        double[] p = new double[4];
        double furthest = 0;
        double worst = 0;
        for (int t = 0; t < 20_000; t++) {
            u[0] = goal;
            u[1] = 0;
            filter.filter(u, u, DT);
            System.arraycopy(p, 0, p, 1, 3);
            p[0] = u[0];
            worst = Math.max(worst, Math.abs(p[0] - 3 * p[1] + 3 * p[2] - p[3]) / 1e-9);
            furthest = Math.max(furthest, u[0]);
        }
        assertEquals(goal, u[0], 1e-6);
        assertTrue(furthest <= goal + 0.02, "went to " + furthest + " for " + goal);
        assertTrue(worst <= jerk * 1.001, "jerk " + worst + " of " + jerk);
    }

    @Test
    void aMotionWithinTheLimitsPassesUnchanged() {
        LimitFilter filter = new LimitFilter(limits(2, 20, INF), INF, null);
        filter.reset(new double[2]);
        double[] u = new double[2];
        for (int t = 1; t < 3000; t++) {
            double x = 0.5 * (1 - Math.cos(t * 2e-3));
            u[0] = x;
            u[1] = -x / 2;
            assertEquals(SafetyFilter.PASSED, filter.filter(u, u.clone(), DT), "tick " + t);
            assertEquals(x, u[0], 1e-12);
        }
    }

    @Test
    void theJerkLimitHoldsAwayFromThePositionLimits() {
        double jerk = 100;
        LimitFilter filter = new LimitFilter(limits(1, 5, jerk), INF, null);
        filter.reset(new double[2]);
        double[] u = new double[2];
        double[] p = new double[4];
        double worst = 0;
        for (int t = 0; t < 400; t++) {
            u[0] = 0.9;
            u[1] = 0;
            filter.filter(u, u, DT);
            System.arraycopy(p, 0, p, 1, 3);
            p[0] = u[0];
            if (t >= 4 && t < 150) {
                worst = Math.max(worst, Math.abs(p[0] - 3 * p[1] + 3 * p[2] - p[3]) / 1e-9);
            }
        }
        assertTrue(worst <= jerk * 1.001, "jerk " + worst);
    }

    @Test
    void aGoalFarFromTheMeasuredPositionIsHeldBack() {
        LimitFilter filter = new LimitFilter(limits(3, 50, INF), 0.2, null);
        double[] stuck = {0, 0};
        filter.reset(stuck);
        double[] u = new double[2];
        int flags = 0;
        for (int t = 0; t < 2000; t++) {
            u[0] = 1;
            u[1] = 0;
            flags |= filter.filter(u, stuck, DT);
        }
        assertEquals(0.2, u[0], 1e-9);
        assertTrue((flags & SafetyFilter.TRACKING) != 0);
    }

    @Test
    void aNumberThatIsNoneStopsTheRobotWithinItsLimits() {
        LimitFilter filter = new LimitFilter(limits(1, 5, INF), INF, null);
        filter.reset(new double[2]);
        double[] u = new double[2];
        for (int t = 1; t < 500; t++) {
            u[0] = 0.5 * (1 - Math.cos(t * 2e-3));
            filter.filter(u, u, DT);
        }
        double last = u[0];
        u[0] = Double.NaN;
        assertTrue((filter.filter(u, u, DT) & SafetyFilter.NOT_FINITE) != 0);
        assertTrue(u[0] > last && u[0] - last < 1e-3, "goes on, slower: " + (u[0] - last));
        for (int t = 0; t < 500; t++) {
            u[1] = Double.NaN;
            filter.filter(u, u, DT);
        }
        assertTrue(filter.standing());
    }

    @Test
    void aRobotThatStartsOutsideItsLimitsIsBroughtBackGently() {
        LimitFilter filter = new LimitFilter(limits(0.5, 5, INF), INF, null);
        double[] outside = {1.4, 0};
        filter.reset(outside);
        double[] u = outside.clone();
        double before = u[0];
        for (int t = 0; t < 3000; t++) {
            u[0] = 0.9;
            u[1] = 0;
            filter.filter(u, u.clone(), DT);
            assertTrue(Math.abs(u[0] - before) <= 0.5 * 1e-3 + 1e-12);
            before = u[0];
        }
        assertEquals(0.9, u[0], 1e-6);
    }

    private static JointLimits limits(double v, double a, double jerk) {
        return new JointLimits(
                new double[] {-1, -0.5}, new double[] {1, 0.7}, new double[] {v, v}, new double[] {a, a}, new double[] {
                    jerk, jerk
                });
    }
}
