package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
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
import org.armature.train.Draw;
import org.armature.train.Trainer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An ACT policy trained on demonstrations of going to a point, and served from its files. */
@InFramework
class ActTest {
    private static final int EPISODES = 80;
    private static final int STEPS = 12;
    private static final int HORIZON = 4;

    @TempDir
    Path dir;

    /** State: hand and goal on a line each; action: a step towards the goal, at most 0.2. */
    private void demonstrate(CheckpointFormat format) throws IOException {
        int n = EPISODES * STEPS;
        float[] state = new float[n * 4];
        float[] action = new float[n * 2];
        long[] episode = new long[n];
        Draw draw = Draw.of(4);
        for (int e = 0, i = 0; e < EPISODES; e++) {
            double[] hand = {2 * draw.uniform() - 1, 2 * draw.uniform() - 1};
            double[] goal = {2 * draw.uniform() - 1, 2 * draw.uniform() - 1};
            for (int k = 0; k < STEPS; k++, i++) {
                episode[i] = e;
                for (int j = 0; j < 2; j++) {
                    state[4 * i + j] = (float) hand[j];
                    state[4 * i + 2 + j] = (float) goal[j];
                    double step = Math.clamp(goal[j] - hand[j], -0.2, 0.2);
                    action[2 * i + j] = (float) (5 * step);
                    hand[j] += step;
                }
            }
        }
        Demonstrations.write(format, dir.resolve("data"), "go", state, action, episode);
    }

    private static Map<String, Object> model() {
        Map<String, Object> m = Demonstrations.model("act", 4, HORIZON, 2);
        m.put("vae_layers", 1);
        m.put("latent", 4);
        return m;
    }

    @Test
    void itLearnsToGoToTheGoalAndIsServed(
            @Service("(armature.id=gradient)") Trainer trainer,
            @Service("(armature.id=safetensors)") CheckpointFormat format,
            @Service("") PolicyFiles files)
            throws IOException {
        demonstrate(format);
        Map<String, Object> c = Demonstrations.training(dir.resolve("data"), HORIZON, model());
        c.put("objective", Map.of("type", "act", "kl_weight", 1));
        c.put("schedule", Map.of("rate", 3e-3));
        c.put("batch", 32);
        c.put("steps", 300);
        Trainer.Outcome done = trainer.train(Config.of(c), dir.resolve("run"), false, p -> {}, () -> false);
        assertTrue(done.results().get("kl") >= 0, done.results().toString());
        assertFalse(done.results().containsKey("test.kl"), "the style at rest is the prior's");
        assertTrue(done.results().get("test.l1") < 0.2, done.results().toString());

        Path json = Files.writeString(dir.resolve("run/policy.json"), """
                {"model": {"type": "act", "state": 4, "words": 1, "chunk": [4, 2], "width": 32, "heads": 2, "feed_forward": 64,
                           "encoder_layers": 1, "vae_layers": 1, "latent": 4},
                 "checkpoint": "model.safetensors",
                 "inputs": {"state": {"key": "observation/state"}, "words": {"key": "prompt", "vocabulary": ["go"]}},
                 "output": "actions", "chunk": [4, 2], "low": -1, "high": 1}
                """);
        try (PolicyFiles.Opened policy = files.open(json)) {
            double[] hand = {-0.7, 0.5};
            double[] goal = {0.6, -0.4};
            for (int k = 0; k < 8; k++) {
                float[] seen = {(float) hand[0], (float) hand[1], (float) goal[0], (float) goal[1]};
                double[] actions = ((NdArray) policy.open()
                                .infer(Map.of("observation/state", NdArray.of(seen, 4), "prompt", "go"))
                                .get("actions"))
                        .doubles();
                assertEquals(2 * HORIZON, actions.length);
                for (int j = 0; j < 2; j++) {
                    hand[j] += (actions[j] + actions[2 + j]) / 5; // two of the chunk's four
                }
            }
            assertEquals(goal[0], hand[0], 0.15);
            assertEquals(goal[1], hand[1], 0.15);
        }
    }

    /** The published sizes, without the images' network. */
    @Test
    void namesAndSizesAreThePublishedOnes(@Service("(armature.id=act)") ModelProvider act) {
        Model m = act.create(
                Config.of(Map.of("state", 14, "chunk", List.of(100, 14), "images", Map.of("top", List.of(480, 640)))));
        Map<String, Long> sizes = new LinkedHashMap<>();
        m.graph("act").parameters().forEach(p -> sizes.put(p.name(), p.shape().size()));
        assertEquals(3L * 512 * 512, sizes.get("encoder.layers.3.self_attn.in_proj_weight"));
        assertEquals(3200L * 512, sizes.get("decoder.layers.0.linear1.weight"));
        assertEquals(100L * 512, sizes.get("decoder_pos_embed.weight"));
        assertEquals(14L * 512, sizes.get("action_head.weight"));
        assertEquals(2L * 512, sizes.get("encoder_1d_feature_pos_embed.weight"));
        assertFalse(sizes.containsKey("vae_encoder_cls_embed.weight"), "only training has the posterior");
        assertEquals(2, m.inputs().size());
    }
}
