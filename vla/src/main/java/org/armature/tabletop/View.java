package org.armature.tabletop;

import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;

/**
 * A calibrated colour and depth image of one size, small when packed.
 *
 * @param rgb {@code [H, W, 3]} uint8
 * @param depth {@code [H, W]} along the optical axis in tenths of a millimetre, 0 where unknown
 * @param calibration {@code [16]}: camera-to-world, 3 x 4 row-major, then fx, fy, cx, cy in pixels
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record View(byte[] rgb, char[] depth, float[] calibration) {
    static final int WIDTH = 160;
    static final int HEIGHT = 120;
    static final int CALIBRATION = 16;
    private static final int PIXELS = WIDTH * HEIGHT;
    private static final double UNIT = 1e-4;

    /** The nearest pixels of any image; without depth, intrinsics or pose everything is unknown. */
    static View of(CameraFrame f) {
        byte[] rgb = new byte[3 * PIXELS];
        char[] depth = new char[PIXELS];
        float[] z = f.depthOrNull();
        for (int v = 0; v < HEIGHT; v++) {
            for (int u = 0; u < WIDTH; u++) {
                int from = (int) ((v + 0.5) * f.height() / HEIGHT) * f.width() + (int) ((u + 0.5) * f.width() / WIDTH);
                int to = v * WIDTH + u;
                System.arraycopy(f.rgb(), 3 * from, rgb, 3 * to, 3);
                depth[to] = z != null && z[from] > 0 ? (char) Math.min(Math.round(z[from] / UNIT), 65535) : 0;
            }
        }
        float[] c = new float[CALIBRATION];
        Intrinsics k = f.intrinsicsOrNull();
        Pose pose = f.poseOrNull();
        if (k == null || pose == null) {
            java.util.Arrays.fill(depth, (char) 0);
        } else {
            for (int i = 0; i < 12; i++) {
                c[i] = (float) pose.matrix()[i];
            }
            double sx = (double) WIDTH / f.width();
            double sy = (double) HEIGHT / f.height();
            c[12] = (float) (k.fx() * sx);
            c[13] = (float) (k.fy() * sy);
            c[14] = (float) (k.cx() * sx);
            c[15] = (float) (k.cy() * sy);
        }
        return new View(rgb, depth, c);
    }

    /** Where a pixel of known depth lies in the world, metres. */
    void place(int pixel, double[] out) {
        double z = depth[pixel] * UNIT;
        double x = (pixel % WIDTH + 0.5 - calibration[14]) / calibration[12] * z;
        double y = (pixel / WIDTH + 0.5 - calibration[15]) / calibration[13] * z;
        for (int i = 0; i < 3; i++) {
            out[i] = calibration[4 * i] * x
                    + calibration[4 * i + 1] * y
                    + calibration[4 * i + 2] * z
                    + calibration[4 * i + 3];
        }
    }

    /** Its pixels by DEFLATE. */
    byte[] packed() {
        byte[] plain = new byte[5 * PIXELS];
        System.arraycopy(rgb, 0, plain, 0, 3 * PIXELS);
        for (int i = 0; i < PIXELS; i++) {
            // differences along a row are small: they pack better
            int d = depth[i] - (i % WIDTH == 0 ? 0 : depth[i - 1]);
            plain[3 * PIXELS + i] = (byte) d;
            plain[4 * PIXELS + i] = (byte) (d >> 8);
        }
        Deflater deflater = new Deflater(Deflater.BEST_SPEED);
        try {
            deflater.setInput(plain);
            deflater.finish();
            byte[] out = new byte[plain.length + 1024];
            return java.util.Arrays.copyOf(out, deflater.deflate(out));
        } finally {
            deflater.end();
        }
    }

    /**
     * What {@link #packed} packed.
     *
     * @throws IllegalArgumentException if it is no such image
     */
    static View unpacked(byte[] packed, float[] calibration) {
        byte[] plain = new byte[5 * PIXELS];
        Inflater inflater = new Inflater();
        try {
            inflater.setInput(packed);
            if (inflater.inflate(plain) != plain.length) {
                throw new IllegalArgumentException("an image is cut short: record it again");
            }
        } catch (DataFormatException e) {
            throw new IllegalArgumentException("an image is damaged (" + e.getMessage() + "): record it again", e);
        } finally {
            inflater.end();
        }
        char[] depth = new char[PIXELS];
        for (int i = 0; i < PIXELS; i++) {
            int d = (plain[3 * PIXELS + i] & 255) | plain[4 * PIXELS + i] << 8;
            depth[i] = (char) (d + (i % WIDTH == 0 ? 0 : depth[i - 1]));
        }
        return new View(java.util.Arrays.copyOf(plain, 3 * PIXELS), depth, calibration);
    }
}
