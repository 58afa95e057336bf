package org.armature.layers;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FourierTest {
    private final Random random = new Random(1);

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 9, 16})
    void signalsComeBackFromHalfTheirSpectrum(int n) {
        double[] x = random.doubles(n, -1, 1).toArray();
        Graph.Builder b = Graph.builder("back");
        Value spectrum = Fourier.spectrum(b.input("x", DType.DOUBLE, Shape.of(n)), n);
        assertEquals(Shape.of(n / 2 + 1, 2), spectrum.shape());
        Graph g = b.output("y", Fourier.signal(spectrum, n)).build();
        assertArrayEquals(x, run(g, Map.of("x", x)), 1e-12);
    }

    /** Linear, with taps that wrap to negative lags, with more taps than the period has. */
    @ParameterizedTest
    @CsvSource({"8, 8, 16", "7, 5, 14", "9, 18, 18", "5, 12, 9", "1, 1, 1"})
    void convolutionsAgreeWithSumsOverThePeriod(int length, int taps, int n) {
        double[] u = random.doubles(length, -1, 1).toArray();
        double[] k = random.doubles(taps, -1, 1).toArray();
        double[] y = new double[n];
        for (int i = 0; i < length; i++) {
            for (int j = 0; j < Math.min(taps, n); j++) {
                y[(i + j) % n] += u[i] * k[j];
            }
        }
        Graph.Builder b = Graph.builder("convolution");
        Value x = b.input("u", DType.DOUBLE, Shape.of(length));
        Graph g = b.output("y", Fourier.convolve(x, b.input("k", DType.DOUBLE, Shape.of(taps)), n))
                .build();
        assertArrayEquals(Arrays.copyOf(y, length), run(g, Map.of("u", u, "k", k)), 1e-12);
    }

    @Test
    void halvesOfATwoSidedKernelActOnThePastAndTheFuture() {
        Graph.Builder b = Graph.builder("twoSided");
        Graph g = b.output("y", Fourier.twoSided(b.input("k", DType.DOUBLE, Shape.of(2, 1, 3)), 1, 3))
                .build();
        assertArrayEquals(new double[] {1, 2, 3, 6, 5, 4}, run(g, Map.of("k", new double[] {1, 2, 3, 4, 5, 6})), 0);
    }

    private static double[] run(Graph g, Map<String, double[]> in) {
        Map<String, Tensor> given = g.inputs().stream()
                .collect(Collectors.toMap(Value::name, v -> Tensor.of(v.dtype(), v.shape(), in.get(v.name()))));
        try (Program p = new ReferenceExecutor().compile(g)) {
            return p.run(given).get("y").toDoubles();
        }
    }
}
