package org.armature.datasets;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.simulation.Planar;
import org.armature.train.Dataset;
import org.junit.jupiter.api.Test;

class TabletopViewsTest {
    private static Dataset open(int views, long seed) {
        return new TabletopViews.Views(
                new Planar(),
                new FrameViews.Format(32, 24, views, new double[3], new double[] {1, 1, 1}),
                6,
                seed,
                0.3);
    }

    private static float[] read(Dataset d, String name, long index) {
        Map<String, Tensor> batch = d.batch(index);
        float[] v = batch.get(name).toFloats();
        batch.values().forEach(Tensor::close);
        return v;
    }

    @Test
    void anIndexGivesTheSameNumbersInAnyOrder() {
        try (Dataset a = open(0, 5);
                Dataset b = open(0, 5)) {
            for (int i = 5; i >= 0; i--) {
                read(b, "image", i);
            }
            for (int i = 0; i < 6; i++) {
                for (String name : a.example().keySet()) {
                    assertArrayEquals(read(a, name, i), read(b, name, i), name + " of " + i);
                }
            }
        }
    }

    /** A point of the table's surface seen by two cameras is the same point of the world. */
    @Test
    void depthAndPoseOfAllViewsMeetInOneWorld() {
        try (Dataset d = open(3, 9)) {
            assertEquals("[3, 24, 32]", d.example().get("depth").shape().toString());
            float[] depth = read(d, "depth", 0);
            float[] k = read(d, "intrinsics", 0);
            float[] pose = read(d, "pose", 0);
            int onTable = 0;
            for (int s = 0; s < 3; s++) {
                for (int p = 0; p < 24 * 32; p++) {
                    double z = depth[s * 24 * 32 + p];
                    if (z > 0) {
                        double x = (p % 32 + 0.5 - k[9 * s + 2]) / k[9 * s] * z;
                        double y = (p / 32 + 0.5 - k[9 * s + 5]) / k[9 * s + 4] * z;
                        double height =
                                pose[16 * s + 8] * x + pose[16 * s + 9] * y + pose[16 * s + 10] * z + pose[16 * s + 11];
                        onTable += Math.abs(height) < 2e-3 ? 1 : 0;
                    }
                }
            }
            assertTrue(onTable > 3 * 24 * 32 / 4, onTable + " points on the table");
        }
    }

    @Test
    void viewsDiffer() {
        try (Dataset d = open(3, 9)) {
            float[] pose = read(d, "pose", 0);
            double moved = 0;
            for (int j = 0; j < 16; j++) {
                moved += Math.abs(pose[16 + j] - pose[32 + j]);
            }
            assertTrue(moved > 0.05, "the wrist moved by " + moved);
        }
    }
}
