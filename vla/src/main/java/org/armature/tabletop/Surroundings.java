package org.armature.tabletop;

import java.util.ArrayList;
import java.util.List;

/**
 * The points that cameras see above the table, by depth and calibration, and those about any place, as a network takes them.
 */
final class Surroundings {
    /** Points about a place, from all cameras. */
    static final int COUNT = 256;
    /** Numbers a point: from the place 3, height, colour 3, which camera, where the place is 2, and 1 (no point: all 0). */
    static final int POINT = 11;
    /** How far about a place, horizontally, metres; a thing that can be held is smaller. */
    private static final double RADIUS = 0.055;
    /** Above the table and not above whatever can be taken hold of there, metres. */
    private static final double LOW = 0.003;

    private static final double ABOVE = 0.05;
    private static final double LENGTH = 0.03;
    private static final double MIDDLE = 0.45;
    private static final double ASIDE = 0.25;

    /** One camera's points: {@code places [M, 3]} in the world, {@code colours [M, 3]} from -1 to 1. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Cloud(int size, float[] places, float[] colours) {}

    private final List<Cloud> clouds = new ArrayList<>();

    /** Of one view a camera; null where there is none. */
    Surroundings(List<View> views) {
        for (View v : views) {
            clouds.add(v == null ? new Cloud(0, new float[0], new float[0]) : cloud(v));
        }
    }

    private static Cloud cloud(View v) {
        int n = v.depth().length;
        float[] places = new float[3 * n];
        float[] colours = new float[3 * n];
        double[] at = new double[3];
        int size = 0;
        for (int pixel = 0; pixel < n; pixel++) {
            if (v.depth()[pixel] == 0) {
                continue;
            }
            v.place(pixel, at);
            if (at[2] < LOW) {
                continue;
            }
            for (int i = 0; i < 3; i++) {
                places[3 * size + i] = (float) at[i];
                colours[3 * size + i] = (v.rgb()[3 * pixel + i] & 255) / 127.5f - 1;
            }
            size++;
        }
        return new Cloud(size, places, colours);
    }

    /** {@code [COUNT, POINT]}: what is seen about x, y, z, evenly chosen, the same number from each camera. */
    float[] about(double x, double y, double z) {
        float[] points = new float[COUNT * POINT];
        int each = COUNT / clouds.size();
        for (int c = 0; c < clouds.size(); c++) {
            Cloud cloud = clouds.get(c);
            int[] near = new int[cloud.size];
            int n = 0;
            for (int i = 0; i < cloud.size; i++) {
                double dx = cloud.places[3 * i] - x;
                double dy = cloud.places[3 * i + 1] - y;
                if (dx * dx + dy * dy < RADIUS * RADIUS && cloud.places[3 * i + 2] < z + ABOVE) {
                    near[n++] = i;
                }
            }
            for (int k = 0; k < Math.min(n, each); k++) {
                int i = near[n <= each ? k : (int) ((k + 0.5) * n / each)];
                int to = (c * each + k) * POINT;
                points[to] = (float) ((cloud.places[3 * i] - x) / LENGTH);
                points[to + 1] = (float) ((cloud.places[3 * i + 1] - y) / LENGTH);
                points[to + 2] = (float) ((cloud.places[3 * i + 2] - z) / LENGTH);
                points[to + 3] = (float) (cloud.places[3 * i + 2] / LENGTH);
                System.arraycopy(cloud.colours, 3 * i, points, to + 4, 3);
                points[to + 7] = c;
                points[to + 8] = (float) ((x - MIDDLE) / ASIDE);
                points[to + 9] = (float) (y / ASIDE);
                points[to + 10] = 1;
            }
        }
        return points;
    }
}
