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
 */
final class Sight {
    private static final double LEAST_SCORE = 0.15;
    private static final double MOVED = 0.03;
    private static final long FRESH = 350_000_000L;

    private final String words;
    private final Map<String, Long> looked = new HashMap<>();
    private @Nullable Detection best;
    private long bestNanos = Long.MIN_VALUE;
    private @Nullable Detection latest;
    private long latestNanos = Long.MIN_VALUE;

    Sight(String words) {
        this.words = words;
    }

    /** Looks at every frame that is new. */
    void look(Observation observation, Perception perception) {
        Detection round = null;
        long time = Long.MIN_VALUE;
        for (CameraFrame frame : observation.cameras().values().stream()
                .sorted((a, b) -> a.camera().compareTo(b.camera()))
                .toList()) {
            Long before = looked.put(frame.camera(), frame.timeNanos());
            if (before != null && before == frame.timeNanos()) {
                continue;
            }
            List<Detection> found = perception.detect(frame, words);
            for (Detection d : found) {
                if (Double.isFinite(d.centre()[0]) && (round == null || d.score() > round.score())) {
                    round = d;
                    time = frame.timeNanos();
                }
            }
        }
        if (round == null || round.score() < LEAST_SCORE) {
            return;
        }
        latest = round;
        latestNanos = time;
        Detection old = best;
        boolean better = old == null
                || round.score() >= 0.85 * old.score()
                || (apart(round.centre(), old.centre()) > MOVED && round.score() > 0.5)
                || time - bestNanos > 10 * FRESH;
        if (better) {
            best = round;
            bestNanos = time;
        }
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
