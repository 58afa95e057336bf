package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.armature.checkpoint.Json;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.CompileOptions;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.model.CheckpointFormat;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** How long the demo model computes on one pair of frames of the simulated robot's size, printed: processor time of one thread. */
@EnabledIfSystemProperty(named = "armature.long", matches = "true")
class FrameRateTest {
    private static final int RUNS = Integer.getInteger("armature.runs", 60);

    @Test
    void processorTimeOfAnEstimate() throws Exception {
        CheckpointFormat format = new SafetensorsFormat();
        var folder = java.nio.file.Path.of(
                LiveGeometry.class.getResource("/demo/model.safetensors").toURI());
        try (OnnxExecutor executor = new OnnxExecutor();
                Estimator e = Estimator.open(
                        folder.getParent(), new Json(), format, executor, CompileOptions.DEFAULT.withThreads(1))) {
            Map<String, Long> cpu = new HashMap<>();
            for (boolean all : new boolean[] {true, false}) {
                List<CameraFrame> frames = List.of(frame("front", all), frame("wrist", all));
                for (int i = 0; i < RUNS; i++) {
                    assertEquals(2, e.look(frames).estimate(true).views().size());
                }
                long began = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
                for (int i = 0; i < RUNS; i++) {
                    e.look(frames).estimate(true);
                }
                cpu.put(
                        all ? "with depth and cameras" : "images",
                        (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - began) / RUNS);
            }
            cpu.forEach((what, nanos) ->
                    System.out.printf("%s: %.1f ms of one core a pair of frames%n", what, nanos / 1e6));
        }
    }

    private static CameraFrame frame(String name, boolean all) {
        byte[] rgb = new byte[3 * 160 * 120];
        new Random(1).nextBytes(rgb);
        float[] depth = new float[160 * 120];
        java.util.Arrays.fill(depth, 1);
        return new CameraFrame(
                name,
                1,
                160,
                120,
                rgb,
                all ? depth : null,
                all ? new Intrinsics(150, 150, 80, 60) : null,
                all ? Pose.identity() : null);
    }
}
