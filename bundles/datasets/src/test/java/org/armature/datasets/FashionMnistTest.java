package org.armature.datasets;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.armature.compute.Tensor;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FashionMnistTest {
    private static void write(Path file, int magic, int[] sizes, byte[] data) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (DataOutputStream out = new DataOutputStream(new GZIPOutputStream(bytes))) {
            out.writeInt(magic);
            for (int s : sizes) {
                out.writeInt(s);
            }
            out.write(data);
        }
        Files.write(file, bytes.toByteArray());
    }

    private static Dataset open(Path dir) throws IOException {
        return new FashionMnist().open("test", Config.of(Map.of("folder", dir.toString())));
    }

    private static void fill(Path dir) throws IOException {
        byte[] pixels = new byte[3 * 784];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (byte) (i / 784 * 100);
        }
        write(dir.resolve("t10k-images-idx3-ubyte.gz"), 0x803, new int[] {3, 28, 28}, pixels);
        write(dir.resolve("t10k-labels-idx1-ubyte.gz"), 0x801, new int[] {3}, new byte[] {5, 6, 7});
    }

    @Test
    void examplesComeInTheOrderAsked(@TempDir Path dir) throws IOException {
        fill(dir);
        try (Dataset d = open(dir)) {
            assertEquals(3, d.size());
            Map<String, Tensor> b = d.batch(2, 0, 2);
            assertArrayEquals(new long[] {7, 5, 7}, b.get("label").toLongs());
            float[] x = b.get("x").toFloats();
            assertEquals((200 / 255f - 0.2860f) / 0.3530f, x[0], 1e-6);
            assertEquals(-0.2860f / 0.3530f, x[784], 1e-6);
            assertArrayEquals(Arrays.copyOfRange(x, 0, 784), Arrays.copyOfRange(x, 2 * 784, 3 * 784));
            assertThrows(IndexOutOfBoundsException.class, () -> d.batch(3));
            b.values().forEach(Tensor::close);
        }
    }

    @Test
    void aTestCanBeSmallerThanTheTraining(@TempDir Path dir) throws IOException {
        fill(dir);
        Map<String, ?> both = Map.of("folder", dir.toString(), "first", 3, "first_test", 2);
        try (Dataset d = new FashionMnist().open("test", Config.of(both))) {
            assertEquals(2, d.size());
        }
        try (Dataset d = new FashionMnist().open("test", Config.of(Map.of("folder", dir.toString(), "first", 1)))) {
            assertEquals(1, d.size());
        }
        Config wrong = Config.of(Map.of("folder", dir.toString(), "first_test", 4));
        String m = assertThrows(IllegalArgumentException.class, () -> new FashionMnist().open("test", wrong))
                .getMessage();
        assertTrue(m.contains("dataset.first_test is 4"), m);
    }

    @Test
    void anAbsentDatasetSaysHowToGetIt(@TempDir Path dir) {
        String m = assertThrows(IOException.class, () -> open(dir)).getMessage();
        assertTrue(m.contains("apt-get install dataset-fashion-mnist"), m);
    }

    @Test
    void wrongSizesAreRefusedBeforeAllocating(@TempDir Path dir) throws IOException {
        fill(dir);
        Path images = dir.resolve("t10k-images-idx3-ubyte.gz");
        int[][] wrong = {{Integer.MAX_VALUE, 28, 28}, {-1, 28, 28}, {3, 28, 1 << 30}, {2, 28, 28}, {4, 28, 28}};
        for (int[] sizes : wrong) {
            write(images, 0x803, sizes, new byte[3 * 784]);
            String m = assertThrows(IOException.class, () -> open(dir)).getMessage();
            assertTrue(m.startsWith(images.toString()), m);
        }
        write(images, 0x801, new int[] {3}, new byte[3]);
        assertThrows(IOException.class, () -> open(dir));
        Files.write(images, new byte[] {1, 2, 3});
        assertThrows(IOException.class, () -> open(dir));
    }

    @Test
    void theInstalledTrainingImagesAreStandardized() throws IOException {
        Assumptions.assumeTrue(
                Files.isDirectory(Path.of(FashionMnist.FOLDER)), "apt-get install dataset-fashion-mnist to run this");
        try (Dataset d = new FashionMnist().open("train", Config.empty())) {
            assertEquals(60_000, d.size());
            long[] every = new long[6000];
            Arrays.setAll(every, i -> i * 10L);
            try (Tensor x = d.batch(every).get("x")) {
                float[] v = x.toFloats();
                double sum = 0;
                double squares = 0;
                for (float f : v) {
                    sum += f;
                    squares += (double) f * f;
                }
                assertEquals(0, sum / v.length, 0.01);
                assertEquals(1, squares / v.length, 0.02);
            }
        }
    }
}
