package org.armature.layers.longconv;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.Random;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LongConvTest {
    private static final int WINDOW = 5;

    /** Against sums: half the spectrum times the bell around each point, and back with its mirror image. */
    @ParameterizedTest
    @ValueSource(ints = {16, 15})
    void smoothingASpectrumAgreesWithSums(int n) {
        double[] k = new Random(1).doubles(n, -1, 1).toArray();
        Graph.Builder b = Graph.builder("smooth");
        Graph g = b.output("y", LongConv.smoothSpectrum(b.input("k", DType.FLOAT, Shape.of(1, 1, n)), WINDOW))
                .build();
        double[] want = back(smooth(spectrum(k)), n);
        try (Tensor x = Tensor.of(DType.FLOAT, Shape.of(1, 1, n), k);
                Program p = new ReferenceExecutor().compile(g);
                Tensor y = p.run(Map.of("k", x)).get("y")) {
            assertEquals(Shape.of(1, 1, n), y.shape());
            for (int i = 0; i < n; i++) {
                assertEquals(want[i], y.get(i), 1e-5, "tap " + i);
            }
        }
    }

    /** {@code [n / 2 + 1][re, im]}. */
    private static double[][] spectrum(double[] x) {
        double[][] s = new double[x.length / 2 + 1][2];
        for (int p = 0; p < s.length; p++) {
            for (int i = 0; i < x.length; i++) {
                double angle = -2 * Math.PI * i * p / x.length;
                s[p][0] += x[i] * Math.cos(angle);
                s[p][1] += x[i] * Math.sin(angle);
            }
        }
        return s;
    }

    private static double[][] smooth(double[][] s) {
        double[][] y = new double[s.length][2];
        for (int p = 0; p < s.length; p++) {
            for (int d = -(WINDOW / 2); d <= WINDOW / 2; d++) {
                for (int part = 0; part < 2 && p + d >= 0 && p + d < s.length; part++) {
                    y[p][part] += Math.exp(-0.5 * d * d) * s[p + d][part];
                }
            }
        }
        return y;
    }

    private static double[] back(double[][] s, int n) {
        double[] y = new double[n];
        for (int i = 0; i < n; i++) {
            for (int p = 0; p < n; p++) {
                double[] z = s[Math.min(p, n - p)];
                double angle = 2 * Math.PI * i * p / n;
                y[i] += (z[0] * Math.cos(angle) - (2 * p > n ? -z[1] : z[1]) * Math.sin(angle)) / n;
            }
        }
        return y;
    }
}
