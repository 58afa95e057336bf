package org.armature.train;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Where a run is.
 *
 * @param run folder of the run
 * @param step steps done
 * @param steps steps in all
 * @param epoch epoch of the step, from 0
 * @param results scalars of the step, {@code test.*} those of the last evaluation
 * @param elapsed since this process began the run
 * @param left estimate of the time left
 */
public record Progress(
        Path run, long step, long steps, int epoch, Map<String, Double> results, Duration elapsed, Duration left) {
    /** Hears of progress, a few times a second at most. Any service of this type is told. */
    @ConsumerType
    @FunctionalInterface
    public interface Listener {
        void progress(Progress progress);
    }
}
