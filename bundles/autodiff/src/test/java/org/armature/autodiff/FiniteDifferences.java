package org.armature.autodiff;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.armature.compute.Executor;
import org.armature.compute.GradientRequest;
import org.armature.compute.Gradients;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Value;

/** Compares derivatives with central differences along random directions, in float64. */
final class FiniteDifferences {
    private static final double STEP = 1e-5;
    private static final Executor EXECUTOR = new ReferenceExecutor();
    static final Gradients GRADIENTS = new ReverseMode();

    private FiniteDifferences() {}

    /** Checks a graph in double, and with {@code order} 2 the gradient graph in turn. */
    static void check(Graph graph, Map<String, Tensor> numbers, long seed, int order) {
        List<String> wrt = numbers.keySet().stream()
                .filter(n -> graph.source(n).orElseThrow().dtype().isFloating())
                .toList();
        List<String> of = graph.outputs().entrySet().stream()
                .filter(e -> e.getValue().dtype().isFloating())
                .map(Map.Entry::getKey)
                .toList();
        GradientRequest request = new GradientRequest(of, wrt, List.of(), List.of(), 0);
        Graph gradient = GRADIENTS.gradients(graph, request);
        Random random = new Random(seed);
        Map<String, Tensor> all = new LinkedHashMap<>(numbers);
        for (Value v : gradient.inputs()) {
            all.computeIfAbsent(v.name(), k -> normal(v, random));
        }
        Map<String, Tensor> derivatives = run(gradient, all);
        for (int direction = 0; direction < 2; direction++) {
            Map<String, double[]> d = new HashMap<>();
            double expected = 0;
            for (String name : wrt) {
                d.put(name, normal(graph.source(name).orElseThrow(), random).toDoubles());
                expected += dot(derivatives.get(GradientRequest.GRADIENT + name).toDoubles(), d.get(name));
            }
            double up = weighed(run(graph, moved(all, d, STEP)), all, of);
            double down = weighed(run(graph, moved(all, d, -STEP)), all, of);
            double found = (up - down) / (2 * STEP);
            double scale = Math.max(1, Math.max(Math.abs(found), (Math.abs(up) + Math.abs(down)) * 1e-2));
            assertEquals(found, expected, 2e-6 * scale, () -> "order " + order + " of\n" + graph + "\nis\n" + gradient);
        }
        if (order > 1) {
            check(gradient, all, seed + 1, order - 1);
        }
    }

    static Map<String, Tensor> run(Graph g, Map<String, Tensor> numbers) {
        try (Program p = EXECUTOR.compile(g)) {
            return p.run(numbers);
        }
    }

    private static Tensor normal(Value v, Random random) {
        return Tensor.of(
                v.dtype(),
                v.shape(),
                random.doubles(v.shape().size()).map(x -> 2 * x - 1).toArray());
    }

    private static Map<String, Tensor> moved(Map<String, Tensor> from, Map<String, double[]> direction, double step) {
        Map<String, Tensor> to = new HashMap<>(from);
        direction.forEach((name, d) -> {
            double[] v = from.get(name).toDoubles();
            for (int i = 0; i < v.length; i++) {
                v[i] += step * d[i];
            }
            to.put(name, Tensor.of(from.get(name).dtype(), from.get(name).shape(), v));
        });
        return to;
    }

    private static double weighed(Map<String, Tensor> outputs, Map<String, Tensor> cotangents, List<String> of) {
        List<Double> sums = new ArrayList<>();
        for (String name : of) {
            sums.add(dot(
                    outputs.get(name).toDoubles(),
                    cotangents.get(GradientRequest.COTANGENT + name).toDoubles()));
        }
        return sums.stream().mapToDouble(d -> d).sum();
    }

    private static double dot(double[] a, double[] b) {
        double s = 0;
        for (int i = 0; i < a.length; i++) {
            s += a[i] * b[i];
        }
        return s;
    }
}
