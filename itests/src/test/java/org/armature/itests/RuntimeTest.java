package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./armature run} from outside: summary, deploy folder and control channel. */
class RuntimeTest {
    @TempDir
    Path folder;

    /** A bundle without classes that imports {@code imports}. */
    private static byte[] bundle(String name, String imports) throws IOException {
        Manifest manifest = new Manifest();
        Attributes main = manifest.getMainAttributes();
        main.put(Attributes.Name.MANIFEST_VERSION, "1.0");
        main.putValue("Bundle-ManifestVersion", "2");
        main.putValue("Bundle-SymbolicName", name);
        main.putValue("Bundle-Version", "1.0.0");
        if (!imports.isEmpty()) {
            main.putValue("Import-Package", imports);
        }
        java.io.ByteArrayOutputStream bytes = new java.io.ByteArrayOutputStream();
        try (JarOutputStream jar = new JarOutputStream(bytes, manifest)) {
            jar.putNextEntry(new java.util.zip.ZipEntry("filler"));
            jar.write(new byte[20_000]);
            jar.closeEntry();
        }
        return bytes.toByteArray();
    }

    private static void drop(Path deploy, String name, byte[] content) throws IOException {
        Path part = deploy.resolve("." + name + ".part");
        try (OutputStream out = Files.newOutputStream(part)) {
            out.write(content);
        }
        Files.move(part, deploy.resolve(name), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    @Test
    void oneObjectOnStandardOutputAndBadFilesAreRefusedWithTheReason() throws Exception {
        try (RuntimeProcess runtime = RuntimeProcess.start(folder).awaitRunning()) {
            byte[] good = bundle("good", "org.armature.robot");
            drop(runtime.deployFolder(), "notes.jar", "not a jar".getBytes(StandardCharsets.UTF_8));
            drop(runtime.deployFolder(), "truncated.jar", Arrays.copyOf(good, good.length / 2));
            drop(runtime.deployFolder(), "future.jar", bundle("future", "org.armature.robot;version=\"[9,10)\""));
            RuntimeProcess.Answer deployed = runtime.ask(
                    "deploy", Files.write(folder.resolve("good.jar"), good).toString());
            assertEquals(0, deployed.code(), deployed.err());
            runtime.await(
                    "refusals",
                    () -> runtime.stderr()
                                    .lines()
                                    .filter(l -> l.contains("refused"))
                                    .count()
                            >= 3);
            RuntimeProcess.Answer undeployed = runtime.ask("undeploy", "good");
            assertEquals(0, undeployed.code(), undeployed.err());
            RuntimeProcess.Answer modules = runtime.ask("modules", "--json");
            assertTrue(modules.out().startsWith("["), modules.out());
            JsonNode summary = runtime.stop();
            List<String> names = new ArrayList<>();
            summary.fieldNames().forEachRemaining(names::add);
            assertEquals(
                    List.of(
                            "start_ms",
                            "ticks",
                            "missed",
                            "lateness_us",
                            "gc_pause_ms",
                            "episodes",
                            "successes",
                            "chunks",
                            "chunk_age_ms",
                            "max_command_step",
                            "holds",
                            "faults",
                            "swaps",
                            "modules",
                            "policy",
                            "simulator",
                            "executor"),
                    names);
            List<String> refused = new ArrayList<>();
            summary.get("swaps").forEach(swap -> {
                if (swap.get("outcome").asText().equals("refused")) {
                    refused.add(swap.get("reason").asText());
                }
            });
            assertTrue(
                    refused.stream().anyMatch(r -> r.startsWith("notes.jar is not a whole jar")), refused.toString());
            assertTrue(
                    refused.stream().anyMatch(r -> r.startsWith("truncated.jar is not a whole jar")),
                    refused.toString());
            assertTrue(
                    refused.stream().anyMatch(r -> r.contains("org.armature.robot in version 9")), refused.toString());
        }
    }

    @Test
    void wrongUsageIsExitCodeTwoAndOneSentence() throws Exception {
        RuntimeProcess.Answer option = RuntimeProcess.command(folder, "run", "--spede", "2");
        assertEquals(2, option.code());
        assertTrue(option.err().contains("did you mean --speed"), option.err());
        RuntimeProcess.Answer command = RuntimeProcess.command(folder, "modlues");
        assertEquals(2, command.code());
        assertTrue(command.err().contains("modules"), command.err());
        RuntimeProcess.Answer nobody = RuntimeProcess.command(folder, "deploy", "x.jar", "--data", folder.toString());
        assertEquals(1, nobody.code());
        assertTrue(nobody.err().contains("no runtime is running"), nobody.err());
    }

    @Test
    void settingsOfOneCommand() throws Exception {
        RuntimeProcess.Answer set = RuntimeProcess.command(
                folder, "bench", "--executor", "opencl", "-D", "compute.opencl:tune=never", "policy-mlp-infer");
        assertEquals(2, set.code());
        assertTrue(set.err().contains("tune is never: it may be off, quick or full"), set.err());
        RuntimeProcess.Answer wrong = RuntimeProcess.command(folder, "bench", "--list", "-Dtune");
        assertEquals(2, wrong.code());
        assertTrue(wrong.err().contains("-D is written PID:KEY=VALUE"), wrong.err());
    }

    /** The framework keeps such a reason in a log of its own, where nobody finds it. */
    @Test
    void aComponentThatCannotBeMadeSaysWhy() throws Exception {
        RuntimeProcess.Answer run = RuntimeProcess.command(
                folder,
                "run",
                "--headless",
                "--for",
                "1",
                "--data",
                folder.resolve("data").toString(),
                "-D",
                "org.armature.recorder:fps=5");
        assertEquals(0, run.code(), run.err());
        assertTrue(
                run.err().contains("org.armature.lerobot.Recorder")
                        && run.err().contains("org.armature.recorder needs folder: where the dataset goes"),
                run.err());
    }

    /** Stopped in the middle of an episode, a recording holds those that had ended, and is in order. */
    @Test
    void whatTheRobotDoesIsRecorded() throws Exception {
        Path recorded = folder.resolve("recorded");
        JsonNode summary;
        try (RuntimeProcess runtime = RuntimeProcess.start(
                        folder.resolve("run"), "--seed", "3", "--speed", "3", "--record", recorded.toString())
                .awaitRunning()) {
            // In the second episode's midst: the first one's end is what the log tells.
            runtime.await("an episode", () -> runtime.log().contains("episode 1 "));
            Thread.sleep(500);
            summary = runtime.stop();
        }
        RuntimeProcess.Answer check = RuntimeProcess.command(folder, "dataset", "check", recorded.toString());
        assertEquals(0, check.code(), check.err());
        RuntimeProcess.Answer inspect = RuntimeProcess.command(folder, "dataset", "inspect", recorded.toString());
        String said = inspect.out();
        assertTrue(said.contains(summary.get("episodes").asInt() + " episode"), said);
        assertTrue(said.contains("observation.images.wrist") && said.contains("x put the "), said);
    }
}
