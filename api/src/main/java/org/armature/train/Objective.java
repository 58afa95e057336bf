package org.armature.train;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * What training makes small, and what is measured beside it. Service with {@code armature.id} and
 * {@code armature.kind=objective}.
 */
@ConsumerType
public interface Objective {
    /** The result that is differentiated. */
    String LOSS = "loss";

    /** E.g. {@code cross-entropy}. */
    String id();

    /**
     * Adds the objective to the graph of the model's outputs.
     *
     * @param outputs of the model, by name
     * @param batch what the dataset gives, by name
     * @return scalars that are means over the batch: {@code loss}, and any metrics, e.g. {@code accuracy}
     */
    SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config config);

    /**
     * Whether a parameter of the graph is trained. Those of a network that is only looked at are not.
     *
     * @param parameter its name in the training graph
     */
    default boolean trains(String parameter) {
        return true;
    }

    /**
     * Whether a parameter has to come from a file named in {@code weights}: of a fixed network that measures something only
     * with its own weights. Training does not start without it.
     */
    default boolean borrows(String parameter) {
        return false;
    }

    /** What evaluation measures, and what is trained from some step on: this objective itself, unless it is a help. */
    default Task task(Config config) {
        return new Task(this, config, Long.MAX_VALUE);
    }

    /**
     * The objective behind one that helps.
     *
     * @param from the step, 0 being the first, from which it is trained alone
     */
    record Task(Objective objective, Config config, long from) {}

    /**
     * Looks at the network each time it has been evaluated, and writes what there is to see of it into the run folder. Most
     * objectives have nothing to add to their scalars.
     */
    default void look(Moment moment, Config config) throws IOException {}

    /**
     * A network between two steps of its training.
     *
     * @param parameters by their names in the training graph; not to be kept or changed
     * @param run the run folder
     */
    record Moment(Model model, Map<String, Tensor> parameters, Dataset test, Executor executor, Path run) {}
}
