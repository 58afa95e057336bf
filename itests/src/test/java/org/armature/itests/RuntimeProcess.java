package org.armature.itests;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code ./armature run --headless --json} as a user starts it, in an instance folder of its own, on the distribution the
 * build has just assembled. Closing kills it.
 */
final class RuntimeProcess implements AutoCloseable {
    private static final Path ROOT = Path.of(System.getProperty("armature.root"));
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern DASHBOARD = Pattern.compile("http://localhost:\\d+");
    private static final String HEAP = "256m";

    private final Process process;
    private final Path folder;

    private RuntimeProcess(Process process, Path folder) {
        this.process = process;
        this.folder = folder;
    }

    /** Starts a runtime in {@code folder}; returns at once. */
    static RuntimeProcess start(Path folder, String... options) throws IOException {
        return startWith(HEAP, folder, options);
    }

    /** With a heap of its own, {@code 512m}. */
    static RuntimeProcess startWith(String heap, Path folder, String... options) throws IOException {
        List<String> command =
                new ArrayList<>(List.of("run", "--headless", "--json", "--port", "0", "--data", folder.toString()));
        command.addAll(List.of(options));
        Files.createDirectories(folder);
        Process process = builder(heap, command)
                .redirectOutput(folder.resolve("stdout").toFile())
                .redirectError(folder.resolve("stderr").toFile())
                .start();
        return new RuntimeProcess(process, folder);
    }

    private static ProcessBuilder builder(String heap, List<String> command) {
        List<String> line = new ArrayList<>(List.of(ROOT.resolve("armature").toString()));
        line.addAll(command);
        ProcessBuilder builder = new ProcessBuilder(line);
        builder.environment().put("ARMATURE_HOME", FrameworkExtension.DISTRIBUTION.toString());
        builder.environment().put("ARMATURE_HEAP", heap);
        return builder;
    }

    /** What a one-shot command said. */
    record Answer(int code, String out, String err) {}

    /** Runs a one-shot command in {@code directory}. */
    static Answer command(Path directory, String... words) throws IOException, InterruptedException {
        Path out = Files.createTempFile("armature-out", "");
        Path err = Files.createTempFile("armature-err", "");
        try {
            Process process = builder(HEAP, List.of(words))
                    .directory(directory.toFile())
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile())
                    .start();
            if (!process.waitFor(120, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IOException(String.join(" ", words) + " did not end");
            }
            return new Answer(process.exitValue(), Files.readString(out), Files.readString(err));
        } finally {
            Files.deleteIfExists(out);
            Files.deleteIfExists(err);
        }
    }

    /** A one-shot command to this runtime. */
    Answer ask(String... words) throws IOException, InterruptedException {
        return command(folder, toThis(words).toArray(String[]::new));
    }

    /** A one-shot command to this runtime, at work; nobody hears it. */
    Process asking(String... words) throws IOException {
        return builder(HEAP, toThis(words))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private List<String> toThis(String... words) {
        List<String> all = new ArrayList<>(List.of(words));
        all.addAll(List.of("--data", folder.toString()));
        return all;
    }

    /** What the dashboard answers to a GET; a missing node while it does not. */
    JsonNode get(String path) {
        try (var in = URI.create(dashboard() + path).toURL().openStream()) {
            return JSON.readTree(in);
        } catch (IOException e) {
            return MissingNode.getInstance();
        }
    }

    /** {@code http://localhost:PORT}, once it runs. */
    String dashboard() throws IOException {
        Matcher at = DASHBOARD.matcher(stderr());
        if (!at.find()) {
            throw new IOException("there is no dashboard yet");
        }
        return at.group();
    }

    Path deployFolder() {
        return folder.resolve("deploy");
    }

    /** Waits until the control channel is open. */
    RuntimeProcess awaitRunning() throws InterruptedException, IOException {
        await("the runtime", () -> stderr().contains("running after"));
        return this;
    }

    /** Waits for {@code condition}, at most two minutes, for busy machines; on failure says what the runtime said. */
    void await(String what, BooleanSupplier condition) throws InterruptedException, IOException {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
        while (!condition.getAsBoolean()) {
            if (!process.isAlive() || System.nanoTime() > end) {
                throw new IOException(what + " did not come; the runtime said: " + stderr());
            }
            Thread.sleep(50);
        }
    }

    String stderr() {
        try {
            return Files.readString(folder.resolve("stderr"));
        } catch (IOException e) {
            return "";
        }
    }

    /** The log file so far. */
    String log() {
        try {
            return Files.readString(folder.resolve("log/armature.0.log"));
        } catch (IOException e) {
            return "";
        }
    }

    /** Classes loaded now, after collections that let those go which nobody holds. */
    int loadedClasses() throws IOException, InterruptedException {
        for (int i = 0; i < 3; i++) {
            tool("jcmd", Long.toString(process.pid()), "GC.run");
        }
        String[] row = tool("jstat", "-class", Long.toString(process.pid()))
                .lines()
                .toList()
                .getLast()
                .strip()
                .split("\\s+", -1);
        return Integer.parseInt(row[0]) - Integer.parseInt(row[2]);
    }

    /** Resident memory. The heap is touched whole at the start, so what it grows by is native. */
    long residentBytes() throws IOException {
        return Files.readAllLines(Path.of("/proc/" + process.pid() + "/status")).stream()
                .filter(l -> l.startsWith("VmRSS:"))
                .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) * 1024)
                .findFirst()
                .orElseThrow(() -> new IOException("no resident size of " + process.pid()));
    }

    private static String tool(String name, String... words) throws IOException, InterruptedException {
        List<String> line = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", name).toString()));
        line.addAll(List.of(words));
        Process tool = new ProcessBuilder(line).redirectErrorStream(true).start();
        String said = new String(tool.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        if (tool.waitFor() != 0) {
            throw new IOException(name + ": " + said);
        }
        return said;
    }

    /** As Ctrl-C would; the summary object. */
    JsonNode stop() throws IOException, InterruptedException {
        process.destroy();
        return summary();
    }

    /** Waits for the end; the summary object. */
    JsonNode summary() throws IOException, InterruptedException {
        if (!process.waitFor(120, TimeUnit.SECONDS)) {
            throw new IOException("the runtime did not end; it said: " + stderr());
        }
        if (process.exitValue() != 0) {
            throw new IOException("exit code " + process.exitValue() + "; the runtime said: " + stderr());
        }
        return JSON.readTree(folder.resolve("stdout").toFile());
    }

    /** {@code kill -9}. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    @Override
    public void close() throws InterruptedException {
        kill();
    }
}
