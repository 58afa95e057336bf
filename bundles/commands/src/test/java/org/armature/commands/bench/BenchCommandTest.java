package org.armature.commands.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.PrintWriter;
import java.io.StringReader;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.Graph;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class BenchCommandTest {
    private static int run(StringWriter out, String... args) {
        try (OnnxExecutor executor = new OnnxExecutor()) {
            return new CommandLine(new BenchCommand(List.of(executor), null, null))
                    .setOut(new PrintWriter(out))
                    .setErr(new PrintWriter(out))
                    .execute(args);
        }
    }

    @Test
    void printsOneObjectWithWhatWasMeasured() throws Exception {
        StringWriter out = new StringWriter();
        assertEquals(0, run(out, "policy-mlp-infer", "--json", "--runs", "2", "--threads", "1"));
        JsonNode m = new ObjectMapper().readTree(out.toString());
        assertEquals("policy-mlp-infer", m.get("workload").textValue());
        assertTrue(0 < m.get("min_ms").doubleValue()
                && m.get("min_ms").doubleValue() <= m.get("median_ms").doubleValue());
        assertEquals(0.0002, m.get("gflop").doubleValue());
        assertEquals("onnx", m.get("executor").textValue());
        assertEquals("cpu", m.get("device").textValue());
        assertEquals(1, m.get("threads").intValue());
        assertEquals("forward", m.get("measures").textValue());
    }

    @Test
    void runsOnceForEachLine() throws Exception {
        StringWriter out = new StringWriter();
        Workload policy = Workload.ALL.stream()
                .filter(w -> w.name().equals("policy-mlp-infer"))
                .findFirst()
                .orElseThrow();
        try (OnnxExecutor executor = new OnnxExecutor()) {
            BufferedReader turns = new BufferedReader(new StringReader("\n\n\n"));
            Measurement.paced(policy, executor, null, 1, 1, turns, new PrintWriter(out));
        }
        List<String> lines = out.toString().lines().toList();
        assertEquals("ready", lines.getFirst());
        assertEquals(4, lines.size());
        lines.stream().skip(1).forEach(l -> assertTrue(Double.parseDouble(l) > 0));
        assertEquals(2, run(new StringWriter(), "--paced"));
    }

    @Test
    void namesWhatIsKnown() {
        StringWriter out = new StringWriter();
        assertEquals(2, run(out, "resnet"));
        assertTrue(out.toString().contains("resnet-block-train"));
        assertEquals(2, run(new StringWriter(), "--executor", "nothing"));
        StringWriter all = new StringWriter();
        assertEquals(0, run(all, "--list"));
        assertEquals(Workload.ALL.size(), all.toString().lines().count());
    }

    /** Parameter names and counts are those of the PyTorch modules. */
    @Test
    void modelsHaveThePeersParameters() {
        Map<String, Long> counts = Workload.ALL.stream()
                .collect(Collectors.toMap(
                        Workload::name,
                        w -> w.graph().parameters().stream()
                                .mapToLong(p -> p.shape().size())
                                .sum()));
        assertEquals(1_774_464L, counts.get("vit-block-train"));
        assertEquals(7_087_872L, counts.get("gpt2-block-train"));
        assertEquals(64 * 64 * 9 + 64L, counts.get("conv3x3-train"));
        assertEquals(39 * 256 + 256 + 256 * 256 + 256 + 256 * 20 + 20L, counts.get("policy-mlp-infer"));
        Graph vit = Workload.ALL.getFirst().graph();
        assertTrue(vit.parameters().stream().anyMatch(p -> p.name().equals("attn.qkv.weight")));
        Workload.ALL.forEach(w -> assertTrue(w.graph().output("y").shape().isStatic(), w.name()));
    }

    @Test
    void workloadsAreThePeers() throws Exception {
        Path peer = Path.of(System.getProperty("armature.shared", "none"), "peers", "torch_bench.py");
        assumeTrue(Files.exists(peer), "the shared folder with the PyTorch side is not here");
        List<String> names = Pattern.compile("^    \"([a-z0-9-]+)\": \\(", Pattern.MULTILINE)
                .matcher(Files.readString(peer))
                .results()
                .map(r -> r.group(1))
                .sorted()
                .toList();
        assertEquals(names, Workload.ALL.stream().map(Workload::name).sorted().toList());
    }
}
