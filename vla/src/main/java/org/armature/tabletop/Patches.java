package org.armature.tabletop;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.armature.robot.CameraFrame;

/**
 * What the cameras see as a network takes it: 4 x 4 pixels make a patch, with their colours and heights above the table
 * and where they lie. Depth, intrinsics and pose go in here; without them a patch is nowhere and does not count.
 *
 * @param pixels {@code [2, 68, 30, 40]}: for each camera and patch 16 pixels' red, green, blue and height, the patch's x, y
 *     and z, and which camera it is
 * @param places {@code [2 * 30 * 40, 3]}: the highest point of each patch in the world, metres
 * @param seen {@code [2 * 30 * 40]}: 1 where that is known
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Patches(float[] pixels, float[] places, float[] seen) {
    static final int SIDE = 4;
    static final int ROWS = View.HEIGHT / SIDE;
    static final int COLUMNS = View.WIDTH / SIDE;
    static final int EACH = ROWS * COLUMNS;
    static final int CHANNELS = SIDE * SIDE * 4 + 4;
    static final int CAMERAS = Recording.CAMERAS.size();
    static final int COUNT = CAMERAS * EACH;

    /** In front of the robot: where the table's middle is, metres. */
    private static final double MIDDLE = 0.45;

    private static final double REACH = 1.2;

    /** Of the latest frames; a camera that is not there is seen by no patch. */
    static Patches of(Map<String, CameraFrame> frames) {
        return of(views(frames));
    }

    /** One view a camera, in their order; null where there is none. */
    static List<View> views(Map<String, CameraFrame> frames) {
        View[] views = new View[CAMERAS];
        for (int c = 0; c < CAMERAS; c++) {
            CameraFrame f = frames.get(Recording.CAMERAS.get(c));
            views[c] = f == null ? null : View.of(f);
        }
        return Arrays.asList(views);
    }

    /** Of one view a camera, in their order; null where there is none. */
    static Patches of(List<View> views) {
        float[] pixels = new float[CAMERAS * CHANNELS * EACH];
        float[] places = new float[3 * COUNT];
        float[] seen = new float[COUNT];
        double[] at = new double[3];
        for (int c = 0; c < CAMERAS; c++) {
            View v = views.get(c);
            int base = c * CHANNELS * EACH;
            for (int patch = 0; v != null && patch < EACH; patch++) {
                double highest = Double.NEGATIVE_INFINITY;
                int token = c * EACH + patch;
                for (int k = 0; k < SIDE * SIDE; k++) {
                    int pixel = (patch / COLUMNS * SIDE + k / SIDE) * View.WIDTH + patch % COLUMNS * SIDE + k % SIDE;
                    for (int i = 0; i < 3; i++) {
                        pixels[base + (3 * k + i) * EACH + patch] = (v.rgb()[3 * pixel + i] & 255) / 255f - 0.5f;
                    }
                    if (v.depth()[pixel] == 0) {
                        continue;
                    }
                    v.place(pixel, at);
                    pixels[base + (48 + k) * EACH + patch] = (float) Math.clamp(10 * at[2], -1, 4);
                    if (at[2] > highest && Math.hypot(at[0], at[1]) < REACH) {
                        highest = at[2];
                        seen[token] = 1;
                        for (int i = 0; i < 3; i++) {
                            places[3 * token + i] = (float) at[i];
                        }
                    }
                }
                if (seen[token] > 0) {
                    pixels[base + 64 * EACH + patch] = (float) (2 * (places[3 * token] - MIDDLE));
                    pixels[base + 65 * EACH + patch] = 2 * places[3 * token + 1];
                    pixels[base + 66 * EACH + patch] = 5 * places[3 * token + 2];
                }
                pixels[base + 67 * EACH + patch] = c;
            }
        }
        return new Patches(pixels, places, seen);
    }
}
