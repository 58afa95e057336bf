package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The policy's bundle replaced again and again while the robot moves at 1 kHz: ten times, or a hundred with {@code
 * -Darmature.long=true}. How punctual the loop is meanwhile is measured by {@code bench/replacements.sh}.
 */
class ReplacementTest {
    private static final int CYCLES = Boolean.getBoolean("armature.long") ? 100 : 10;
    /** Until here the compiler and the caches of the JDK may still grow. */
    private static final int SETTLED = 4;
    /** The policy's bundle has more than twenty classes; a loader kept alive each time would add as many. */
    private static final int CLASSES = 60;

    private static final long NATIVE = 48L << 20;
    /** Velocity limits of the simulated arm, rad/s and m/s, over a period of 1 ms. */
    private static final double[] STEP = {2.175e-3, 2.175e-3, 2.175e-3, 2.175e-3, 2.6e-3, 2.6e-3, 2.6e-3, 0.2e-3};

    @TempDir
    Path folder;

    @Test
    void theCommandStaysWithinLimitsAndNothingOfTheOldOnesIsLeft() throws Exception {
        try (RuntimeProcess runtime = RuntimeProcess.start(folder, "--seed", "3", "--policy", "pick-place")
                .awaitRunning()) {
            int[] classes = new int[2];
            long[] resident = new long[2];
            for (int k = 1; k <= CYCLES; k++) {
                Path next = ModuleJar.withVersion(
                        ModuleJar.installed("armature-vla"), "0.1." + k, folder.resolve("pick-place.part"));
                Files.move(
                        next,
                        runtime.deployFolder().resolve("pick-place.jar"),
                        StandardCopyOption.ATOMIC_MOVE,
                        StandardCopyOption.REPLACE_EXISTING);
                int done = k;
                runtime.await("version 0.1." + k, () -> cutOver(runtime) >= done);
                // A collection each time: without one, the last versions' classes and constants may be there still when
                // it counts.
                int loaded = runtime.loadedClasses();
                if (k == SETTLED || k == CYCLES) {
                    int i = k == CYCLES ? 1 : 0;
                    classes[i] = loaded;
                    resident[i] = runtime.residentBytes();
                }
            }
            JsonNode summary = runtime.stop();
            List<String> outcomes = new ArrayList<>();
            summary.get("swaps").forEach(swap -> {
                if (swap.get("id").asText().equals("pick-place")
                        && !swap.get("version").asText().equals("0.1.0")) {
                    outcomes.add(swap.get("outcome").asText());
                }
            });
            assertEquals(java.util.Collections.nCopies(CYCLES, "cut-over"), outcomes, runtime.stderr());
            JsonNode steps = summary.get("max_command_step");
            for (int j = 0; j < STEP.length; j++) {
                assertTrue(steps.get(j).asDouble() <= STEP[j] * (1 + 1e-9), "joint " + j + ": " + steps.get(j));
            }
            assertEquals(0, summary.get("faults").asInt());
            assertTrue(
                    classes[1] - classes[0] < CLASSES,
                    "loaded classes: " + classes[0] + " after " + SETTLED + ", " + classes[1] + " after " + CYCLES);
            assertTrue(
                    resident[1] - resident[0] < NATIVE,
                    "resident: " + resident[0] + " B after " + SETTLED + ", " + resident[1] + " B after " + CYCLES);
            System.out.println("replaced " + CYCLES + " times: classes " + classes[0] + " to " + classes[1]
                    + ", resident " + (resident[0] >> 20) + " to " + (resident[1] >> 20) + " MiB");
        }
    }

    private static long cutOver(RuntimeProcess runtime) {
        return runtime.log()
                .lines()
                .filter(l -> l.contains("pick-place.jar: cut-over"))
                .count();
    }
}
