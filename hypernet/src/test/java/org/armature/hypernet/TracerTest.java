package org.armature.hypernet;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Model;
import org.junit.jupiter.api.Test;

/** A network's graph as the official code sees it: counts and oddities that hold for every size. */
class TracerTest {
    private static NodeGraph trace(Model m) {
        return trace(m, Tracer.Attention.AUTO);
    }

    private static NodeGraph trace(Model m, Tracer.Attention a) {
        return Tracer.trace(m.graph("target").bind(Map.of("batch", 1L)), a);
    }

    private static long count(NodeGraph g, Primitive p) {
        return g.nodes().stream().filter(n -> n.type() == p).count();
    }

    @Property(tries = 12)
    void aVisionTransformerHasTwelveNodesALayerAndNoAttentionNode(
            @ForAll @IntRange(min = 1, max = 6) int layers, @ForAll @IntRange(min = 1, max = 3) int heads) {
        NodeGraph g = trace(new Vit(8, 3, 4, layers, heads, 8 * heads, 16, 10));
        assertEquals(5 + 12 * layers + 3, g.size());
        assertEquals(0, count(g, Primitive.MSA));
        assertEquals(
                layers,
                count(trace(new Vit(8, 3, 4, layers, heads, 8 * heads, 16, 10), Tracer.Attention.NODE), Primitive.MSA));
        assertEquals("encoder.pos_embedding", g.nodes().get(3).name());
        assertEquals(List.of("class_token"), g.unread());
        assertEquals("heads.head.weight", g.classifierWeight().orElseThrow().name());
        assertEquals("heads.head.bias", g.classifierBias().orElseThrow().name());
    }

    @Property(tries = 12)
    void aLanguageModelEndsInItsNormAndHasItsHeadInFront(@ForAll @IntRange(min = 1, max = 6) int layers) {
        NodeGraph g = trace(new Gpt2(20, 8, 16, layers, 2, false, 8));
        assertEquals(5 + 13 * layers + 1, g.size());
        assertEquals("lm_head.weight", g.nodes().get(3).name());
        assertEquals("transformer.ln_f.weight", g.nodes().getLast().name());
        assertTrue(g.classifierWeight().isEmpty() || g.classifierBias().isEmpty());
        for (int j = 0; j < g.size(); j++) {
            assertTrue(!g.edges()[3][j], "the head leads nowhere");
        }
    }

    @Test
    void aTiedHeadIsOneMatrixInPlaceOfTheTokenTable() {
        NodeGraph g = trace(new Gpt2(20, 8, 16, 2, 2, true, 8));
        assertEquals("lm_head.weight", g.nodes().get(1).name());
        assertEquals(Primitive.CONV, g.nodes().get(1).type());
        assertEquals("transformer.wpe.weight", g.nodes().get(2).name());
        assertTrue(g.edges()[1][3]);
        assertEquals(
                1, g.nodes().stream().filter(n -> n.name().contains("lm_head")).count());
    }

    @Property(tries = 10)
    void distancesAreShortestPathsUpToTheCutoff(@ForAll @IntRange(min = 1, max = 60) int cutoff) {
        NodeGraph g = trace(new Gpt2(20, 8, 16, 3, 2, false, 8));
        int[][] near = g.distances(cutoff);
        int[][] all = g.distances(NodeGraph.FARTHEST);
        for (int i = 0; i < g.size(); i++) {
            for (int j = 0; j < g.size(); j++) {
                assertEquals(all[i][j] <= cutoff ? all[i][j] : 0, near[i][j]);
                assertEquals(g.edges()[i][j], all[i][j] == 1);
            }
        }
    }

    @Test
    void aNetworkWithoutKnownOperatorsIsRefusedByName() {
        Graph.Builder b = Graph.builder("odd");
        Value x = b.input("x", Shape.of(2, 3));
        b.output("y", Ops.mul(x, b.parameter("scale", x.dtype(), Shape.of(3))));
        Graph g = b.build();
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> Tracer.trace(g, Tracer.Attention.AUTO));
        assertTrue(e.getMessage().contains("odd"), e.getMessage());
    }

    @Test
    void whatNoNodeStandsForIsListed() {
        Graph.Builder b = Graph.builder("scaled");
        Value x = b.input("x", Shape.of(2, 3));
        Value y = Ops.mul(x, b.parameter("scale", x.dtype(), Shape.of(3)));
        b.output(
                "y",
                Ops.linear(
                        y,
                        b.parameter("fc.weight", x.dtype(), Shape.of(4, 3)),
                        b.parameter("fc.bias", x.dtype(), Shape.of(4))));
        NodeGraph g = Tracer.trace(b.build(), Tracer.Attention.AUTO);
        assertEquals(List.of("scale"), g.unread());
        assertEquals(3, g.size());
    }
}
