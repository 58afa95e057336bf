package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.robot.NdArray;
import org.armature.robot.PolicyFiles;
import org.armature.robot.RealTimeChunking;
import org.armature.train.Draw;
import org.armature.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A flow-matching policy trained on demonstrations that pass an obstacle on the left or on the right, and served from its files:
 * it passes on one side, where the mean of the demonstrations would go straight into it.
 */
@InFramework
class FlowTest {
    private static final int EPISODES = 300;
    private static final int HORIZON = 4;
    private static final double SIDE = 0.7;

    @TempDir
    Path dir;

    /** State: a number that decides how far to the side, in [0.9, 1.1]; action: left or right by as much, a whole episode long. */
    private void demonstrate(CheckpointFormat format) throws IOException {
        int n = EPISODES * HORIZON;
        float[] state = new float[n];
        float[] action = new float[n];
        long[] episode = new long[n];
        Draw draw = Draw.of(4);
        for (int i = 0; i < n; i++) {
            boolean begins = i % HORIZON == 0;
            state[i] = begins ? (float) (0.9 + 0.2 * draw.uniform()) : state[i - 1];
            float side = begins ? draw.uniform() < 0.5 ? -1 : 1 : Math.signum(action[i - 1]);
            action[i] = (float) (SIDE * side * state[i]);
            episode[i] = i / HORIZON;
        }
        Demonstrations.write(format, dir.resolve("data"), "pass", state, action, episode);
    }

    private static Map<String, Object> model() {
        Map<String, Object> m = Demonstrations.model("flow", 1, HORIZON, 1);
        m.put("expert_layers", 2);
        return m;
    }

    @Test
    void itTakesOneSideWhereTheDemonstrationsTakeEither(
            @Service("(armature.id=gradient)") Trainer trainer,
            @Service("(armature.id=safetensors)") CheckpointFormat format,
            @Service("") PolicyFiles files)
            throws IOException {
        demonstrate(format);
        Map<String, Object> c = Demonstrations.training(dir.resolve("data"), HORIZON, model());
        c.put("objective", Map.of("type", "flow"));
        c.put("schedule", Map.of("type", "cosine", "rate", 3e-3));
        c.put("batch", 64);
        c.put("steps", 500);
        Trainer.Outcome done = trainer.train(Config.of(c), dir.resolve("run"), false, p -> {}, () -> false);
        // Samples of the one side or the other, against demonstrations of the one or the other: half of them are right.
        assertEquals(SIDE, done.results().get("test.l1"), 0.25, done.results().toString());

        int left = 0;
        int right = 0;
        int between = 0;
        try (PolicyFiles.Opened policy = files.open(policy(false))) {
            for (int k = 0; k < 60; k++) {
                double[] chunk = chunk(policy, Map.of());
                boolean same = true;
                for (double a : chunk) {
                    same &= a * chunk[0] > 0 && Math.abs(Math.abs(a) - SIDE) < 0.25;
                }
                left += same && chunk[0] < 0 ? 1 : 0;
                right += same && chunk[0] > 0 ? 1 : 0;
                between += same ? 0 : 1;
            }
        }
        String seen = left + " left, " + right + " right, " + between + " neither";
        assertTrue(left >= 10 && right >= 10 && between <= 6, seen);

        double[] weights = RealTimeChunking.prefixWeights(2, 2, HORIZON, RealTimeChunking.Weights.EXP);
        try (PolicyFiles.Opened policy = files.open(policy(true))) {
            for (int side : new int[] {-1, 1}) {
                int kept = 0;
                for (int k = 0; k < 20; k++) {
                    double[] old = {side * SIDE, side * SIDE, 0, 0};
                    double[] chunk = chunk(
                            policy,
                            Map.of("old", NdArray.of(old, HORIZON), "old_weights", NdArray.of(weights, HORIZON)));
                    kept += chunk[2] * side > 0 && chunk[3] * side > 0 ? 1 : 0;
                }
                assertTrue(kept >= 18, kept + " of 20 chunks go on on the side of the last one");
            }
        }
    }

    private Path policy(boolean chunking) throws IOException {
        return Files.writeString(
                dir.resolve("run/policy-" + chunking + ".json"), """
                {"model": {"type": "flow", "state": 1, "words": 1, "chunk": [4, 1], "width": 32, "heads": 2, "feed_forward": 64,
                           "encoder_layers": 1, "expert_layers": 2, "real_time_chunking": %s},
                 "checkpoint": "model.safetensors",
                 "inputs": {"state": {"key": "observation/state"}, "words": {"key": "prompt", "vocabulary": ["pass"]}%s},
                 "output": "actions", "chunk": [4, 1]}
                """.formatted(chunking, chunking ? """
                , "old": {"key": "old"}, "old_weights": {"key": "old_weights"}""" : ""));
    }

    private static double[] chunk(PolicyFiles.Opened policy, Map<String, Object> more) {
        Map<String, Object> observation = new LinkedHashMap<>(more);
        observation.put("observation/state", NdArray.of(new float[] {1}, 1));
        observation.put("prompt", "pass");
        return ((NdArray) policy.open().infer(observation).get("actions")).doubles();
    }

    /** With everything that it can see: images of two cameras, and tokens of a geometry. */
    @Test
    void itTakesImagesAndSpatialTokens(@Service("(armature.id=flow)") ModelProvider flow) {
        Map<String, Object> c = new LinkedHashMap<>(model());
        c.remove("type");
        c.put("images", Map.of("front", List.of(64, 96), "wrist", List.of(64, 64)));
        c.put("spatial", List.of(48, 128));
        Model m = flow.create(Config.of(c));
        assertEquals(5, m.inputs().size());
        Map<String, Long> sizes = new LinkedHashMap<>();
        m.graph("flow").parameters().forEach(p -> sizes.put(p.name(), p.shape().size()));
        assertEquals(128L * 32, sizes.get("encoder_spatial_input_proj.weight"));
        assertEquals(48L * 32, sizes.get("encoder_spatial_pos_embed.weight"));
        assertEquals(64L * 32, sizes.get("action_time_mlp_in.weight"));
    }
}
