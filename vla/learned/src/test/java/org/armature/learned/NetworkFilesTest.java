package org.armature.learned;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.armature.checkpoint.Json;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.compute.onnx.OnnxModelFormat;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Parameters;
import org.armature.robot.NdArray;
import org.armature.robot.PolicyEndpoint;
import org.armature.robot.PolicyFiles;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Networks that were made elsewhere, behind a JSON that says what their inputs and outputs mean. */
class NetworkFilesTest {
    private static final String POLICY = """
            {"onnx": "foreign.onnx",
             "inputs": {"pixels_and_joints": {"key": "observation/state", "mean": [1, 2, 3], "deviation": 2},
                        "text": {"key": "prompt", "vocabulary": ["left", "right"]}},
             "output": "chunk", "chunk": [2, 2], "scale": [10, 1], "offset": 0.5, "low": -8, "high": 8, "control_hz": 20}
            """;

    @TempDir
    private Path folder;

    private final OnnxExecutor executor = new OnnxExecutor();

    @AfterEach
    void close() {
        executor.close();
    }

    private PolicyFiles files() {
        return new NetworkFiles(
                id -> {
                    throw new IllegalArgumentException("there is no model '" + id + "'");
                },
                executor,
                new SafetensorsFormat(),
                new OnnxModelFormat(),
                new Json());
    }

    /** chunk = state * W + words * V, with names that are not ours. */
    @BeforeEach
    void export() throws IOException {
        Graph.Builder b = Graph.builder("foreign");
        Value state = b.input("pixels_and_joints", DType.FLOAT, Shape.named("n", 3));
        Value text = b.input("text", DType.FLOAT, Shape.named("n", 2));
        Value w = b.parameter("w", DType.FLOAT, Shape.of(3, 4));
        Value v = b.parameter("v", DType.FLOAT, Shape.of(2, 4));
        b.output("chunk", Ops.add(Ops.matMul(state, w), Ops.matMul(text, v)));
        Map<String, Tensor> weights = Map.of(
                "w", Tensor.of(new float[] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1}, 3, 4),
                "v", Tensor.of(new float[] {0, 0, 0, 3, 0, 0, 0, -3}, 2, 4));
        try (Parameters p = Parameters.of(weights)) {
            new OnnxModelFormat().write(folder.resolve("foreign.onnx"), b.build(), p);
        }
    }

    private Path json(String text) throws IOException {
        return Files.writeString(folder.resolve("policy.json"), text);
    }

    private static Map<String, Object> seen(String prompt, float... state) {
        return Map.of("observation/state", NdArray.of(state, state.length), "prompt", prompt);
    }

    private static double[] actions(PolicyEndpoint.Session s, Map<String, Object> seen) {
        return ((NdArray) s.infer(seen).get("actions")).doubles();
    }

    @Test
    void aForeignNetworkIsServed() throws IOException {
        try (PolicyFiles.Opened p = files().open(json(POLICY))) {
            assertEquals(2L, ((Number) p.metadata().get("action_horizon")).longValue());
            assertEquals(20.0, p.metadata().get("control_hz"));
            // (3 - 1) / 2 = 1, (4 - 2) / 2 = 1, (7 - 3) / 2 = 2; scale, offset, limits
            double[] a = actions(p.open(), seen("turn left!", 3, 4, 7));
            assertArrayEquals(new double[] {8, 1.5, 8, 5.5}, a, 1e-5);
            assertArrayEquals(new double[] {8, 1.5, 8, -0.5}, actions(p.open(), seen("to the right", 3, 4, 7)), 1e-5);
        }
    }

    /** Batching must not mix requests up. */
    @Test
    void manyAtOnceGetTheirOwnAnswers() throws Exception {
        try (PolicyFiles.Opened p = files().open(json(POLICY));
                ExecutorService clients = Executors.newFixedThreadPool(8)) {
            List<Callable<double[]>> calls = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                float x = i / 100f;
                calls.add(() -> actions(p.open(), seen("left", 1, 2 + 2 * x, 3)));
            }
            List<Future<double[]>> all = clients.invokeAll(calls);
            for (int i = 0; i < all.size(); i++) {
                assertEquals(i / 100f + 0.5, all.get(i).get()[1], 1e-5, "request " + i);
            }
        }
    }

    @Test
    void whatDoesNotFitIsNamed() throws IOException {
        refused(
                "\"key\": \"prompt\", \"vocabulary\": [\"left\", \"right\"]",
                "\"key\": \"prompt\", \"vocabulary\": [\"left\"]",
                "vocabulary");
        refused("\"chunk\": [2, 2]", "\"chunk\": [2, 3]", "chunk");
        refused("\"output\": \"chunk\"", "\"output\": \"chunks\"", "output");
        refused("\"mean\": [1, 2, 3]", "\"mean\": [1, 2]", "mean");
        refused("\"text\": {", "\"texts\": {", "text");
        refused("\"low\": -8", "\"lowest\": -8", "lowest");
        assertThrows(IOException.class, () -> files().open(json(POLICY.replace("foreign.onnx", "none.onnx"))));
        Files.write(folder.resolve("foreign.onnx"), new byte[] {8, 7, 6, 5, 99});
        assertThrows(IOException.class, () -> files().open(json(POLICY)));
    }

    private void refused(String what, String with, String named) throws IOException {
        assertTrue(POLICY.contains(what), what);
        Path json = json(POLICY.replace(what, with));
        String said = assertThrows(IllegalArgumentException.class, () -> files().open(json))
                .getMessage();
        assertTrue(said.contains(named) && said.contains("policy.json"), said);
    }

    @Test
    void wrongObservationsAreNamed() throws IOException {
        try (PolicyFiles.Opened p = files().open(json(POLICY))) {
            PolicyEndpoint.Session s = p.open();
            assertTrue(said(s, Map.of("prompt", "left")).contains("observation/state"));
            assertTrue(said(s, seen("left", 1, 2)).contains("observation/state"));
            assertTrue(said(s, seen("up", 1, 2, 3)).contains("prompt"));
            assertTrue(said(s, Map.of("prompt", 3L, "observation/state", NdArray.of(new float[3], 3)))
                    .contains("prompt"));
            // and it goes on
            assertEquals(4, actions(s, seen("left", 1, 2, 3)).length);
        }
    }

    private static String said(PolicyEndpoint.Session s, Map<String, Object> seen) {
        return assertThrows(IllegalArgumentException.class, () -> s.infer(seen)).getMessage();
    }

    @Test
    void wordsAreASetOfKnownOnes() {
        Words w = Words.of(List.of("drawer open", "reach"));
        assertEquals(List.of("drawer", "open", "reach"), w.vocabulary());
        assertArrayEquals(new float[] {1, 1, 0}, w.encode("prompt", "Open the DRAWER."));
        assertThrows(IllegalArgumentException.class, () -> w.encode("prompt", "sing"));
    }
}
