package org.armature.autodiff;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.Function;
import org.armature.compute.Executor;
import org.armature.compute.GradientRequest;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Value;
import org.junit.jupiter.api.Test;

/** ONNX Runtime has a float32 kernel for everything gradient graphs are made of, and computes the same. */
class OnnxRuntimeAgreementTest {
    /** Graphs that ONNX Runtime cannot run forward: no kernel in the CPU package. */
    private static final List<String> NO_FORWARD_KERNEL = List.of("BatchNormalization training", "RMSNormalization");

    @Test
    void everyGradientGraphRunsOnOnnxRuntime() {
        List<String> failures = new ArrayList<>();
        try (OnnxExecutor onnx = new OnnxExecutor()) {
            Cases.ALL.forEach((name, build) -> {
                if (NO_FORWARD_KERNEL.contains(name)) {
                    return;
                }
                for (long seed = 1; seed <= 2; seed++) {
                    try {
                        compare(onnx, name, build, seed);
                    } catch (AssertionError | RuntimeException e) {
                        failures.add(name + " (seed " + seed + "): " + e);
                    }
                }
            });
        }
        assertEquals(List.of(), failures, () -> String.join("\n", failures));
    }

    private static void compare(Executor onnx, String name, Function<Draw, Value> build, long seed) {
        Draw d = new Draw(name, DType.FLOAT, seed);
        Graph g = d.graph(build.apply(d));
        List<String> wrt = List.copyOf(d.numbers.keySet());
        Graph gradient = FiniteDifferences.GRADIENTS.gradients(g, GradientRequest.of(g, List.of("y"), wrt));
        Map<String, Tensor> in = new LinkedHashMap<>(d.numbers);
        Random random = new Random(seed);
        for (Value v : gradient.inputs()) {
            in.computeIfAbsent(
                    v.name(),
                    k -> Tensor.of(
                            v.dtype(),
                            v.shape(),
                            random.doubles(v.shape().size()).toArray()));
        }
        Map<String, Tensor> expected = FiniteDifferences.run(gradient, in);
        try (Program p = onnx.compile(gradient)) {
            Map<String, Tensor> found = p.run(in);
            expected.forEach((k, e) -> {
                double[] a = e.toDoubles();
                double[] b = found.get(k).toDoubles();
                for (int i = 0; i < a.length; i++) {
                    assertEquals(a[i], b[i], 2e-4 * Math.max(1, Math.abs(a[i])), k + " of\n" + gradient);
                }
            });
            found.values().forEach(Tensor::close);
        }
    }
}
