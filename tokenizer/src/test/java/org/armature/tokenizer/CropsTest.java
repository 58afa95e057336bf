package org.armature.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.junit.jupiter.api.Test;

class CropsTest {
    private static final int SIDE = 16;

    /** Images whose level is {@code 100 i + column} in each row and channel. */
    private static final class Ramps implements Dataset {
        @Override
        public long size() {
            return 3;
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("image", new TensorType(DType.FLOAT, Shape.of(3, SIDE, SIDE)));
            return m;
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            Tensor t = into.get("image");
            for (long k = 0; k < t.size(); k++) {
                t.set(k, 100 * indices[(int) (k / (3 * SIDE * SIDE))] + k % SIDE);
            }
        }
    }

    private static Dataset crops(Map<String, Object> more) {
        Map<String, Object> c = new LinkedHashMap<>(Map.of("local_size", 8, "patch", 4, "local", 3, "jitter", 0));
        c.putAll(more);
        return new Crops.Cropped(new Ramps(), Crops.Plan.of(Config.of(c)), 5, 11);
    }

    /** Each crop shows its own image: levels rise or fall evenly along a row, within the image's, and as its area says. */
    @Test
    void cropsArePartsOfTheirImageAndSometimesTurnedOver() {
        try (Dataset data = crops(Map.of("global_area", List.of(0.5, 1)))) {
            assertEquals(15, data.size());
            int turned = 0;
            for (int i = 0; i < data.size(); i++) {
                Map<String, Tensor> b = data.batch(i);
                int image = i % 3;
                float[] global = b.get(Crops.GLOBAL).toFloats();
                assertEquals(2 * 3 * SIDE * SIDE, global.length);
                for (int row = 0; row < global.length; row += SIDE) {
                    float middle = global[row + SIDE / 2] - global[row + SIDE / 2 - 1];
                    turned += middle < 0 ? 1 : 0;
                    assertTrue(Math.abs(middle) > 0.5 && Math.abs(middle) <= 1.001, "levels a pixel: " + middle);
                    for (int k = 0; k < SIDE; k++) {
                        float level = global[row + k] - 100 * image;
                        assertTrue(level >= -1e-3 && level <= SIDE - 1 + 1e-3, "level " + level + " of image " + image);
                    }
                }
                b.values().forEach(Tensor::close);
            }
            assertTrue(turned > 0 && turned < 15 * 2 * 3 * SIDE, "turned over: " + turned);
        }
    }

    @Test
    void masksAreAscendingAndOfTheShareAskedFor() {
        try (Dataset data = crops(Map.of("masked", 0.5))) {
            Map<String, Tensor> b = data.batch(0, 7, 14);
            long[] masked = b.get(Crops.MASKED).toLongs();
            assertEquals(3 * 2 * 8, masked.length);
            for (int k = 0; k < masked.length; k++) {
                assertTrue(masked[k] >= 0 && masked[k] < 16);
                assertTrue(k % 8 == 0 || masked[k] > masked[k - 1], Arrays.toString(masked));
            }
            b.values().forEach(Tensor::close);
        }
    }

    @Test
    void anExampleIsTheSameWheneverItIsRead() {
        try (Dataset data = crops(Map.of("jitter", 0.3))) {
            Map<String, Tensor> one = data.batch(4, 9);
            Map<String, Tensor> other = data.batch(9);
            for (String name : other.keySet()) {
                double[] two = one.get(name).toDoubles();
                assertArrayEquals(
                        Arrays.copyOfRange(two, two.length / 2, two.length),
                        other.get(name).toDoubles(),
                        name);
            }
            one.values().forEach(Tensor::close);
            other.values().forEach(Tensor::close);
        }
    }

    @Test
    void badSettingsAreNamed() {
        refused("dataset.local_size", Map.of("local_size", 10));
        refused("dataset.patch", Map.of("patch", 5, "local_size", 10));
        refused("dataset.global_area", Map.of("global_area", List.of(0.5, 1.5)));
        refused("dataset.local", Map.of("local", 0));
    }

    private static void refused(String key, Map<String, Object> more) {
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> crops(more));
        assertTrue(e.getMessage().contains(key), e.getMessage());
    }
}
