package org.armature.lerobot;

import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A Python with pyarrow, made once in the build's folder; where that cannot be had the test is skipped and says so. */
final class Python {
    private Python() {}

    static Path withArrow() throws IOException, InterruptedException {
        Path venv = Path.of("target", "python").toAbsolutePath();
        Path python = venv.resolve("bin/python");
        if (works(python)) {
            return python;
        }
        List<String> said = new ArrayList<>();
        if (start(said, "python3", "-m", "venv", venv.toString()) != 0
                || start(said, python.toString(), "-m", "pip", "install", "-q", "pyarrow>=17") != 0
                || !works(python)) {
            return abort("no Python with pyarrow: "
                    + String.join(" ", said.subList(Math.max(0, said.size() - 3), said.size())));
        }
        return python;
    }

    private static boolean works(Path python) throws IOException, InterruptedException {
        return Files.isExecutable(python)
                && start(new ArrayList<>(), python.toString(), "-c", "import pyarrow.parquet") == 0;
    }

    static List<String> run(Path python, String script, String... args) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(
                List.of(python.toString(), Path.of("src/test/python", script).toString()));
        command.addAll(List.of(args));
        List<String> said = new ArrayList<>();
        start(said, command.toArray(String[]::new));
        return said;
    }

    private static int start(List<String> said, String... command) throws IOException, InterruptedException {
        try {
            Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
            try (var lines = p.inputReader()) {
                lines.lines().forEach(said::add);
            }
            return p.waitFor(300, TimeUnit.SECONDS) ? p.exitValue() : -1;
        } catch (IOException e) {
            said.add(e.getMessage());
            return -1;
        }
    }
}
