package org.armature.console;

import java.util.ArrayList;
import java.util.List;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;
import org.armature.robot.Simulator;

/** A robot drawn from its kinematics alone: a capsule from joint to joint. For real robots, whose bodies nobody knows. */
final class Skeleton {
    private static final double RADIUS = 0.025;
    private static final int GREY = 0x9aa3ad;

    private Skeleton() {}

    /** Capsules of {@code robot} at {@code position} {@code [J]}; the same number of them at every position. */
    static List<Simulator.Body> bodies(RobotDescription robot, double[] position) {
        List<Simulator.Body> bodies = new ArrayList<>();
        Pose at = Pose.identity();
        double[] from = origin(at);
        for (RobotDescription.Link link : robot.kinematics()) {
            double q = link.joint() < 0 ? 0 : position[link.joint()];
            at = at.then(link.offset()).then(link.sliding() ? slide(link.axis(), q) : turn(link.axis(), q));
            double[] to = origin(at);
            bodies.add(capsule("link " + bodies.size(), from, to));
            from = to;
        }
        return bodies;
    }

    private static double[] origin(Pose pose) {
        return pose.transform(0, 0, 0);
    }

    private static Pose slide(double[] a, double q) {
        return new Pose(new double[] {1, 0, 0, a[0] * q, 0, 1, 0, a[1] * q, 0, 0, 1, a[2] * q, 0, 0, 0, 1});
    }

    /** Rodrigues' rotation about the unit axis {@code a} by {@code q}. */
    private static Pose turn(double[] a, double q) {
        double c = Math.cos(q);
        double s = Math.sin(q);
        double t = 1 - c;
        double x = a[0];
        double y = a[1];
        double z = a[2];
        return new Pose(new double[] {
            t * x * x + c,
            t * x * y - s * z,
            t * x * z + s * y,
            0,
            t * x * y + s * z,
            t * y * y + c,
            t * y * z - s * x,
            0,
            t * x * z - s * y,
            t * y * z + s * x,
            t * z * z + c,
            0,
            0,
            0,
            0,
            1
        });
    }

    /** A capsule whose z axis runs from {@code a} to {@code b}. */
    private static Simulator.Body capsule(String name, double[] a, double[] b) {
        double[] d = {b[0] - a[0], b[1] - a[1], b[2] - a[2]};
        double length = Math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
        Pose middle = slide(new double[] {(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2}, 1);
        double across = Math.hypot(d[0], d[1]);
        Pose turned = across < 1e-9
                ? middle
                : middle.then(turn(new double[] {-d[1] / across, d[0] / across, 0}, Math.atan2(across, d[2])));
        return new Simulator.Body(name, "capsule", new double[] {RADIUS, length / 2}, GREY, turned);
    }
}
