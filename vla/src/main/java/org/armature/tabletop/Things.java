package org.armature.tabletop;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;
import org.armature.robot.Perception;
import org.armature.robot.Perception.Detection;
import org.jspecify.annotations.Nullable;

/**
 * What lies on the table as far as it was seen: one thing a colour, where it was last seen well, over all cameras. A
 * glimpse past the hand does not replace a whole view of the same thing in the same place.
 */
final class Things {
    /** The colours that are looked for; a thing's slot is its colour's number. */
    static final List<String> COLOURS = List.of("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink");

    /** What a thing can be. */
    static final List<String> SHAPES = List.of("cube", "cylinder", "ball", "bowl", "tray");

    private static final double LEAST_SCORE = 0.15;
    private static final double SURE = 0.5;
    private static final double MOVED = 0.03;
    private static final long FRESH = 350_000_000L;

    /**
     * A thing.
     *
     * @param seen where and how it was seen best
     * @param shape index into {@link #SHAPES} of what it most likely is, or -1
     * @param nanos robot time of that view
     * @param latest robot time of any view
     */
    record Thing(Detection seen, int shape, long nanos, long latest) {
        boolean fresh(long now) {
            return now - latest <= FRESH;
        }
    }

    private final @Nullable Thing[] things = new Thing[COLOURS.size()];
    private final double[][] votes = new double[COLOURS.size()][SHAPES.size()];
    private final Map<String, Long> looked = new HashMap<>();

    /** The thing of this colour, if it was seen. */
    @Nullable
    Thing at(int colour) {
        return things[colour];
    }

    /** A new scene. */
    void forget() {
        Arrays.fill(things, null);
        for (double[] v : votes) {
            Arrays.fill(v, 0);
        }
        looked.clear();
    }

    /** Looks at every frame that is new. */
    void look(Observation observation, Perception perception) {
        List<CameraFrame> fresh = observation.cameras().values().stream()
                .filter(f -> !Long.valueOf(f.timeNanos()).equals(looked.put(f.camera(), f.timeNanos())))
                .sorted((a, b) -> a.camera().compareTo(b.camera()))
                .toList();
        @Nullable Detection[] best = new Detection[COLOURS.size()];
        long[] time = new long[COLOURS.size()];
        // frame by frame: perception prepares each once
        for (CameraFrame f : fresh) {
            for (int c = 0; c < COLOURS.size(); c++) {
                for (Detection d : perception.detect(f, COLOURS.get(c))) {
                    Detection before = best[c];
                    if (Double.isFinite(d.centre()[0])
                            && d.score() >= LEAST_SCORE
                            && (before == null || d.score() > before.score())) {
                        best[c] = d;
                        time[c] = f.timeNanos();
                    }
                }
            }
        }
        for (int c = 0; c < COLOURS.size(); c++) {
            Detection d = best[c];
            if (d != null) {
                seen(c, d, time[c]);
            }
        }
    }

    private void seen(int c, Detection d, long time) {
        int shape = SHAPES.indexOf(d.label().substring(d.label().lastIndexOf(' ') + 1));
        if (shape >= 0) {
            votes[c][shape] += d.score() * d.score();
        }
        int likely = -1;
        for (int s = 0; s < SHAPES.size(); s++) {
            likely = votes[c][s] > 0 && (likely < 0 || votes[c][s] > votes[c][likely]) ? s : likely;
        }
        Thing old = things[c];
        boolean better = old == null
                || d.score() >= 0.85 * old.seen().score()
                || (apart(d.centre(), old.seen().centre()) > MOVED && d.score() > SURE)
                || time - old.nanos() > 10 * FRESH;
        things[c] = better || old == null
                ? new Thing(d, likely, time, time)
                : new Thing(old.seen(), likely, old.nanos(), time);
    }

    private static double apart(double[] a, double[] b) {
        return Math.hypot(a[0] - b[0], a[1] - b[1]);
    }
}
