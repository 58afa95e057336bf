package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The real openpi-client from PyPI, unchanged, against {@code armature serve metaworld}. */
class OpenPiClientTest {
    private static final Path ROOT = Path.of(System.getProperty("armature.root"));

    @TempDir
    Path folder;

    @Test
    void theRealClientIsServed() throws Exception {
        Path python = python();
        Path log = folder.resolve("serve");
        ProcessBuilder b = new ProcessBuilder(ROOT.resolve("armature").toString(), "serve", "metaworld", "--port", "0");
        b.environment().put("ARMATURE_HOME", FrameworkExtension.DISTRIBUTION.toString());
        Process server =
                b.redirectErrorStream(true).redirectOutput(log.toFile()).start();
        try {
            String port = port(server, log);
            Process client = new ProcessBuilder(
                            python.toString(),
                            ROOT.resolve("itests/python/openpi_check.py").toString(),
                            port)
                    .redirectErrorStream(true)
                    .start();
            String said = said(client);
            assertTrue(client.waitFor(120, TimeUnit.SECONDS));
            assertEquals(0, client.exitValue(), said);
            assertTrue(said.strip().endsWith("ok"), said);
        } finally {
            server.destroy();
            assertTrue(server.waitFor(30, TimeUnit.SECONDS));
        }
    }

    /** A Python with openpi-client in a new environment; skips where there is no Python or no PyPI. */
    private Path python() throws IOException, InterruptedException {
        Path environment = folder.resolve("venv");
        assumeTrue(run("python3", "-m", "venv", environment.toString()), "python3 -m venv does not work here");
        Path python = environment.resolve("bin/python");
        assumeTrue(
                run(python.toString(), "-m", "pip", "install", "-q", "openpi-client==0.1.2", "typing_extensions"),
                "openpi-client cannot be installed here: PyPI is not reachable");
        return python;
    }

    private static boolean run(String... line) throws InterruptedException {
        try {
            Process p = new ProcessBuilder(line)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            return p.waitFor(300, TimeUnit.SECONDS) && p.exitValue() == 0;
        } catch (IOException e) {
            return false;
        }
    }

    private static String said(Process p) throws IOException {
        try (InputStream in = p.getInputStream()) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static String port(Process server, Path log) throws IOException, InterruptedException {
        Pattern address = Pattern.compile("ws://127\\.0\\.0\\.1:(\\d+)");
        for (int i = 0; i < 600 && server.isAlive(); i++) {
            List<String> lines = Files.readAllLines(log);
            for (String line : lines) {
                Matcher m = address.matcher(line);
                if (m.find()) {
                    return m.group(1);
                }
            }
            Thread.sleep(100);
        }
        throw new IOException("the policy server did not start: " + Files.readString(log));
    }
}
