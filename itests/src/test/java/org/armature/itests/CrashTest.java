package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code kill -9} at every step of a deploy, one after the other in the same instance folder: the next start drives with the
 * old version or the new one, whichever the deploy folder holds whole, and nothing else of either is left.
 */
class CrashTest {
    private static final String ID = "crash";
    private static final String JAR = ID + ".jar";

    @TempDir
    Path folder;

    @Test
    void killedAtAnyStepOfADeployTheNextStartIsClean() throws Exception {
        Path deploy = Files.createDirectories(folder.resolve("instance/deploy"));
        Path marks = Files.createDirectory(folder.resolve("marks"));
        Files.copy(version("1.0.0", marks), deploy.resolve(JAR));

        try (RuntimeProcess runtime = start()) {
            drivesAlone(runtime, "1.0.0");
            // In the middle of an upload.
            Path large = large(version("2.0.0", marks));
            Process upload = runtime.asking("deploy", renamed(large, "upload").toString());
            runtime.await("a part", () -> names(deploy).stream().anyMatch(n -> n.endsWith(".part")));
            runtime.kill();
            upload.waitFor();
            assertEquals(2, names(deploy).size(), "killed too late to test anything: " + names(deploy));
        }
        try (RuntimeProcess runtime = start()) {
            drivesAlone(runtime, "1.0.0");
            // In the middle of the private copy.
            Set<String> before = names(staging());
            ModuleJar.drop(renamed(large(version("2.0.0", marks)), "drop"), deploy);
            runtime.await("a copy", () -> !names(staging()).equals(before));
            runtime.kill();
        }
        try (RuntimeProcess runtime = start()) {
            drivesAlone(runtime, "2.0.0");
            // While its component is made.
            killedAt(runtime, "activate", version("3.0.0", marks), marks);
        }
        try (RuntimeProcess runtime = start()) {
            drivesAlone(runtime, "3.0.0");
            // In its shadow run.
            killedAt(runtime, "act", version("4.0.0", marks), marks);
        }
        try (RuntimeProcess runtime = start()) {
            drivesAlone(runtime, "4.0.0");
            // Somewhere between the cut-over and the old one's leaving.
            ModuleJar.drop(renamed(version("5.0.0", marks), "drop"), deploy);
            runtime.await("the cut-over", () -> tookOver(runtime).contains("5.0.0"));
            runtime.kill();
        }
        try (RuntimeProcess runtime = start()) {
            drivesAlone(runtime, "5.0.0");
            // Written in place, which nobody should do, and killed before all of it was there.
            byte[] next = Files.readAllBytes(version("6.0.0", marks));
            Files.write(deploy.resolve(JAR), Arrays.copyOf(next, next.length / 2));
            runtime.kill();
        }
        try (RuntimeProcess runtime = start()) {
            runtime.await("its refusal", () -> runtime.stderr().contains(JAR + " is refused: it is not a whole jar"));
            assertEquals(List.of(), installed(runtime));
            assertEquals(Set.of(), names(staging()));
            moves(runtime);
            // What is put right runs.
            ModuleJar.drop(renamed(version("6.0.0", marks), "drop"), deploy);
            drivesAlone(runtime, "6.0.0");
            assertEquals(0, runtime.stop().path("faults").asInt());
        }
    }

    private RuntimeProcess start() throws Exception {
        return RuntimeProcess.start(folder.resolve("instance")).awaitRunning();
    }

    /** A policy that says how far it came, and takes its time there. */
    private Path version(String version, Path marks) throws IOException {
        String mark = """
                try {
                    java.nio.file.Files.createFile(java.nio.file.Path.of("%s/%%s-%s"));
                    Thread.sleep(400);
                } catch (java.io.IOException | InterruptedException e) {
                    // Only the first time.
                }
                """.formatted(marks, version);
        return ModuleJar.policy(folder, ID, version, mark.formatted("activate"), mark.formatted("act"), Map.of());
    }

    /** With so much in it that copying takes a while. */
    private static Path large(Path jar) throws IOException {
        Path to = jar.resolveSibling("large-" + jar.getFileName());
        byte[] ballast = new byte[1 << 20];
        try (var in = new java.util.zip.ZipFile(jar.toFile());
                ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(to))) {
            out.setLevel(0);
            for (ZipEntry entry : in.stream().toList()) {
                out.putNextEntry(new ZipEntry(entry.getName()));
                in.getInputStream(entry).transferTo(out);
            }
            out.putNextEntry(new ZipEntry("ballast"));
            for (int i = 0; i < 200; i++) {
                out.write(ballast);
            }
        }
        return to;
    }

    /** The same under the name that is deployed. */
    private Path renamed(Path jar, String where) throws IOException {
        Path to = Files.createDirectories(folder.resolve(where)).resolve(JAR);
        return Files.move(jar, to, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    }

    private void killedAt(RuntimeProcess runtime, String step, Path jar, Path marks) throws Exception {
        String version = jar.getFileName().toString().replaceFirst(".*-(.*)\\.jar", "$1");
        ModuleJar.drop(renamed(jar, "drop"), runtime.deployFolder());
        runtime.await(step, () -> Files.exists(marks.resolve(step + "-" + version)));
        runtime.kill();
    }

    /** That version drives, it is there once, and no file of another deploy is left. */
    private void drivesAlone(RuntimeProcess runtime, String version) throws Exception {
        runtime.await(version + " driving", () -> List.of(version).equals(tookOver(runtime)));
        assertEquals(List.of(version), installed(runtime));
        runtime.await("one copy", () -> names(staging()).size() == 1);
        assertTrue(
                names(staging()).iterator().next().endsWith("-" + JAR),
                names(staging()).toString());
        assertEquals(Set.of(JAR), names(runtime.deployFolder()));
        moves(runtime);
    }

    /** Ticks and chunks come, and nothing was a fault. */
    private static void moves(RuntimeProcess runtime) throws Exception {
        JsonNode before = runtime.get("/api/state");
        runtime.await("ticks and chunks", () -> {
            JsonNode now = runtime.get("/api/state");
            return now.path("ticks").asLong() > before.path("ticks").asLong()
                    && now.path("chunks").asLong() > before.path("chunks").asLong()
                    && now.path("state").asText().equals("RUNNING");
        });
        assertEquals(0, runtime.get("/api/state").path("faults").asInt(-1));
    }

    /** Versions of the test's policy that are installed. */
    private static List<String> installed(RuntimeProcess runtime) {
        return matching(runtime.get("/api/modules"), "bundle", "misbehaving." + ID);
    }

    /** Versions that took over since the start. */
    private static List<String> tookOver(RuntimeProcess runtime) {
        return matching(runtime.get("/api/swaps"), "outcome", "cut-over");
    }

    /** Versions of the entries of the test's policy whose {@code key} is {@code value}. */
    private static List<String> matching(JsonNode entries, String key, String value) {
        List<String> versions = new ArrayList<>();
        for (JsonNode entry : entries) {
            if (entry.path("id").asText().equals(ID) && entry.path(key).asText().equals(value)) {
                versions.add(entry.path("version").asText());
            }
        }
        return versions;
    }

    private Path staging() {
        return folder.resolve("instance/staging");
    }

    private static Set<String> names(Path in) {
        try (Stream<Path> files = Files.list(in)) {
            return files.map(file -> file.getFileName().toString()).collect(Collectors.toSet());
        } catch (IOException e) {
            return Set.of();
        }
    }
}
