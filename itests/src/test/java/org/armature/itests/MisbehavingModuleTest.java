package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every way a module can misbehave, tried on one running robot: it goes on under the policy it had, and the history says in
 * one sentence what happened to which module.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class MisbehavingModuleTest {
    @TempDir
    static Path folder;

    private final Set<String> told = new HashSet<>();
    private RuntimeProcess runtime;

    @BeforeAll
    void startARobot() throws Exception {
        // What an abandoned thread took is gone: three of the modules may each keep a quarter of the heap.
        runtime = RuntimeProcess.startWith("512m", folder.resolve("instance")).awaitRunning();
        runtime.await(
                "the robot",
                () -> runtime.get("/api/state").path("state").asText().equals("RUNNING"));
    }

    @BeforeEach
    void thePolicyThatCameWithTheProductDrives() throws Exception {
        goesOn();
    }

    @AfterAll
    void inTheEndNothingWasAFault() throws Exception {
        try (RuntimeProcess ending = runtime) {
            JsonNode summary = ending.stop();
            assertEquals(0, summary.path("faults").asInt(), summary.toString());
            Set<String> inSummary = new HashSet<>();
            summary.path("swaps")
                    .forEach(swap -> inSummary.add(swap.path("reason").asText()));
            assertTrue(inSummary.containsAll(told), summary.path("swaps").toString());
        }
    }

    @Test
    void throwsInActivate() throws Exception {
        refused(
                policy("throws-in-activate", "if (joints > 0) throw new IllegalStateException(\"no weights\");", ""),
                "no weights");
    }

    @Test
    void hangsInActivate() throws Exception {
        refused(
                policy("hangs-in-activate", "while (joints > 0) Thread.onSpinWait();", ""),
                "policy hangs-in-activate 1.0.0 does not activate",
                "did not answer within 10000 ms");
    }

    @Test
    void allocatesWithoutEndInActivate() throws Exception {
        refused(
                policy("hoards-in-activate", "while (joints > 0) KEPT.add(new byte[1 << 20]);", ""),
                "policy hoards-in-activate 1.0.0 does not activate",
                "MiB");
    }

    @Test
    void throwsInAct() throws Exception {
        refused(
                policy("throws-in-act", "", "if (n > 0) throw new ArithmeticException(\"singular\");"),
                "threw java.lang.ArithmeticException: singular");
    }

    @Test
    void answersNaN() throws Exception {
        refused(policy("answers-nan", "", "still[3] = Double.NaN;"), "action 0 of joint", "is NaN");
    }

    @Test
    void answersOutOfLimits() throws Exception {
        refused(
                policy("out-of-limits", "", "still[joints + 1] = 42;"),
                "action 1 of joint",
                "is 42.0, outside its limits");
    }

    @Test
    void loopsEndlessly() throws Exception {
        refused(policy("loops", "", "while (n > 0) Thread.onSpinWait();"), "did not answer within 5000 ms");
    }

    @Test
    void allocatesWithoutEnd() throws Exception {
        refused(policy("hoards", "", "while (n > 0) KEPT.add(new byte[1 << 20]);"), "MiB");
    }

    @Test
    void turnsIntoAnEndlessLoopAfterTheCutOver() throws Exception {
        rolledBack(
                policy("loops-later", "", "while (n > 6) { Thread.interrupted(); }"), "did not answer within 2000 ms");
    }

    @Test
    void allocatesWithoutEndAfterTheCutOver() throws Exception {
        rolledBack(policy("hoards-later", "", "while (n > 6) KEPT.add(new byte[1 << 20]);"), "MiB");
    }

    @Test
    void answersNaNAfterTheCutOver() throws Exception {
        rolledBack(policy("nan-later", "", "if (n > 6) still[0] = Double.NaN;"), "is NaN");
    }

    @Test
    void throwsAfterTheCutOver() throws Exception {
        rolledBack(policy("throws-later", "", "if (n > 6) throw new StackOverflowError();"), "StackOverflowError");
    }

    @Test
    void isBuiltForAnotherApi() throws Exception {
        Path jar = ModuleJar.policy(
                folder,
                "other-api",
                "1.0.0",
                "",
                "",
                Map.of("Import-Package", "org.armature.robot;version=\"[9,10)\",*"));
        refusedFile(jar, "nothing here exports package org.armature.robot in version 9");
    }

    @Test
    void isTruncated() throws Exception {
        Path whole = policy("truncated", "", "");
        byte[] bytes = Files.readAllBytes(whole);
        refusedFile(Files.write(whole, Arrays.copyOf(bytes, bytes.length * 2 / 3)), "is not a whole jar");
    }

    @Test
    void isNotAJar() throws Exception {
        refusedFile(Files.writeString(folder.resolve("notes.jar"), "not a jar"), "is not a whole jar");
        refusedFile(Files.writeString(folder.resolve("notes.txt"), "not even by name"), "is no jar");
    }

    private static Path policy(String id, String activate, String act) throws IOException {
        return ModuleJar.policy(folder, id, "1.0.0", activate, act);
    }

    /** The module was tried, and what became of it names it. */
    private void refused(Path jar, String... words) throws Exception {
        outcome(jar, id(jar), "refused", words);
        leaves(jar);
    }

    private void rolledBack(Path jar, String... words) throws Exception {
        outcome(jar, id(jar), "rolled-back", words);
        leaves(jar);
    }

    /** The file never became a module. */
    private void refusedFile(Path jar, String... words) throws Exception {
        outcome(jar, jar.getFileName().toString(), "refused", words);
        leaves(jar);
    }

    private static String id(Path jar) {
        return jar.getFileName().toString().replace("-1.0.0.jar", "");
    }

    private void outcome(Path jar, String id, String outcome, String... words) throws Exception {
        ModuleJar.drop(jar, runtime.deployFolder());
        runtime.await(outcome + " of " + id, () -> swap(id, outcome) != null);
        String reason = swap(id, outcome).path("reason").asText();
        for (String word : words) {
            assertTrue(reason.contains(word), reason);
        }
        assertTrue(reason.contains(id), reason);
        assertFalse(reason.contains("\n"), reason);
        told.add(reason);
        runtime.await("the log's line", () -> runtime.stderr().contains(reason) && log().contains(reason));
        goesOn();
    }

    /** Nothing of the module stays, though its file does. */
    private void leaves(Path jar) throws Exception {
        runtime.await(
                "its leaving", () -> !runtime.get("/api/modules").toString().contains("misbehaving." + id(jar)));
        Files.delete(runtime.deployFolder().resolve(jar.getFileName()));
    }

    private JsonNode swap(String id, String outcome) {
        for (JsonNode swap : runtime.get("/api/swaps")) {
            if (swap.path("id").asText().equals(id)
                    && swap.path("outcome").asText().equals(outcome)) {
                return swap;
            }
        }
        return null;
    }

    private static String log() {
        try {
            return Files.readString(folder.resolve("instance/log/armature.0.log"));
        } catch (IOException e) {
            return "";
        }
    }

    /** Ticks and chunks keep coming, from the policy that came with the product, and nothing was a fault. */
    private void goesOn() throws Exception {
        JsonNode before = runtime.get("/api/state");
        runtime.await("ticks and chunks", () -> {
            JsonNode now = runtime.get("/api/state");
            return now.path("ticks").asLong() > before.path("ticks").asLong() + 50
                    && now.path("chunks").asLong() > before.path("chunks").asLong();
        });
        JsonNode state = runtime.get("/api/state");
        assertEquals(0, state.path("faults").asInt(), state.toString());
        JsonNode modules = runtime.get("/api/modules");
        List<String> inUse = new ArrayList<>();
        for (JsonNode module : modules) {
            if (module.path("kind").asText().equals("policy")
                    && module.path("inUse").asBoolean()) {
                inUse.add(module.path("bundle").asText());
            }
        }
        assertEquals(1, inUse.size(), modules.toString());
        assertTrue(inUse.getFirst().startsWith("org.armature."), modules.toString());
    }
}
