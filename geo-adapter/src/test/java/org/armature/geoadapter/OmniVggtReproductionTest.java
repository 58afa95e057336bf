package org.armature.geoadapter;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.Reproduction;
import org.armature.train.Reproduction.Claim;
import org.armature.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OmniVggtReproductionTest {
    @TempDir
    Path dir;

    private final List<Map<String, Object>> asked = new ArrayList<>();
    private final List<Path> folders = new ArrayList<>();
    private final List<Boolean> resumed = new ArrayList<>();
    private int budget = 1;

    /** Finishes as many trainings as the budget has; the next is stopped. */
    private final Trainer trainer = (config, run, resume, progress, stop) -> {
        asked.add(config.asMap());
        folders.add(run);
        resumed.add(resume);
        Files.createDirectories(run);
        Files.writeString(run.resolve("checkpoint.safetensors"), "");
        boolean finished = budget-- > 0;
        if (finished) {
            Files.writeString(run.resolve("model.safetensors"), "");
        }
        return new Trainer.Outcome(finished, 7, Map.of());
    };

    private OmniVggtReproduction reproduction() {
        DatasetProvider none = new DatasetProvider() {
            @Override
            public String id() {
                return "rooms";
            }

            @Override
            public Dataset open(String split, Config config) throws IOException {
                throw new IOException("evaluation begins");
            }
        };
        return new OmniVggtReproduction(trainer, none, new SafetensorsFormat(), new OnnxExecutor());
    }

    private Reproduction.Run run() {
        return new Reproduction.Run() {
            @Override
            public Path folder() {
                return dir.resolve("own");
            }

            @Override
            public Path shared() {
                return dir.resolve("shared");
            }

            @Override
            public void progress(String what, double share) {}

            @Override
            public boolean stopped() {
                return false;
            }
        };
    }

    private String stops(String arm) {
        return assertThrows(IOException.class, () -> reproduction().measure(arm, 4, run()))
                .getMessage();
    }

    private Object fusion(int training) {
        return ((Map<?, ?>) ((Map<?, ?>) asked.get(training).get("model")).get("fusion")).get("rule");
    }

    /** Killed at any moment, an arm goes on with what it had. */
    @Test
    void continuedArmsBeginWithOneBaseOfImagesAndGoOnAfterAStop() {
        String said = stops("stochastic fusion, continued");
        assertTrue(said.contains("stopped at step 7"), said);
        assertEquals(List.of(dir.resolve("shared/base"), dir.resolve("own/model")), folders);
        assertEquals("never", fusion(0));
        assertEquals("instance", fusion(1));
        assertEquals(
                List.of(Map.of(
                        "file", dir.resolve("shared/base/model.safetensors").toString())),
                asked.get(1).get("weights"));

        budget = 1;
        assertEquals("evaluation begins", stops("stochastic fusion, continued"));
        assertEquals(3, folders.size(), "the base is trained once");
        assertEquals(List.of(false, false, true), resumed);
        assertEquals(asked.get(1), asked.get(2));
    }

    @Test
    void armsFromScratchDifferInWhatIsGiven() {
        budget = 2;
        assertEquals("evaluation begins", stops("stochastic fusion"));
        dir = dir.resolve("other");
        assertEquals("evaluation begins", stops("always everything"));
        assertEquals("instance", fusion(0));
        assertEquals("always", fusion(1));
        assertEquals(List.of(dir.resolve("own/model")), folders.subList(1, 2));
        assertTrue(asked.stream().noneMatch(c -> c.containsKey("weights")));
        for (String key : List.of("seed", "dataset", "steps", "schedule", "batch")) {
            assertEquals(asked.get(0).get(key), asked.get(1).get(key), key);
        }
    }

    /** Figures that lie on the bars hold by nothing; a little beyond, they do not. */
    @Test
    void claimsAreThoseOfTheBars() {
        Map<String, Double> onTheBar = Map.of(
                "stochastic fusion/AbsRel, images", 0.4,
                "stochastic fusion/AbsRel, +depth", 0.28,
                "stochastic fusion/AUC@30, images", 0.01,
                "stochastic fusion/AUC@30, +cameras", 0.31,
                "images only, continued/AbsRel, images", 0.3,
                "stochastic fusion, continued/AbsRel, images", 0.33,
                "always everything/AbsRel, images", 0.8);
        for (Claim c : reproduction().claims()) {
            assertEquals(0, c.margin().applyAsDouble((a, f) -> List.of(onTheBar.get(a + "/" + f))), 1e-12, c.text());
        }
        Map<String, Integer> worse = Map.of(
                "stochastic fusion/AbsRel, +depth", 0,
                "stochastic fusion/AUC@30, images", 1,
                "stochastic fusion, continued/AbsRel, images", 2);
        worse.forEach((name, claim) -> assertTrue(
                reproduction()
                                .claims()
                                .get(claim)
                                .margin()
                                .applyAsDouble((a, f) ->
                                        List.of(onTheBar.get(a + "/" + f) + (name.equals(a + "/" + f) ? 0.01 : 0)))
                        < 0,
                name));
        assertTrue(reproduction()
                        .claims()
                        .get(3)
                        .margin()
                        .applyAsDouble(
                                (a, f) -> List.of(onTheBar.get(a + "/" + f) - (a.startsWith("always") ? 0.01 : 0)))
                < 0);
    }
}
