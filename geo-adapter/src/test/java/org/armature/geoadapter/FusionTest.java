package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Draw;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class FusionTest {
    private static final int BATCH = 3000;
    private static final int VIEWS = 3;

    private final OnnxExecutor executor = new OnnxExecutor();

    @AfterEach
    void close() {
        executor.close();
    }

    /** {@code cameras} and {@code depths} of a batch, {@code [n, S]} each. */
    private Map<String, float[]> draw(Fusion fusion, long seed) {
        Graph.Builder b = Graph.builder("draw");
        Fusion.Draw d = fusion.draw(b, BATCH, VIEWS);
        Graph g = b.output("cameras", d.cameras()).output("depths", d.depths()).build();
        Map<String, Tensor> in = new LinkedHashMap<>();
        for (Value v : g.inputs()) {
            Tensor t = Tensor.zeros(v.type());
            Draw.of(seed, v.name()).normal(t, 0, 1);
            in.put(v.name(), t);
        }
        Map<String, float[]> out = new LinkedHashMap<>();
        try (Program p = executor.compile(g)) {
            p.run(in).forEach((name, t) -> {
                out.put(name, t.toFloats());
                t.close();
            });
        }
        in.values().forEach(Tensor::close);
        return out;
    }

    @Test
    void everySceneDrawsForItselfAndCamerasAreAPrefix() {
        Map<String, float[]> d = draw(new Fusion("instance", 0.1, 0.3), 7);
        int[] cameras = new int[VIEWS + 1];
        int[] depths = new int[VIEWS + 1];
        int[] place = new int[VIEWS];
        for (int i = 0; i < BATCH; i++) {
            int k = 0;
            int n = 0;
            for (int s = 0; s < VIEWS; s++) {
                float c = d.get("cameras")[i * VIEWS + s];
                assertTrue(s == 0 || c <= d.get("cameras")[i * VIEWS + s - 1], "cameras are a prefix");
                k += (int) c;
                n += (int) d.get("depths")[i * VIEWS + s];
                place[s] += (int) d.get("depths")[i * VIEWS + s];
            }
            cameras[k]++;
            depths[n]++;
        }
        // p + (1 - p) / (S + 1) for none, (1 - p) / (S + 1) for any other number.
        assertEquals(0.1 + 0.9 / 4, (double) cameras[0] / BATCH, 0.03);
        assertEquals(0.9 / 4, (double) cameras[2] / BATCH, 0.03);
        assertEquals(0.3 + 0.7 / 4, (double) depths[0] / BATCH, 0.03);
        assertEquals(0.7 / 4, (double) depths[VIEWS] / BATCH, 0.03);
        for (int s = 0; s < VIEWS; s++) {
            assertEquals(0.7 / 2, (double) place[s] / BATCH, 0.03, "depth of view " + s + " as often as of any other");
        }
    }

    @Test
    void theOfficialRuleDrawsOnceForAll() {
        assertEquals(VIEWS, draw(new Fusion("batch", 0.1, 0.3), 7).get("cameras").length);
        assertArrayEquals(
                new float[] {1, 1, 1}, draw(new Fusion("always", 0, 0), 7).get("depths"));
    }

    @Test
    void aRuleThatIsNotKnownIsTold() {
        String said = assertThrows(
                        IllegalArgumentException.class, () -> Fusion.of(Config.of(Map.of("rule", "sometimes"))))
                .getMessage();
        assertTrue(said.startsWith("config key fusion.rule is \"sometimes\": give one of instance"), said);
        assertTrue(assertThrows(IllegalArgumentException.class, () -> Fusion.of(Config.of(Map.of("camera_drop", 1.5))))
                .getMessage()
                .contains("fusion.camera_drop is 1.5"));
    }

    private static Config tiny(int views, List<Integer> cameras, List<Integer> depths) {
        Map<String, Object> c = new LinkedHashMap<>();
        c.put("input", Map.of("views", views, "height", 16, "width", 24));
        c.put("call", Map.of("camera_gt_index", cameras, "depth_gt_index", depths));
        c.put(
                "aggregator",
                Map.of(
                        "img_size",
                        24,
                        "patch_size",
                        8,
                        "embed_dim",
                        16,
                        "depth",
                        2,
                        "num_heads",
                        2,
                        "patch_embed",
                        "conv"));
        c.put("camera_head", Map.of("trunk_depth", 1, "num_heads", 2));
        c.put(
                "depth_head",
                Map.of(
                        "features",
                        8,
                        "out_channels",
                        List.of(8, 8, 8, 8),
                        "intermediate_layer_idx",
                        List.of(0, 1, 1, 1)));
        c.put("point_head", null);
        return Config.of(c);
    }

    /** What is drawn means the same as what is known beforehand. */
    @Test
    void aDrawEqualsTheSameModalitiesFixedBeforehand() {
        float[] cameras = {1, 1, 0};
        float[] depths = {0, 1, 1};
        Map<String, float[]> fixed = run(new Modalities(new int[] {0, 1}, new int[] {1, 2}), null);
        Map<String, float[]> drawn =
                run(new Modalities(new int[] {0, 1, 2}, new int[] {0, 1, 2}), new float[][] {cameras, depths});
        for (String name : List.of("depth", "depth_conf", "pose_enc")) {
            assertArrayEquals(fixed.get(name), drawn.get(name), 2e-5f, name);
        }
        Map<String, float[]> images = run(Modalities.RGB, null);
        Map<String, float[]> nothing = run(
                new Modalities(new int[] {0, 1, 2}, new int[] {0, 1, 2}), new float[][] {new float[3], new float[3]});
        assertArrayEquals(images.get("depth"), nothing.get("depth"), 2e-5f);
    }

    private Map<String, float[]> run(Modalities m, float[][] given) {
        Network network = Network.of(tiny(VIEWS, List.of(), List.of()));
        Graph.Builder b = Graph.builder("tiny");
        Map<String, Value> in = new LinkedHashMap<>();
        Views.inputs(Shape.of(1, VIEWS, 3, 16, 24), m).forEach((k, s) -> in.put(k, b.input(k, s)));
        if (given != null) {
            in.put(Views.CAMERAS, b.input(Views.CAMERAS, Shape.of(1, VIEWS)));
            in.put(Views.DEPTHS, b.input(Views.DEPTHS, Shape.of(1, VIEWS)));
        }
        network.build(b.scope(), new Views(in.get("images"), in, m)).forEach(b::output);
        Graph g = b.build();
        Map<String, Tensor> all = new LinkedHashMap<>();
        Map<String, Tensor> parameters = new LinkedHashMap<>();
        g.parameters().forEach(p -> parameters.put(p.name(), Tensor.zeros(p.type())));
        new GeometryInitializer().initialize(parameters, Config.of(Map.of("layer_scale", 0.5)), 3);
        // The adapters begin at zero, where nothing could differ.
        parameters.forEach((name, t) -> {
            if (name.contains("camera_adapters") || name.endsWith("placeholder")) {
                Draw.of(5, name).normal(t, 0, 0.2);
            }
        });
        all.putAll(parameters);
        for (Value v : g.inputs()) {
            Tensor t = Tensor.zeros(v.type());
            switch (v.name()) {
                case Views.CAMERAS, Views.DEPTHS -> {
                    for (int i = 0; i < VIEWS; i++) {
                        t.set(i, given[v.name().equals(Views.CAMERAS) ? 0 : 1][i]);
                    }
                }
                case "extrinsics" -> {
                    for (int i = 0; i < VIEWS; i++) {
                        double a = 0.3 * i;
                        double[] e = {Math.cos(a), 0, Math.sin(a), i, 0, 1, 0, 0.1, -Math.sin(a), 0, Math.cos(a), 2};
                        for (int j = 0; j < 12; j++) {
                            t.set(12 * i + j, e[j]);
                        }
                    }
                }
                case "intrinsics" -> {
                    for (int i = 0; i < VIEWS; i++) {
                        double[] k = {20, 0, 12, 0, 20, 8, 0, 0, 1};
                        for (int j = 0; j < 9; j++) {
                            t.set(9 * i + j, k[j]);
                        }
                    }
                }
                case "mask" -> Draw.of(9, "mask").uniform(t, 1, 1);
                default -> Draw.of(9, v.name()).uniform(t, 0.1, 1);
            }
            all.put(v.name(), t);
        }
        Map<String, float[]> out = new LinkedHashMap<>();
        try (Program p = executor.compile(g)) {
            p.run(all).forEach((name, t) -> {
                out.put(name, t.toFloats());
                t.close();
            });
        }
        all.values().forEach(Tensor::close);
        return out;
    }
}
