package org.armature.checkpoint;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.armature.compute.Tensor;
import org.armature.model.Checkpoint;
import org.armature.model.Config;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsFormatTest {
    private final SafetensorsFormat format = new SafetensorsFormat();

    @Test
    void shardsReadAsOneCheckpoint(@TempDir Path dir) throws IOException {
        try (Tensor a = Tensor.of(new float[] {1, 2}, 2);
                Tensor b = Tensor.of(new long[] {7}, 1)) {
            format.write(dir.resolve("model-00001-of-00002.safetensors"), Map.of("a", a), Map.of("format", "pt"));
            format.write(dir.resolve("model-00002-of-00002.safetensors"), Map.of("b", b), Map.of());
        }
        Path index = dir.resolve("model.safetensors.index.json");
        Files.writeString(index, """
                {"metadata": {"total_size": 16}, "weight_map":
                  {"b": "model-00002-of-00002.safetensors", "a": "model-00001-of-00002.safetensors"}}""");
        assertTrue(format.reads(index));
        try (Checkpoint c = format.open(index)) {
            assertEquals(Set.of("a", "b"), c.names());
            assertArrayEquals(new float[] {1, 2}, c.get("a").toFloats());
            assertEquals(7, c.get("b").getLong(0));
            assertEquals("pt", c.metadata().get("format"));
            assertTrue(assertThrows(IllegalArgumentException.class, () -> c.get("aa"))
                    .getMessage()
                    .contains("did you mean a?"));
        }
    }

    @Test
    void aShardOutsideTheFolderIsRefused(@TempDir Path dir) throws IOException {
        Path index = dir.resolve("model.safetensors.index.json");
        Files.writeString(index, "{\"weight_map\": {\"a\": \"../../etc/passwd\"}}");
        assertTrue(assertThrows(IOException.class, () -> format.open(index))
                .getMessage()
                .contains("no plain file name"));
    }

    @Test
    void shardsAndTheirIndexReadBack(@TempDir Path dir) throws IOException {
        Map<String, Tensor> all = new LinkedHashMap<>();
        for (int i = 0; i < 7; i++) {
            all.put("layer." + i, Tensor.of(new float[] {i, i + 1, i + 2}, 3));
        }
        all.put("large", Tensor.of(new float[20], 20));
        Path index = dir.resolve("model.safetensors.index.json");
        SafetensorsFormat small = new SafetensorsFormat(30);
        small.write(index, all, Map.of("format", "pt"));
        try (Checkpoint c = small.open(index)) {
            assertEquals(all.keySet(), c.names());
            assertEquals("pt", c.metadata().get("format"));
            all.forEach((n, t) -> assertEquals(-1, t.data().mismatch(c.get(n).data()), n));
        }
        try (var files = Files.list(dir)) {
            List<String> names =
                    files.map(f -> f.getFileName().toString()).sorted().toList();
            assertEquals("model-00001-of-00005.safetensors", names.getFirst());
            assertEquals(6, names.size(), names.toString());
        }
        assertTrue(Files.readString(index).contains("\"total_size\" : 164"), Files.readString(index));
    }

    @Test
    void theSameTensorsAreTheSameBytesWhateverTheOrderOfTheNotes(@TempDir Path dir) throws IOException {
        Map<String, String> notes = new LinkedHashMap<>();
        notes.put("b", "1");
        notes.put("a", "2");
        try (Tensor a = Tensor.scalar(1)) {
            format.write(dir.resolve("1.safetensors"), Map.of("a", a), notes);
            format.write(dir.resolve("2.safetensors"), Map.of("a", a), new TreeMap<>(notes));
        }
        assertEquals(-1, Files.mismatch(dir.resolve("1.safetensors"), dir.resolve("2.safetensors")));
    }

    @Test
    void aTensorThatItsShardLacksIsNamed(@TempDir Path dir) throws IOException {
        try (Tensor a = Tensor.scalar(1)) {
            format.write(dir.resolve("s.safetensors"), Map.of("a", a), Map.of());
        }
        Path index = dir.resolve("model.safetensors.index.json");
        Files.writeString(index, "{\"weight_map\": {\"c\": \"s.safetensors\"}}");
        assertTrue(assertThrows(IOException.class, () -> format.open(index))
                .getMessage()
                .contains("'c'"));
    }

    @Test
    void aTensorTheWriterDidNotAlignIsCopied(@TempDir Path dir) throws IOException {
        String json = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
        json += " ".repeat(9 - (json.length() % 8));
        Path file = dir.resolve("odd.safetensors");
        Files.write(file, HeaderTest.file(json, 4));
        try (Checkpoint c = format.open(file)) {
            assertFalse(c.get("a").data().isMapped());
            assertEquals(0, c.get("a").get(0));
        }
    }

    @Test
    void goldensOfTheReferenceImplementationOpen() throws IOException {
        Path goldens = Path.of(System.getProperty("armature.shared", "absent"), "goldens");
        Assumptions.assumeTrue(Files.isDirectory(goldens), "no goldens at " + goldens);
        int files = 0;
        try (var all = Files.walk(goldens)) {
            for (Path p : (Iterable<Path>) all.filter(f -> f.toString().endsWith(".safetensors"))::iterator) {
                try (Checkpoint c = format.open(p)) {
                    c.names().forEach(n -> assertEquals(c.type(n), c.get(n).type()));
                    files++;
                }
            }
        }
        assertTrue(files > 0);
    }

    @Test
    void configurationsKeepTheirOrderAndKinds(@TempDir Path dir) throws IOException {
        Path file = dir.resolve("c.json");
        Files.writeString(
                file,
                "{\"lr\": 1e-3, // per step\n \"layers\": [{\"type\": \"conv\", \"channels\": 8}], \"flag\": true}");
        Config c = new Json().read(file);
        assertEquals(1e-3, c.number("lr", 0));
        assertEquals(8, c.sectionList("layers").getFirst().integer("channels"));
        assertTrue(assertThrows(IllegalArgumentException.class, c::rejectUnknown)
                .getMessage()
                .contains("flag"));
    }

    @Test
    void wrongJsonIsNamedByItsLine(@TempDir Path dir) throws IOException {
        Path file = dir.resolve("c.json");
        for (String bad : new String[] {
            "{\n\"a\": 1,\n\"a\": 2}", "{\n\n\"a\": }", "{\"a\":" + "[".repeat(10_000), "[1]", "{} {}", ""
        }) {
            Files.writeString(file, bad);
            assertTrue(
                    assertThrows(IOException.class, () -> new Json().read(file))
                            .getMessage()
                            .startsWith(file.toString()),
                    bad);
        }
    }
}
