package org.armature.robot;

/**
 * A rigid transform, 4 x 4 row-major; maps homogeneous points of its own frame into the world (camera-to-world for a
 * camera, body-to-world for a body).
 *
 * @param matrix sixteen numbers, row-major; the last row is 0 0 0 1
 */
public record Pose(double[] matrix) {
    /** @throws IllegalArgumentException if there are not sixteen finite numbers ending in 0 0 0 1 */
    public Pose {
        if (matrix.length != 16) {
            throw new IllegalArgumentException("a pose has 16 numbers (4 x 4, row-major), not " + matrix.length);
        }
        for (double x : matrix) {
            if (!Double.isFinite(x)) {
                throw new IllegalArgumentException("a pose must be finite, but holds " + x);
            }
        }
        if (matrix[12] != 0 || matrix[13] != 0 || matrix[14] != 0 || matrix[15] != 1) {
            throw new IllegalArgumentException("the last row of a pose must be 0 0 0 1: is the matrix column-major?");
        }
    }

    /** The identity. */
    public static Pose identity() {
        return new Pose(new double[] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1});
    }

    /** A shift by {@code (x, y, z)} metres. */
    public static Pose translation(double x, double y, double z) {
        return new Pose(new double[] {1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, z, 0, 0, 0, 1});
    }

    /** A turn by {@code angle} radians about {@code axis}, a {@code [3]} unit vector through the origin (Rodrigues). */
    public static Pose rotation(double[] axis, double angle) {
        double c = Math.cos(angle);
        double s = Math.sin(angle);
        double t = 1 - c;
        double x = axis[0];
        double y = axis[1];
        double z = axis[2];
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

    /** The world position of the point {@code (x, y, z)} of this frame, metres. */
    public double[] transform(double x, double y, double z) {
        double[] m = matrix;
        return new double[] {
            m[0] * x + m[1] * y + m[2] * z + m[3],
            m[4] * x + m[5] * y + m[6] * z + m[7],
            m[8] * x + m[9] * y + m[10] * z + m[11]
        };
    }

    /** {@code this * other}: {@code other}'s frame seen through this one. */
    public Pose then(Pose other) {
        double[] c = new double[16];
        for (int i = 0; i < 4; i++) {
            for (int j = 0; j < 4; j++) {
                double s = 0;
                for (int k = 0; k < 4; k++) {
                    s += matrix[4 * i + k] * other.matrix[4 * k + j];
                }
                c[4 * i + j] = s;
            }
        }
        c[12] = 0;
        c[13] = 0;
        c[14] = 0;
        c[15] = 1;
        return new Pose(c);
    }

    /** The inverse: rotation transposed, translation turned back. */
    public Pose inverse() {
        double[] m = matrix;
        double[] r = new double[16];
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 3; j++) {
                r[4 * i + j] = m[4 * j + i];
            }
            r[4 * i + 3] = -(m[i] * m[3] + m[4 + i] * m[7] + m[8 + i] * m[11]);
        }
        r[15] = 1;
        return new Pose(r);
    }
}
