package org.armature.training;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.LinkedHashMap;
import java.util.Map;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Optimizer;
import org.junit.jupiter.api.Test;

/** Each optimiser's graph, three steps in double precision, against its formula written out. */
class OptimizerTest {
    private static final double RATE = 0.1;
    private static final double[] START = {1, -2, 3, 0.5};
    private static final double[][] GRADIENTS = {{0.1, 0.2, -0.3, 1}, {-0.4, 0.2, 0.6, -1}, {0.05, -2, 0.1, 0}};

    @FunctionalInterface
    private interface Formula {
        /** Changes {@code w} and the state in place. */
        void step(double[] w, double[] g, double[] a, double[] b, int t);
    }

    private static void agree(Optimizer optimizer, Map<String, ?> settings, Formula formula) {
        Config config = Config.of(settings);
        Graph.Builder b = Graph.builder("update");
        Shape shape = Shape.of(2, 2);
        Value w = b.parameter("weight", DType.DOUBLE, shape);
        Map<String, Value> slots = new LinkedHashMap<>();
        optimizer.slots(config).forEach(s -> slots.put(s, b.input(s, DType.DOUBLE, shape)));
        Optimizer.Update u = optimizer.update(
                w,
                b.input("g", DType.DOUBLE, shape),
                slots,
                b.input("rate", DType.DOUBLE, Shape.SCALAR),
                b.input("step", DType.DOUBLE, Shape.SCALAR),
                config);
        b.output("new weight", u.parameter());
        u.slots().forEach((s, v) -> b.output("new " + s, v));

        double[] expected = START.clone();
        double[] first = new double[4];
        double[] second = new double[4];
        try (Program p = new OnnxExecutor().compile(b.build())) {
            Map<String, Tensor> in = new LinkedHashMap<>();
            in.put("weight", Tensor.of(START, 2, 2));
            slots.keySet().forEach(s -> in.put(s, Tensor.zeros(DType.DOUBLE, shape)));
            in.put("rate", Tensor.of(new double[] {RATE}));
            for (int t = 1; t <= GRADIENTS.length; t++) {
                in.put("g", Tensor.of(GRADIENTS[t - 1], 2, 2));
                in.put("step", Tensor.of(new double[] {t}));
                p.run(in).forEach((name, v) -> in.put(name.substring(4), v));
                formula.step(expected, GRADIENTS[t - 1], first, second, t);
                assertArrayEquals(expected, in.get("weight").toDoubles(), 1e-6, "step " + t);
            }
        }
    }

    @Test
    void sgdWithMomentumAndDecay() {
        agree(new Sgd(), Map.of("momentum", 0.9, "weight_decay", 0.1), (w, g, m, none, t) -> {
            for (int i = 0; i < 4; i++) {
                m[i] = 0.9 * m[i] + g[i] + 0.1 * w[i];
                w[i] -= RATE * m[i];
            }
        });
    }

    @Test
    void nesterovLooksAhead() {
        agree(new Sgd(), Map.of("momentum", 0.9, "nesterov", true), (w, g, m, none, t) -> {
            for (int i = 0; i < 4; i++) {
                m[i] = 0.9 * m[i] + g[i];
                w[i] -= RATE * (g[i] + 0.9 * m[i]);
            }
        });
    }

    private static double[] adam(double[] g, double[] m, double[] v, int t, double epsilon) {
        double[] r = new double[4];
        for (int i = 0; i < 4; i++) {
            m[i] = 0.9 * m[i] + 0.1 * g[i];
            v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
            r[i] = m[i] / (1 - Math.pow(0.9, t)) / (Math.sqrt(v[i] / (1 - Math.pow(0.999, t))) + epsilon);
        }
        return r;
    }

    @Test
    void adamwDecaysBesideTheGradient() {
        agree(new AdamW(), Map.of("weight_decay", 0.1), (w, g, m, v, t) -> {
            double[] r = adam(g, m, v, t, 1e-8);
            for (int i = 0; i < 4; i++) {
                w[i] = w[i] * (1 - RATE * 0.1) - RATE * r[i];
            }
        });
    }

    @Test
    void lambScalesByTheNormOfTheTensor() {
        agree(new Lamb(), Map.of("weight_decay", 0.1), (w, g, m, v, t) -> {
            double[] r = adam(g, m, v, t, 1e-6);
            double size = 0;
            double length = 0;
            for (int i = 0; i < 4; i++) {
                r[i] += 0.1 * w[i];
                size += w[i] * w[i];
                length += r[i] * r[i];
            }
            for (int i = 0; i < 4; i++) {
                w[i] -= RATE * Math.sqrt(size / length) * r[i];
            }
        });
    }
}
