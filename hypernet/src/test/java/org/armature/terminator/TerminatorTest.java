package org.armature.terminator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.nn.Layer;
import org.armature.train.Draw;
import org.armature.train.TrainableModel;
import org.junit.jupiter.api.Test;

class TerminatorTest {
    private static final ReferenceExecutor EXECUTOR = new ReferenceExecutor();

    private static Map<String, Object> small(String key, Object value) {
        Map<String, Object> m = new HashMap<>(Map.of(
                "classes", 3,
                "image_size", 6,
                "net",
                        Map.of(
                                "dropout", List.of(0, 0),
                                "block",
                                        Map.of(
                                                "in_channel", List.of(3, 12),
                                                "bottleneck_factors", List.of(4, 1),
                                                "num_concat_pre", List.of(0, 0))),
                "kernel_g", Map.of("no_hidden", 4, "num_layers_list", List.of(1, 1)),
                "kernel_l", Map.of("no_hidden", 4, "num_layers", 1, "sizes", List.of(3, 5, 3, 3)),
                "kernel_gc", Map.of("no_hidden", 4, "num_layers", 1),
                "kernel_gc_hi", Map.of("no_hidden", 4, "num_layers", 1),
                "kernel_gs_hi", Map.of("no_hidden", 4, "num_layers", 1)));
        m.put(key, value);
        return m;
    }

    private static Model model(String key, Object value) {
        return new TerminatorModule().create(Config.of(small(key, value)));
    }

    private static String refused(String key, Object value) {
        return assertThrows(IllegalArgumentException.class, () -> model(key, value))
                .getMessage();
    }

    @Test
    void sizesThatDoNotFitAreNamed() {
        assertTrue(refused("kernel_g", Map.of("size", 32, "num_layers_list", List.of(1, 1)))
                .contains("32x32"));
        assertTrue(refused("kernel_l", Map.of("sizes", List.of(3, 4, 5, 7))).contains("odd"));
        assertTrue(refused("statistics", "moving").contains("batch and running"));
    }

    /** The official network's parameters, counted on its class at 32 x 32 and ten classes. */
    @Test
    void theOfficialNetworkHasItsParameters() {
        Model m = new TerminatorModule().create(Config.empty());
        long n = m.graph("terminator").parameters().stream()
                .mapToLong(v -> v.shape().size())
                .sum();
        assertEquals(1_336_855, n);
    }

    @Test
    void anImageOfAnotherSizeIsRefused() {
        Graph.Builder b = Graph.builder("t");
        Value x = b.input("x", Shape.of(2, 3, 8, 8));
        IllegalArgumentException e = assertThrows(
                IllegalArgumentException.class, () -> model("classes", 3).build(b.scope(), Map.of("x", x)));
        assertTrue(e.getMessage().contains("global hyper-kernel is 6x6"), e.getMessage());
    }

    /** With running statistics a prediction does not depend on the rest of the batch. */
    @Test
    void runningStatisticsMakeImagesIndependent() {
        for (String statistics : List.of("running", "batch")) {
            Model m = model("statistics", statistics);
            Graph two = m.graph("two").bind(Map.of("batch", 2L));
            Graph one = m.graph("one").bind(Map.of("batch", 1L));
            Map<String, Tensor> w = new LinkedHashMap<>();
            two.parameters().forEach(v -> w.put(v.name(), Tensor.zeros(v.type())));
            new TerminatorInitializer().initialize(w, Config.of(Map.of("omega_0", 3)), 5);
            Tensor x = Tensor.zeros(two.inputs().getFirst().type());
            Draw.of(1).normal(x, 0, 1);
            float[] both = run(two, w, x);
            float[] first = run(one, w, x.slice(0, 1));
            float difference = 0;
            for (int i = 0; i < first.length; i++) {
                difference = Math.max(difference, Math.abs(first[i] - both[i]));
            }
            assertEquals(statistics.equals("running"), difference < 1e-5, statistics + " " + difference);
        }
    }

    private static float[] run(Graph g, Map<String, Tensor> weights, Tensor x) {
        Map<String, Tensor> in = new HashMap<>(weights);
        in.put("x", x);
        try (Program p = EXECUTOR.compile(g)) {
            return p.run(in).get("y").toFloats();
        }
    }

    @Test
    void trainingRemembersStatisticsOnlyWhereTheyAreUsed() {
        for (String statistics : List.of("running", "batch")) {
            Graph.Builder b = Graph.builder("t");
            Value x = b.input("x", Shape.of(2, 3, 6, 6));
            ((TrainableModel) model("statistics", statistics))
                    .buildForTraining(b.scope(), Map.of("x", x))
                    .forEach(b::output);
            boolean updates = b.build().outputs().keySet().stream().anyMatch(o -> o.startsWith(TrainableModel.UPDATE));
            assertEquals(statistics.equals("running"), updates);
        }
    }

    /** The transform and the sum of products are the same convolution. */
    @Property(tries = 12)
    void aConvolutionByFourierTransformIsTheConvolution(
            @ForAll @IntRange(min = 1, max = 8) int half, @ForAll @IntRange(min = 3, max = 12) int side) {
        int k = 2 * half + 1;
        Graph.Builder b = Graph.builder("conv");
        Value x = b.input("x", Shape.of(2, 2, side, side + 1));
        Value w = b.input("w", Shape.of(2, 1, k, k));
        b.output("fourier", Fourier.depthwise(x, w));
        b.output(
                "plain",
                org.armature.graph.Ops.conv(
                        x,
                        w,
                        Value.none(),
                        org.armature.graph.Ops.Window.of(2).pad(half).group(2)));
        Tensor xs = Tensor.zeros(x.type());
        Tensor ws = Tensor.zeros(w.type());
        Draw.of(k, side).normal(xs, 0, 1);
        Draw.of(side, k).normal(ws, 0, 1);
        try (Program p = EXECUTOR.compile(b.build())) {
            Map<String, Tensor> out = p.run(Map.of("x", xs, "w", ws));
            assertArrayEquals(out.get("plain").toFloats(), out.get("fourier").toFloats(), 1e-3f);
        }
    }

    @Test
    void everyPartIsALayer() {
        Map<Layer, Config> parts = Map.of(
                new Parts.Global(), Config.empty(),
                new Parts.Local(), Config.of(Map.of("kernel", 3)),
                new Parts.Gate(), Config.empty(),
                new Parts.Channel(), Config.empty(),
                new Parts.Mixed(), Config.empty(),
                new Parts.Block(), Config.of(Map.of("factor", 1, "kernels", List.of(3, 3, 3, 3))));
        parts.forEach((layer, config) -> {
            Graph.Builder b = Graph.builder(layer.id());
            Value x = b.input("x", Shape.named("batch", 12, 6, 6));
            Value y = layer.build(b.scope().at("l"), x, config);
            assertEquals(12, y.shape().dim(1), layer.id());
            b.output("y", y)
                    .build()
                    .parameters()
                    .forEach(p -> assertTrue(p.name().startsWith("l."), p.name()));
        });
        Graph.Builder b = Graph.builder("odd");
        Value wide = b.input("x", Shape.of(2, 12, 6, 5));
        assertThrows(IllegalArgumentException.class, () -> new Parts.Global().build(b.scope(), wide, Config.empty()));
        assertThrows(
                IllegalArgumentException.class,
                () -> new Parts.Local().build(b.scope(), wide, Config.of(Map.of("kernel", 4))));
    }

    @Test
    void karStepsBySignsOfWhatItKnew() {
        Graph.Builder b = Graph.builder("kar");
        Value p = b.input("p", Shape.of(3));
        Value g = b.input("g", Shape.of(3));
        Value m = b.input("m", Shape.of(3));
        Value rate = b.scalar(p.dtype(), 0.5);
        var u = new Kar.Kar2().update(p, g, Map.of("m1", m), rate, rate, Config.empty());
        b.output("p", u.parameter()).output("m", u.slots().get("m1"));
        try (Program run = EXECUTOR.compile(b.build())) {
            Map<String, Tensor> out = run.run(Map.of(
                    "p", Tensor.of(new float[] {1, 1, 1}, 3),
                    "g", Tensor.of(new float[] {2, -3, 0}, 3),
                    "m", Tensor.of(new float[] {1, 1, 0}, 3)));
            assertArrayEquals(new float[] {0, 1, 1}, out.get("p").toFloats(), 1e-6f);
            assertArrayEquals(new float[] {1.05f, 0.8f, 0}, out.get("m").toFloats(), 1e-6f);
        }
    }

    @Property(tries = 5)
    void gammaNumbersHaveTheirMean(@ForAll @IntRange(min = 1, max = 5) int seed) {
        Draw d = Draw.of(seed);
        for (double shape : new double[] {0.5, 2, 6}) {
            double sum = 0;
            for (int i = 0; i < 4000; i++) {
                sum += TerminatorInitializer.gamma(d, shape);
            }
            assertEquals(shape, sum / 4000, 0.12 * Math.max(1, shape));
        }
    }
}
