package org.armature.checkpoint;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.armature.model.Config;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Configurations and shard indices of any bytes: an object, or one sentence. */
class JsonFuzzTest {
    private static final List<String> SEEDS = List.of(
            "{\"lr\": 1e-3, // per step\n \"layers\": [{\"type\": \"conv\", \"k\": [3, 3]}], \"on\": true, \"no\": null}",
            "{\"metadata\": {\"total_size\": 8}, \"weight_map\": {\"a\": \"model-1.safetensors\", \"b\": \"../x\"}}",
            "{\"weight_map\": {\"a\": 3, \"b\": [], \"c\": {\"d\": \"model.safetensors\"}}}",
            "{\"n\": 1e999999999, \"m\": -0, \"o\": 123456789012345678901234567890}");

    private static void read(Path dir, byte[] bytes) throws IOException {
        Path file = Files.write(dir.resolve("f.safetensors.index.json"), bytes);
        try {
            Config c = new Json().read(file);
            for (String key : c.asMap().keySet()) {
                ask(c, key);
            }
        } catch (IOException e) {
            assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
        }
        try {
            new SafetensorsFormat().open(file).close();
        } catch (IOException e) {
            assertTrue(e.getMessage() != null && !e.getMessage().isEmpty());
        }
    }

    /** Every reader of a key answers or names the key. */
    private static void ask(Config c, String key) {
        List<Runnable> readers = List.of(
                () -> c.integer(key, 0),
                () -> c.wide(key, 0),
                () -> c.number(key, 0),
                () -> c.flag(key, false),
                () -> c.text(key, ""),
                () -> c.integers(key, 1),
                () -> c.numbers(key, 1),
                () -> c.list(key),
                () -> c.section(key),
                () -> c.sectionList(key));
        for (Runnable r : readers) {
            try {
                r.run();
            } catch (IllegalArgumentException e) {
                assertTrue(e.getMessage().contains(key), e.getMessage());
            }
        }
    }

    @FuzzTest
    void anyBytesAreAConfigurationOrASentence(byte[] bytes) throws IOException {
        Path dir = Files.createTempDirectory("json");
        try {
            read(dir, bytes);
        } finally {
            Files.deleteIfExists(dir.resolve("f.safetensors.index.json"));
            Files.delete(dir);
        }
    }

    @Test
    void mutatedConfigurationsToo(@TempDir Path dir) throws IOException {
        Random random = new Random(1);
        int tries = Boolean.getBoolean("armature.long") ? 200_000 : 1500;
        for (int i = 0; i < tries; i++) {
            byte[] b = SEEDS.get(i % SEEDS.size()).getBytes(StandardCharsets.UTF_8);
            for (int k = random.nextInt(4); k >= 0; k--) {
                b[random.nextInt(b.length)] =
                        (byte) (random.nextBoolean() ? random.nextInt(256) : "{}[],:\"09.e".charAt(random.nextInt(11)));
            }
            read(dir, b);
        }
    }
}
