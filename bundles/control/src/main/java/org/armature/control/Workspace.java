package org.armature.control;

import java.util.List;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDescription.Link;
import org.jspecify.annotations.Nullable;

/**
 * The box, in the world frame, that the tool must not leave, checked by forward kinematics. One thread; allocates nothing
 * after construction.
 */
final class Workspace {
    private final List<Link> chain;
    private final double[] lower;
    private final double[] upper;
    private double[] a = new double[12];
    private double[] b = new double[12];

    private Workspace(List<Link> chain, double[] box) {
        this.chain = chain;
        lower = new double[] {box[0], box[1], box[2]};
        upper = new double[] {box[3], box[4], box[5]};
    }

    /**
     * @param box {@code [6]} lower x y z, upper x y z, metres; empty for none
     * @return null when there is no box
     * @throws IllegalArgumentException if the box is empty inside or the robot has no kinematics to check it with
     */
    static @Nullable Workspace of(RobotDescription robot, double[] box) {
        if (box.length == 0) {
            return null;
        }
        if (box.length != 6 || !(box[0] < box[3] && box[1] < box[4] && box[2] < box[5])) {
            throw new IllegalArgumentException("workspace needs six numbers, lower x y z below upper x y z, not "
                    + java.util.Arrays.toString(box));
        }
        if (robot.kinematics().isEmpty()) {
            throw new IllegalArgumentException("workspace is set, but robot " + robot.name()
                    + " has no kinematics to find its tool with: leave workspace empty or use another driver");
        }
        return new Workspace(robot.kinematics(), box);
    }

    /** How far outside the tool is at q {@code [J]}, metres; 0 inside. */
    double outside(double[] q) {
        forward(q);
        double worst = 0;
        for (int i = 0; i < 3; i++) {
            double x = a[4 * i + 3];
            worst = Math.max(worst, Math.max(lower[i] - x, x - upper[i]));
        }
        return worst;
    }

    /** The tool's origin at q, written to {@code xyz}. */
    void tool(double[] q, double[] xyz) {
        forward(q);
        for (int i = 0; i < 3; i++) {
            xyz[i] = a[4 * i + 3];
        }
    }

    private void forward(double[] q) {
        java.util.Arrays.fill(a, 0);
        a[0] = 1;
        a[5] = 1;
        a[10] = 1;
        for (int l = 0; l < chain.size(); l++) {
            Link link = chain.get(l);
            multiply(link.offset().matrix());
            if (link.joint() >= 0) {
                move(link.axis(), q[link.joint()], link.sliding());
            }
        }
    }

    private void multiply(double[] m) {
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 4; j++) {
                b[4 * i + j] = a[4 * i] * m[j]
                        + a[4 * i + 1] * m[4 + j]
                        + a[4 * i + 2] * m[8 + j]
                        + (j == 3 ? a[4 * i + 3] : 0);
            }
        }
        double[] swap = a;
        a = b;
        b = swap;
    }

    private void move(double[] axis, double q, boolean sliding) {
        if (sliding) {
            for (int i = 0; i < 3; i++) {
                a[4 * i + 3] += q * (a[4 * i] * axis[0] + a[4 * i + 1] * axis[1] + a[4 * i + 2] * axis[2]);
            }
            return;
        }
        double x = axis[0];
        double y = axis[1];
        double z = axis[2];
        double c = Math.cos(q);
        double s = Math.sin(q);
        double t = 1 - c;
        for (int i = 0; i < 3; i++) {
            double u = a[4 * i];
            double v = a[4 * i + 1];
            double w = a[4 * i + 2];
            a[4 * i] = u * (t * x * x + c) + v * (t * x * y + s * z) + w * (t * x * z - s * y);
            a[4 * i + 1] = u * (t * x * y - s * z) + v * (t * y * y + c) + w * (t * y * z + s * x);
            a[4 * i + 2] = u * (t * x * z + s * y) + v * (t * y * z - s * x) + w * (t * z * z + c);
        }
    }
}
