package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The {@code sh} blocks of a document, one after another in one folder, beside a running runtime. A block marked
 * {@code sh skip} does not end by itself. Where a document says {@code --for SECONDS}, three will do.
 */
@Timeout(600)
class DocsTest {
    private static final Path ROOT = Path.of(System.getProperty("armature.root"));
    private static final Pattern BLOCK = Pattern.compile("(?m)^```sh\\n(.*?)^```", Pattern.DOTALL);
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(#[^)]*)?\\)");

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"README.md", "docs/udp-driver.md"})
    void everyBlockWorksAsWritten(String document) throws Exception {
        StringBuilder script = new StringBuilder("set -eu\n");
        Matcher block = BLOCK.matcher(Files.readString(ROOT.resolve(document)));
        while (block.find()) {
            script.append(block.group(1).replaceAll("--for \\d+", "--for 3"));
        }
        assertTrue(script.length() > 20, document + " has no block to run");
        Path work = Files.createDirectory(folder.resolve("work"));
        Files.createSymbolicLink(work.resolve("docs"), ROOT.resolve("docs"));
        Path instance = folder.resolve("instance");
        // The reader's default instance is build/run; the test's are its own.
        Path command = Files.writeString(work.resolve("armature"), """
                #!/bin/sh
                case $1 in
                    deploy | undeploy | modules) exec '%1$s/armature' "$@" --data '%2$s' ;;
                    run) exec '%1$s/armature' "$@" --data '%2$s-2' ;;
                    *) exec '%1$s/armature' "$@" ;;
                esac
                """.formatted(ROOT, instance));
        assertTrue(command.toFile().setExecutable(true));
        try (RuntimeProcess runtime = RuntimeProcess.start(instance).awaitRunning()) {
            ProcessBuilder builder = new ProcessBuilder("sh", "-c", script.toString())
                    .directory(work.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("said").toFile());
            builder.environment().put("ARMATURE_HOME", FrameworkExtension.DISTRIBUTION.toString());
            builder.environment().put("ARMATURE_HEAP", "256m");
            Process process = builder.start();
            try {
                assertTrue(process.waitFor(300, TimeUnit.SECONDS), "the blocks did not end");
            } finally {
                process.destroyForcibly();
            }
            String said = Files.readString(folder.resolve("said"));
            assertEquals(0, process.exitValue(), said + runtime.stderr());
        }
    }

    @Test
    void everyLinkLeadsSomewhere() throws IOException {
        List<String> broken = new ArrayList<>();
        List<Path> documents = new ArrayList<>(List.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md")));
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            docs.filter(d -> d.toString().endsWith(".md")).forEach(documents::add);
        }
        for (Path document : documents) {
            Matcher link = LINK.matcher(Files.readString(document));
            while (link.find()) {
                if (!Files.exists(document.resolveSibling(link.group(1)))) {
                    broken.add(ROOT.relativize(document) + ": " + link.group(1));
                }
            }
        }
        assertFalse(documents.size() < 4, documents.toString());
        assertEquals(List.of(), broken);
    }
}
