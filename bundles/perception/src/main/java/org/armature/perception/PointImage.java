package org.armature.perception;

import org.armature.robot.CameraFrame;
import org.jspecify.annotations.Nullable;

/**
 * An image whose pixels know their colour and, where depth, intrinsics and pose allow, their world point.
 *
 * @param width W
 * @param height H
 * @param colours {@code [H, W]}
 * @param points {@code [H, W, 3]} world, metres; NaN where depth is missing; null without calibration
 * @param footprint {@code [H, W]} width of a pixel on the surface it sees, metres; null without calibration
 * @param table height of the table, the most common height near the world's z = 0; NaN if there is none
 */
record PointImage(
        int width,
        int height,
        Colour[] colours,
        double @Nullable [] points,
        float @Nullable [] footprint,
        double table) {

    private static final double TABLE_RANGE = 0.25;
    private static final double BIN = 0.004;

    /** O(W H). */
    static PointImage of(CameraFrame frame) {
        int w = frame.width();
        int h = frame.height();
        byte[] rgb = frame.rgb();
        Colour[] colours = new Colour[w * h];
        for (int i = 0; i < colours.length; i++) {
            colours[i] = Colour.of(rgb[3 * i] & 255, rgb[3 * i + 1] & 255, rgb[3 * i + 2] & 255);
        }
        float[] depth = frame.depthOrNull();
        if (depth == null || frame.intrinsicsOrNull() == null || frame.poseOrNull() == null) {
            return new PointImage(w, h, colours, null, null, Double.NaN);
        }
        Projection camera = new Projection(frame.intrinsicsOrNull(), frame.poseOrNull());
        double[] points = new double[3 * w * h];
        float[] footprint = new float[w * h];
        for (int v = 0, i = 0; v < h; v++) {
            for (int u = 0; u < w; u++, i++) {
                float z = depth[i];
                boolean known = z > 0 && Float.isFinite(z);
                double[] p = camera.unproject(u + 0.5, v + 0.5, known ? z : Double.NaN);
                System.arraycopy(p, 0, points, 3 * i, 3);
                footprint[i] = (float) (z / frame.intrinsicsOrNull().fx());
            }
        }
        return new PointImage(w, h, colours, points, footprint, table(points));
    }

    /** Middle of the fullest height bin and its neighbours, if it holds at least a twentieth of the image. */
    private static double table(double[] points) {
        int bins = (int) Math.ceil(2 * TABLE_RANGE / BIN);
        int[] count = new int[bins];
        double[] sum = new double[bins];
        for (int i = 2; i < points.length; i += 3) {
            double z = points[i];
            if (z > -TABLE_RANGE && z < TABLE_RANGE) {
                int b = Math.min(bins - 1, (int) ((z + TABLE_RANGE) / BIN));
                count[b]++;
                sum[b] += z;
            }
        }
        int best = 1;
        int most = 0;
        for (int b = 1; b < bins - 1; b++) {
            int n = count[b - 1] + count[b] + count[b + 1];
            if (n > most) {
                most = n;
                best = b;
            }
        }
        return most < points.length / 60 ? Double.NaN : (sum[best - 1] + sum[best] + sum[best + 1]) / most;
    }

    /** Whether pixel i has a world point. */
    boolean known(int i) {
        return points != null && !Double.isNaN(points[3 * i]);
    }
}
