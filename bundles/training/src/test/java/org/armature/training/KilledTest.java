package org.armature.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.armature.checkpoint.Json;
import org.armature.model.Checkpoint;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Training processes that are killed (SIGKILL) or interrupted (SIGINT) at random moments. */
class KilledTest {
    /** More than a fast machine gets through before it is killed twice. */
    private static final int STEPS = 3000;

    private static final String CONFIG = """
            {"seed": 5, "dataset": {"type": "corners"}, "steps": STEPS, "batch": 16, "threads": 1,
             "checkpoint_every": 100, "evaluate_every": 1000, "accumulate": 2, "clip": 1.0,
             "model": {"input": [1, 8, 8], "layers": [
               {"type": "conv", "channels": 8, "padding": 1}, {"type": "batch-norm"}, {"type": "relu"},
               {"type": "dropout", "p": 0.1}, {"type": "flatten"}, {"type": "linear", "features": 4}]}}""";

    private final Bench bench = new Bench();

    @TempDir
    Path dir;

    private Path config;

    @BeforeEach
    void configure() throws IOException {
        configure(STEPS);
    }

    private void configure(int steps) throws IOException {
        config = Files.writeString(dir.resolve("c.json"), CONFIG.replace("STEPS", Integer.toString(steps)));
    }

    private Process start(Path run, boolean resume) throws IOException {
        // A shell that started the tests in the background has them ignore SIGINT, and the JVM keeps to that.
        List<String> command = new ArrayList<>(List.of(
                "env",
                "--default-signal=INT",
                ProcessHandle.current().info().command().orElse("java"),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                TrainingProcess.class.getName(),
                config.toString(),
                "--run",
                run.toString()));
        if (resume) {
            command.add("--resume");
        }
        return new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve("out-" + System.nanoTime()).toFile())
                .start();
    }

    /** Waits until the run has a checkpoint newer than {@code after}, then a random while more. */
    private void waitInside(Path run, Process p, long after, Random random) throws Exception {
        while (p.isAlive() && step(run) <= after) {
            Thread.sleep(20);
        }
        Thread.sleep(random.nextInt(150));
    }

    /** Step of the checkpoint there, which must be whole; -1 if there is none yet. */
    private long step(Path run) throws IOException {
        Path file = run.resolve(State.FILE);
        if (!Files.exists(file)) {
            return -1;
        }
        try (Checkpoint c = bench.format.open(file)) {
            assertTrue(c.names().contains("0.weight") && c.names().contains("optimizer.m.0.weight"));
            for (String n : c.names()) {
                for (float f : c.get(n).toFloats()) {
                    assertTrue(Float.isFinite(f), n);
                }
            }
            return Long.parseLong(c.metadata().get("step"));
        }
    }

    @Test
    void killedAgainAndAgainItEndsLikeARunThatWasNot() throws Exception {
        Path whole = dir.resolve("whole");
        bench.train(new Json().read(config).asMap(), whole, false, () -> false);

        long seed = System.nanoTime();
        Random random = new Random(seed);
        Path run = dir.resolve("killed");
        long at = -1;
        int kills = 0;
        for (; kills < 2 && at < STEPS; kills++) {
            Process p = start(run, kills > 0);
            waitInside(run, p, at, random);
            p.destroyForcibly().waitFor();
            at = step(run);
            assertTrue(at >= 0, "no checkpoint after kill " + kills + ", seed " + seed);
        }
        assertFalse(Files.exists(run.resolve("model.safetensors")), "finished before it was killed");
        Process last = start(run, true);
        assertTrue(last.waitFor(120, TimeUnit.SECONDS));
        assertEquals(0, last.exitValue());
        for (String file : List.of("model.safetensors", State.FILE, "curve.csv", "curve.svg")) {
            assertArrayEquals(
                    Files.readAllBytes(whole.resolve(file)), Files.readAllBytes(run.resolve(file)), file + ", " + seed);
        }
    }

    @Test
    void ctrlCKeepsTheStepItWasAt() throws Exception {
        configure(1_000_000); // never done when the signal comes
        Path run = dir.resolve("interrupted");
        Process p = start(run, false);
        long before;
        try {
            waitInside(run, p, 20, new Random(1));
            before = step(run);
            assertEquals(
                    0,
                    new ProcessBuilder("kill", "-INT", Long.toString(p.pid()))
                            .start()
                            .waitFor());
            assertTrue(p.waitFor(60, TimeUnit.SECONDS));
        } finally {
            p.destroyForcibly();
        }
        assertEquals(130, p.exitValue());
        assertTrue(step(run) >= before);
        long lines = Files.readAllLines(run.resolve("curve.csv")).stream()
                .filter(l -> l.contains(",loss,") && !l.contains("test."))
                .count();
        assertEquals(step(run), lines, "the curve ends where the checkpoint is");
    }
}
