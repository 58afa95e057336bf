package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.armature.checkpoint.Json;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.CompileOptions;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.model.Checkpoint;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EstimatorTest {
    @TempDir
    Path dir;

    private final SafetensorsFormat format = new SafetensorsFormat();

    /** The demo with some of its weights, and with the tracker's that VGGT has. */
    private Estimator demoWith(Predicate<String> kept, OnnxExecutor executor) throws Exception {
        Path demo = Path.of(
                LiveGeometry.class.getResource("/demo/model.safetensors").toURI());
        try (Checkpoint c = format.open(demo);
                Tensor tracker = Tensor.zeros(DType.FLOAT, Shape.of(3))) {
            Map<String, Tensor> some = new LinkedHashMap<>();
            c.names().stream().filter(kept).forEach(n -> some.put(n, c.get(n)));
            some.put("track_head.weight", tracker);
            format.write(dir.resolve("model.safetensors"), some, Map.of());
        }
        Files.copy(demo.resolveSibling("config.json"), dir.resolve("config.json"));
        return Estimator.open(dir, new Json(), format, executor, CompileOptions.DEFAULT.withThreads(1));
    }

    private static Map<String, Tensor> scene() {
        Map<String, Tensor> in = new LinkedHashMap<>();
        in.put("images", Tensor.zeros(DType.FLOAT, Shape.of(1, 1, 3, 48, 64)));
        in.put("depth", Tensor.zeros(DType.FLOAT, Shape.of(1, 1, 48, 64, 1)));
        in.put("mask", Tensor.zeros(DType.FLOAT, Shape.of(1, 1, 48, 64)));
        for (int i = 0; i < 48 * 64; i++) {
            in.get("depth").set(i, 1 + i % 64 / 64.0);
            in.get("mask").set(i, 1);
        }
        return in;
    }

    @Test
    void aCheckpointOfVggtRunsAndItsAbsentAdaptersInjectNothing() throws Exception {
        Map<String, Tensor> in = scene();
        try (OnnxExecutor executor = new OnnxExecutor();
                Estimator e = demoWith(
                        n -> !n.contains("adapters") && !n.contains("pose_embeddings") && !n.contains("depth_p"),
                        executor)) {
            String said = e.remarks().getFirst();
            assertTrue(said.contains("has 1 weights, track_head.weight, that config.json does not describe"), said);
            float[] images = e.run(in, 1, Modalities.RGB).depth(0);
            float[] depth =
                    e.run(in, 1, new Modalities(new int[0], new int[] {0})).depth(0);
            assertArrayEquals(images, depth, 1e-5f);
            assertEquals(2, e.remarks().size(), "told once");
            assertTrue(e.remarks().get(1).contains("has no adapters, as one of VGGT: they are taken as zero"));
        }
        in.values().forEach(Tensor::close);
    }

    @Test
    void missingWeightsAreCountedAndNamed() throws Exception {
        Map<String, Tensor> in = scene();
        try (OnnxExecutor executor = new OnnxExecutor();
                Estimator e = demoWith(n -> !n.startsWith("camera_head"), executor)) {
            String said = assertThrows(IllegalArgumentException.class, () -> e.run(in, 1, Modalities.RGB))
                    .getMessage();
            assertTrue(said.contains("lacks") && said.contains("camera_head.token_norm.weight, "), said);
            assertTrue(said.endsWith(", ...: config.json describes another model"), said);
        }
        in.values().forEach(Tensor::close);
    }
}
