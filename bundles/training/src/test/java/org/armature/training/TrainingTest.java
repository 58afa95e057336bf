package org.armature.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import javax.imageio.ImageIO;
import org.armature.graph.Value;
import org.armature.model.Checkpoint;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.armature.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrainingTest {
    private final Bench bench = new Bench();

    @TempDir
    Path dir;

    @ParameterizedTest
    @ValueSource(strings = {"sgd", "adamw", "lamb"})
    void everyOptimizerLearnsTheCorners(String optimizer) throws IOException {
        double rate = optimizer.equals("adamw") ? 0.01 : 0.05;
        Map<String, ?> more = Map.of(
                "optimizer",
                optimizer.equals("sgd") ? Map.of("type", "sgd", "momentum", 0.9) : Map.of("type", optimizer),
                "schedule",
                Map.of("type", "constant", "rate", rate),
                "steps",
                80);
        Trainer.Outcome o = bench.train(Bench.config(more), dir, false, () -> false);
        assertTrue(o.finished());
        assertTrue(o.results().get("test.accuracy") > 0.95, o.toString());
        try (Checkpoint c = bench.format.open(dir.resolve("model.safetensors"))) {
            assertEquals(
                    Set.of(
                            "0.weight",
                            "0.bias",
                            "1.weight",
                            "1.bias",
                            "1.running_mean",
                            "1.running_var",
                            "head.weight",
                            "head.bias"),
                    c.names());
        }
        String svg = Files.readString(dir.resolve("curve.svg"));
        assertTrue(svg.contains("test.accuracy") && svg.contains(">step</text>"), svg);
        BufferedImage png = ImageIO.read(dir.resolve("curve.png").toFile());
        assertTrue(colours(png).containsAll(Set.of(0xFF1F77B4, 0xFFD62728)), "a training and a test curve");
    }

    /** Every 10 of 40 steps, with the parameters that were just evaluated. */
    @Test
    void anObjectiveLooksAtTheNetworkAfterEachEvaluation() throws IOException {
        List<Double> seen = new ArrayList<>();
        Objective entropy = new CrossEntropy();
        bench.put(Objective.class, "looking", new Objective() {
            @Override
            public String id() {
                return "looking";
            }

            @Override
            public SequencedMap<String, Value> build(Map<String, Value> out, Map<String, Value> batch, Config c) {
                return entropy.build(out, batch, c);
            }

            @Override
            public void look(Moment now, Config config) {
                assertEquals(dir, now.run());
                assertEquals(200, now.test().size());
                seen.add(now.parameters().get("head.weight").get(0));
            }
        });
        bench.train(
                Bench.config(Map.of("objective", Map.of("type", "looking"), "evaluate_every", 10)),
                dir,
                false,
                () -> false);
        assertEquals(4, seen.size());
        assertEquals(4, new HashSet<>(seen).size(), "it goes on learning");
        try (Checkpoint c = bench.format.open(dir.resolve("model.safetensors"))) {
            assertEquals(c.get("head.weight").get(0), seen.getLast());
        }
    }

    private static Set<Integer> colours(BufferedImage image) {
        Set<Integer> all = new HashSet<>();
        for (int y = 0; y < image.getHeight(); y++) {
            for (int x = 0; x < image.getWidth(); x++) {
                all.add(image.getRGB(x, y));
            }
        }
        return all;
    }

    /** Stopped after any number of steps, odd or even, and resumed: the same bits as without the stop. */
    @ParameterizedTest
    @ValueSource(ints = {1, 10, 17})
    void aStoppedRunEndsLikeOneThatWasNot(int stopAfter) throws IOException {
        Map<String, ?> config = Bench.config(Map.of("accumulate", 2, "clip", 1.0));
        bench.train(config, dir.resolve("whole"), false, () -> false);

        Path run = dir.resolve("stopped");
        AtomicInteger asked = new AtomicInteger();
        Trainer.Outcome o = bench.train(config, run, false, () -> asked.getAndIncrement() == stopAfter);
        assertFalse(o.finished());
        assertEquals(stopAfter, o.step());
        bench.train(config, run, true, () -> false);

        for (String file : List.of("model.safetensors", "checkpoint.safetensors", "curve.csv")) {
            assertArrayEquals(
                    Files.readAllBytes(dir.resolve("whole").resolve(file)),
                    Files.readAllBytes(run.resolve(file)),
                    file);
        }
    }

    /** {@code Map.of} has another order in another process, and a person may write the same file anew. */
    @Test
    void aRunGoesOnWhateverTheOrderOfItsConfigurationsKeys() throws IOException {
        Map<String, ?> config = Bench.config(Map.of());
        Path run = dir.resolve("ordered");
        AtomicInteger asked = new AtomicInteger();
        bench.train(config, run, false, () -> asked.getAndIncrement() == 3);
        assertTrue(bench.train(reversed(config), run, true, () -> false).finished());
        Map<String, Object> other = new LinkedHashMap<>(config);
        other.put("seed", 77);
        assertThrows(IllegalArgumentException.class, () -> bench.train(other, run, true, () -> false));
    }

    private static Map<String, Object> reversed(Map<?, ?> m) {
        Map<String, Object> turned = new LinkedHashMap<>();
        for (Object key : new ArrayList<Object>(m.keySet()).reversed()) {
            turned.put((String) key, m.get(key) instanceof Map<?, ?> section ? reversed(section) : m.get(key));
        }
        return turned;
    }

    /** As after kill -9: the folder holds an older checkpoint, a newer curve and a file half written. */
    @Test
    void aKilledRunGoesOnFromItsLastCheckpoint() throws IOException {
        Map<String, ?> config = Bench.config(Map.of());
        Path run = dir.resolve("killed");
        Path kept = dir.resolve("kept");
        bench.trainer()
                .train(
                        Config.of(config),
                        run,
                        false,
                        p -> {
                            if (p.step() == 25) {
                                copy(run.resolve("checkpoint.safetensors"), kept);
                            }
                        },
                        () -> false);
        byte[] model = Files.readAllBytes(run.resolve("model.safetensors"));
        byte[] curve = Files.readAllBytes(run.resolve("curve.csv"));
        Files.copy(kept, run.resolve("checkpoint.safetensors"), StandardCopyOption.REPLACE_EXISTING);
        Files.write(run.resolve(".checkpoint.safetensors.part"), new byte[] {1, 2, 3});
        Files.delete(run.resolve("model.safetensors"));
        bench.train(config, run, true, () -> false);
        assertArrayEquals(model, Files.readAllBytes(run.resolve("model.safetensors")));
        assertArrayEquals(curve, Files.readAllBytes(run.resolve("curve.csv")));
    }

    private static void copy(Path from, Path to) {
        try {
            Files.copy(from, to);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Two half batches accumulated give the step of a whole one, where nothing depends on the batch. */
    @Test
    void accumulationIsALargerBatch() throws IOException {
        Map<String, ?> model = Map.of(
                "input",
                List.of(1, 8, 8),
                "layers",
                List.of(Map.of("type", "flatten"), Map.of("type", "linear", "features", 4)));
        Map<String, ?> common =
                Map.of("model", model, "schedule", Map.of("rate", 0.1), "optimizer", Map.of("type", "sgd"));
        Map<String, Object> whole = Bench.config(common);
        whole.putAll(Map.of("batch", 32, "steps", 3));
        Map<String, Object> halves = Bench.config(common);
        halves.putAll(Map.of("batch", 16, "steps", 6, "accumulate", 2));
        bench.train(whole, dir.resolve("whole"), false, () -> false);
        bench.train(halves, dir.resolve("halves"), false, () -> false);
        try (Checkpoint a = bench.format.open(dir.resolve("whole/model.safetensors"));
                Checkpoint b = bench.format.open(dir.resolve("halves/model.safetensors"))) {
            assertArrayEquals(a.get("1.weight").toFloats(), b.get("1.weight").toFloats(), 1e-6f);
        }
    }

    @Test
    void lossScaleChangesNothingButSkipsOverflow() throws IOException {
        Map<String, ?> plain = Map.of("optimizer", Map.of("type", "sgd"), "steps", 3, "clip", 1.0);
        bench.train(Bench.config(plain), dir.resolve("plain"), false, () -> false);
        Map<String, Object> scaled = Bench.config(plain);
        scaled.put("loss_scale", 1024);
        bench.train(scaled, dir.resolve("scaled"), false, () -> false);
        Map<String, Object> overflowing = Bench.config(plain);
        overflowing.put("loss_scale", 3e38);
        bench.train(overflowing, dir.resolve("overflow"), false, () -> false);
        try (Checkpoint a = bench.format.open(dir.resolve("plain/model.safetensors"));
                Checkpoint b = bench.format.open(dir.resolve("scaled/model.safetensors"));
                Checkpoint c = bench.format.open(dir.resolve("overflow/model.safetensors"))) {
            assertArrayEquals(a.get("0.weight").toFloats(), b.get("0.weight").toFloats(), 1e-5f);
            for (float f : c.get("0.weight").toFloats()) {
                assertTrue(Float.isFinite(f));
            }
        }
    }

    @Test
    void wrongKeysAndNamesAreNamedWithTheNearestRightOne() {
        assertEquals(
                "config key epoch is not known: did you mean epochs?",
                assertThrows(
                                IllegalArgumentException.class,
                                () -> bench.train(
                                        without("steps", Map.of("epoch", 1, "epochs", 1)), dir, false, () -> false))
                        .getMessage());
        String m = assertThrows(
                        IllegalArgumentException.class,
                        () -> bench.train(
                                Bench.config(Map.of("optimizer", Map.of("type", "adamv"))), dir, false, () -> false))
                .getMessage();
        assertEquals("there is no optimizer 'adamv': did you mean adamw?", m);
        assertFalse(Files.exists(dir.resolve("checkpoint.safetensors")));
    }

    private static Map<String, Object> without(String key, Map<String, ?> more) {
        Map<String, Object> c = Bench.config(more);
        c.remove(key);
        return c;
    }

    @Test
    void twoTrainingsDoNotShareAFolder() throws IOException {
        List<String> refused = new ArrayList<>();
        bench.trainer()
                .train(
                        Config.of(Bench.config(Map.of("steps", 20))),
                        dir,
                        false,
                        p -> {
                            if (p.step() == 11) {
                                refused.add(assertThrows(
                                                IOException.class,
                                                () -> bench.train(
                                                        Bench.config(Map.of("steps", 20)), dir, true, () -> false))
                                        .getMessage());
                            }
                        },
                        () -> false);
        assertEquals(1, refused.size());
        assertTrue(refused.getFirst().contains("in use by another training"), refused.toString());
    }

    @Test
    void aRunIsNotOverwrittenAndAnotherConfigurationNotResumed() throws IOException {
        bench.train(Bench.config(Map.of("steps", 2)), dir, false, () -> false);
        assertThrows(IOException.class, () -> bench.train(Bench.config(Map.of("steps", 2)), dir, false, () -> false));
        assertThrows(
                IllegalArgumentException.class,
                () -> bench.train(Bench.config(Map.of("steps", 3)), dir, true, () -> false));
    }
}
