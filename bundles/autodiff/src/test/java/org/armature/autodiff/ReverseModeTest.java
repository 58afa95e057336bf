package org.armature.autodiff;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.armature.compute.GradientRequest;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.GraphException;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.Test;

class ReverseModeTest {
    private final ReverseMode reverse = new ReverseMode();

    private static Map<String, double[]> run(Graph g, Map<String, Tensor> in) {
        Map<String, double[]> out = new HashMap<>();
        FiniteDifferences.run(g, in).forEach((k, t) -> out.put(k, t.toDoubles()));
        return out;
    }

    @Test
    void theLossAndItsGradientsComeFromOneGraph() {
        Graph.Builder b = Graph.builder("loss");
        Value x = b.input("x", Shape.of(2));
        Value w = b.parameter("w", DType.FLOAT, Shape.of(2));
        Value unused = b.parameter("unused", DType.FLOAT, Shape.of(3));
        Graph g = b.output("loss", reduceSum(mul(mul(x, w), w), false)).build();
        Graph d = reverse.gradients(g, GradientRequest.ofLoss(g, "loss"));
        assertEquals(
                List.of("loss", "grad.w", "grad.unused"),
                List.copyOf(d.outputs().keySet()));
        Map<String, double[]> out = run(
                d,
                Map.of(
                        "x", Tensor.of(new float[] {1, 2}, 2),
                        "w", Tensor.of(new float[] {3, 4}, 2),
                        "unused", Tensor.of(new float[3], 3)));
        assertArrayEquals(new double[] {41}, out.get("loss"));
        assertArrayEquals(new double[] {6, 16}, out.get("grad.w"));
        assertArrayEquals(new double[3], out.get("grad.unused"));
        assertEquals(unused.shape(), d.output("grad.unused").shape());
    }

    @Test
    void nothingFlowsThroughAStopGradient() {
        Graph.Builder b = Graph.builder("stop");
        Value x = b.input("x", Shape.of(1));
        Graph g = b.output("y", mul(stopGradient(x), x)).build();
        Graph d = reverse.gradients(g, GradientRequest.of(g, List.of("y"), List.of("x")));
        Map<String, double[]> out =
                run(d, Map.of("x", Tensor.of(new float[] {3}, 1), "cotangent.y", Tensor.of(new float[] {1}, 1)));
        assertArrayEquals(new double[] {3}, out.get("grad.x"));
    }

    /** Rounding with the straight-through rule: forward rounds, backward passes twice the cotangent. */
    @Test
    void aCallHasTheBackwardRuleItWasGiven() {
        Graph.Builder body = Graph.builder("round");
        Graph round = body.output("r", round(body.input("v", Shape.of(2)))).build();
        Graph.Builder back = Graph.builder("through");
        Value v = back.input("v", Shape.of(2));
        Value dr = back.input("cotangent.r", Shape.of(2));
        Graph through = back.output("grad.v", mul(mul(dr, 2), v)).build();
        Graph.Builder b = Graph.builder("rounded");
        Value x = b.input("x", Shape.of(2));
        Graph g = b.output("y", mul(call(round, through, x).getFirst(), 10)).build();
        Graph d = reverse.gradients(g, GradientRequest.of(g, List.of("y"), List.of("x")));
        Map<String, Tensor> in =
                Map.of("x", Tensor.of(new float[] {1.4f, 2.6f}, 2), "cotangent.y", Tensor.of(new float[] {1, 1}, 2));
        Map<String, double[]> out = run(d, in);
        assertArrayEquals(new double[] {10, 30}, out.get("y"));
        assertArrayEquals(new double[] {28, 52}, out.get("grad.x"), 1e-5);
        // The rule can be differentiated in turn: d(20 v)/dv = 20.
        GradientRequest again = new GradientRequest(List.of("grad.x"), List.of("x"), List.of(), List.of(), 0);
        Graph dd = reverse.gradients(d, again);
        Map<String, Tensor> more = new HashMap<>(in);
        more.put("cotangent.grad.x", Tensor.of(new float[] {1, 1}, 2));
        assertArrayEquals(new double[] {20, 20}, run(dd, more).get("grad.x"), 1e-5);
    }

    @Test
    void partsSideBySideAreJoinedInOneStep() {
        Graph.Builder b = Graph.builder("parts");
        Value qkv = b.input("x", Shape.of(3, 4));
        Value y = mul(select(qkv, 0, 0), add(select(qkv, 0, 1), select(qkv, 0, 2)));
        Graph g = b.output("y", y).build();
        Graph d = reverse.gradients(g, GradientRequest.of(g, List.of("y"), List.of("x")));
        assertEquals(1, d.nodes().stream().filter(n -> n.is("Concat")).count());
        assertTrue(d.nodes().stream().noneMatch(n -> n.is("Pad") || n.is("ScatterND")), d::toString);
    }

    @Test
    void whatHasNoDerivativeIsNamed() {
        Graph.Builder b = Graph.builder("odd");
        Value x = b.input("x", Shape.of(1, 2, 4, 4));
        Graph g = b.output("y", b.node("LpPool", List.of(x), attributes("kernel_shape", new long[] {2, 2})))
                .build();
        GraphException e = assertThrows(
                GraphException.class, () -> reverse.gradients(g, GradientRequest.of(g, List.of("y"), List.of("x"))));
        assertTrue(e.getMessage().contains("lppool_1") && e.getMessage().contains("LpPool"), e.getMessage());
    }

    @Test
    void aSizeThatIsNotBoundIsNamed() {
        Graph.Builder b = Graph.builder("open");
        Value x = b.input("x", Shape.named("batch", 2));
        Graph g = b.output("y", exp(x)).build();
        GraphException e = assertThrows(
                GraphException.class, () -> reverse.gradients(g, GradientRequest.of(g, List.of("y"), List.of("x"))));
        assertTrue(e.getMessage().contains("batch"), e.getMessage());
    }

    private static Graph deep(int layers) {
        Graph.Builder b = Graph.builder("deep");
        Value x = b.input("x", Shape.of(16, 8));
        for (int i = 0; i < layers; i++) {
            Value w = b.parameter("w" + i, DType.FLOAT, Shape.of(8, 8));
            x = add(x, gelu(matMul(x, w)));
        }
        return b.output("loss", reduceMean(mul(x, x), false)).build();
    }

    @Test
    void aBudgetIsKeptByComputingAgain() {
        Graph g = deep(24);
        GradientRequest all = GradientRequest.ofLoss(g, "loss");
        Graph plain = reverse.gradients(g, all);
        long kept = Liveness.keptBytes(plain, g);
        Graph small = reverse.gradients(g, all.withMemory(kept / 3));
        assertTrue(Liveness.keptBytes(small, g) <= kept / 3, () -> Liveness.keptBytes(small, g) + " of " + kept);
        assertTrue(Liveness.peakBytes(small) < Liveness.peakBytes(plain) * 2 / 3);
        assertTrue(small.nodes().size() > plain.nodes().size());
        Random r = new Random(1);
        Map<String, Tensor> in = new HashMap<>();
        in.put("x", Tensor.of(DType.FLOAT, Shape.of(16, 8), r.doubles(128).toArray()));
        g.parameters()
                .forEach(v -> in.put(
                        v.name(),
                        Tensor.of(v.dtype(), v.shape(), r.doubles(64, -0.3, 0.3).toArray())));
        Map<String, double[]> expected = run(plain, in);
        run(small, in).forEach((k, v) -> assertArrayEquals(expected.get(k), v, 1e-9, k));
    }
}
