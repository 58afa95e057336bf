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
import java.util.Set;
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
 * The frames of {@link Recording}s: {@code aimed [39]} ({@link Features#aimed}), {@code stage [10]}, one of them 1, and
 * {@code goal [5]} ({@link Goal}). Where to take hold and to let go is a little off, as eyes are: each frame comes
 * {@code copies} times (8), with other errors; a goal there moves with it.
 *
 * <p>Config: {@code files}, {@code copies}, {@code test_every} (20: every twentieth episode is for the test), {@code seed} (1).
 */
@Component(property = {"armature.id=tabletop-stages", "armature.kind=dataset"})
public final class Stages implements DatasetProvider {
    /** Seconds between two frames of a recording. */
    private static final double FRAME = 0.1;

    private static final double LEAST = 0.001;
    /** Eyes are up to fifteen times worse than {@link #LEAST}. */
    private static final double WORSE = 15;

    private static final double TURNED = 0.1;
    /** Things that are held the other way keep the fingers further apart, shares of the widest. */
    private static final double THICKER = 0.25;

    private static final Set<Integer> HELD = Set.of(
            Recording.STAGES.indexOf("CLOSE"),
            Recording.STAGES.indexOf("LIFT"),
            Recording.STAGES.indexOf("CARRY"),
            Recording.STAGES.indexOf("LOWER"));

    private static final int LOWER = Recording.STAGES.indexOf("LOWER");
    private static final Set<Integer> TO_GRASP =
            Set.of(Recording.STAGES.indexOf("APPROACH"), Recording.STAGES.indexOf("DESCEND"));
    private static final Set<Integer> TO_PLACE = Set.of(Recording.STAGES.indexOf("CARRY"), LOWER);

    private final CheckpointFormat format;

    /** Reads through the safetensors service. */
    @Activate
    public Stages(@Reference(target = "(armature.id=safetensors)") CheckpointFormat format) {
        this.format = format;
    }

    @Override
    public String id() {
        return "tabletop-stages";
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Frame(float[] aimed, float[] stage, float[] goal) {}

    @Override
    public Dataset open(String split, Config c) throws IOException {
        int every = c.integer("test_every", 20);
        if (every < 2) {
            throw new IllegalArgumentException("dataset tabletop-stages needs test_every >= 2");
        }
        long seed = c.wide("seed", 1);
        int copies = c.integer("copies", 8);
        List<Frame> frames = new ArrayList<>();
        for (String file : c.texts("files")) {
            try (Checkpoint p = format.open(Path.of(file))) {
                read(p, split.equals("test"), every, copies, seed, frames);
            } catch (IllegalArgumentException e) {
                throw new IOException(file + ": " + e.getMessage() + ": record it again with this version", e);
            }
        }
        if (frames.isEmpty()) {
            throw new IOException("no frame of " + c.texts("files") + " is for the " + split);
        }
        return new Frames(List.copyOf(frames));
    }

    private static void read(Checkpoint p, boolean test, int every, int copies, long seed, List<Frame> into) {
        double home = p.get("home").get(0);
        long[] episode = p.get("episode_index").toLongs();
        long[] stage = p.get("stage").toLongs();
        float[] hands = p.get("hand").toFloats();
        float[] goals = p.get("goal").toFloats();
        float[] grasps = p.get("grasp").toFloats();
        float[] places = p.get("place").toFloats();
        double rested = Features.LONG;
        for (int i = 0; i < episode.length; i++) {
            float[] hand = Arrays.copyOfRange(hands, i * Features.HAND, (i + 1) * Features.HAND);
            boolean first = i == 0 || episode[i] != episode[i - 1];
            rested = Features.rested(first ? Features.LONG : rested, FRAME, hand);
            boolean known = grasps[5 * i + 4] > 0 && places[5 * i + 4] > 0;
            if ((episode[i] % every == every - 1) != test || stage[i] < 0 || !known) {
                continue;
            }
            float[] one = new float[Recording.STAGES.size()];
            one[(int) stage[i]] = 1;
            for (int k = 0; k < copies; k++) {
                Draw draw = Draw.of(seed, into.size());
                float[] grasp = off(draw, grasps, i);
                float[] place = off(draw, places, i);
                float[] felt = hand.clone();
                if (HELD.contains((int) stage[i]) && rested > 0 && Math.abs(hand[7] - 0.6) < 0.3) {
                    felt[7] += (float) (THICKER * draw.uniform());
                }
                float[] goal = Arrays.copyOfRange(goals, 5 * i, 5 * i + 5);
                // had the thing been there, the demonstrator would have gone there
                if (TO_GRASP.contains((int) stage[i])) {
                    moved(goal, grasp, grasps, i, 3);
                } else if (TO_PLACE.contains((int) stage[i])) {
                    moved(goal, place, places, i, stage[i] == LOWER ? 3 : 2);
                }
                into.add(new Frame(
                        Features.aimed(felt, grasp, place, rested, home),
                        one,
                        new Goal(goal[0], goal[1], goal[2], goal[3], goal[4]).from(hand)));
            }
        }
    }

    private static void moved(float[] goal, float[] off, float[] all, int i, int axes) {
        for (int k = 0; k < axes; k++) {
            goal[k] += off[k] - all[5 * i + k];
        }
    }

    private static float[] off(Draw draw, float[] all, int i) {
        double error = LEAST * Math.pow(WORSE, draw.uniform());
        double turn = 4 * (all[5 * i + 3] + TURNED * draw.normal());
        return new float[] {
            (float) (all[5 * i] + error * draw.normal()),
            (float) (all[5 * i + 1] + error * draw.normal()),
            (float) (all[5 * i + 2] + error / 2 * draw.normal()),
            (float) Math.cos(turn),
            (float) Math.sin(turn)
        };
    }

    private record Frames(List<Frame> frames) implements Dataset {
        @Override
        public long size() {
            return frames.size();
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("aimed", new TensorType(DType.FLOAT, Shape.of(Features.AIMED)));
            m.put("stage", new TensorType(DType.FLOAT, Shape.of(Recording.STAGES.size())));
            m.put("goal", new TensorType(DType.FLOAT, Shape.of(Goal.NUMBERS)));
            return m;
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            for (int i = 0; i < indices.length; i++) {
                Frame f = frames.get(Math.toIntExact(indices[i]));
                put(into, "aimed", i, f.aimed);
                put(into, "stage", i, f.stage);
                put(into, "goal", i, f.goal);
            }
        }

        private static void put(Map<String, Tensor> into, String name, int i, float[] v) {
            Tensor t = into.get(name);
            if (t != null) {
                MemorySegment.copy(v, 0, t.data(), ValueLayout.JAVA_FLOAT_UNALIGNED, 4L * i * v.length, v.length);
            }
        }
    }
}
