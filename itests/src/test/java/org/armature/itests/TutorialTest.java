package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The code blocks of docs/tutorial.md, one after another, from an empty folder, beside a running runtime. */
class TutorialTest {
    private static final Path ROOT = Path.of(System.getProperty("armature.root"));
    private static final Pattern BLOCK = Pattern.compile("```sh\\n(.*?)```", Pattern.DOTALL);

    @TempDir
    Path folder;

    @Test
    void everyBlockWorksAsWritten() throws Exception {
        Path work = Files.createDirectory(folder.resolve("work"));
        Path instance = folder.resolve("instance");
        // The reader's default instance is build/run; the test's is its own.
        Path bin = Files.createDirectory(folder.resolve("bin"));
        Path command = Files.writeString(bin.resolve("armature"), """
                #!/bin/sh
                case $1 in
                    deploy | undeploy | modules) exec '%s/armature' "$@" --data '%s' ;;
                    *) exec '%s/armature' "$@" ;;
                esac
                """.formatted(ROOT, instance, ROOT));
        assertTrue(command.toFile().setExecutable(true));
        StringBuilder script = new StringBuilder("set -eu\n");
        Matcher block = BLOCK.matcher(Files.readString(ROOT.resolve("docs/tutorial.md")));
        while (block.find()) {
            script.append(block.group(1));
        }
        try (RuntimeProcess runtime = RuntimeProcess.start(instance).awaitRunning()) {
            ProcessBuilder builder = new ProcessBuilder("sh", "-c", script.toString())
                    .directory(work.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(folder.resolve("said").toFile());
            builder.environment().put("ARMATURE_HOME", FrameworkExtension.DISTRIBUTION.toString());
            builder.environment().merge("PATH", bin.toString(), (path, own) -> own + ":" + path);
            Process process = builder.start();
            assertTrue(process.waitFor(240, TimeUnit.SECONDS), "the blocks did not end");
            String said = Files.readString(folder.resolve("said"));
            assertEquals(0, process.exitValue(), said + runtime.stderr());
            assertTrue(said.contains("first-policy"), said);
        }
    }
}
