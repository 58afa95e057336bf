package org.armature.commands;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.armature.commands.reproduce.ReproduceCommand;
import org.armature.model.Config;
import org.armature.train.Progress;
import org.armature.train.Reproduction;
import org.armature.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class ReproduceTest {
    @TempDir
    Path dir;

    private final Set<String> measured = ConcurrentHashMap.newKeySet();
    private final AtomicInteger trainings = new AtomicInteger();
    private final CyclicBarrier together = new CyclicBarrier(2);
    private volatile boolean waits;
    private volatile String failsAt = "";
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private final Reproduction sums = new Reproduction() {
        @Override
        public String id() {
            return "sums";
        }

        @Override
        public String title() {
            return "Two arms.";
        }

        @Override
        public List<String> arms() {
            return List.of("plain", "with more");
        }

        @Override
        public List<Claim> claims() {
            return List.of(
                    new Claim("more is more", f -> f.mean("with more", "x") - f.mean("plain", "x")),
                    new Claim("more is twice", f -> f.mean("with more", "x") - 2 * f.mean("plain", "x")));
        }

        @Override
        public Map<String, Double> measure(String arm, long seed, Run run) throws IOException {
            if (failsAt.equals(arm + seed)) {
                throw new IOException("no data for " + failsAt);
            }
            assertTrue(Files.isDirectory(run.folder()) && Files.isDirectory(run.shared()));
            if (waits) {
                meet();
                run.trained(this::network, Map.of(), run.shared().resolve("judge"), "judge", 0, 1);
            }
            measured.add(arm + seed);
            return Map.of("x", seed + (arm.equals("plain") ? 0.0 : 1.0));
        }

        private void meet() {
            try {
                together.await(20, TimeUnit.SECONDS);
            } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
                throw new AssertionError("measured alone", e);
            }
        }

        private Trainer.Outcome network(
                Config config, Path folder, boolean resume, Progress.Listener progress, BooleanSupplier stop)
                throws IOException {
            assertEquals(1, config.integer("threads"));
            trainings.incrementAndGet();
            Files.createDirectories(folder);
            Files.writeString(folder.resolve("model.safetensors"), "");
            return new Trainer.Outcome(true, 1, Map.of());
        }
    };

    private int run(String... arguments) {
        return new CommandLine(new ReproduceCommand(List.of(sums)))
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(arguments);
    }

    @Test
    void aClaimThatDoesNotHoldIsSaidAndTheExitCodeIsOne() throws IOException {
        assertEquals(1, run("sums", "--run", dir.resolve("a").toString()));
        assertTrue(out.toString().contains("- holds: more is more (margin +1.00)"), out.toString());
        assertTrue(out.toString().contains("- DOES NOT HOLD: more is twice (margin -1.00)"), out.toString());
        assertTrue(out.toString().contains("| with more | 3.000 (1.0) |"), out.toString());
        assertEquals(
                out.toString(),
                String.join(System.lineSeparator(), Files.readAllLines(dir.resolve("a/table.md")))
                        + System.lineSeparator());
    }

    @Test
    void aRunThatWasStoppedGoesOnWithoutMeasuringAgain() {
        String folder = dir.resolve("b").toString();
        failsAt = "plain2";
        assertEquals(1, run("sums", "--run", folder, "--at-once", "1"));
        assertTrue(err.toString().contains("no data for plain2"), err.toString());
        assertEquals(Set.of("plain1"), measured, "who fails stops the others");
        assertEquals(1, run("sums", "--run", folder), "the folder holds a run");
        assertTrue(err.toString().contains("--resume"), err.toString());
        failsAt = "";
        measured.clear();
        run("sums", "--run", folder, "--resume");
        assertEquals(Set.of("plain2", "plain3", "with more1", "with more2", "with more3"), measured);
    }

    /** Two arms of one seed at the same time; the network that both need is trained once. */
    @Test
    void measurementsRunSideBySide() {
        waits = true;
        run("sums", "--run", dir.resolve("c").toString(), "--at-once", "2", "--seeds", "1");
        assertEquals(Set.of("plain1", "with more1"), measured);
        assertEquals(1, trainings.get());
    }

    @Test
    void whatIsNotThereIsWrongUsage() {
        assertEquals(2, run("nothing"));
        assertTrue(err.toString().contains("there are [sums]"), err.toString());
        assertEquals(2, run("sums", "--at-once", "0"));
    }
}
