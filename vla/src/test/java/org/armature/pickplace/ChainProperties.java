package org.armature.pickplace;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;

class ChainProperties {
    private final RobotDescription arm = Arms.seven();
    private final Chain chain = new Chain(arm);

    /** forward(inverse(pose)) = pose to 1e-6, within the limits, for any pose over the table. */
    @Property(tries = 200)
    void forwardUndoesInverse(
            @ForAll @DoubleRange(min = 0.34, max = 0.62) double x,
            @ForAll @DoubleRange(min = -0.3, max = 0.3) double y,
            @ForAll @DoubleRange(min = 0.01, max = 0.25) double z,
            @ForAll @DoubleRange(min = -1.2, max = 1.2) double turn) {
        Pose target = Planner.down(x, y, z, turn - Math.PI / 2);
        double[] q = chain.solve(target, arm.home(), arm.home()).orElseThrow();
        assertArrayEquals(target.matrix(), chain.tool(q).matrix(), 1e-6);
        for (int j = 0; j < q.length; j++) {
            assertTrue(q[j] >= arm.limits().lower()[j] && q[j] <= arm.limits().upper()[j], "joint " + j + ": " + q[j]);
        }
    }

    /** A pose made by joints is found again, though perhaps by others. */
    @Property(tries = 200)
    void whatTheJointsReachTheInverseReaches(@ForAll long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        double[] q = arm.home().clone();
        for (int j = 0; j < 7; j++) {
            q[j] = Math.clamp(
                    q[j] + random.nextDouble(-0.6, 0.6),
                    arm.limits().lower()[j],
                    arm.limits().upper()[j]);
        }
        Pose target = chain.tool(q);
        double[] found = chain.solve(target, arm.home(), arm.home()).orElseThrow();
        assertArrayEquals(target.matrix(), chain.tool(found).matrix(), 1e-6);
    }

    @Property(tries = 100)
    void theErrorIsTheRotationVector(@ForAll @DoubleRange(min = -3.1, max = 3.1) double angle) {
        double c = Math.cos(angle);
        double s = Math.sin(angle);
        Pose turned = new Pose(new double[] {c, -s, 0, 1, s, c, 0, 2, 0, 0, 1, 3, 0, 0, 0, 1});
        assertArrayEquals(new double[] {1, 2, 3, 0, 0, angle}, Chain.error(turned, Pose.identity()), 1e-9);
    }

    @Example
    void outOfReachIsNoSolution() {
        assertEquals(Optional.empty(), chain.solve(Planner.down(1.4, 0, 0.1, 0), arm.home(), arm.home()));
    }

    @Example
    void aRobotWithoutKinematicsIsRefusedInASentence() {
        RobotDescription bare = new RobotDescription("bare", arm.joints(), arm.limits(), arm.home(), 7, List.of());
        assertTrue(assertThrows(IllegalArgumentException.class, () -> new Chain(bare))
                .getMessage()
                .contains("RobotDescription.kinematics"));
    }
}
