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
            at = at.then(link.offset()).then(link.motion(q));
            double[] to = origin(at);
            bodies.add(capsule("link " + bodies.size(), from, to));
            from = to;
        }
        return bodies;
    }

    private static double[] origin(Pose pose) {
        return pose.transform(0, 0, 0);
    }

    /** A capsule whose z axis runs from {@code a} to {@code b}. */
    private static Simulator.Body capsule(String name, double[] a, double[] b) {
        double[] d = {b[0] - a[0], b[1] - a[1], b[2] - a[2]};
        double length = Math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
        Pose middle = Pose.translation((a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2);
        double across = Math.hypot(d[0], d[1]);
        Pose turned = across < 1e-9
                ? middle
                : middle.then(Pose.rotation(new double[] {-d[1] / across, d[0] / across, 0}, Math.atan2(across, d[2])));
        return new Simulator.Body(name, "capsule", new double[] {RADIUS, length / 2}, GREY, turned);
    }
}
