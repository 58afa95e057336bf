package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.CompileOptions;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Draw;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * What all auxiliary inputs together cost, printed: the aggregator at width 256, four pairs of blocks, three views of 168 x 168,
 * one thread, runs with and without in turn.
 */
@EnabledIfSystemProperty(named = "armature.long", matches = "true")
class AdapterLatencyTest {
    private static final int VIEWS = 3;
    private static final int SIDE = 168;
    private static final int RUNS = 40;

    @Test
    void addedLatencyOfDepthAndCamerasOfAllViews() {
        try (OnnxExecutor executor = new OnnxExecutor();
                Bound images = bind(executor, Modalities.RGB);
                Bound all = bind(executor, new Modalities(Fusion.all(VIEWS), Fusion.all(VIEWS)))) {
            double[] without = new double[RUNS];
            double[] with = new double[RUNS];
            for (int i = -3; i < RUNS; i++) {
                double a = images.millis();
                double b = all.millis();
                if (i >= 0) {
                    without[i] = a;
                    with[i] = b;
                }
            }
            Arrays.sort(without);
            Arrays.sort(with);
            System.out.printf(
                    "images %.1f ms (least %.1f), with depth and cameras %.1f ms (least %.1f): %+.1f %% (least %+.1f %%)%n",
                    without[RUNS / 2],
                    without[0],
                    with[RUNS / 2],
                    with[0],
                    100 * (with[RUNS / 2] / without[RUNS / 2] - 1),
                    100 * (with[0] / without[0] - 1));
            assertEquals(images.outputs(), all.outputs());
        }
    }

    private record Bound(Program program, Map<String, Tensor> inputs) implements AutoCloseable {
        double millis() {
            long began = System.nanoTime();
            program.run(inputs).values().forEach(Tensor::close);
            return (System.nanoTime() - began) / 1e6;
        }

        List<String> outputs() {
            return List.copyOf(program.outputs().keySet());
        }

        @Override
        public void close() {
            program.close();
            inputs.values().forEach(Tensor::close);
        }
    }

    private static Bound bind(OnnxExecutor executor, Modalities m) {
        Aggregator a = Aggregator.of(Config.of(
                Map.of("img_size", SIDE, "embed_dim", 256, "depth", 4, "num_heads", 4, "patch_embed", "conv")));
        Graph.Builder b = Graph.builder("aggregator");
        Map<String, Value> in = new LinkedHashMap<>();
        Views.inputs(Shape.of(1, VIEWS, 3, SIDE, SIDE), m).forEach((k, s) -> in.put(k, b.input(k, s)));
        b.output("tokens", a.build(b.scope(), Views.of(in, m)).getLast());
        Graph g = b.build();
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        g.parameters().forEach(p -> tensors.put(p.name(), Tensor.zeros(p.type())));
        new GeometryInitializer().initialize(tensors, Config.of(Map.of()), 1);
        for (Value v : g.inputs()) {
            Tensor t = Tensor.zeros(v.type());
            Draw.of(2, v.name()).uniform(t, 0.1, 1);
            tensors.put(v.name(), t);
        }
        return new Bound(executor.compile(g, CompileOptions.DEFAULT.withThreads(1)), tensors);
    }
}
