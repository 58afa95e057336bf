package org.armature.commands.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.armature.checkpoint.Json;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.commands.verify.CaseResult.Status;
import org.armature.compute.Executor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.compute.onnx.OnnxModelFormat;
import org.armature.compute.opencl.OpenClExecutor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The ONNX project's node tests on both executors. */
class OnnxNodesTest {
    @TempDir
    private static Path cache;

    @Test
    void atLeast96PercentPassOnOnnxAndTheRestIsNamedWithItsReason() throws IOException {
        try (OnnxExecutor executor = new OnnxExecutor()) {
            check(executor, 0.04);
        }
    }

    @Test
    void atLeast95PercentPassOnOpenClAndTheRestIsNamedWithItsReason() throws IOException {
        try (OpenClExecutor executor = new OpenClExecutor("", "", cache)) {
            assumeFalse(executor.devices().isEmpty(), "no OpenCL device: install pocl-opencl-icd");
            check(executor, 0.05);
        }
    }

    private static void check(Executor executor, double most) throws IOException {
        Path nodes = Path.of(System.getProperty("armature.shared", "../shared"), "goldens", "onnx-nodes");
        assumeTrue(Files.isDirectory(nodes), nodes + " is not there: set -Darmature.shared");
        Verifier verifier = new Verifier(List.of(), new SafetensorsFormat(), new OnnxModelFormat(), new Json(), null);
        KnownLimits limits = new KnownLimits();
        List<Path> cases = Verifier.cases(nodes);
        List<CaseResult> rest = cases.stream()
                .map(c -> verifier.verify(c, executor))
                .map(limits::explain)
                .filter(r -> r.status() != Status.PASS)
                .toList();
        String why = rest.stream().map(CaseResult::line).collect(Collectors.joining("\n"));
        System.out.println(
                rest.size() + " of " + cases.size() + " node tests do not pass on " + executor.id() + ":\n" + why);
        assertTrue(rest.size() <= most * cases.size(), why);
        List<String> named = limits.reasons().keySet().stream()
                .filter(k -> k.startsWith(executor.id() + "/"))
                .sorted()
                .toList();
        List<String> seen = rest.stream().map(KnownLimits::key).sorted().toList();
        assertEquals(named, seen, "the table of known limits names exactly what does not pass");
    }
}
