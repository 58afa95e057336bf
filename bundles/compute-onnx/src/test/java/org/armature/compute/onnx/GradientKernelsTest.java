package org.armature.compute.onnx;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.CompileOptions;
import org.armature.compute.CompileOptions.Optimization;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Op;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.train.Draw;
import org.junit.jupiter.api.Test;

class GradientKernelsTest {
    private static final int ROWS = 300;

    /**
     * What a gradient graph has: both shapes of {@code A' B}, a normalisation with its moments, the slope of ReLU, GELU
     * beside its own. */
    private static Graph graph() {
        Graph.Builder b = Graph.builder("parts");
        Value x = b.input("x", Shape.of(ROWS, 40));
        Value w = b.input("w", Shape.of(ROWS, 96));
        Value scale = b.input("scale", Shape.of(40));
        b.output("narrow-first", gemm(x, w, Value.none(), 1, 1, true, false));
        b.output("narrow-last", gemm(w, x, Value.none(), 1, 1, true, false));
        List<Value> y = b.node(Op.of("LayerNormalization"), List.of(x, scale, scale), attributes("axis", -1L), 3);
        b.output("normalised", y.get(0)).output("mean", y.get(1)).output("inverse", y.get(2));
        Value zero = b.constant(Constant.of(DType.FLOAT, Shape.SCALAR, new double[] {0}));
        b.output("relu-slope", where(greater(relu(x), zero), mul(x, 2.0), zero));
        b.output("large", layerNormalization(matMul(w, transpose(w, 1, 0)), scale(b), scale(b), -1, 1e-5));
        return b.output("gelu", gelu(x))
                .output("erf", erf(mul(x, Math.sqrt(0.5))))
                .build();
    }

    private static Value scale(Graph.Builder b) {
        double[] scale = new double[ROWS];
        Arrays.setAll(scale, i -> 0.5 + i / 100.0);
        return b.constant(Constant.of(DType.FLOAT, Shape.of(ROWS), scale));
    }

    @Test
    void fastFormsGiveTheSameNumbers() {
        Graph g = graph();
        Map<String, Tensor> in = new HashMap<>();
        g.inputs().forEach(v -> {
            Tensor t = Tensor.zeros(v.type());
            Draw.of(5, v.name()).normal(t, 0.3, 1);
            in.put(v.name(), t);
        });
        try (OnnxExecutor executor = new OnnxExecutor();
                Program plain = executor.compile(g, CompileOptions.DEFAULT.with(Optimization.NONE));
                Program fast = executor.compile(g)) {
            Map<String, Tensor> want = plain.run(in);
            Map<String, Tensor> have = fast.run(in);
            want.forEach((k, t) -> assertArrayEquals(t.toFloats(), have.get(k).toFloats(), 2e-4f, k));
            want.values().forEach(Tensor::close);
            have.values().forEach(Tensor::close);
        } finally {
            in.values().forEach(Tensor::close);
        }
    }

    @Test
    void onlyGradientGraphsChange() {
        Graph changed = OnnxExecutor.lowered(graph(), CompileOptions.DEFAULT);
        List<String> gone = List.of("Gemm", "LayerNormalization", "Gelu", "Where");
        assertEquals(
                0, changed.nodes().stream().filter(n -> gone.contains(n.type())).count());

        Graph.Builder b = Graph.builder("inference");
        Value x = b.input("x", Shape.of(ROWS, 40));
        Value one = b.input("scale", Shape.of(40));
        Graph plain =
                b.output("y", gelu(layerNormalization(x, one, one, -1, 1e-5))).build();
        assertEquals(plain, OnnxExecutor.lowered(plain, CompileOptions.DEFAULT));
    }
}
