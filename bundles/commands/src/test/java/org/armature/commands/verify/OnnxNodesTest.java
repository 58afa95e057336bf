package org.armature.commands.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.armature.checkpoint.Json;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.commands.verify.CaseResult.Status;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.compute.onnx.OnnxModelFormat;
import org.junit.jupiter.api.Test;

/** The ONNX project's node tests on the executor {@code onnx}. */
class OnnxNodesTest {
    @Test
    void atLeast96PercentPassAndTheRestIsNamedWithItsReason() throws IOException {
        Path nodes = Path.of(System.getProperty("armature.shared", "../shared"), "goldens", "onnx-nodes");
        assumeTrue(Files.isDirectory(nodes), nodes + " is not there: set -Darmature.shared");
        Verifier verifier = new Verifier(List.of(), new SafetensorsFormat(), new OnnxModelFormat(), new Json(), null);
        KnownLimits limits = new KnownLimits();
        List<Path> cases = Verifier.cases(nodes);
        try (OnnxExecutor executor = new OnnxExecutor()) {
            List<CaseResult> all = cases.stream()
                    .map(c -> verifier.verify(c, executor))
                    .map(limits::explain)
                    .toList();
            List<CaseResult> rest =
                    all.stream().filter(r -> r.status() != Status.PASS).toList();
            String why = rest.stream().map(CaseResult::line).collect(Collectors.joining("\n"));
            System.out.println(rest.size() + " of " + cases.size() + " node tests do not pass:\n" + why);
            assertTrue(rest.size() <= 0.04 * cases.size(), why);
            List<String> named = limits.reasons().keySet().stream()
                    .filter(k -> k.startsWith("onnx/"))
                    .sorted()
                    .toList();
            List<String> seen = rest.stream().map(KnownLimits::key).sorted().toList();
            assertEquals(named, seen, "the table of known limits names exactly what does not pass");
        }
    }
}
