package org.armature.tabletop;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * Key poses that instructions ask for: {@code state [15]}, {@code words [2 V]}, {@code front} and {@code wrist [3, 60, 80]},
 * and {@code target [6]}, where to take hold and to let go, in metres from the tool along the world's axes; for training
 * alone {@code near.front} and {@code near.wrist [2, 1200]}, where in 30 x 40 parts of the pictures thing and container are.
 * With {@code points} also {@code near.points [2, 2400]} and {@code points [2400, 7]}, with {@code tokens} also {@code spatial [N, C]}. See {@link Sighting}.
 *
 * <p>Config: {@code file}, looks of P moments with two instructions each: {@code state [P, 15]}, {@code rgb [P, 2, 60, 80, 3]},
 * {@code points [P, 2400, 7]}, {@code words [P, 2, 2 V]}, {@code target [P, 2, 6]}; {@code tokens} (none), a file with
 * {@code spatial [P, N, C]}; {@code points} (false); {@code test_every} (20: every twentieth moment is for the test).
 */
@Component(property = {"armature.id=tabletop-errands", "armature.kind=dataset"})
public final class Errands implements DatasetProvider {
    static final int TARGET = 6;
    private static final String NEAR = "near.";
    /** Heights above the table between which a thing or a container is seen, metres. */
    private static final double LOWEST = 0.004;

    private static final double HIGHEST = 0.07;
    /** How far from a key pose what is meant reaches, metres: a thing, a container. */
    private static final double[] ABOUT = {0.03, 0.07};

    static final int WORDS = Phrases.SAID;

    private final CheckpointFormat format;

    /** Reads through the safetensors service. */
    @Activate
    public Errands(@Reference(target = "(armature.id=safetensors)") CheckpointFormat format) {
        this.format = format;
    }

    @Override
    public String id() {
        return "tabletop-errands";
    }

    /** The tensors of a file of so many looks. */
    static Map<String, TensorType> layout(long looks) {
        Map<String, TensorType> m = new LinkedHashMap<>();
        m.put("state", new TensorType(DType.FLOAT, Shape.of(looks, Sighting.STATE)));
        m.put("rgb", new TensorType(DType.UINT8, Shape.of(looks, 2, Sighting.HEIGHT, Sighting.WIDTH, 3)));
        m.put("points", new TensorType(DType.FLOAT, Shape.of(looks, Sighting.POINTS, Sighting.POINT)));
        m.put("words", new TensorType(DType.FLOAT, Shape.of(looks, Glances.ERRANDS, WORDS)));
        m.put("target", new TensorType(DType.FLOAT, Shape.of(looks, Glances.ERRANDS, TARGET)));
        return m;
    }

    @Override
    public Dataset open(String split, Config c) throws IOException {
        int every = c.integer("test_every", 20);
        if (every < 2) {
            throw new IllegalArgumentException("dataset tabletop-errands needs test_every >= 2");
        }
        boolean points = c.flag("points", false);
        String tokens = c.text("tokens", "");
        Checkpoint looks = format.open(Path.of(c.text("file")));
        try {
            long n = looks.type("state").shape().dim(0);
            layout(n).forEach((name, type) -> {
                if (!looks.type(name).equals(type)) {
                    throw new IllegalArgumentException(
                            c.text("file") + " has " + name + " as " + looks.type(name) + ", expected " + type);
                }
            });
            Checkpoint spatial = tokens.isEmpty() ? null : format.open(Path.of(tokens));
            long[] mine = new long[Math.toIntExact(n)];
            int k = 0;
            for (int i = 0; i < n; i++) {
                if ((i % every == every - 1) == split.equals("test")) {
                    mine[k++] = i;
                }
            }
            return new Asked(looks, spatial, points, Arrays.copyOf(mine, k));
        } catch (IOException | RuntimeException e) {
            looks.close();
            throw e;
        }
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Asked(Checkpoint file, @Nullable Checkpoint tokens, boolean points, long[] moments)
            implements Dataset {
        @Override
        public long size() {
            return (long) Glances.ERRANDS * moments.length;
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("state", floats(Sighting.STATE));
            m.put("words", floats(WORDS));
            for (String camera : Recording.CAMERAS) {
                m.put(camera, floats(3, Sighting.HEIGHT, Sighting.WIDTH));
            }
            if (points) {
                m.put("points", floats(Sighting.POINTS, Sighting.POINT));
            }
            if (tokens != null) {
                Shape s = tokens.type("spatial").shape();
                m.put("spatial", floats(s.dim(1), s.dim(2)));
            }
            m.put("target", floats(TARGET));
            for (String camera : Recording.CAMERAS) {
                m.put(NEAR + camera, floats(2, Patches.EACH));
            }
            if (points) {
                m.put(NEAR + "points", floats(2, Sighting.POINTS));
            }
            return m;
        }

        private static TensorType floats(long... sizes) {
            return new TensorType(DType.FLOAT, Shape.of(sizes));
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            for (int i = 0; i < indices.length; i++) {
                long moment = moments[Math.toIntExact(indices[i] / Glances.ERRANDS)];
                long asked = Glances.ERRANDS * moment + indices[i] % Glances.ERRANDS;
                copy(file, "state", moment, into, i);
                copy(file, "words", asked, into, i);
                copy(file, "target", asked, into, i);
                if (points) {
                    copy(file, "points", moment, into, i);
                }
                if (tokens != null) {
                    copy(tokens, "spatial", moment, into, i);
                }
                near(moment, asked, into, i);
                byte[] rgb = null;
                for (int c = 0; c < Recording.CAMERAS.size(); c++) {
                    Tensor t = into.get(Recording.CAMERAS.get(c));
                    if (t == null) {
                        continue;
                    }
                    if (rgb == null) {
                        long bytes = 2L * 3 * Sighting.WIDTH * Sighting.HEIGHT;
                        rgb = file.get("rgb")
                                .data()
                                .asSlice(moment * bytes, bytes)
                                .toArray(ValueLayout.JAVA_BYTE);
                    }
                    float[] x = Sighting.image(rgb, c);
                    put(into, Recording.CAMERAS.get(c), i, x, 0, x.length);
                }
            }
        }

        /** What is seen of the thing and of its container: points about the key poses, above the table, below the hand. */
        private void near(long moment, long asked, Map<String, Tensor> into, int i) {
            float[] seen = row("points", moment, Sighting.POINTS * Sighting.POINT);
            float[] target = row("target", asked, TARGET);
            float tool = row("state", moment, Sighting.STATE)[2];
            for (int role = 0; role < 2; role++) {
                float[] near = new float[Sighting.POINTS];
                for (int k = 0; k < Sighting.POINTS; k++) {
                    int at = k * Sighting.POINT;
                    double height = seen[at + 2] + tool;
                    boolean there = seen[at + 6] > 0
                            && height > LOWEST
                            && height < HIGHEST
                            && Math.hypot(seen[at] - target[3 * role], seen[at + 1] - target[3 * role + 1])
                                    < ABOUT[role];
                    near[k] = there ? 1 : 0;
                }
                for (int c = 0; c < Recording.CAMERAS.size(); c++) {
                    put(into, NEAR + Recording.CAMERAS.get(c), 2 * i + role, near, c * Patches.EACH, Patches.EACH);
                }
                put(into, NEAR + "points", 2 * i + role, near, 0, near.length);
            }
        }

        private static void put(Map<String, Tensor> into, String name, int row, float[] from, int at, int length) {
            Tensor t = into.get(name);
            if (t != null) {
                MemorySegment.copy(
                        from,
                        at,
                        t.data(),
                        ValueLayout.JAVA_FLOAT_UNALIGNED,
                        (long) Float.BYTES * row * length,
                        length);
            }
        }

        private float[] row(String name, long row, int width) {
            return file.get(name)
                    .data()
                    .asSlice((long) Float.BYTES * row * width, (long) Float.BYTES * width)
                    .toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        }

        private static void copy(Checkpoint from, String name, long row, Map<String, Tensor> into, int i) {
            Tensor t = into.get(name);
            if (t != null) {
                long bytes = t.data().byteSize() / t.shape().dim(0);
                MemorySegment.copy(from.get(name).data(), row * bytes, t.data(), i * bytes, bytes);
            }
        }

        @Override
        public void close() {
            file.close();
            if (tokens != null) {
                tokens.close();
            }
        }
    }
}
