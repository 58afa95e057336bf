package org.armature.pickplace;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.armature.pickplace.Plan.Stage;
import org.armature.robot.JointLimits;
import org.armature.robot.RobotDescription;

class PlanProperties {
    private final RobotDescription arm = Arms.seven();
    private final JointLimits limits = arm.limits();

    private double[] random(SplittableRandom r) {
        double[] q = new double[8];
        for (int j = 0; j < 8; j++) {
            q[j] = r.nextDouble(limits.lower()[j], limits.upper()[j]);
        }
        return q;
    }

    /** From rest, no joint ever exceeds its limits, and the ends are met exactly. */
    @Property(tries = 300)
    void velocityAndAccelerationStayWithinTheLimits(@ForAll long seed) {
        SplittableRandom r = new SplittableRandom(seed);
        double[] from = random(r);
        double[] to = random(r);
        Plan plan = new Plan(0, limits, from, new double[8])
                .line(Stage.APPROACH, random(r))
                .through(Stage.DESCEND, List.of(random(r), random(r)))
                .line(Stage.HOME, to);
        assertArrayEquals(from, plan.at(0), 1e-12);
        assertArrayEquals(to, plan.at((long) (plan.seconds() * 1e9) + 1), 1e-9);
        long h = 4_000_000;
        for (long t = h; t < plan.seconds() * 1e9; t += h) {
            double[] a = plan.at(t - h);
            double[] b = plan.at(t);
            double[] c = plan.at(t + h);
            for (int j = 0; j < 8; j++) {
                double v = Math.abs(c[j] - a[j]) / (2e-9 * h);
                double acc = Math.abs(c[j] - 2 * b[j] + a[j]) / (1e-18 * h * h);
                assertTrue(v <= limits.velocity()[j], "joint " + j + " at " + v);
                assertTrue(acc <= 1.2 * limits.acceleration()[j], "joint " + j + " accelerates by " + acc);
            }
        }
    }

    /** A plan made in motion starts where the robot is, as fast as it is. */
    @Property(tries = 300)
    void startsWithTheGivenVelocity(@ForAll long seed) {
        SplittableRandom r = new SplittableRandom(seed);
        double[] from = arm.home().clone();
        from[7] = 0.04;
        double[] v = new double[8];
        for (int j = 0; j < 7; j++) {
            v[j] = r.nextDouble(-1, 1);
        }
        Plan plan = new Plan(5_000_000, limits, from, v).line(Stage.HOME, arm.home());
        double[] soon = plan.at(6_000_000);
        for (int j = 0; j < 7; j++) {
            assertTrue(Math.abs((soon[j] - from[j]) / 1e-3 - v[j]) < 0.02);
        }
    }
}
