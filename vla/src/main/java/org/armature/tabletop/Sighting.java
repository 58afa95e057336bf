package org.armature.tabletop;

import java.util.ArrayList;
import java.util.List;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;

/**
 * What a policy is given of one moment, but for the instruction and a geometry's tokens. Velocities are not among it: looks for
 * training are taken at rest.
 *
 * @param state {@code [15]}: of {@link Features#hand}, where the tool is, heading, tilt, opening, joints
 * @param rgb {@code [2, 60, 80, 3]}: front and wrist camera, the mean of 2 x 2 pixels
 * @param points {@code [2400, 7]}: a point in 4 x 4 pixels of either camera: where from the tool, in metres along the world's
 *     axes, its colour, and 1 if that is known, else all 0
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Sighting(float[] state, byte[] rgb, float[] points) {
    static final int WIDTH = 80;
    static final int HEIGHT = 60;
    static final int STATE = 15;
    static final int POINTS = Patches.COUNT;
    static final int POINT = 7;
    private static final int VELOCITIES = 8;
    private static final double REACH = 1.2;

    /** Of frames with or without depth and calibration: without them no point is known. */
    static Sighting of(Observation seen, float[] hand) {
        float[] state = new float[STATE];
        System.arraycopy(hand, 0, state, 0, VELOCITIES);
        System.arraycopy(hand, Features.HAND - 7, state, VELOCITIES, 7);
        byte[] rgb = new byte[Recording.CAMERAS.size() * 3 * WIDTH * HEIGHT];
        float[] points = new float[POINTS * POINT];
        for (int c = 0; c < Recording.CAMERAS.size(); c++) {
            View v = View.of(seen.camera(Recording.CAMERAS.get(c)).orElseThrow());
            for (int i = 0; i < WIDTH * HEIGHT; i++) {
                int from = 2 * (i / WIDTH) * View.WIDTH + 2 * (i % WIDTH);
                for (int k = 0; k < 3; k++) {
                    rgb[3 * (c * WIDTH * HEIGHT + i) + k] = (byte) ((colour(v, from, k)
                                    + colour(v, from + 1, k)
                                    + colour(v, from + View.WIDTH, k)
                                    + colour(v, from + View.WIDTH + 1, k)
                                    + 2)
                            / 4);
                }
            }
            points(v, hand, points, c * Patches.EACH * POINT);
        }
        return new Sighting(state, rgb, points);
    }

    private static float bright(int colour) {
        return (colour - 127.5f) / 64;
    }

    private static int colour(View v, int pixel, int channel) {
        return v.rgb()[3 * pixel + channel] & 255;
    }

    private static void points(View v, float[] hand, float[] into, int first) {
        double[] at = new double[3];
        int half = Patches.SIDE / 2;
        for (int i = 0; i < Patches.EACH; i++) {
            int pixel = (i / Patches.COLUMNS * Patches.SIDE + half) * View.WIDTH
                    + i % Patches.COLUMNS * Patches.SIDE
                    + half;
            if (v.depth()[pixel] == 0) {
                continue;
            }
            v.place(pixel, at);
            if (Math.hypot(at[0], at[1]) > REACH) {
                continue;
            }
            for (int k = 0; k < 3; k++) {
                into[first + i * POINT + k] = (float) at[k] - hand[k];
                into[first + i * POINT + 3 + k] = bright(colour(v, pixel, k));
            }
            into[first + i * POINT + 6] = 1;
        }
    }

    /** One camera's picture {@code [3, 60, 80]}, from -2 to 2, of {@code rgb} beginning there. */
    static float[] image(byte[] rgb, int camera) {
        int n = WIDTH * HEIGHT;
        float[] x = new float[3 * n];
        for (int i = 0; i < n; i++) {
            for (int k = 0; k < 3; k++) {
                x[k * n + i] = bright(rgb[3 * (camera * n + i) + k] & 255);
            }
        }
        return x;
    }

    /** The frames of front and wrist camera, without what is not given. */
    static List<CameraFrame> frames(Observation seen, boolean depth, boolean calibration) {
        List<CameraFrame> all = new ArrayList<>();
        for (String name : Recording.CAMERAS) {
            CameraFrame f = seen.camera(name).orElseThrow();
            all.add(new CameraFrame(
                    name,
                    f.timeNanos(),
                    f.width(),
                    f.height(),
                    f.rgb(),
                    depth ? f.depthOrNull() : null,
                    calibration ? f.intrinsicsOrNull() : null,
                    calibration ? f.poseOrNull() : null));
        }
        return all;
    }
}
