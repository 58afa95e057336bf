package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The learned policy drives, the baseline is deployed above it and withdrawn again, while the robot moves at 1 kHz. How many
 * ticks were missed with swaps and without is printed, not judged: that needs a machine with nothing else on it.
 */
class BaselineAndBackTest {
    private static final int PAIRS = Integer.getInteger("armature.pairs", 2);
    private static final int SECONDS = Integer.getInteger("armature.seconds", 5);
    private static final String LEARNED = "learned-pick-place";
    private static final String BASELINE = "pick-place";

    @TempDir
    Path folder;

    @Test
    void theBaselineTakesOverAndGivesBackWithoutAStepOrAFault() throws Exception {
        try (RuntimeProcess runtime = RuntimeProcess.start(
                        folder, "--seed", "3", "--words", "unseen", "-D", "org.armature.control:trialTimeout=30000")
                .awaitRunning()) {
            awaitDriver(runtime, LEARNED);
            List<LoopWindow> without = new ArrayList<>();
            List<LoopWindow> with = new ArrayList<>();
            for (int k = 1; k <= PAIRS; k++) {
                without.add(LoopWindow.of(runtime, SECONDS));
                Path above = ModuleJar.withRanking(
                        ModuleJar.installed("armature-vla"),
                        "0.1." + k,
                        "org.armature.pickplace.PickPlacePolicy",
                        5,
                        folder.resolve("baseline-" + k + ".jar"));
                with.add(LoopWindow.during(runtime, SECONDS, () -> {
                    ModuleJar.drop(above, runtime.deployFolder());
                    awaitDriver(runtime, BASELINE);
                    java.nio.file.Files.delete(runtime.deployFolder().resolve(above.getFileName()));
                    awaitDriver(runtime, LEARNED);
                }));
            }
            JsonNode summary = runtime.stop();
            System.out.println(LoopWindow.line("the learned policy drives", without));
            System.out.println(LoopWindow.line("the baseline and back", with));
            assertEquals(0, summary.get("faults").asInt(), runtime.stderr());
            assertEquals(LEARNED, summary.get("policy").asText());
            List<String> deployed = new ArrayList<>();
            summary.get("swaps").forEach(swap -> {
                if (swap.get("id").asText().equals(BASELINE)
                        && swap.get("outcome").asText().equals("cut-over")
                        && !swap.get("version").asText().equals("0.1.0")) {
                    deployed.add(swap.get("version").asText());
                }
            });
            assertEquals(PAIRS, deployed.size(), summary.get("swaps").toString());
        }
    }

    private static void awaitDriver(RuntimeProcess runtime, String id) throws Exception {
        runtime.await(
                id + " to drive",
                () -> runtime.log()
                        .lines()
                        .filter(l -> l.endsWith(" drives"))
                        .reduce("", (before, last) -> last)
                        .contains(" policy " + id + " "));
    }
}
