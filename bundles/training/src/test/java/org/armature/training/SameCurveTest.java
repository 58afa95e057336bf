package org.armature.training;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.armature.compute.Executor;
import org.armature.compute.opencl.OpenClExecutor;
import org.armature.model.Config;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fashion-MNIST on both executors: the same losses, step by step. 300 steps with {@code -Darmature.long=true}. */
class SameCurveTest {
    private static final int STEPS = Boolean.getBoolean("armature.long") ? 300 : 12;

    /** Rounding, which a network in training amplifies. */
    private static final double TOLERANCE = Boolean.getBoolean("armature.long") ? 0.05 : 2e-3;

    @TempDir
    Path dir;

    @Test
    void bothExecutorsDescendTheSameWay() throws IOException {
        assumeTrue(Files.isDirectory(Path.of("/usr/share/datasets/fashion-mnist")), "no Fashion-MNIST here");
        Bench bench = new Bench();
        try (OpenClExecutor opencl = new OpenClExecutor("", "", dir.resolve("cache"))) {
            assumeFalse(opencl.devices().isEmpty(), "no OpenCL device: install pocl-opencl-icd");
            List<Double> want = losses(bench, bench.executor, dir.resolve("onnx"));
            List<Double> have = losses(bench, opencl, dir.resolve("opencl"));
            assertFalse(want.isEmpty(), "no losses were written");
            assertEquals(want.size(), have.size());
            for (int i = 0; i < want.size(); i++) {
                assertEquals(want.get(i), have.get(i), TOLERANCE * Math.abs(want.get(i)), "loss number " + (i + 1));
            }
        }
    }

    private static List<Double> losses(Bench bench, Executor executor, Path run) throws IOException {
        Files.createDirectories(run);
        Map<String, Object> config = Bench.config(Map.of(
                "dataset",
                Map.of("type", "fashion-mnist"),
                "batch",
                64,
                "steps",
                STEPS,
                "checkpoint_every",
                STEPS,
                "model",
                Map.of(
                        "input", List.of(1, 28, 28),
                        "layers",
                                List.of(
                                        Map.of("type", "conv", "channels", 8, "padding", 1),
                                        Map.of("type", "max-pool"),
                                        Map.of("type", "relu"),
                                        Map.of("type", "conv", "channels", 16, "padding", 1),
                                        Map.of("type", "batch-norm"),
                                        Map.of("type", "max-pool"),
                                        Map.of("type", "relu"),
                                        Map.of("type", "flatten"),
                                        Map.of("type", "linear", "features", 10, "name", "head")))));
        new GradientTrainer(bench, executor, bench.format).train(Config.of(config), run, false, p -> {}, () -> false);
        List<Double> losses = new ArrayList<>();
        for (String line : Files.readAllLines(run.resolve(Curves.FILE))) {
            String[] cells = line.split(",");
            if (cells[1].equals("loss")) {
                losses.add(Double.valueOf(cells[2]));
            }
        }
        return losses;
    }
}
