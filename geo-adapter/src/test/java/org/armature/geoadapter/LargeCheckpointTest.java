package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.CompileOptions;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/** The official model's checkpoint at its full size, 1.2 billion parameters, 4.9 GB, with random weights. */
@EnabledIfSystemProperty(named = "armature.long", matches = "true")
class LargeCheckpointTest {
    private static final int BLOCK = 1 << 20;

    private static Graph official() {
        Map<String, Object> call = Map.of("camera_gt_index", List.of(0), "depth_gt_index", List.of(0));
        return new OmniVggt()
                .create(Config.of(Map.of("input", Map.of("height", 28, "width", 28), "call", call)))
                .graph("omnivggt");
    }

    @Test
    void everyWeightReachesTheExecutorWithinTheFilesOwnSizeInMemory(@TempDir Path dir) throws Exception {
        Path file = dir.resolve("model.safetensors");
        write(file);
        long size = Files.size(file);
        Process p = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElse("java"),
                        "-XX:+UseSerialGC",
                        "-Xmx512m",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        LargeCheckpointTest.class.getName(),
                        file.toString())
                .redirectErrorStream(true)
                .redirectOutput(dir.resolve("out").toFile())
                .start();
        boolean ended = p.waitFor(15, TimeUnit.MINUTES);
        p.destroyForcibly();
        String out = Files.readString(dir.resolve("out"), StandardCharsets.UTF_8);
        System.out.print(out);
        assertTrue(ended && p.exitValue() == 0, out);
        long peak = Long.parseLong(out.lines()
                .filter(l -> l.startsWith("peak "))
                .findFirst()
                .orElseThrow()
                .replaceAll("\\D", ""));
        System.out.printf("file %d bytes, peak memory %d bytes: %.3f of it%n", size, peak, peak / (double) size);
        assertTrue(peak <= 1.2 * size, peak + " bytes for a file of " + size);
    }

    private static void write(Path file) throws IOException {
        Map<String, TensorType> types = new LinkedHashMap<>();
        official().parameters().forEach(v -> types.put(v.name(), v.type()));
        SplittableRandom random = new SplittableRandom(1);
        float[] values = new float[BLOCK];
        for (int i = 0; i < BLOCK; i++) {
            values[i] = (float) (random.nextDouble() - 0.5) * 0.05f;
        }
        MemorySegment block = MemorySegment.ofArray(values);
        try (CheckpointFormat.Draft draft = new SafetensorsFormat().create(file, types, Map.of())) {
            for (String name : types.keySet()) {
                MemorySegment to = draft.get(name).data();
                for (long at = 0; at < to.byteSize(); at += block.byteSize()) {
                    long n = Math.min(block.byteSize(), to.byteSize() - at);
                    MemorySegment.copy(block, 0, to, at, n);
                }
            }
            draft.commit();
        }
    }

    /** Opens the file, runs the model on one small image with everything given, and says what that took. */
    public static void main(String[] args) throws IOException {
        CheckpointFormat format = new SafetensorsFormat();
        long start = System.nanoTime();
        try (Checkpoint weights = format.open(Path.of(args[0]))) {
            System.out.printf("open %.3f s%n", (System.nanoTime() - start) / 1e9);
            Graph graph = official();
            Map<String, Shape> shapes = new LinkedHashMap<>();
            Map<String, DType> dtypes = new LinkedHashMap<>();
            graph.inputs().forEach(v -> {
                shapes.put(v.name(), ones(v.shape()));
                dtypes.put(v.name(), v.dtype());
            });
            Map<String, Tensor> given = new LinkedHashMap<>(weights.forGraph(graph));
            assertEquals(weights.names().size(), given.size());
            shapes.forEach((name, s) -> given.put(name, Tensor.zeros(dtypes.get(name), s)));
            try (OnnxExecutor executor = new OnnxExecutor();
                    Program p = executor.compile(graph.bindTo(shapes), CompileOptions.DEFAULT)) {
                Map<String, Tensor> outputs = p.run(given);
                System.out.printf(
                        "ran %d parameters, outputs %s, after %.1f s%n",
                        graph.parameters().stream()
                                .mapToLong(v -> v.shape().size())
                                .sum(),
                        outputs.keySet(),
                        (System.nanoTime() - start) / 1e9);
                outputs.values().forEach(Tensor::close);
            }
        }
        System.out.printf("peak %d bytes%n", peak());
    }

    private static Shape ones(Shape s) {
        return Shape.of(
                s.dims().stream().mapToLong(d -> d.isKnown() ? d.size() : 1).toArray());
    }

    private static long peak() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(l -> l.startsWith("VmHWM"))
                .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) << 10)
                .findFirst()
                .orElseThrow();
    }
}
