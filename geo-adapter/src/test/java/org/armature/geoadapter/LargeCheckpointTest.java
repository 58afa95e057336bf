package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.CompileOptions;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Checkpoint;
import org.armature.model.Config;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/** A checkpoint of the official layout (1.2 billion parameters, 4.9 GB), opened and run in a process of its own. */
@EnabledIfSystemProperty(named = "armature.long", matches = "true", disabledReason = "writes 4.9 GB: -Darmature.long=true")
class LargeCheckpointTest {
    private static Graph network() {
        Map<String, Object> call = Map.of("camera_gt_index", List.of(0), "depth_gt_index", List.of(0));
        Map<String, Object> config = Map.of("input", Map.of("height", 28, "width", 28), "call", call);
        return new OmniVggt().create(Config.of(config)).graph("omnivggt");
    }

    private static void write(Path file) throws IOException {
        Graph g = network();
        long largest = g.parameters().stream().mapToLong(v -> v.shape().size()).max().orElseThrow();
        try (Tensor noise = Tensor.zeros(DType.FLOAT, Shape.of(largest + 4096))) {
            Random random = new Random(1);
            for (long i = 0; i < noise.size(); i++) {
                noise.set(i, 0.02f * random.nextFloat());
            }
            Map<String, Tensor> all = new LinkedHashMap<>();
            for (Value v : g.parameters()) {
                // Every tensor a window of the same noise: what is written is 4.9 GB, what is held is the largest tensor.
                long from = random.nextInt(4096) * 4L;
                all.put(
                        v.name(),
                        Tensor.wrap(v.dtype(), v.shape(), noise.data().asSlice(from, v.shape().size() * 4), noise));
            }
            new SafetensorsFormat().write(file, all, Map.of("format", "pt"));
        }
    }

    @Test
    void opensInASecondAndReachesTheExecutorWithoutACopy(@TempDir Path dir) throws Exception {
        Path file = dir.resolve("omnivggt.safetensors");
        write(file);
        long size = Files.size(file);
        assertTrue(size > 4L * 1_217_494_552, size + " bytes");
        Process p = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElse("java"),
                        "-Xmx512m",
                        "-XX:+UseSerialGC",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                        Loading.class.getName(),
                        file.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String said = new String(p.getInputStream().readAllBytes());
        assertEquals(0, p.waitFor(), said);
        Map<String, Double> figures = new HashMap<>();
        said.lines().map(l -> l.split(" ")).forEach(f -> figures.put(f[0], Double.valueOf(f[1])));
        System.out.println("file " + size + " bytes\n" + said);
        assertTrue(figures.get("peak_resident_bytes") <= 1.2 * size, said);
        assertTrue(figures.get("peak_anonymous_bytes") <= 0.2 * size, said);
        assertEquals(1, figures.get("finite"), said);
    }

    /** Opens the checkpoint, binds its tensors to a compiled network, runs it once and says what that took. */
    static final class Loading {
        private static volatile long anonymous;

        private Loading() {}

        private static long status(String key) throws IOException {
            return Files.readAllLines(Path.of("/proc/self/status")).stream()
                    .filter(l -> l.startsWith(key + ":"))
                    .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) * 1024)
                    .findFirst()
                    .orElse(-1);
        }

        private static void say(String key, double value) {
            System.out.println(String.format(Locale.ROOT, "%s %.3f", key, value));
        }

        private static void watch() {
            while (true) {
                try {
                    anonymous = Math.max(anonymous, status("RssAnon"));
                    Thread.sleep(5);
                } catch (IOException | InterruptedException e) {
                    return;
                }
            }
        }

        public static void main(String[] args) throws IOException {
            Thread.ofPlatform().daemon().start(Loading::watch);
            Graph g = network();
            long began = System.nanoTime();
            try (Checkpoint c = new SafetensorsFormat().open(Path.of(args[0]))) {
                Map<String, Tensor> in = new LinkedHashMap<>(c.forGraph(g));
                say("open_seconds", (System.nanoTime() - began) / 1e9);
                g.inputs().forEach(v -> in.put(v.name(), Tensor.zeros(v.type())));
                began = System.nanoTime();
                try (OnnxExecutor executor = new OnnxExecutor();
                        Program program = executor.compile(g, CompileOptions.DEFAULT)) {
                    say("compile_seconds", (System.nanoTime() - began) / 1e9);
                    began = System.nanoTime();
                    Map<String, Tensor> out = program.run(in);
                    say("first_run_seconds", (System.nanoTime() - began) / 1e9);
                    boolean finite = out.values().stream()
                            .filter(t -> t.dtype().isFloating())
                            .allMatch(t -> {
                                for (long i = 0; i < t.size(); i++) {
                                    if (!Double.isFinite(t.get(i))) {
                                        return false;
                                    }
                                }
                                return true;
                            });
                    say("finite", finite ? 1 : 0);
                }
            }
            say("peak_resident_bytes", status("VmHWM"));
            say("peak_anonymous_bytes", anonymous);
        }
    }
}
