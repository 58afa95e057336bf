package org.armature.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.Tensor;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LatentFlowTest {
    @TempDir
    Path dir;

    /** From its point, an example's velocity leads to a latent of its class in the time that is left. */
    @Test
    void aPointPlusItsVelocityTimesTheRestIsALatentOfItsClass() throws IOException {
        Path file = dir.resolve("z.safetensors");
        try (Tensor z = Tensor.of(new float[] {1, 2, 3, 10, 20, 30}, 2, 3);
                Tensor label = Tensor.of(new long[] {0, 1}, 2)) {
            new SafetensorsFormat().write(file, Map.of("z", z, "label", label), Map.of());
        }
        LatentFlow flow = new LatentFlow(new SafetensorsFormat());
        try (Dataset data =
                flow.open("train", Config.of(Map.of("latents", file.toString(), "classes", 2, "draws", 100)))) {
            Map<String, Tensor> batch = data.batch(0, 1, 2, 3, 4, 5, 6, 7);
            float[] x = batch.get("x").toFloats();
            float[] v = batch.get("target").toFloats();
            boolean[] seen = new boolean[2];
            for (int i = 0; i < 8; i++) {
                float t = x[i * 6 + 3];
                assertTrue(t > 0 && t < 1);
                int c = x[i * 6 + 5] == 1 ? 1 : 0;
                seen[c] = true;
                assertEquals(1, x[i * 6 + 4] + x[i * 6 + 5]);
                for (int j = 0; j < 3; j++) {
                    assertEquals((j + 1) * (c == 1 ? 10 : 1), x[i * 6 + j] + (1 - t) * v[i * 3 + j], 1e-3);
                }
            }
            assertTrue(seen[0] && seen[1]);
            Map<String, Tensor> again = data.batch(7, 0);
            assertArrayEquals(
                    java.util.Arrays.copyOfRange(x, 42, 48),
                    java.util.Arrays.copyOf(again.get("x").toFloats(), 6),
                    "the same index gives the same numbers");
            again.values().forEach(Tensor::close);
            batch.values().forEach(Tensor::close);
        }
    }
}
