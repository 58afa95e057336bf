package org.armature.hypernet;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.hypernet.NodeGraph.Role;
import org.armature.hypernet.NodeGraph.Target;
import org.armature.model.Config;
import org.armature.model.Parameters;
import org.junit.jupiter.api.Test;

class GhnTest {
    private static final ReferenceExecutor EXECUTOR = new ReferenceExecutor();

    private static GhnConfig micro(boolean lora) {
        return new GhnConfig(
                new long[] {24, 24, 11, 11}, 10, 8, 2, 1, lora, lora ? 3 : 1, lora ? 60 : 1, !lora, true, true, false);
    }

    private static Map<String, Tensor> weights(GhnConfig c) {
        Map<String, Tensor> all = new LinkedHashMap<>();
        Checkpoints.parameters(c).forEach((name, type) -> all.put(name, Tensor.zeros(type)));
        Checkpoints.fresh(all, c.hidden(), c.lowRank(), 7);
        return all;
    }

    private static float[] decode(GhnConfig c, Map<String, Tensor> weights, Shape shape, Role role, boolean complete) {
        Graph.Builder b = Graph.builder("decode");
        Value nodes = b.input("nodes", Shape.of(2, c.hidden()));
        b.output("out", new Decoder(c, b.scope(), complete).decode(nodes, shape, role, false));
        Graph g = b.build();
        Map<String, Tensor> in = new HashMap<>(weights);
        float[] x = new float[2 * c.hidden()];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) Math.sin(i + 1.0);
        }
        in.put("nodes", Tensor.of(x, 2, c.hidden()));
        try (Program p = EXECUTOR.compile(g)) {
            Tensor out = p.run(in).get("out");
            assertEquals(Shape.of(2).concat(shape), out.shape());
            return out.toFloats();
        }
    }

    /** The rows that are not computed are those that are not read. */
    @Property(tries = 25)
    void readingLessGivesTheSame(
            @ForAll @IntRange(min = 1, max = 40) int out,
            @ForAll @IntRange(min = 1, max = 40) int in,
            @ForAll @IntRange(min = 1, max = 2) int kernel) {
        GhnConfig c = micro(true);
        Map<String, Tensor> w = weights(c);
        for (Shape s : new Shape[] {Shape.of(out, in, kernel, kernel), Shape.of(out, in), Shape.of(out)}) {
            Role role = s.rank() == 1 ? Role.BIAS : Role.MATRIX;
            assertArrayEquals(decode(c, w, s, role, true), decode(c, w, s, role, false), 1e-6f);
        }
        w.values().forEach(Tensor::close);
    }

    /** What is larger than the decoder repeats its block. */
    @Test
    void largerParametersAreTiled() {
        GhnConfig c = micro(true);
        Map<String, Tensor> w = weights(c);
        float[] v = decode(c, w, Shape.of(30, 2), Role.MATRIX, false);
        for (int i = 24; i < 30; i++) {
            assertEquals(v[(i - 24) * 2], v[i * 2]);
        }
        assertEquals(30 * 2 * 2, v.length);
    }

    @Test
    void bothDecodersGiveEveryShape() {
        for (boolean lora : new boolean[] {true, false}) {
            GhnConfig c = micro(lora);
            Map<String, Tensor> w = weights(c);
            for (Shape s :
                    new Shape[] {Shape.of(5), Shape.of(50), Shape.of(7, 3), Shape.of(4, 2, 3, 3), Shape.of(10, 1, 5, 5)
                    }) {
                float[] v = decode(c, w, s, s.rank() == 1 ? Role.NORM_WEIGHT : Role.MATRIX, false);
                assertEquals(2 * s.size(), v.length);
            }
            assertEquals(2 * 16 * 8, decode(c, w, Shape.of(1, 16, 8), Role.POSITION, false).length);
        }
    }

    @Test
    void aParameterWiderThanTheFactorsIsRefused() {
        GhnConfig c = new GhnConfig(new long[] {90, 90, 11, 11}, 10, 8, 2, 1, true, 3, 60, false, true, true, false);
        Map<String, Tensor> w = weights(c);
        IllegalArgumentException e =
                assertThrows(IllegalArgumentException.class, () -> decode(c, w, Shape.of(80, 2), Role.MATRIX, false));
        assertTrue(e.getMessage().contains("up to 60"), e.getMessage());
    }

    /** The figures of the paper's four sizes, counted on the official classes. */
    @Test
    void theReleasedSizesHaveTheirParameters() {
        Map<String, Long> want =
                Map.of("tiny", 2_540_380L, "small", 21_412_794L, "base", 78_231_892L, "large", 289_423_316L);
        want.forEach((name, n) -> assertEquals(n, size(GhnConfig.named(name, false, 100, 2048))));
        assertEquals(2_540_620, size(GhnConfig.named("tiny", true, 10, 2048)));
        assertEquals(5_784_652, size(GhnConfig.named("tiny", true, 10, 8192)));
    }

    /** One layer is listed under two names. */
    private static long size(GhnConfig c) {
        return Checkpoints.parameters(c).entrySet().stream()
                .filter(e -> !e.getKey().startsWith("decoder.seq"))
                .mapToLong(e -> e.getValue().shape().size())
                .sum();
    }

    /** GHN-3's published files have three tables outside the layer that reads them. */
    @Test
    void namesOfEitherGenerationAreUnderstood() {
        Map<String, Tensor> ours = weights(micro(false));
        Map<String, Tensor> theirs = new LinkedHashMap<>();
        ours.forEach(
                (name, t) -> theirs.put(name.replaceFirst("^gnn\\.0\\.(centrality_embed|input_dist_embed)", "$1"), t));
        assertTrue(theirs.containsKey("input_dist_embed.weight") && theirs.containsKey("centrality_embed_out.weight"));
        try (Parameters p = Checkpoints.named(Parameters.of(theirs))) {
            assertEquals(ours.keySet(), p.names());
            ours.forEach((name, t) -> {
                assertEquals(t.type(), p.type(name), name);
                assertEquals(t, p.get(name), name);
            });
            assertEquals(micro(false), Checkpoints.sizes(p, Config.empty(), "ghn3.safetensors"));
            theirs.putAll(ours);
            assertThrows(IllegalArgumentException.class, () -> Checkpoints.named(Parameters.of(theirs)));
        }
    }

    @Test
    void sizesAreReadFromACheckpointsTensors() {
        for (GhnConfig c : new GhnConfig[] {micro(false), GhnConfig.named("tiny", true, 10, 2048)}) {
            Map<String, TensorType> types = Checkpoints.parameters(c);
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            types.forEach((name, t) -> tensors.put(name, Tensor.zeros(t)));
            try (Parameters p = Parameters.of(tensors)) {
                assertEquals(c, Checkpoints.sizes(p, Config.empty(), "x.safetensors"));
            }
        }
        try (Parameters p = Parameters.empty()) {
            IllegalArgumentException e = assertThrows(
                    IllegalArgumentException.class, () -> Checkpoints.sizes(p, Config.empty(), "x.safetensors"));
            assertTrue(e.getMessage().contains("x.safetensors has no tensor embed.weight"), e.getMessage());
        }
    }

    @Test
    void predictionsHaveTheSizeTheirLayersWant() {
        Scaling s = new Scaling(Scaling.Matrices.STD, 0.02, 1);
        Graph.Builder b = Graph.builder("scale");
        Value w = b.input("w", Shape.of(1, 6, 5));
        b.output("out", s.apply(w, new Target("a.weight", Shape.of(6, 5), Role.MATRIX)));
        b.output("embedding", s.apply(w, new Target("wte.weight", Shape.of(6, 5), Role.EMBEDDING)));
        float[] x = new float[30];
        for (int i = 0; i < 30; i++) {
            x[i] = 3 * i - 7;
        }
        try (Program p = EXECUTOR.compile(b.build())) {
            Map<String, Tensor> out = p.run(Map.of("w", Tensor.of(x, 1, 6, 5)));
            double[] v = out.get("out").toDoubles();
            double mean = java.util.Arrays.stream(v).average().orElseThrow();
            double squares =
                    java.util.Arrays.stream(v).map(a -> (a - mean) * (a - mean)).sum();
            assertEquals(0.02, Math.sqrt(squares / 29), 1e-6);
            assertArrayEquals(x, out.get("embedding").toFloats());
        }
    }
}
