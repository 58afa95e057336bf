package org.armature.compute.opencl.choice;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.TreeSet;
import org.armature.compute.CompileOptions;
import org.armature.compute.Device;
import org.armature.compute.Executor;
import org.armature.graph.Graph;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What was measured, a file each. What cannot be read is measured again: nothing here ever fails a compilation. */
final class Choices {
    private static final Logger LOG = LoggerFactory.getLogger(Choices.class);
    private static final String FORMAT = "armature choice 1";

    private final Path folder;

    /** An executor and, in one line, why it. */
    record Choice(String executor, String why) {}

    Choices(Path folder) {
        this.folder = folder;
    }

    /** Of the graph's structure, what was asked for, and who could do it: executors with their devices and versions. */
    static String key(Graph graph, CompileOptions options, List<Executor> executors) {
        StringBuilder text = new StringBuilder(FORMAT)
                .append('\n')
                .append(graph.flat())
                .append("\nthreads ")
                .append(options.threads())
                .append(", ")
                .append(options.optimization())
                .append(", device ")
                .append(options.device())
                .append(", frozen ")
                .append(new TreeSet<>(options.frozen().keySet()))
                .append(", cores ")
                .append(Runtime.getRuntime().availableProcessors());
        for (Executor e : executors) {
            text.append('\n').append(e.id());
            for (Device d : e.devices()) {
                text.append(' ').append(d);
            }
        }
        try {
            byte[] hash =
                    MessageDigest.getInstance("SHA-256").digest(text.toString().getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(hash, 0, 16);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    @Nullable
    Choice read(String key) {
        try {
            List<String> lines = Files.readAllLines(folder.resolve(key));
            return lines.size() == 3 && lines.getFirst().equals(FORMAT) ? new Choice(lines.get(1), lines.get(2)) : null;
        } catch (IOException e) {
            return null;
        }
    }

    void write(String key, Choice choice) {
        try {
            Files.createDirectories(folder);
            Path part = Files.createTempFile(folder, "part-", ".tmp");
            Files.write(part, List.of(FORMAT, choice.executor, choice.why.replace('\n', ' ')));
            Files.move(part, folder.resolve(key), StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            LOG.debug("choice {} is not kept: {}", key, e.getMessage());
        }
    }
}
