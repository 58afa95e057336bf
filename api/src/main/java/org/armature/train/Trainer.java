package org.armature.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.armature.model.Config;
import org.osgi.annotation.versioning.ProviderType;

/** Trains a model as a configuration says. */
@ProviderType
public interface Trainer {
    /**
     * How it ended.
     *
     * @param finished false if it was asked to stop
     * @param results the last scalars, {@code test.*} included
     */
    record Outcome(boolean finished, long step, Map<String, Double> results) {}

    /**
     * Trains; returns when all steps are done or {@code stop} says true, after a checkpoint.
     *
     * @param run folder for checkpoints, curves and the trained {@code model.safetensors}
     * @param resume whether to go on from the checkpoint in the folder; the outcome is the same as without the stop
     * @param progress is told of every step
     * @throws IllegalArgumentException naming the key of the configuration that is wrong
     * @throws IOException naming the file that cannot be read or written
     */
    Outcome train(Config config, Path run, boolean resume, Progress.Listener progress, BooleanSupplier stop)
            throws IOException;
}
