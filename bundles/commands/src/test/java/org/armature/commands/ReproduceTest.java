package org.armature.commands;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.armature.commands.reproduce.ReproduceCommand;
import org.armature.train.Reproduction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class ReproduceTest {
    @TempDir
    Path dir;

    private final List<String> measured = new ArrayList<>();
    private long failsAt = -1;
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
            if (seed == failsAt) {
                throw new IOException("stopped");
            }
            assertTrue(Files.isDirectory(run.folder()) && Files.isDirectory(run.shared()));
            measured.add(arm + seed);
            return Map.of("x", seed + (arm.equals("plain") ? 0.0 : 1.0));
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
        failsAt = 2;
        assertEquals(1, run("sums", "--run", folder));
        assertEquals(1, run("sums", "--run", folder), "the folder holds a run");
        assertTrue(err.toString().contains("--resume"), err.toString());
        failsAt = -1;
        measured.clear();
        run("sums", "--run", folder, "--resume");
        assertEquals(List.of("plain2", "with more2", "plain3", "with more3"), measured);
    }

    @Test
    void whatIsNotThereIsWrongUsage() {
        assertEquals(2, run("nothing"));
        assertTrue(err.toString().contains("there are [sums]"), err.toString());
    }
}
