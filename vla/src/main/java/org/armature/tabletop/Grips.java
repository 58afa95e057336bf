package org.armature.tabletop;

import java.io.IOException;
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
 * Closer looks into the pictures of {@link Recording}s: {@code points [256, 11]} about a place ({@link Surroundings}),
 * {@code words [2 V]}, and {@code grip_target [6]}: where the demonstrator would take hold, from there in units of 3 cm, cosine and
 * sine of four times the heading, and 1 if the place is about there at all. Places are up to 3 cm off, as eyes are, on what is asked
 * for or, in {@code wrong} (0.4) of the examples, on something else.
 *
 * <p>Config: {@code files}; {@code copies} (8) of each picture; {@code wrong}; {@code test_every} (20: one of so many rows of twenty
 * pictures is for the test); {@code seed} (1).
 */
@Component(property = {"armature.id=tabletop-grips", "armature.kind=dataset"})
public final class Grips implements DatasetProvider {
    private static final double LEAST = 0.0015;
    /** Eyes are up to ten times worse than {@link #LEAST}. */
    private static final double WORSE = 10;
    /** A place within so many metres of the grasp, horizontally, is on the same thing. */
    private static final double SAME = 0.035;

    private final CheckpointFormat format;

    /** Reads through the safetensors service. */
    @Activate
    public Grips(@Reference(target = "(armature.id=safetensors)") CheckpointFormat format) {
        this.format = format;
    }

    @Override
    public String id() {
        return "tabletop-grips";
    }

    @Override
    public Dataset open(String split, Config c) throws IOException {
        List<Checkpoint> files = new ArrayList<>();
        List<Look> looks = Look.read(format, c.texts("files"), split, c.integer("test_every", 20), files).stream()
                .filter(l -> l.objects().stream().anyMatch(Look.Thing::known))
                .toList();
        return new Closer(looks, c.integer("copies", 8), c.number("wrong", 0.4), c.wide("seed", 1), files);
    }

    private record Closer(List<Look> looks, int copies, double wrong, long seed, List<Checkpoint> files)
            implements Dataset {
        @Override
        public long size() {
            return (long) copies * looks.size();
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("points", new TensorType(DType.FLOAT, Shape.of(Surroundings.COUNT, Surroundings.POINT)));
            m.put("words", new TensorType(DType.FLOAT, Shape.of(Phrases.SAID)));
            m.put("grip_target", new TensorType(DType.FLOAT, Shape.of(Looks.TARGET)));
            return m;
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            for (int i = 0; i < indices.length; i++) {
                Look look = looks.get(Math.toIntExact(indices[i] / copies));
                Draw draw = Draw.of(seed, indices[i]);
                List<Look.Thing> known =
                        look.objects().stream().filter(Look.Thing::known).toList();
                Look.Thing asked = Look.any(draw, known);
                Look.Thing container = Look.any(draw, look.containers());
                double[] place = place(draw, draw.uniform() < wrong ? other(draw, look, asked) : asked);
                Looks.put(into, "words", i, Look.said(draw, asked, container));
                Looks.put(into, "grip_target", i, target(asked, place));
                if (into.containsKey("points")) {
                    Looks.put(into, "points", i, new Surroundings(look.views()).about(place[0], place[1], place[2]));
                }
            }
        }

        private static Look.Thing other(Draw draw, Look look, Look.Thing asked) {
            List<Look.Thing> others = new ArrayList<>();
            others.addAll(look.objects());
            others.addAll(look.containers());
            others.removeIf(t -> !t.known() || t.equals(asked));
            return others.isEmpty() ? asked : Look.any(draw, others);
        }

        private static double[] place(Draw draw, Look.Thing about) {
            double error = LEAST * Math.pow(WORSE, draw.uniform());
            return new double[] {
                about.hand()[0] + error * draw.normal(),
                about.hand()[1] + error * draw.normal(),
                about.hand()[2] + error / 2 * draw.normal()
            };
        }

        @Override
        public void close() {
            files.forEach(Checkpoint::close);
        }
    }

    /** How {@code asked} is taken, seen from {@code place}. */
    static float[] target(Look.Thing asked, double[] place) {
        float[] target = asked.target();
        boolean same = Math.hypot(target[0] - place[0], target[1] - place[1]) < SAME;
        for (int k = 0; k < 3; k++) {
            target[k] = (float) ((target[k] - place[k]) / GripModel.LENGTH);
        }
        target[5] = same ? target[5] : 0;
        return target;
    }
}
