package org.armature.tabletop;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.model.Config;
import org.armature.model.Parameters;
import org.armature.pickplace.Chain;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;
import org.armature.robot.RobotDescription;

/**
 * A trained {@link EyesModel} and a trained {@link GripModel} at work: they look at every new picture, the first at all of it, the
 * second at the places that the first proposes, and remember where they pointed lately. What the fingers closed on where they
 * pointed is felt, not seen, until they open: the hand hides it.
 */
final class Eyes implements Pointer {
    private final Net net;
    private final Net grip;
    private final Pointed grasp;
    private final Pointed place;
    private final Map<String, Long> looked = new HashMap<>();
    private boolean held;
    private float[] hand = new float[3];

    /** The tool this near to where the eyes point hides what is there, metres. */
    static final double AT_HAND = 0.05;
    /** Fingers at rest for so long, seconds, between these shares of the widest opening hold something. */
    private static final double HOLDING = 0.15;

    /** Whatever is taken or let go is come at from so far above, metres. */
    private static final double ABOVE = 0.1;
    /** What seems to have come so near to the tool, metres, is the hand. */
    private static final double OWN = 0.08;

    /** What lies on the table is taken and let go lower, metres; above is the arm. */
    private static final double HIGHEST = 0.12;

    private static final double SHUT = 0.1;
    private static final double OPEN = 0.9;
    /** How much a vote for another place counts, once there is one. */
    static final double JUMP = 0.05;

    /** Compiles the networks for what {@code robot} can reach; closes their weights with them. */
    Eyes(RobotDescription robot, Executor executor, Parameters weights, Parameters gripWeights) {
        Chain kinematics = new Chain(robot);
        double heading = Features.heading(kinematics.tool(robot.home()).matrix());
        Predicate<double[]> plausible = at -> at[2] < HIGHEST
                && Math.hypot(Math.hypot(at[0] - hand[0], at[1] - hand[1]), at[2] - hand[2]) > OWN
                && kinematics
                        .solve(new Goal(at[0], at[1], at[2] + ABOVE, heading, 1).pose(), robot.home(), robot.home())
                        .isPresent();
        grasp = new Pointed(5, plausible);
        place = new Pointed(3, plausible);
        net = Net.of(new EyesModel().create(Config.empty()), "tabletop-eyes", executor, weights);
        grip = Net.of(new GripModel().create(Config.empty()), "tabletop-grip", executor, gripWeights);
    }

    @Override
    public void forget() {
        grasp.forget();
        place.forget();
        looked.clear();
        held = false;
    }

    @Override
    public void look(Observation seen, float[] words, float[] hand, double rested) {
        this.hand = hand;
        boolean near = grasp.apart(hand) < AT_HAND;
        held = holds(hand, near, rested, held);
        if (held) {
            grasp.at(hand);
        }
        boolean fresh = false;
        for (CameraFrame f : seen.cameras().values()) {
            Long before = looked.put(f.camera(), f.timeNanos());
            fresh |= before == null || before != f.timeNanos();
        }
        if (!fresh) {
            return;
        }
        List<View> views = Patches.views(seen.cameras());
        Patches p = Patches.of(views);
        Map<String, Tensor> in = new LinkedHashMap<>();
        in.put("pixels", Tensor.of(p.pixels(), 1, Patches.CAMERAS, Patches.CHANNELS, Patches.ROWS, Patches.COLUMNS));
        in.put("places", Tensor.of(p.places(), 1, Patches.COUNT, 3));
        in.put("seen", Tensor.of(p.seen(), 1, Patches.COUNT));
        in.put("words", Tensor.of(words, 1, 1, words.length));
        Map<String, float[]> out = net.run(in);
        if (!held) {
            grasp.look(
                    of(out, "grasp_scores"),
                    of(out, "grasp_votes"),
                    near ? 0 : JUMP,
                    found -> closer(found, new Surroundings(views), words));
        }
        place.look(of(out, "place_scores"), of(out, "place_votes"), JUMP);
    }

    /** What a closer look at each makes of them. */
    private List<Found> closer(List<Found> proposed, Surroundings about, float[] words) {
        int n = proposed.size();
        float[] points = new float[n * Surroundings.COUNT * Surroundings.POINT];
        float[] said = new float[n * words.length];
        for (int i = 0; i < n; i++) {
            double[] at = proposed.get(i).at();
            float[] here = about.about(at[0], at[1], at[2]);
            System.arraycopy(here, 0, points, i * here.length, here.length);
            System.arraycopy(words, 0, said, i * words.length, words.length);
        }
        Map<String, Tensor> in = new LinkedHashMap<>();
        in.put("points", Tensor.of(points, n, Surroundings.COUNT, Surroundings.POINT));
        in.put("words", Tensor.of(said, n, words.length));
        Map<String, float[]> out = grip.run(in);
        List<Found> closer = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            closer.add(proposed.get(i).closer(of(out, "fits")[i], of(out, "grip"), 5 * i));
        }
        return closer;
    }

    /** Whether the fingers hold something, of which {@code before} knows whether they did. */
    static boolean holds(float[] hand, boolean near, double rested, boolean before) {
        return hand[7] > SHUT && hand[7] < OPEN && (before || (near && rested >= HOLDING));
    }

    private static float[] of(Map<String, float[]> out, String name) {
        return Objects.requireNonNull(out.get(name));
    }

    @Override
    public float[] grasp() {
        return grasp.at();
    }

    @Override
    public float[] place() {
        return place.at();
    }

    @Override
    public void close() {
        net.close();
        grip.close();
    }

    /**
     * A place that votes speak for.
     *
     * @param at where, and what the votes say besides
     * @param spread mean squared distance of its votes, metres squared
     * @param votes how many they are, with their weights
     * @param fits how probable a closer look makes it; 1 if there was none
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Found(double[] at, double spread, double votes, double fits) {
        /** What {@link GripModel} says there. */
        Found closer(double logit, float[] grip, int from) {
            double[] there = at.clone();
            for (int i = 0; i < 3; i++) {
                there[i] += GripModel.LENGTH * grip[from + i];
            }
            there[3] = grip[from + 3];
            there[4] = grip[from + 4];
            return new Found(there, spread, votes, 1 / (1 + Math.exp(-logit)));
        }
    }

    /**
     * Where the eyes pointed lately. A look's votes may speak for several places at once, and their mean for none of them: the
     * place with the most votes about it counts (mean shift), those near where it was before more than others, because things
     * do not jump. What is remembered is the mean of looks, each weighed by how far its votes agreed, older ones less. Another
     * place counts once several looks in a row have said so, and if the arm gets there and is not there: what the hand hides is
     * soon to be seen again, and the few votes that are left meanwhile speak for anything, the hand itself too.
     */
    static final class Pointed {
        private static final double FORGETTING = 0.75;
        private static final double FLOOR = 0.006;
        private static final double ELSEWHERE = 0.03;
        /** Votes this far apart, metres, speak for one place. */
        private static final double NEAR = 0.025;
        /** Votes below this share of the strongest change nothing. */
        private static final double FAINT = 1e-3;

        /** No more votes than these are counted, the strongest. */
        private static final int LOUDEST = 256;
        /** Places that a closer look is taken at. */
        private static final int PROPOSALS = 4;
        /** How sure of its scores the first look is where a closer one follows. */
        private static final double DOUBT = 0.5;

        /** Looks in a row that must speak for another place. */
        static final int CONFIRMED = 6;

        private final double[] mean;
        private final Predicate<double[]> plausible;
        private final int confirmed;
        private double weight;
        private double[] rumour = {};
        private int heard;

        /** Follows every look. */
        Pointed(int size) {
            this(size, at -> true, 1);
        }

        /** @param plausible whether what was pointed at may have come there */
        Pointed(int size, Predicate<double[]> plausible) {
            this(size, plausible, CONFIRMED);
        }

        private Pointed(int size, Predicate<double[]> plausible, int confirmed) {
            mean = new double[size];
            this.plausible = plausible;
            this.confirmed = confirmed;
        }

        void forget() {
            weight = 0;
            heard = 0;
        }

        /** How far {@code place} is from where the eyes point, metres; infinitely while they never did. */
        double apart(float[] place) {
            return weight > 0 ? apart(new double[] {place[0], place[1], place[2]}, mean) : Double.POSITIVE_INFINITY;
        }

        private static double apart(double[] a, double[] b) {
            return Math.hypot(Math.hypot(a[0] - b[0], a[1] - b[1]), a[2] - b[2]);
        }

        /** It is there, beyond doubt. */
        void at(float[] place) {
            for (int i = 0; i < 3; i++) {
                mean[i] = place[i];
            }
            weight = 1 / (FLOOR * FLOOR);
        }

        /** {@code scores [P]} before the softmax, {@code votes [P, size]}; one for another place counts {@code jump}. */
        void look(float[] scores, float[] votes, double jump) {
            List<Found> found = proposed(scores, votes, jump, 1, 1);
            if (!found.isEmpty()) {
                remember(found.getFirst());
            }
        }

        /** As above, but of several places that counts which also {@code closer} looks agree with. */
        void look(float[] scores, float[] votes, double jump, UnaryOperator<List<Found>> closer) {
            List<Found> found = proposed(scores, votes, jump, DOUBT, PROPOSALS);
            if (!found.isEmpty()) {
                remember(Collections.max(closer.apply(found), Comparator.comparingDouble(f -> f.votes * f.fits)));
            }
        }

        /** Places with the most votes about them; {@code doubt} below 1 makes the scores less sure. None: it is hidden. */
        private List<Found> proposed(float[] scores, float[] votes, double jump, double doubt, int most) {
            double best = Double.NEGATIVE_INFINITY;
            for (float f : scores) {
                best = Math.max(best, f);
            }
            double[] share = new double[scores.length];
            for (int i = 0; i < scores.length; i++) {
                double p = Math.exp(doubt * (scores[i] - best));
                share[i] = p > FAINT ? p * (weight > 0 ? jump + near(votes, i, mean) : 1) : 0;
            }
            int[] loud = IntStream.range(0, share.length)
                    .filter(i -> share[i] > 0)
                    .boxed()
                    .sorted(Comparator.comparingDouble((Integer i) -> -share[i]))
                    .limit(LOUDEST)
                    .mapToInt(Integer::intValue)
                    .toArray();
            List<Found> found = new ArrayList<>();
            while (found.size() < most) {
                Found next = densest(loud, share, votes);
                if (next.votes < (found.isEmpty() ? FAINT : FAINT * found.getFirst().votes)) {
                    break;
                }
                found.add(next);
                for (int i : loud) {
                    share[i] = apart(votes, i, next.at) < 4 * NEAR * NEAR ? 0 : share[i];
                }
            }
            return found;
        }

        private Found densest(int[] loud, double[] share, float[] votes) {
            double[] centre = new double[mean.length];
            double dense = 0;
            for (int a : loud) {
                if (share[a] == 0) {
                    continue;
                }
                double[] here = row(votes, a);
                double sum = 0;
                for (int b : loud) {
                    sum += share[b] * near(votes, b, here);
                }
                if (sum > dense) {
                    dense = sum;
                    centre = here;
                }
            }
            double[] at = new double[mean.length];
            double square = 0;
            for (int a : loud) {
                double part = dense == 0 ? 0 : share[a] * near(votes, a, centre) / dense;
                for (int i = 0; i < at.length; i++) {
                    at[i] += part * votes[a * at.length + i];
                }
                square += part * apart(votes, a, centre);
            }
            return new Found(at, square, dense, 1);
        }

        private void remember(Found found) {
            double[] at = found.at;
            double w = found.fits / (found.spread + FLOOR * FLOOR);
            if (weight > 0 && apart(at, mean) > ELSEWHERE) {
                if (!plausible.test(at)) {
                    return;
                }
                heard = heard > 0 && apart(at, rumour) < ELSEWHERE ? heard + 1 : 1;
                rumour = at;
                if (heard < confirmed) {
                    return;
                }
                weight = 0;
            }
            heard = 0;
            weight *= FORGETTING;
            double share = w / (w + weight);
            for (int i = 0; i < mean.length; i++) {
                mean[i] += share * (at[i] - mean[i]);
            }
            weight += w;
        }

        private double[] row(float[] votes, int i) {
            double[] v = new double[mean.length];
            for (int k = 0; k < v.length; k++) {
                v[k] = votes[i * v.length + k];
            }
            return v;
        }

        private double near(float[] votes, int i, double[] place) {
            return Math.exp(-apart(votes, i, place) / (2 * NEAR * NEAR));
        }

        /** Squared distance. */
        private double apart(float[] votes, int i, double[] place) {
            double sum = 0;
            for (int k = 0; k < 3; k++) {
                double d = votes[i * mean.length + k] - place[k];
                sum += d * d;
            }
            return sum;
        }

        float[] at() {
            float[] f = new float[mean.length];
            for (int i = 0; i < f.length; i++) {
                f[i] = (float) mean[i];
            }
            return f;
        }
    }
}
