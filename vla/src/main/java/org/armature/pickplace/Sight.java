package org.armature.pickplace;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;
import org.armature.robot.Perception;
import org.armature.robot.Perception.Detection;
import org.jspecify.annotations.Nullable;

/**
 * Where one named thing was last seen, over all cameras. The camera that sees it best wins; what was seen whole is not
 * replaced by a glimpse of the same thing in the same place.
 *
 * <p>A hand over a thing hides what makes it a bowl or a cube. So where nothing fits the words well, whatever has the
 * colour and the size counts as a glimpse: enough to know what the hand is in, and given up for the first proper view.
 */
final class Sight {
    private static final double LEAST_SCORE = 0.15;
    /** Below this the words fit so badly that the colour alone says as much. */
    private static final double SURE = 0.5;
    /** What a glimpse's score is worth, above {@link #LEAST_SCORE}. */
    private static final double GLIMPSE = 0.1;
    /** Half the longer horizontal side, metres: what can be held is smaller, what holds things larger. */
    private static final double BROAD = 0.045;

    private static final double MOVED = 0.03;
    private static final long FRESH = 350_000_000L;

    private final String words;
    private final String colour;
    private final boolean broad;
    private final boolean narrow;
    private final Map<String, Long> looked = new HashMap<>();
    private @Nullable Detection best;
    private long bestNanos = Long.MIN_VALUE;
    private @Nullable Detection latest;
    private long latestNanos = Long.MIN_VALUE;

    Sight(String words) {
        this.words = words;
        List<String> parts = List.of(words.split(" ", -1));
        this.colour =
                parts.stream().filter(Instruction.COLOURS::contains).findFirst().orElse("");
        this.broad = parts.stream().anyMatch(Instruction.CONTAINERS::contains);
        this.narrow = parts.stream().anyMatch(Instruction.OBJECTS::contains);
    }

    /** Looks at every frame that is new. */
    void look(Observation observation, Perception perception) {
        Detection round = null;
        Detection glimpse = null;
        long time = Long.MIN_VALUE;
        for (CameraFrame frame : observation.cameras().values().stream()
                .sorted((a, b) -> a.camera().compareTo(b.camera()))
                .toList()) {
            Long before = looked.put(frame.camera(), frame.timeNanos());
            if (before != null && before == frame.timeNanos()) {
                continue;
            }
            Detection named = perception.detect(frame, words).stream()
                    .filter(this::fits)
                    .findFirst()
                    .orElse(null);
            if (named != null && (round == null || named.score() > round.score())) {
                round = named;
                time = frame.timeNanos();
            }
            if ((broad || narrow) && !colour.isEmpty() && (named == null || named.score() < SURE)) {
                for (Detection d : perception.detect(frame, colour)) {
                    if (fits(d) && d.score() >= LEAST_SCORE) {
                        glimpse = glimpse == null ? d : broad ? both(glimpse, d) : glimpse;
                        time = round == null ? frame.timeNanos() : time;
                    }
                }
            }
        }
        if ((round == null || round.score() < LEAST_SCORE) && glimpse != null) {
            round = scored(glimpse, LEAST_SCORE + GLIMPSE * glimpse.score());
        }
        if (round == null || round.score() < LEAST_SCORE) {
            return;
        }
        latest = round;
        latestNanos = time;
        Detection old = best;
        boolean better = old == null
                || round.score() >= 0.85 * old.score()
                || (apart(round.centre(), old.centre()) > MOVED && round.score() > SURE)
                || time - bestNanos > 10 * FRESH;
        if (better) {
            best = round;
            bestNanos = time;
        }
    }

    /** Whether it has a place, and the size of what the words name. */
    private boolean fits(Detection d) {
        double half = Math.max(d.halfExtents()[0], d.halfExtents()[1]);
        return Double.isFinite(d.centre()[0]) && (broad == narrow || broad == half > BROAD);
    }

    /** One thing seen in parts or by two cameras: the box about both. */
    private static Detection both(Detection a, Detection b) {
        double[] centre = new double[3];
        double[] half = new double[3];
        for (int k = 0; k < 3; k++) {
            double low = Math.min(a.centre()[k] - a.halfExtents()[k], b.centre()[k] - b.halfExtents()[k]);
            double high = Math.max(a.centre()[k] + a.halfExtents()[k], b.centre()[k] + b.halfExtents()[k]);
            centre[k] = (low + high) / 2;
            half[k] = (high - low) / 2;
        }
        return new Detection(a.label(), Math.max(a.score(), b.score()), centre, half, a.yaw(), a.box());
    }

    private static Detection scored(Detection d, double score) {
        return new Detection(d.label(), score, d.centre(), d.halfExtents(), d.yaw(), d.box());
    }

    /** The best view so far. */
    Optional<Detection> best() {
        return Optional.ofNullable(best);
    }

    /** A view not older than about three images at {@code nanos}. */
    Optional<Detection> now(long nanos) {
        return nanos - latestNanos <= FRESH ? Optional.ofNullable(latest) : Optional.empty();
    }

    /** Forgets where it was: it has been carried off. */
    void forget() {
        best = null;
        bestNanos = Long.MIN_VALUE;
    }

    /** Horizontal distance, metres. */
    static double apart(double[] a, double[] b) {
        return Math.hypot(a[0] - b[0], a[1] - b[1]);
    }

    /** Highest point, metres above the world's origin. */
    static double top(Detection d) {
        return d.centre()[2] + d.halfExtents()[2];
    }

    /** Lowest visible point, metres above the world's origin. */
    static double bottom(Detection d) {
        return d.centre()[2] - d.halfExtents()[2];
    }
}
