package org.armature.itests;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.model.CheckpointFormat;

/** Demonstrations in the form of data set {@code episodes}, and how a policy is trained on them. */
final class Demonstrations {
    private Demonstrations() {}

    /**
     * {@code FOLDER/PROMPT.safetensors}.
     *
     * @param state {@code [N, S]}
     * @param action {@code [N, A]}
     * @param episode {@code [N]}
     */
    static void write(
            CheckpointFormat format, Path folder, String prompt, float[] state, float[] action, long[] episode)
            throws IOException {
        int n = episode.length;
        Files.createDirectories(folder);
        try (Tensor s = Tensor.of(state, n, state.length / n);
                Tensor a = Tensor.of(action, n, action.length / n);
                Tensor e = Tensor.of(episode, n)) {
            format.write(
                    folder.resolve(prompt + ".safetensors"),
                    Map.of("observation.state", s, "action", a, "episode_index", e),
                    Map.of("prompt", prompt));
        }
    }

    /** Seed 1, one thread; the rest is the caller's to add. */
    static Map<String, Object> training(Path folder, int horizon, Map<String, Object> model) {
        Map<String, Object> c = new LinkedHashMap<>();
        c.put("seed", 1);
        c.put("threads", 1);
        c.put("dataset", Map.of("type", "episodes", "folder", folder.toString(), "horizon", horizon));
        c.put("model", model);
        return c;
    }

    /** A small transformer's sizes for a model of type {@code type}. */
    static Map<String, Object> model(String type, int state, int horizon, int actions) {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("type", type);
        m.put("state", state);
        m.put("words", 1);
        m.put("chunk", List.of(horizon, actions));
        m.put("width", 32);
        m.put("heads", 2);
        m.put("feed_forward", 64);
        m.put("encoder_layers", 1);
        return m;
    }
}
