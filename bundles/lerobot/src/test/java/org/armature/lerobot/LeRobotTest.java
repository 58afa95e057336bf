package org.armature.lerobot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.armature.compute.Tensor;
import org.armature.lerobot.Info.Feature;
import org.armature.model.Config;
import org.armature.robot.CameraFrame;
import org.armature.train.Dataset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeRobotTest {
    private static final int FPS = 10;

    @TempDir
    private Path folder;

    /** Two episodes, of 7 and 4 frames, with a state, an action, a flag and a camera. */
    static Path small(Path into) throws IOException {
        Map<String, Feature> f = new LinkedHashMap<>();
        f.put("observation.state", new Feature("float32", List.of(3), List.of("a", "b", "c")));
        f.put("action", new Feature("float32", List.of(2), List.of("x", "y")));
        f.put("next.done", new Feature("bool", List.of(1), List.of()));
        f.put(
                "observation.images.front",
                new Feature("image", List.of(4, 6, 3), List.of("height", "width", "channels")));
        try (DatasetWriter w = new DatasetWriter(into, FPS, "arm7", f)) {
            for (int e = 0; e < 2; e++) {
                int n = e == 0 ? 7 : 4;
                for (int k = 0; k < n; k++) {
                    byte[] rgb = new byte[3 * 24];
                    java.util.Arrays.fill(rgb, (byte) (10 * k));
                    w.add(
                            new float[] {e, k, -k},
                            new float[] {k + 0.5f, e},
                            k == n - 1,
                            Recorder.png(new CameraFrame("front", 0, 6, 4, rgb, null, null, null)));
                }
                w.endEpisode(e == 0 ? "put the red cube in the blue bowl" : "wait");
            }
        }
        return into;
    }

    @Test
    void whatIsWrittenIsReadAgain() throws IOException {
        LeRobotDataset d = LeRobotDataset.open(small(folder.resolve("d")));
        assertEquals(List.of(), d.check());
        assertEquals(List.of("put the red cube in the blue bowl", "wait"), d.tasks());
        assertEquals(
                List.of(7L, 4L),
                d.episodes().stream().map(LeRobotDataset.Episode::length).toList());
        try (Table t = Table.open(d.file(d.episodes().getFirst()))) {
            assertEquals(11, t.rows());
            double[] state = d.numbers(t, "observation.state");
            assertArrayEquals(new double[] {1, 3, -3}, java.util.Arrays.copyOfRange(state, 30, 33));
            assertArrayEquals(new double[] {0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1}, d.numbers(t, "next.done"));
            byte[] png = java.util.Objects.requireNonNull(
                    LeRobotDataset.images(t, "observation.images.front").bytes())[2];
            assertEquals(
                    20 * 0x010101,
                    javax.imageio.ImageIO.read(new java.io.ByteArrayInputStream(png))
                                    .getRGB(1, 1)
                            & 0xFFFFFF);
        }
    }

    @Test
    void chunksEndWithTheirEpisodeAndSaySo() throws IOException {
        small(folder.resolve("d"));
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("folder", folder.resolve("d").toString());
        config.put("horizon", 3);
        config.put("test_every", 2);
        try (Dataset train = new LeRobotEpisodes().open("train", Config.of(config))) {
            assertEquals(7, train.size());
            Map<String, Tensor> last = train.batch(6);
            assertArrayEquals(
                    new float[] {6.5f, 0, 6.5f, 0, 6.5f, 0}, last.get("target").toFloats());
            assertArrayEquals(new float[] {0, 1, 1}, last.get("target_is_pad").toFloats());
            last.values().forEach(Tensor::close);
        }
        try (Dataset test = new LeRobotEpisodes().open("test", Config.of(config))) {
            assertEquals(4, test.size());
        }
    }

    @Test
    void aMergedDatasetHasAllEpisodesAndIsInOrder() throws IOException {
        Path a = small(folder.resolve("a"));
        Path b = small(folder.resolve("b"));
        assertEquals(0, new DatasetCommand().merge(folder.resolve("both"), List.of(a, b)));
        LeRobotDataset d = LeRobotDataset.open(folder.resolve("both"));
        assertEquals(List.of(), d.check());
        assertEquals(4, d.episodes().size());
        assertEquals(0, new DatasetCommand().inspect(folder.resolve("both"), folder.resolve("p.png"), 3));
        assertTrue(javax.imageio.ImageIO.read(folder.resolve("p.png").toFile()).getWidth() > 100);
    }

    @Test
    void whatIsWrongIsNamed() throws IOException {
        Path d = small(folder.resolve("d"));
        Path info = d.resolve("meta/info.json");
        String good = Files.readString(info);
        Files.writeString(info, good.replace("\"total_frames\" : 11", "\"total_frames\" : 12"));
        assertEquals(
                List.of("info.json says total_frames 12, but there are 11"),
                LeRobotDataset.open(d).check());
        Files.writeString(info, good.replace("v3.0", "v2.1"));
        assertTrue(message(d).contains("codebase_version 'v2.1'"), message(d));
        Files.writeString(info, good.replace("data/chunk-", "../../data/chunk-"));
        assertTrue(message(d).contains("leads out of the dataset"), message(d));
        Files.writeString(info, good.replace("\"fps\" : 10", "\"fps\" : 0"));
        assertTrue(message(d).contains("fps"), message(d));
        Files.writeString(info, good);
        Path data = d.resolve("data/chunk-000/file-000.parquet");
        Files.write(data, java.util.Arrays.copyOf(Files.readAllBytes(data), 300));
        assertTrue(LeRobotDataset.open(d).check().getFirst().contains("was not finished"));
    }

    private static String message(Path d) {
        return assertThrows(IOException.class, () -> LeRobotDataset.open(d)).getMessage();
    }

    @Test
    void theWriterRefusesWhatItCouldNotReadAgain() throws IOException {
        Map<String, Feature> f = Map.of("action", new Feature("float32", List.of(2), List.of()));
        try (DatasetWriter w = new DatasetWriter(folder.resolve("d"), FPS, "", f)) {
            assertTrue(assertThrows(IllegalArgumentException.class, () -> w.add(new float[] {1, Float.NaN}))
                    .getMessage()
                    .contains("not finite"));
            assertThrows(IllegalArgumentException.class, () -> w.add(new float[] {1}));
            assertThrows(IllegalArgumentException.class, () -> w.add("left"));
        }
    }

    /** Damaged files are refused in a sentence or read as something: no other exception, no hanging. */
    @Test
    void damagedFilesGiveASentence() throws IOException {
        Path d = small(folder.resolve("d"));
        SplittableRandom random = new SplittableRandom(5);
        for (String name : List.of(
                "meta/tasks.parquet",
                "meta/episodes/chunk-000/file-000.parquet",
                "meta/info.json",
                "data/chunk-000/file-000.parquet")) {
            byte[] good = Files.readAllBytes(d.resolve(name));
            for (int i = 0; i < 40; i++) {
                byte[] bad = good.clone();
                int hits = 1 + random.nextInt(6);
                for (int k = 0; k < hits; k++) {
                    // the footer is where structure is
                    int at = i % 2 == 0
                            ? random.nextInt(bad.length)
                            : bad.length - 1 - random.nextInt(Math.min(bad.length, 900));
                    bad[at] = (byte) random.nextInt();
                }
                Files.write(d.resolve(name), bad);
                assertTimeoutPreemptively(Duration.ofSeconds(60), () -> {
                    try {
                        LeRobotDataset.open(d).check();
                    } catch (IOException e) {
                        assertTrue(e.getMessage() != null && !e.getMessage().isBlank());
                    }
                });
            }
            Files.write(d.resolve(name), good);
        }
        assertEquals(List.of(), LeRobotDataset.open(d).check());
    }

    @Test
    void pyarrowReadsWhatIsWrittenAndWhatItWritesIsRead() throws Exception {
        Path python = Python.withArrow();
        Path d = small(folder.resolve("ours"));
        List<String> said = Python.run(
                python,
                "lerobot_check.py",
                d.toString(),
                folder.resolve("theirs").toString());
        assertEquals("ok", said.getLast(), String.join("\n", said));
        LeRobotDataset theirs = LeRobotDataset.open(folder.resolve("theirs"));
        assertEquals(List.of(), theirs.check());
        assertEquals(List.of("lift", "drop"), theirs.tasks());
        try (Table t = Table.open(theirs.file(theirs.episodes().getFirst()))) {
            double[] state = theirs.numbers(t, "observation.state");
            List<Double> expected = new ArrayList<>();
            for (int i = 0; i < 9; i++) {
                expected.addAll(List.of((double) i, i + 0.25));
            }
            assertEquals(expected, java.util.Arrays.stream(state).boxed().toList());
        }
    }
}
