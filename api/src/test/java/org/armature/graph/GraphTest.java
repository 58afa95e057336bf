package org.armature.graph;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Graphs from nothing: build, read, compare, bind, rewrite. */
class GraphTest {
    private static Graph mlp(int hidden) {
        Graph.Builder b = Graph.builder("mlp");
        Value x = b.input("x", Shape.named("batch", 4));
        Scope p = b.scope().at("layers", 0);
        Value y = relu(linear(x, p.parameter("weight", hidden, 4), p.parameter("bias", hidden)));
        return b.output("y", y).build();
    }

    @Test
    void readsLikeTheFormula() {
        assertEquals("""
                graph mlp {
                  input x: float[batch, 4]
                  parameter layers.0.weight: float[3, 4]
                  parameter layers.0.bias: float[3]
                  gemm_1: float[batch, 3] = Gemm(x, layers.0.weight, layers.0.bias) {alpha=1.0, beta=1.0, transA=0, transB=1}
                  relu_1: float[batch, 3] = Relu(gemm_1)
                  output y = relu_1: float[batch, 3]
                }""", mlp(3).toString());
    }

    @Test
    void equalStructureIsEqual() {
        assertEquals(mlp(3), mlp(3));
        assertEquals(mlp(3).hashCode(), mlp(3).hashCode());
        assertNotEquals(mlp(3), mlp(5));
        assertEquals(mlp(3), mlp(3).bind(Map.of()));
    }

    @Test
    void bindingInfersEveryShapeAnew() {
        Graph g = mlp(3).bind(Map.of("batch", 8L));
        assertEquals(Shape.of(8, 3), g.output("y").shape());
        assertTrue(g.isStatic());
        assertEquals(g, mlp(3).bindTo(Map.of("x", Shape.of(8, 4))));
        assertThrows(GraphException.class, () -> mlp(3).bindTo(Map.of("x", Shape.of(8, 5))));
    }

    @Test
    void errorsNameTheNodeTheShapesAndTheCure() {
        Graph.Builder b = Graph.builder("g");
        Value x = b.input("x", Shape.of(2, 3));
        Value w = b.input("w", Shape.of(4, 5));
        String m = assertThrows(GraphException.class, () -> matMul(x, w)).getMessage();
        assertEquals(
                "MatMul 'matmul_1' (x: float[2, 3], w: float[4, 5]): inner sizes 3 and 4 differ: transpose one side or check"
                        + " the widths",
                m);
        Value i = b.input("i", DType.INT64, Shape.of(2, 3));
        assertThrows(GraphException.class, () -> add(x, i));
        Value other = Graph.builder("h").input("x", Shape.of(2, 3));
        assertTrue(assertThrows(GraphException.class, () -> add(x, other))
                .getMessage()
                .contains("belongs to graph h"));
    }

    @Test
    void deadNodesAndConstantsAreLeftOut() {
        Graph.Builder b = Graph.builder("g");
        Value x = b.input("x", Shape.of(2));
        mul(x, 3);
        Graph g = b.output("y", add(x, 1)).build();
        assertEquals(1, g.nodes().size());
        assertEquals(1, g.constants().size());
        assertEquals(g.nodes(), g.consumers(x));
        assertEquals(g.nodes().getFirst(), g.producer(g.output("y")).orElseThrow());
    }

    @Test
    void rewritingReplacesNodes() {
        Graph.Builder b = Graph.builder("g");
        Value x = b.input("x", Shape.of(2));
        Graph g = b.output("y", neg(abs(x))).build();
        Graph squared = Rewriter.rewrite(g, (n, r) -> {
            if (!n.is("Abs")) {
                return false;
            }
            Value v = r.get(n.input(0));
            r.replace(n.output(), mul(v, v));
            return true;
        });
        assertEquals(
                List.of("Mul", "Neg"), squared.nodes().stream().map(Node::type).toList());
    }

    @Test
    void callsAreInlinedAndStopsDropped() {
        Graph.Builder body = Graph.builder("square");
        Value u = body.input("u", Shape.of(2));
        Graph square = body.output("v", mul(u, u)).build();
        Graph.Builder b = Graph.builder("g");
        Value x = b.input("x", Shape.of(2));
        Value y = call(square, null, stopGradient(x)).getFirst();
        Graph g = b.output("y", add(y, x)).build();
        assertEquals(
                List.of("StopGradient", "Call", "Add"),
                g.nodes().stream().map(Node::type).toList());
        assertEquals(
                List.of("Mul", "Add"), g.flat().nodes().stream().map(Node::type).toList());
        assertEquals(g.flat(), g.flat().flat());
    }

    @Test
    void shapesComputedByTheGraphAreKnown() {
        // How PyTorch's exporter writes x.view(x.shape[0], -1).
        Graph.Builder b = Graph.builder("g");
        Value x = b.input("x", Shape.named("batch", 3, 4));
        Value batch = gather(shape(x), b.constant(Constant.longs(Shape.SCALAR, 0)), 0);
        Value y = node("Reshape", x, concat(0, unsqueeze(batch, 0), b.longs(-1)));
        assertEquals(Shape.named("batch", 12), y.shape());
    }

    @Test
    void windowsFollowOnnx() {
        Graph.Builder b = Graph.builder("g");
        Value x = b.input("x", Shape.of(1, 4, 9, 11));
        Value w = b.input("w", Shape.of(6, 2, 3, 3));
        assertEquals(
                Shape.of(1, 6, 5, 6),
                conv(x, w, Value.none(), Window.of(2).stride(2).pad(1).group(2)).shape());
        assertEquals(
                Shape.of(1, 4, 5, 6),
                maxPool(x, new long[] {2, 2}, Window.of(2).stride(2).ceilMode()).shape());
        assertThrows(GraphException.class, () -> conv(x, w, Value.none(), Window.of(2)));
    }

    @Test
    void constantsKeepTheirBits() {
        for (DType t : DType.values()) {
            Constant c = Constant.of(t, Shape.of(3), 0, 1, 1);
            assertEquals(List.of(0.0, 1.0, 1.0), List.of(c.get(0), c.get(1), c.get(2)), t.toString());
            assertEquals(c, Constant.of(t, Shape.of(3), 0, 1, 1));
        }
        assertEquals(-1, Constant.longs(-1).getLong(0));
        assertEquals(0x1p63, Constant.scalar(DType.UINT64, 0x1p63).get(0));
    }
}
