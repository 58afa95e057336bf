package org.armature.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.armature.checkpoint.Json;
import org.armature.train.Progress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class TrainCommandTest {
    private static final String CONFIG = """
            {"dataset": {"type": "corners"}, "steps": 12, "batch": 16, "threads": 1,
             "model": {"type": "sequential", "input": [1, 8, 8],
                       "layers": [{"type": "flatten"}, {"type": "linear", "features": 4}]}}""";

    @TempDir
    Path dir;

    private final List<Progress> heard = new ArrayList<>();
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... args) {
        CommandLine c = new CommandLine(new TrainCommand(new Bench().trainer(), new Json(), List.of(heard::add)));
        return c.setOut(new PrintWriter(out)).setErr(new PrintWriter(err)).execute(args);
    }

    private String config(String json) throws IOException {
        return Files.writeString(dir.resolve("c.json"), json).toString();
    }

    @Test
    void trainsAndTellsInOneObject() throws IOException {
        assertEquals(
                0, run(config(CONFIG), "--json", "--run", dir.resolve("run").toString()));
        assertTrue(
                out.toString().startsWith("{\"finished\": true, \"step\": 12, \"results\": {\"accuracy\": "),
                out.toString());
        assertEquals(12, heard.getLast().step());
        assertTrue(Files.exists(dir.resolve("run/model.safetensors")));
    }

    @Test
    void whatIsWrongIsOneSentenceAndAnExitCode() throws IOException {
        assertEquals(2, run(config(CONFIG.replace("steps", "stebs"))));
        assertTrue(err.toString().contains("did you mean steps?"), err.toString());
        assertFalse(err.toString().contains("\tat "));
        assertEquals(1, run(dir.resolve("absent.json").toString()));
        assertTrue(err.toString().contains("absent.json"));
        assertEquals(2, run());
    }
}
