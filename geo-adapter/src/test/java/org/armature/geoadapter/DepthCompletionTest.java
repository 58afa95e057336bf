package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class DepthCompletionTest {
    private static final int W = 13;
    private static final int H = 9;

    private static float[] slope() {
        float[] z = new float[W * H];
        for (int i = 0; i < z.length; i++) {
            z[i] = 1 + 0.1f * (i % W) + 0.05f * (i / W);
        }
        return z;
    }

    private static float[] times(float[] z, double by) {
        float[] t = new float[z.length];
        for (int i = 0; i < t.length; i++) {
            t[i] = (float) (z[i] * by);
        }
        return t;
    }

    @Test
    void whatIsMeasuredStaysAndTheRestIsTheNetworksInItsScale() {
        float[] truth = slope();
        float[] measured = truth.clone();
        for (int i = 0; i < measured.length; i += 2) {
            measured[i] = 0;
        }
        Arrays.fill(measured, 3 * W, 6 * W, 0);
        assertArrayEquals(truth, DepthCompletion.of(measured, times(truth, 0.25), W), 1e-5f);
    }

    @Test
    void aNetworkWhoseScaleDriftsAcrossTheImageIsBroughtBackBetterThanByOneScale() {
        float[] truth = slope();
        float[] network = new float[truth.length];
        float[] measured = truth.clone();
        for (int i = 0; i < truth.length; i++) {
            network[i] = truth[i] * (0.5f + 0.04f * (i % W));
        }
        boolean[] hole = new boolean[truth.length];
        for (int y = 2; y < 7; y++) {
            Arrays.fill(hole, y * W + 4, y * W + 9, true);
        }
        for (int i = 0; i < measured.length; i++) {
            measured[i] = hole[i] ? 0 : measured[i];
        }
        float[] filled = DepthCompletion.of(measured, network, W);
        for (int i = 0; i < filled.length; i++) {
            assertEquals(truth[i], filled[i], hole[i] ? 0.08 * truth[i] : 0);
        }
    }

    @Test
    void onePixelIsEnoughForTheScaleAndNoneChangesNothing() {
        float[] truth = slope();
        float[] one = new float[truth.length];
        one[W + 3] = truth[W + 3];
        assertArrayEquals(truth, DepthCompletion.of(one, times(truth, 3), W), 1e-5f);
        assertArrayEquals(truth, DepthCompletion.of(new float[truth.length], truth, W), 1e-6f);
        assertTrue(Float.isFinite(DepthCompletion.of(new float[] {0}, new float[] {2}, 1)[0]));
    }
}
