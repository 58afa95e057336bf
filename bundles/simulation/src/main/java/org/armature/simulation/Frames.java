package org.armature.simulation;

import org.armature.robot.Pose;

/** Rigid transforms, 4 x 4 row-major, in plain arrays so that the stepping thread need not allocate. */
final class Frames {
    private Frames() {}

    /** {@code out = a * b}; {@code out} is neither. */
    static void multiply(double[] a, double[] b, double[] out) {
        for (int i = 0; i < 12; i += 4) {
            for (int j = 0; j < 4; j++) {
                out[i + j] = a[i] * b[j] + a[i + 1] * b[4 + j] + a[i + 2] * b[8 + j] + (j == 3 ? a[i + 3] : 0);
            }
        }
        out[12] = 0;
        out[13] = 0;
        out[14] = 0;
        out[15] = 1;
    }

    /** {@code out = inverse(a) * b}; {@code out} is neither. */
    static void relative(double[] a, double[] b, double[] out) {
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 4; j++) {
                double s = 0;
                for (int k = 0; k < 3; k++) {
                    s += a[4 * k + i] * (b[4 * k + j] - (j == 3 ? a[4 * k + 3] : 0));
                }
                out[4 * i + j] = s;
            }
        }
        out[12] = 0;
        out[13] = 0;
        out[14] = 0;
        out[15] = 1;
    }

    /** Reads position and quaternion (w, x, y, z) at {@code at} of {@code qpos} into {@code out}. */
    static void fromFreeJoint(double[] qpos, int at, double[] out) {
        double w = qpos[at + 3];
        double x = qpos[at + 4];
        double y = qpos[at + 5];
        double z = qpos[at + 6];
        out[0] = 1 - 2 * (y * y + z * z);
        out[1] = 2 * (x * y - w * z);
        out[2] = 2 * (x * z + w * y);
        out[3] = qpos[at];
        out[4] = 2 * (x * y + w * z);
        out[5] = 1 - 2 * (x * x + z * z);
        out[6] = 2 * (y * z - w * x);
        out[7] = qpos[at + 1];
        out[8] = 2 * (x * z - w * y);
        out[9] = 2 * (y * z + w * x);
        out[10] = 1 - 2 * (x * x + y * y);
        out[11] = qpos[at + 2];
        out[12] = 0;
        out[13] = 0;
        out[14] = 0;
        out[15] = 1;
    }

    /** The reverse of {@link #fromFreeJoint}. */
    static void toFreeJoint(double[] m, double[] qpos, int at) {
        qpos[at] = m[3];
        qpos[at + 1] = m[7];
        qpos[at + 2] = m[11];
        // The largest component first: dividing by it is always safe (Shepperd's method).
        double[] t = {m[0] + m[5] + m[10], m[0], m[5], m[10]};
        int k = 0;
        for (int i = 1; i < 4; i++) {
            k = t[i] > t[k] ? i : k;
        }
        double d = 2 * Math.sqrt(Math.max(0, k == 0 ? 1 + t[0] : 1 + 2 * t[k] - t[0]));
        double a = m[9] - m[6];
        double b = m[2] - m[8];
        double c = m[4] - m[1];
        switch (k) {
            case 0 -> set(qpos, at, d / 4, a / d, b / d, c / d);
            case 1 -> set(qpos, at, a / d, d / 4, (m[1] + m[4]) / d, (m[2] + m[8]) / d);
            case 2 -> set(qpos, at, b / d, (m[1] + m[4]) / d, d / 4, (m[6] + m[9]) / d);
            default -> set(qpos, at, c / d, (m[2] + m[8]) / d, (m[6] + m[9]) / d, d / 4);
        }
    }

    private static void set(double[] qpos, int at, double w, double x, double y, double z) {
        qpos[at + 3] = w;
        qpos[at + 4] = x;
        qpos[at + 5] = y;
        qpos[at + 6] = z;
    }

    /** A translation. */
    static Pose at(double x, double y, double z) {
        return new Pose(new double[] {1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, z, 0, 0, 0, 1});
    }

    /** A rotation about x, then a translation. */
    static Pose aboutX(double angle, double x, double y, double z) {
        double c = Math.cos(angle);
        double s = Math.sin(angle);
        return new Pose(new double[] {1, 0, 0, x, 0, c, -s, y, 0, s, c, z, 0, 0, 0, 1});
    }

    /** A rotation about z, then a translation. */
    static Pose aboutZ(double angle, double x, double y, double z) {
        double c = Math.cos(angle);
        double s = Math.sin(angle);
        return new Pose(new double[] {c, -s, 0, x, s, c, 0, y, 0, 0, 1, z, 0, 0, 0, 1});
    }

    /** A frame in the middle of {@code a} and {@code b} whose z axis points from one to the other. */
    static Pose along(double[] a, double[] b) {
        double[] z = unit(b[0] - a[0], b[1] - a[1], b[2] - a[2]);
        double[] x = Math.abs(z[0]) < 0.9 ? unit(0, z[2], -z[1]) : unit(-z[2], 0, z[0]);
        return axes(x, cross(z, x), z, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2);
    }

    /** A camera (x right, y down, z forward) at {@code eye} that looks at {@code target} with world z up. */
    static Pose lookAt(double[] eye, double[] target) {
        double[] z = unit(target[0] - eye[0], target[1] - eye[1], target[2] - eye[2]);
        double[] x = unit(z[1], -z[0], 0);
        return axes(x, cross(z, x), z, eye[0], eye[1], eye[2]);
    }

    /** A frame from its three unit axes and its origin. */
    static Pose axes(double[] x, double[] y, double[] z, double px, double py, double pz) {
        return new Pose(new double[] {x[0], y[0], z[0], px, x[1], y[1], z[1], py, x[2], y[2], z[2], pz, 0, 0, 0, 1});
    }

    private static double[] unit(double x, double y, double z) {
        double n = Math.sqrt(x * x + y * y + z * z);
        return new double[] {x / n, y / n, z / n};
    }

    private static double[] cross(double[] a, double[] b) {
        return new double[] {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
    }
}
