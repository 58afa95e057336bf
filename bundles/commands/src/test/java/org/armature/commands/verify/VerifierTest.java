package org.armature.commands.verify;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.armature.checkpoint.Json;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.compute.onnx.OnnxModelFormat;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.EntryPoint;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** The command from the outside, on cases made here. */
class VerifierTest {
    @TempDir
    Path folder;

    /** y = by * x. */
    private static final class Scale implements EntryPoint {
        @Override
        public Set<String> entries() {
            return Set.of("forward");
        }

        @Override
        public Optional<Graph> graph(Invocation inv) {
            Graph.Builder b = Graph.builder("scale");
            Value x = b.input("x", Shape.named("n"));
            return Optional.of(
                    b.output("out", mul(x, inv.config().number("by"))).build());
        }
    }

    private void golden(String name, String json, float[] in, Tensor out) throws IOException {
        Path dir = Files.createDirectories(folder.resolve("cases").resolve(name));
        Files.writeString(dir.resolve("case.json"), json);
        SafetensorsFormat f = new SafetensorsFormat();
        f.write(dir.resolve("inputs.safetensors"), Map.of("x", Tensor.of(in, in.length)), Map.of());
        f.write(dir.resolve("outputs.safetensors"), Map.of("out", out), Map.of());
    }

    private record Outcome(int code, JsonNode json) {}

    private Outcome verify() throws IOException {
        try (OnnxExecutor executor = new OnnxExecutor()) {
            StringWriter out = new StringWriter();
            int code = new CommandLine(new VerifyCommand(
                            List.of(executor),
                            List.of(Map.entry(Map.of("armature.id", "scale"), new Scale())),
                            new SafetensorsFormat(),
                            new OnnxModelFormat(),
                            new Json(),
                            null))
                    .setOut(new PrintWriter(out))
                    .execute(folder.resolve("cases").toString(), "--json");
            return new Outcome(code, new ObjectMapper().readTree(out.toString()));
        }
    }

    private static String json(String module, String entry) {
        return "{\"module\": \"" + module + "\", \"entry\": \"" + entry
                + "\", \"config\": {\"by\": 2}, \"tolerance\": {\"rtol\": 1e-5, \"atol\": 1e-6}}";
    }

    @Test
    void passIsExitCodeZero() throws IOException {
        golden("good", json("scale", "forward"), new float[] {1, 2}, Tensor.of(new float[] {2, 4}, 2));
        Outcome o = verify();
        assertEquals(0, o.code());
        assertEquals(1, o.json().get("passed").asInt());
        JsonNode c = o.json().get("cases").get(0);
        assertEquals(
                List.of("name", "module", "executor", "status", "max_abs", "max_rel", "worst", "reason"), fields(c));
        assertEquals("cases/good", c.get("name").asText());
        assertEquals("pass", c.get("status").asText());
    }

    private static List<String> fields(JsonNode n) {
        return n.properties().stream().map(Map.Entry::getKey).toList();
    }

    @Test
    void aWrongValueFailsAndNamesTheTensor() throws IOException {
        golden("bad", json("scale", "forward"), new float[] {1, 2}, Tensor.of(new float[] {2, 5}, 2));
        Outcome o = verify();
        assertEquals(1, o.code());
        JsonNode c = o.json().get("cases").get(0);
        assertEquals("fail", c.get("status").asText());
        assertEquals("out", c.get("worst").asText());
        assertEquals(1.0, c.get("max_abs").asDouble());
    }

    @Test
    void aWrongShapeFails() throws IOException {
        golden("shape", json("scale", "forward"), new float[] {1, 2}, Tensor.of(new float[] {2, 4}, 1, 2));
        assertTrue(verify().json().get("cases").get(0).get("reason").asText().contains("shape [2], not [1, 2]"));
    }

    @Test
    void whatIsNotThereIsSkippedWithItsReason() throws IOException {
        golden("module", json("nobody", "forward"), new float[] {1}, Tensor.of(new float[] {2}, 1));
        golden("entry", json("scale", "backward"), new float[] {1}, Tensor.of(new float[] {2}, 1));
        Outcome o = verify();
        assertEquals(0, o.code());
        assertEquals(2, o.json().get("skipped").asInt());
        assertTrue(o.json().get("cases").get(0).get("reason").asText().contains("no entry backward"));
        assertTrue(o.json().get("cases").get(1).get("reason").asText().contains("armature.id=nobody"));
    }

    @Test
    void nothingToVerifyIsWrongUsage() throws IOException {
        Files.createDirectories(folder.resolve("cases"));
        try (OnnxExecutor executor = new OnnxExecutor()) {
            VerifyCommand c = new VerifyCommand(
                    List.of(executor), List.of(), new SafetensorsFormat(), new OnnxModelFormat(), new Json(), null);
            StringWriter err = new StringWriter();
            CommandLine line = new CommandLine(c).setErr(new PrintWriter(err));
            assertEquals(2, line.execute(folder.resolve("cases").toString()));
            assertEquals(2, line.execute(folder.toString(), "--executor", "abacus"));
        }
    }

    @Test
    void notesMayAllowSetsAndShares() {
        Tensor want = Tensor.of(new long[] {1, 2, 3, 4}, 2, 2);
        Tensor other = Tensor.of(new long[] {3, 4, 1, 2}, 2, 2);
        Comparison sets = new Comparison(0, 0, "Compare the rows of each worker as a set.");
        sets.compare("w", want, other);
        assertEquals(CaseResult.Status.PASS, sets.result("n", "m", "e").status());
        Comparison exact = new Comparison(1, 1, "");
        exact.compare("w", want, other);
        assertEquals(CaseResult.Status.FAIL, exact.result("n", "m", "e").status());
        Comparison share =
                new Comparison(0, 0, "mask tensors: at most 25% of the entries may differ; size within 0.5.");
        share.compare("mask.a", want, Tensor.of(new long[] {1, 2, 3, 9}, 2, 2));
        share.compare("size", Tensor.scalar(1), Tensor.scalar(1.4f));
        assertEquals(CaseResult.Status.PASS, share.result("n", "m", "e").status());
    }
}
