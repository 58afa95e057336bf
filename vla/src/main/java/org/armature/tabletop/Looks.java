package org.armature.tabletop;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
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
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * The pictures of {@link Recording}s, each with several instructions at once: what cameras saw, words, and where the demonstrator
 * would have closed and opened the fingers. {@code words [K, 2 V]}; {@code grasp_target} and {@code place_target [K, 6]}: x, y, z,
 * cosine and sine of four times the heading, and 1 if known. Every object is asked for with every container, in many ways.
 *
 * <p>Config: {@code files}; {@code asked} (4), instructions a picture; {@code copies} (8) of each picture, with other instructions;
 * {@code test_every} (20: one of so many rows of twenty pictures is for the test); {@code seed} of the words (1).
 */
@Component(property = {"armature.id=tabletop-looks", "armature.kind=dataset"})
public final class Looks implements DatasetProvider {
    static final int TARGET = 6;

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

    @Override
    public Dataset open(String split, Config c) throws IOException {
        List<Checkpoint> files = new ArrayList<>();
        List<Look> looks = Look.read(format, c.texts("files"), split, c.integer("test_every", 20), files);
        return new Pictures(looks, c.integer("asked", 4), c.integer("copies", 8), c.wide("seed", 1), files);
    }

    private record Pictures(List<Look> looks, int asked, int copies, long seed, List<Checkpoint> files)
            implements Dataset {
        @Override
        public long size() {
            return (long) copies * looks.size();
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("pixels", floats(Patches.CAMERAS, Patches.CHANNELS, Patches.ROWS, Patches.COLUMNS));
            m.put("places", floats(Patches.COUNT, 3));
            m.put("seen", floats(Patches.COUNT));
            m.put("words", floats(asked, Phrases.SAID));
            m.put("grasp_target", floats(asked, TARGET));
            m.put("place_target", floats(asked, TARGET));
            return m;
        }

        private static TensorType floats(long... shape) {
            return new TensorType(DType.FLOAT, Shape.of(shape));
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            for (int i = 0; i < indices.length; i++) {
                Look look = looks.get(Math.toIntExact(indices[i] / copies));
                if (into.containsKey("pixels") || into.containsKey("places") || into.containsKey("seen")) {
                    Patches p = Patches.of(look.views());
                    put(into, "pixels", i, p.pixels());
                    put(into, "places", i, p.places());
                    put(into, "seen", i, p.seen());
                }
                Draw draw = Draw.of(seed, indices[i]);
                for (int k = 0; k < asked; k++) {
                    Look.Thing object = Look.any(draw, look.objects());
                    Look.Thing container = Look.any(draw, look.containers());
                    put(into, "words", asked * i + k, Look.said(draw, object, container));
                    put(into, "grasp_target", asked * i + k, object.target());
                    put(into, "place_target", asked * i + k, container.target());
                }
            }
        }

        @Override
        public void close() {
            files.forEach(Checkpoint::close);
        }
    }

    /** Puts {@code v} into the {@code row}-th place of a tensor, if it is asked for. */
    static void put(Map<String, Tensor> into, String name, int row, float[] v) {
        Tensor t = into.get(name);
        if (t != null) {
            MemorySegment.copy(v, 0, t.data(), ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * row * v.length, v.length);
        }
    }
}
