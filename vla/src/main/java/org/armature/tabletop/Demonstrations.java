package org.armature.tabletop;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * What {@code armature rollout --label} writes: {@code hand [N, 20]}, {@code things [N, C * 24]}, {@code motion [N, 55]},
 * {@code episode_index [N]}, and the note {@code instructions}, a line an episode. An example's words are another way to
 * say its episode's instruction, drawn anew for each frame.
 *
 * <p>Config: {@code files}, {@code test_every} (20: every twentieth episode is for the test), {@code seed} of the words (1).
 */
@Component(property = {"armature.id=tabletop-demonstrations", "armature.kind=dataset"})
public final class Demonstrations implements DatasetProvider {
    private static final Pattern TASK = Pattern.compile("put the (\\w+) (\\w+) in the (\\w+) (\\w+)");

    private final CheckpointFormat format;

    /** Reads through the safetensors service. */
    @Activate
    public Demonstrations(@Reference(target = "(armature.id=safetensors)") CheckpointFormat format) {
        this.format = format;
    }

    @Override
    public String id() {
        return "tabletop-demonstrations";
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Example(
            float[] hand, float[] things, float[] words, float[] motion, float[] object, float[] container) {
        float[][] columns() {
            return new float[][] {hand, things, words, motion, object, container};
        }
    }

    @Override
    public Dataset open(String split, Config c) throws IOException {
        int every = c.integer("test_every", 20);
        long seed = c.wide("seed", 1);
        if (every < 2) {
            throw new IllegalArgumentException("dataset tabletop-demonstrations needs test_every >= 2");
        }
        List<Example> examples = new ArrayList<>();
        for (String file : c.texts("files")) {
            read(Path.of(file), split.equals("test"), every, seed, examples);
        }
        if (examples.isEmpty()) {
            throw new IOException("no frame of " + c.texts("files") + " is for the " + split);
        }
        return new Examples(List.copyOf(examples));
    }

    private void read(Path file, boolean test, int every, long seed, List<Example> into) throws IOException {
        try (Checkpoint p = format.open(file)) {
            long[] episode = p.get("episode_index").toLongs();
            float[] hand = numbers(file, p, "hand", episode.length, Features.HAND);
            float[] things = numbers(file, p, "things", episode.length, Things.COLOURS.size() * Features.THING);
            float[] motion = numbers(file, p, "motion", episode.length, ToolMotion.KNOTS * ToolMotion.NUMBERS);
            String[] asked = p.metadata().getOrDefault("instructions", "").split("\n", -1);
            for (int i = 0; i < episode.length; i++) {
                if (episode[i] < 0 || episode[i] >= asked.length) {
                    throw new IOException(
                            file + " has frames of episode " + episode[i] + ", but instructions for " + asked.length);
                }
                if ((episode[i] % every == every - 1) != test) {
                    continue;
                }
                Matcher m = TASK.matcher(asked[(int) episode[i]]);
                int object = m.matches() ? Things.COLOURS.indexOf(m.group(1)) : -1;
                int container = object >= 0 ? Things.COLOURS.indexOf(m.group(3)) : -1;
                if (container < 0) {
                    throw new IOException(file + " asks \"" + asked[(int) episode[i]]
                            + "\": \"put the COLOUR OBJECT in the COLOUR CONTAINER\" is expected");
                }
                String words = Phrases.of(
                        Draw.of(seed, into.size()),
                        m.group(1) + " " + m.group(2),
                        m.group(3) + " " + m.group(4),
                        !m.group(2).equals("cube"),
                        false);
                into.add(new Example(
                        row(hand, i, Features.HAND),
                        row(things, i, Things.COLOURS.size() * Features.THING),
                        Phrases.encode(words),
                        row(motion, i, ToolMotion.KNOTS * ToolMotion.NUMBERS),
                        oneHot(object),
                        oneHot(container)));
            }
        } catch (IllegalArgumentException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
    }

    private static float[] numbers(Path file, Checkpoint p, String name, long n, long width) throws IOException {
        Tensor t = p.get(name);
        if (!t.shape().equals(Shape.of(n, width))) {
            throw new IOException(file + " has " + name + " " + t.type() + ", but [" + n + ", " + width
                    + "] is expected: record it again with this version");
        }
        float[] v = t.toFloats();
        for (float x : v) {
            if (!Float.isFinite(x)) {
                throw new IOException(file + " has a number in " + name + " that is not finite: record it again");
            }
        }
        return v;
    }

    private static float[] row(float[] all, int i, int width) {
        return java.util.Arrays.copyOfRange(all, i * width, (i + 1) * width);
    }

    private static float[] oneHot(int k) {
        float[] v = new float[Things.COLOURS.size()];
        v[k] = 1;
        return v;
    }

    private record Examples(List<Example> examples) implements Dataset {
        @Override
        public long size() {
            return examples.size();
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            int c = Things.COLOURS.size();
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("hand", new TensorType(DType.FLOAT, Shape.of(Features.HAND)));
            m.put("things", new TensorType(DType.FLOAT, Shape.of(c, Features.THING)));
            m.put("words", new TensorType(DType.FLOAT, Shape.of(Phrases.VOCABULARY.size())));
            m.put("motion", new TensorType(DType.FLOAT, Shape.of(ToolMotion.KNOTS * ToolMotion.NUMBERS)));
            m.put("object", new TensorType(DType.FLOAT, Shape.of(c)));
            m.put("container", new TensorType(DType.FLOAT, Shape.of(c)));
            return m;
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            int column = 0;
            for (String name : example().keySet()) {
                Tensor t = into.get(name);
                for (int i = 0; t != null && i < indices.length; i++) {
                    float[] v = examples.get(Math.toIntExact(indices[i])).columns()[column];
                    MemorySegment.copy(v, 0, t.data(), ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i * v.length, v.length);
                }
                column++;
            }
        }
    }
}
