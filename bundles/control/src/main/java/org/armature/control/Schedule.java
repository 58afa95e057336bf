package org.armature.control;

/**
 * What the loop follows: knots in robot time. Immutable and of this bundle's own class, so that nothing of a policy's
 * bundle stays behind in the loop.
 */
final class Schedule {
    /** How to go from knot to knot. */
    enum Interpolation {
        LINEAR,
        /** Hermite with tangents by central differences. */
        CUBIC
    }

    final long chunk;
    final long originNanos;
    final long periodNanos;
    final int joints;
    private final double[] knots;
    private final int gripper;
    private final Interpolation interpolation;

    /**
     * @param chunk number of the newest chunk in it
     * @param originNanos robot time of knot 0
     * @param knots {@code [H, J]}, not written again
     * @param gripper joint that holds its value from knot to knot because it is binary, or -1
     */
    Schedule(
            long chunk,
            long originNanos,
            long periodNanos,
            int joints,
            double[] knots,
            int gripper,
            Interpolation interpolation) {
        this.chunk = chunk;
        this.originNanos = originNanos;
        this.periodNanos = periodNanos;
        this.joints = joints;
        this.knots = knots;
        this.gripper = gripper;
        this.interpolation = interpolation;
    }

    int horizon() {
        return knots.length / joints;
    }

    long endNanos() {
        return originNanos + (horizon() - 1L) * periodNanos;
    }

    boolean endedAt(long t) {
        return t > endNanos();
    }

    /** The set point at robot time t, never beyond the last knot. Allocates nothing. */
    void sample(long t, double[] out) {
        int last = horizon() - 1;
        long since = t - originNanos;
        int k = since <= 0 ? 0 : (int) Math.min(last, since / periodNanos);
        double s = since <= 0 || k == last ? 0 : (since - k * periodNanos) / (double) periodNanos;
        for (int j = 0; j < joints; j++) {
            double a = at(k, j);
            if (s == 0 || j == gripper) {
                out[j] = a;
                continue;
            }
            double b = at(k + 1, j);
            if (interpolation == Interpolation.LINEAR) {
                out[j] = a + s * (b - a);
            } else {
                double ma = k > 0 ? (b - at(k - 1, j)) / 2 : b - a;
                double mb = k + 2 <= last ? (at(k + 2, j) - a) / 2 : b - a;
                double s2 = s * s;
                double s3 = s2 * s;
                out[j] = (2 * s3 - 3 * s2 + 1) * a + (s3 - 2 * s2 + s) * ma + (3 * s2 - 2 * s3) * b + (s3 - s2) * mb;
            }
        }
    }

    private double at(int k, int j) {
        return knots[k * joints + j];
    }
}
