package org.armature.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.DoubleConsumer;
import org.armature.model.Config;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Measures trained models of one kind by the figures of their field, and draws what they do: {@code armature evaluate}. Service
 * with {@code armature.id}, the models', and {@code armature.kind=evaluator}.
 */
@ConsumerType
public interface Evaluator {
    /** Of the models it measures, e.g. {@code omnivggt}. */
    String id();

    /**
     * Measures.
     *
     * @return figures by name, the columns, for each of the rows, which have the same columns; NaN where there is none
     * @throws IOException naming the file that cannot be read or written
     * @throws IllegalArgumentException naming what does not fit: data, checkpoint, or the option
     */
    SequencedMap<String, SequencedMap<String, Double>> evaluate(Request request) throws IOException;

    /**
     * What is asked for.
     *
     * @param data a folder or a configuration; which of them, the evaluator says
     * @param checkpoint a folder with {@code config.json} and {@code model.safetensors}; none is the evaluator's own
     * @param examples how many at most are measured
     * @param drawn how many are drawn
     * @param out an existing folder for pictures
     * @param options the evaluator's own
     * @param progress is told the share done, 0 to 1
     */
    record Request(
            Path data,
            Optional<Path> checkpoint,
            int examples,
            int drawn,
            Path out,
            Config options,
            DoubleConsumer progress) {}
}
