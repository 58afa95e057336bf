package org.armature.pickplace;

import java.util.List;
import org.armature.robot.JointLimits;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDescription.Link;

/** Robots for tests. */
final class Arms {
    private Arms() {}

    /** Seven joints in the proportions of a Franka Research 3 (modified Denavit-Hartenberg), gripper last. */
    static RobotDescription seven() {
        double h = Math.PI / 2;
        double[] z = {0, 0, 1};
        return new RobotDescription(
                "seven",
                List.of("a", "b", "c", "d", "e", "f", "g", "gripper"),
                new JointLimits(
                        new double[] {-2.8, -1.7, -2.8, -3.0, -2.8, 0, -2.8, 0},
                        new double[] {2.8, 1.7, 2.8, -0.1, 2.8, 3.7, 2.8, 0.08},
                        new double[] {2.175, 2.175, 2.175, 2.175, 2.6, 2.6, 2.6, 0.2},
                        new double[] {15, 7.5, 10, 12.5, 15, 20, 20, 4},
                        new double[] {7500, 3750, 5000, 6250, 7500, 10000, 10000, 400}),
                new double[] {0, -h / 2, 0, -1.5 * h, 0, h, h / 2, 0.08},
                7,
                List.of(
                        new Link(0, turned(0, 0, 0, 0.333), z, false),
                        new Link(1, turned(-h, 0, 0, 0), z, false),
                        new Link(2, turned(h, 0, -0.316, 0), z, false),
                        new Link(3, turned(h, 0.0825, 0, 0), z, false),
                        new Link(4, turned(-h, -0.0825, 0.384, 0), z, false),
                        new Link(5, turned(h, 0, 0, 0), z, false),
                        new Link(6, turned(h, 0.088, 0, 0), z, false),
                        new Link(-1, turned(0, 0, 0, 0.21), z, false)));
    }

    private static Pose turned(double aboutX, double x, double y, double z) {
        double c = Math.cos(aboutX);
        double s = Math.sin(aboutX);
        return new Pose(new double[] {1, 0, 0, x, 0, c, -s, y, 0, s, c, z, 0, 0, 0, 1});
    }
}
