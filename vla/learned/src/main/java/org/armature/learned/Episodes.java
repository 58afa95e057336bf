package org.armature.learned;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * Demonstrations in safetensors files: {@code observation.state} float [N, S], {@code action} float [N, A],
 * {@code episode_index} int64 [N], the task's words in the note {@code prompt}. An example is {@code state: float[S]},
 * {@code words: float[V]} and {@code target: float[H * A]}, the next H actions, the last one repeated at an episode's end.
 *
 * <p>Config: {@code folder}, {@code files} (names in it; all), {@code horizon} H (5), {@code vocabulary} (the prompts'
 * words), {@code test_every} (10: every tenth episode is for the test).
 */
@Component(property = {"armature.id=episodes", "armature.kind=dataset"})
public final class Episodes implements DatasetProvider {
    private final CheckpointFormat format;

    /** Reads through the safetensors service. */
    @Activate
    public Episodes(@Reference(target = "(armature.id=safetensors)") CheckpointFormat format) {
        this.format = format;
    }

    @Override
    public String id() {
        return "episodes";
    }

    private record Part(float[] state, float[] action, long[] episode, int width, int actions, String prompt) {}

    @Override
    public Dataset open(String split, Config c) throws IOException {
        Path folder = Path.of(c.text("folder"));
        List<Part> parts = new ArrayList<>();
        for (Path f : files(folder, c)) {
            parts.add(read(f));
        }
        Words words = c.has("vocabulary")
                ? new Words(c.texts("vocabulary"))
                : Words.of(parts.stream().map(Part::prompt).toList());
        int horizon = c.integer("horizon", 5);
        int every = c.integer("test_every", 10);
        if (horizon < 1 || every < 2) {
            throw new IllegalArgumentException("dataset episodes needs horizon >= 1 and test_every >= 2");
        }
        boolean test = split.equals("test");
        int state = parts.getFirst().width();
        int actions = parts.getFirst().actions();
        List<float[][]> examples = new ArrayList<>();
        for (Part p : parts) {
            if (p.width() != state || p.actions() != actions) {
                throw new IOException(folder + " mixes states of " + state + " and " + p.width() + " or actions of "
                        + actions + " and " + p.actions() + " numbers: name files that fit with dataset.files");
            }
            float[] said = words.encode("prompt", p.prompt());
            int n = p.episode().length;
            for (int i = 0; i < n; i++) {
                if ((p.episode()[i] % every == every - 1) != test) {
                    continue;
                }
                float[] target = new float[horizon * actions];
                int from = i;
                for (int h = 0; h < horizon; h++) {
                    System.arraycopy(p.action(), from * actions, target, h * actions, actions);
                    from += from + 1 < n && p.episode()[from + 1] == p.episode()[i] ? 1 : 0;
                }
                examples.add(
                        new float[][] {java.util.Arrays.copyOfRange(p.state(), i * state, (i + 1) * state), said, target
                        });
            }
        }
        return new Examples(List.copyOf(examples), state, words.vocabulary().size(), horizon * actions);
    }

    private static List<Path> files(Path folder, Config c) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new IOException(folder.toAbsolutePath() + " is no folder: set dataset.folder to where the episodes"
                    + " (*.safetensors) are");
        }
        List<Path> all;
        if (c.has("files")) {
            all = c.texts("files").stream().map(folder::resolve).toList();
        } else {
            try (Stream<Path> s = Files.list(folder)) {
                all = s.filter(f -> f.toString().endsWith(".safetensors"))
                        .sorted()
                        .toList();
            }
        }
        if (all.isEmpty()) {
            throw new IOException(folder + " has no .safetensors file of episodes");
        }
        return all;
    }

    private Part read(Path file) throws IOException {
        try (Checkpoint p = format.open(file)) {
            Tensor state = p.get("observation.state");
            Tensor action = p.get("action");
            Tensor episode = p.get("episode_index");
            long n = episode.size();
            if (state.shape().rank() != 2
                    || action.shape().rank() != 2
                    || state.shape().dim(0) != n
                    || action.shape().dim(0) != n) {
                throw new IOException(file + " has observation.state " + state.type() + ", action " + action.type()
                        + " and episode_index " + episode.type() + ": they must be [N, S], [N, A] and [N]");
            }
            float[] s = state.toFloats();
            float[] a = action.toFloats();
            for (float[] v : List.of(s, a)) {
                for (float x : v) {
                    if (!Float.isFinite(x)) {
                        throw new IOException(file + " has a number that is not finite: repair the recording");
                    }
                }
            }
            String prompt = p.metadata().get("prompt");
            if (prompt == null) {
                throw new IOException(file + " does not say its prompt: add it to the file's notes");
            }
            return new Part(
                    s,
                    a,
                    episode.toLongs(),
                    (int) state.shape().dim(1),
                    (int) action.shape().dim(1),
                    prompt);
        } catch (IllegalArgumentException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
    }

    private record Examples(List<float[][]> examples, int state, int words, int target) implements Dataset {
        @Override
        public long size() {
            return examples.size();
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("state", new TensorType(DType.FLOAT, Shape.of(state)));
            m.put("words", new TensorType(DType.FLOAT, Shape.of(words)));
            m.put("target", new TensorType(DType.FLOAT, Shape.of(target)));
            return m;
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            int column = 0;
            for (String name : example().keySet()) {
                Tensor t = into.get(name);
                for (int i = 0; t != null && i < indices.length; i++) {
                    float[] v = examples.get(Math.toIntExact(indices[i]))[column];
                    java.lang.foreign.MemorySegment.copy(
                            v,
                            0,
                            t.data(),
                            java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED,
                            4L * i * v.length,
                            v.length);
                }
                column++;
            }
        }
    }
}
