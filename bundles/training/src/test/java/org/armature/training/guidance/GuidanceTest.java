package org.armature.training.guidance;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.armature.autodiff.ReverseMode;
import org.armature.compute.GradientRequest;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.train.Draw;
import org.junit.jupiter.api.Test;

class GuidanceTest {
    private static final OnnxExecutor EXECUTOR = new OnnxExecutor();

    @Property(tries = 50)
    void guidesAreSpreadOverTargets(
            @ForAll @IntRange(min = 1, max = 60) int guides, @ForAll @IntRange(min = 1, max = 60) int targets) {
        int[] m = Similarity.mapping(guides, targets);
        assertEquals(0, m[0]);
        for (int i = 1; i < m.length; i++) {
            assertTrue(m[i] >= m[i - 1] && m[i] < targets);
        }
        assertEquals(guides == 1 ? 0 : targets - 1, m[guides - 1]);
    }

    /** CKA of a layer with itself, turned and scaled, is one; with the transposed features' form it is the same number. */
    @Property(tries = 8)
    void ckaIgnoresScaleAndTakesEitherForm(@ForAll @IntRange(min = 1, max = 30) int width) {
        Graph.Builder b = Graph.builder("cka");
        Value x = b.input("x", Shape.of(16, width));
        Value wide = Ops.concat(1, x, Ops.mul(x, 0.0), Ops.mul(x, 0.0), Ops.mul(x, 0.0)); // the Gram matrix is the same
        Similarity.Kernels k = new Similarity.Kernels();
        b.output("self", Similarity.CKA.similarity(x, Ops.mul(x, -3.0), k));
        b.output("wide", Similarity.CKA.similarity(x, wide, k));
        Tensor t = Tensor.zeros(x.type());
        Draw.of(width).normal(t, 1, 2);
        try (Program p = EXECUTOR.compile(b.build())) {
            Map<String, Tensor> out = p.run(Map.of("x", t));
            assertEquals(1, out.get("self").get(0), 1e-4);
            assertEquals(1, out.get("wide").get(0), 1e-4);
        }
    }

    /** A dead layer costs 1 and has no gradient; officially it makes everything NaN. */
    @Test
    void aConstantLayerIsForgivenUnlessStrict() {
        for (Similarity metric : List.of(Similarity.CKA, Similarity.RSA)) {
            for (boolean strict : new boolean[] {false, true}) {
                Graph.Builder b = Graph.builder("dead");
                Value guide = b.input("guide", Shape.of(6, 3));
                Value target = b.input("target", Shape.of(6, 4));
                Matched m = Matched.of(
                        List.of(guide),
                        List.of(target),
                        metric,
                        Matched.Collision.LAST,
                        strict,
                        new Similarity.Kernels());
                b.output("loss", m.total());
                Graph g = new ReverseMode()
                        .gradients(
                                b.build(),
                                new GradientRequest(
                                        List.of("loss"), List.of("target"), List.of("loss"), List.of("loss"), 0));
                Tensor x = Tensor.zeros(guide.type());
                Draw.of(3).normal(x, 0, 1);
                Tensor zero = Tensor.zeros(target.type());
                try (Program p = EXECUTOR.compile(g)) {
                    Map<String, Tensor> out = p.run(Map.of("guide", x, "target", zero));
                    double loss = out.get("loss").get(0);
                    if (strict) {
                        assertTrue(Double.isNaN(loss), metric + " " + loss);
                    } else {
                        assertEquals(1, loss);
                        assertArrayEquals(new float[24], out.get("grad.target").toFloats());
                    }
                }
            }
        }
    }

    @Test
    void batchesThatCannotBeComparedAreRefused() {
        Graph.Builder b = Graph.builder("bad");
        Value four = b.input("four", Shape.of(4, 3));
        Value five = b.input("five", Shape.of(5, 3));
        Value two = b.input("two", Shape.of(2, 3));
        Similarity.Kernels k = new Similarity.Kernels();
        assertThrows(IllegalArgumentException.class, () -> Similarity.CKA.loss(four, five, k));
        assertThrows(IllegalArgumentException.class, () -> Similarity.CKA.loss(two, two, k));
        assertThrows(IllegalArgumentException.class, () -> Similarity.TOKEN.loss(four, four, k));
        assertTrue(assertThrows(IllegalArgumentException.class, () -> Similarity.of("cca"))
                .getMessage()
                .contains("rsa"));
    }

    @Test
    void layersAreSeenBeforeWhatFollowsThem() {
        Graph.Builder b = Graph.builder("net");
        Value x = b.input("x", Shape.of(5, 2, 6, 6));
        Value y = Ops.relu(
                Ops.conv(x, b.scope().at("c").parameter("weight", 3, 2, 3, 3), Value.none(), Ops.Window.of(2)));
        Value flat = Ops.flatten(y, 1);
        Value z = Ops.linear(
                flat,
                b.scope().at("f").parameter("weight", 4, 48),
                b.scope().at("f").parameter("bias", 4));
        Value tokens = Ops.reshape(z, 5, 2, 2);
        Value last = Ops.linear(
                tokens,
                b.scope().at("h").parameter("weight", 3, 2),
                b.scope().at("h").parameter("bias", 3));
        b.output("y", last);
        List<Taps.Tap> taps = Taps.find(b.nodes(), 5);
        List<String> names = new ArrayList<>();
        taps.forEach(t -> names.add(t.name()));
        assertEquals(List.of("c", "f", "h"), names);
        assertEquals(Shape.of(5, 2, 3), taps.get(2).value().shape());
        assertTrue(Taps.find(b.nodes(), 7).isEmpty(), "no axis has the batch's size");
    }

    @Test
    void aHeatMapIsAPictureAndAPage() throws Exception {
        HeatMap map =
                new HeatMap(List.of("a", "b<"), List.of("x", "y", "z"), new float[] {0, 0.5f, 1, Float.NaN, 2, -1});
        assertEquals(0x440154, HeatMap.colour(0));
        assertEquals(0xfde725, HeatMap.colour(1));
        assertTrue(map.svg("t").contains("b&lt;"));
        byte[] png = map.png();
        assertEquals((byte) 0x89, png[0]);
        Map<String, Integer> seen = new HashMap<>();
        seen.put("IEND", new String(png, java.nio.charset.StandardCharsets.ISO_8859_1).indexOf("IEND"));
        assertEquals(png.length - 8, seen.get("IEND"));
        assertThrows(IllegalArgumentException.class, () -> new HeatMap(List.of("a"), List.of("x"), new float[2]));
        assertFalse(map.svg("t").contains("NaN\" fill"));
    }
}
