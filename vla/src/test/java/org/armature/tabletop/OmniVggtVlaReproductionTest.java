package org.armature.tabletop;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.perception.ColourPerception;
import org.armature.robot.CameraFrame;
import org.armature.robot.SceneGeometry;
import org.armature.simulation.Planar;
import org.armature.train.Dataset;
import org.armature.train.Reproduction;
import org.armature.train.Reproduction.Claim;
import org.armature.train.Trainer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OmniVggtVlaReproductionTest {
    private static final int LOOKS = 40;

    @TempDir
    Path dir;

    private final OnnxExecutor executor = new OnnxExecutor();
    private final Map<String, Map<String, Object>> asked = new LinkedHashMap<>();
    private final List<List<CameraFrame>> estimated = new ArrayList<>();
    private final Map<String, float[]> spatial = new HashMap<>();
    private String arm = "";

    /** Looks at the data while it is there, and is stopped. */
    private final Trainer trainer = (config, run, resume, progress, stop) -> {
        asked.put(arm, config.asMap());
        try (Dataset data = new Errands(new SafetensorsFormat()).open("train", config.section("dataset"))) {
            assertEquals(2L * LOOKS * 19 / 20, data.size());
            Map<String, Tensor> batch = data.batch(0, 1, 7);
            if (batch.containsKey("spatial")) {
                spatial.put(arm, batch.get("spatial").toFloats());
            }
            assertNear(batch);
            batch.values().forEach(Tensor::close);
        }
        return new Trainer.Outcome(false, 7, Map.of());
    };

    /** Three tokens of two numbers a view, which say what was given. */
    private final SceneGeometry geometry = frames -> {
        estimated.add(frames);
        float[] t = new float[12];
        for (int v = 0; v < 2; v++) {
            t[6 * v] = frames.get(v).depthOrNull() == null ? 0 : 1;
            t[6 * v + 1] = frames.get(v).poseOrNull() == null ? 0 : 1;
        }
        return new SceneGeometry.Estimate(1, 1, List.of(), true, true, t, 2);
    };

    @AfterEach
    void close() {
        executor.close();
    }

    private OmniVggtVlaReproduction reproduction() {
        ModelProvider flow = new ModelProvider() {
            @Override
            public String id() {
                return "flow";
            }

            @Override
            public Model create(Config config) {
                throw new IllegalStateException("nothing was trained");
            }
        };
        return new OmniVggtVlaReproduction(
                trainer,
                flow,
                geometry,
                new Planar(),
                new ColourPerception(),
                new SafetensorsFormat(),
                executor,
                new OmniVggtVlaReproduction.Size(LOOKS, 5, 3));
    }

    private Reproduction.Run run(String name) {
        arm = name;
        return new Reproduction.Run() {
            @Override
            public Path folder() {
                return dir.resolve(name);
            }

            @Override
            public Path shared() {
                return dir.resolve("shared");
            }

            @Override
            public void progress(String what, double share) {
                assertTrue(share >= 0 && share <= 1, what + " " + share);
            }

            @Override
            public boolean stopped() {
                return false;
            }
        };
    }

    /** The thing is marked where it is seen, and its container elsewhere. */
    private static void assertNear(Map<String, Tensor> batch) {
        float[] near = batch.get("near.front").toFloats();
        int n = Patches.EACH;
        int[] marked = new int[2];
        for (int role = 0; role < 2; role++) {
            for (int i = 0; i < n; i++) {
                marked[role] += near[role * n + i] > 0 ? 1 : 0;
                assertTrue(near[i] * near[n + i] == 0, "a place is of the one or of the other");
            }
        }
        assertTrue(
                marked[0] > 0 && marked[0] < 15 && marked[1] > marked[0] && marked[1] < 80,
                marked[0] + ", " + marked[1]);
    }

    @Test
    void armsDifferInWhatTheyAreGivenAlone() throws IOException {
        Files.createDirectories(dir.resolve("shared"));
        List<String> arms = reproduction().arms();
        for (String a : arms.subList(0, 5)) {
            Files.createDirectories(dir.resolve(a));
            assertTrue(assertThrows(IOException.class, () -> reproduction().measure(a, 4, run(a)))
                    .getMessage()
                    .contains("stopped at step 7"));
        }
        Map<String, Object> plain = asked.get("images alone");
        asked.forEach((a, c) -> {
            for (String key : plain.keySet()) {
                if (!List.of("dataset", "model").contains(key)) {
                    assertEquals(plain.get(key), c.get(key), a + ": " + key);
                }
            }
            Map<String, Object> model = new HashMap<>(part(c, "model"));
            TreeSet<String> more = new TreeSet<>(model.keySet());
            more.removeAll(part(plain, "model").keySet());
            assertEquals(
                    switch (a) {
                        case "images alone" -> List.of();
                        case "point cloud" -> List.of("points");
                        default -> List.of("spatial");
                    },
                    List.copyOf(more));
            model.keySet().removeAll(more);
            assertEquals(part(plain, "model"), model);
            assertEquals(part(plain, "dataset").get("file"), part(c, "dataset").get("file"), "the same looks");
        });
        assertEquals(
                List.of(6, 2),
                intsOf(part(asked.get("spatial tokens, + depth"), "model").get("spatial")));
        // first token of each view: depth, calibration
        assertArrayEquals(new float[] {0, 0}, first("spatial tokens, of images"));
        assertArrayEquals(new float[] {1, 0}, first("spatial tokens, + depth"));
        assertArrayEquals(new float[] {1, 1}, first("spatial tokens, + depth, cameras"));
    }

    private float[] first(String a) {
        return Arrays.copyOf(spatial.get(a), 2);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> part(Map<String, Object> c, String key) {
        return (Map<String, Object>) c.get(key);
    }

    private static List<Integer> intsOf(Object list) {
        return ((List<?>) list).stream().map(v -> ((Number) v).intValue()).toList();
    }

    /** What the hand makes of perfect eyes: where it fails, no policy is to blame. */
    @Test
    void toldWhereTheHandDoesIt() throws IOException {
        Map<String, Double> f = reproduction().measure("told where", 4, run("told where"));
        assertEquals(100, f.get("success %, inside"));
        assertTrue(f.get("success %, outside") >= 66, f.toString());
        assertEquals(0, f.get("grasp off cm, outside"));
        assertFalse(Files.exists(dir.resolve("shared/looks.safetensors")), "nothing was learned");
        assertTrue(estimated.isEmpty());
    }

    @Test
    void claimsAreThoseOfTheBars() {
        Map<String, Double> onTheBar = Map.of(
                "images alone", 40.0,
                "spatial tokens, + depth", 45.0,
                "spatial tokens, + depth, cameras", 45.0,
                "point cloud", 45.0);
        List<Claim> claims = reproduction().claims();
        for (Claim c : claims) {
            assertEquals(0, margin(c, onTheBar), 1e-12, c.text());
        }
        Map<String, Double> worse = new HashMap<>(onTheBar);
        worse.put("spatial tokens, + depth", 44.0);
        assertEquals(-1, margin(claims.get(0), worse), 1e-12);
        assertEquals(0, margin(claims.get(1), worse), 1e-12);
        worse.put("point cloud", 46.0);
        assertEquals(-1, margin(claims.get(2), worse), 1e-12);
    }

    private static double margin(Claim c, Map<String, Double> outside) {
        return c.margin().applyAsDouble((a, f) -> {
            assertEquals("success %, outside", f);
            return List.of(outside.get(a));
        });
    }
}
