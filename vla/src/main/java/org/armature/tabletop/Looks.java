package org.armature.tabletop;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
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
 * The pictures of {@link Recording}s: what cameras saw, words, and where the demonstrator would have closed and opened the
 * fingers. {@code grasp_target} and {@code place_target [6]}: x, y, z, cosine and sine of four times the heading, and 1 if known.
 *
 * <p>Config: {@code files}, {@code test_every} (20: every twentieth picture is for the test), {@code seed} of the words (1).
 */
@Component(property = {"armature.id=tabletop-looks", "armature.kind=dataset"})
public final class Looks implements DatasetProvider {
    static final int TARGET = 6;
    private static final Pattern TASK = Pattern.compile("put the (\\w+) (\\w+) in the (\\w+) (\\w+)");

    private final CheckpointFormat format;

    /** Reads through the safetensors service. */
    @Activate
    public Looks(@Reference(target = "(armature.id=safetensors)") CheckpointFormat format) {
        this.format = format;
    }

    @Override
    public String id() {
        return "tabletop-looks";
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Look(MemorySegment[] packed, float[] calibration, float[] words, float[] grasp, float[] place) {}

    @Override
    public Dataset open(String split, Config c) throws IOException {
        int every = c.integer("test_every", 20);
        long seed = c.wide("seed", 1);
        if (every < 2) {
            throw new IllegalArgumentException("dataset tabletop-looks needs test_every >= 2");
        }
        List<Look> looks = new ArrayList<>();
        List<Checkpoint> files = new ArrayList<>();
        for (String file : c.texts("files")) {
            Path path = Path.of(file);
            Checkpoint p = format.open(path);
            files.add(p);
            try {
                read(path, p, split.equals("test"), every, seed, looks);
            } catch (IllegalArgumentException e) {
                throw new IOException(file + ": " + e.getMessage(), e);
            }
        }
        if (looks.isEmpty()) {
            throw new IOException("no picture of " + c.texts("files") + " is for the " + split);
        }
        return new Pictures(List.copyOf(looks), files);
    }

    private static void read(Path file, Checkpoint p, boolean test, int every, long seed, List<Look> into)
            throws IOException {
        long[] of = p.get("asked_picture").toLongs();
        long[] end = p.get("end").toLongs();
        float[] calibration = p.get("calibration").toFloats();
        float[] grasp = p.get("asked_grasp").toFloats();
        float[] place = p.get("asked_place").toFloats();
        String[] asked = p.metadata().getOrDefault("asked", "").split("\n", -1);
        MemorySegment pixels = p.get("pixels").data();
        int cameras = Patches.CAMERAS;
        if (asked.length != of.length || grasp.length != 5 * of.length || place.length != 5 * of.length) {
            throw new IOException(file + " has " + of.length + " looks, but " + asked.length
                    + " instructions: record it again with this version");
        }
        for (int i = 0; i < of.length; i++) {
            int picture = Math.toIntExact(of[i]);
            Matcher m = TASK.matcher(asked[i]);
            if (!m.matches()) {
                throw new IOException(file + " asks \"" + asked[i]
                        + "\": \"put the COLOUR OBJECT in the COLOUR CONTAINER\" is expected");
            }
            if ((picture % every == every - 1) != test || (grasp[5 * i + 4] == 0 && place[5 * i + 4] == 0)) {
                continue;
            }
            MemorySegment[] packed = new MemorySegment[cameras];
            for (int c = 0; c < cameras; c++) {
                int k = picture * cameras + c;
                long from = k == 0 ? 0 : end[k - 1];
                packed[c] = pixels.asSlice(from, end[k] - from);
            }
            String words = Phrases.of(
                    Draw.of(seed, into.size()),
                    m.group(1) + " " + m.group(2),
                    m.group(3) + " " + m.group(4),
                    !m.group(2).equals("cube"),
                    false);
            int width = cameras * View.CALIBRATION;
            into.add(new Look(
                    packed,
                    Arrays.copyOfRange(calibration, picture * width, (picture + 1) * width),
                    Phrases.encode(words),
                    target(grasp, i),
                    target(place, i)));
        }
    }

    /** From position, heading and whether it is known. */
    static float[] target(float[] all, int i) {
        double turn = 4 * all[5 * i + 3];
        return new float[] {
            all[5 * i], all[5 * i + 1], all[5 * i + 2], (float) Math.cos(turn), (float) Math.sin(turn), all[5 * i + 4]
        };
    }

    private record Pictures(List<Look> looks, List<Checkpoint> files) implements Dataset {
        @Override
        public long size() {
            return looks.size();
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put(
                    "pixels",
                    new TensorType(
                            DType.FLOAT, Shape.of(Patches.CAMERAS, Patches.CHANNELS, Patches.ROWS, Patches.COLUMNS)));
            m.put("places", new TensorType(DType.FLOAT, Shape.of(Patches.COUNT, 3)));
            m.put("seen", new TensorType(DType.FLOAT, Shape.of(Patches.COUNT)));
            m.put("words", new TensorType(DType.FLOAT, Shape.of(Phrases.VOCABULARY.size())));
            m.put("grasp_target", new TensorType(DType.FLOAT, Shape.of(TARGET)));
            m.put("place_target", new TensorType(DType.FLOAT, Shape.of(TARGET)));
            return m;
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            for (int i = 0; i < indices.length; i++) {
                Look look = looks.get(Math.toIntExact(indices[i]));
                if (into.containsKey("pixels") || into.containsKey("places") || into.containsKey("seen")) {
                    List<View> views = new ArrayList<>();
                    for (int c = 0; c < Patches.CAMERAS; c++) {
                        views.add(View.unpacked(
                                look.packed[c].toArray(ValueLayout.JAVA_BYTE),
                                Arrays.copyOfRange(
                                        look.calibration, c * View.CALIBRATION, (c + 1) * View.CALIBRATION)));
                    }
                    Patches p = Patches.of(views);
                    put(into, "pixels", i, p.pixels());
                    put(into, "places", i, p.places());
                    put(into, "seen", i, p.seen());
                }
                put(into, "words", i, look.words);
                put(into, "grasp_target", i, look.grasp);
                put(into, "place_target", i, look.place);
            }
        }

        private static void put(Map<String, Tensor> into, String name, int i, float[] v) {
            Tensor t = into.get(name);
            if (t != null) {
                MemorySegment.copy(v, 0, t.data(), ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i * v.length, v.length);
            }
        }

        @Override
        public void close() {
            files.forEach(Checkpoint::close);
        }
    }
}
