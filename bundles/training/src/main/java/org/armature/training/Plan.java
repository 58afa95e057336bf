package org.armature.training;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.armature.compute.GraphPass;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.nn.Initializer;
import org.armature.train.DataSelector;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.GradientEstimator;
import org.armature.train.Objective;
import org.armature.train.Optimizer;
import org.armature.train.Schedule;

/**
 * A configuration, understood: every key read, every name looked up.
 *
 * @param fromScratch whether an initialiser was asked for by name: then weights that a model brings are not used
 * @param steps batches to go through
 * @param evaluateEvery steps between evaluations; the last step is always followed by one
 * @param checkpointEvery steps between checkpoints
 * @param weights files that some parameters come from, after initialisation
 */
record Plan(
        StepGraph.Recipe recipe,
        Dataset train,
        Dataset test,
        Initializer initializer,
        Config initializerConfig,
        boolean fromScratch,
        DataSelector selector,
        Schedule schedule,
        long seed,
        int batch,
        int testBatch,
        long steps,
        long evaluateEvery,
        long checkpointEvery,
        int threads,
        List<Weights> weights) {

    /**
     * A file some parameters come from. Config: {@code file}; {@code from}, the beginning of the names taken; {@code into},
     * what it becomes.
     */
    record Weights(Path file, String from, String into) {
        static Weights of(Config c) {
            return new Weights(Path.of(c.text("file")), c.text("from", ""), c.text("into", ""));
        }
    }

    static Plan of(Config c, Parts parts) throws IOException {
        Config data = c.section("dataset");
        Config objective = c.section("objective");
        Config optimizer = c.section("optimizer");
        Config estimator = c.section("gradient");
        Config initializer = c.section("initializer");
        List<GraphPass> passes = new ArrayList<>();
        if (c.has("passes")) {
            c.texts("passes").forEach(p -> passes.add(parts.find(GraphPass.class, p)));
        }
        int accumulate = positive(c, "accumulate", 1);
        StepGraph.Recipe recipe = new StepGraph.Recipe(
                model(c, parts),
                parts.find(Objective.class, objective, "cross-entropy"),
                objective,
                parts.find(Optimizer.class, optimizer, "adamw"),
                optimizer,
                parts.find(GradientEstimator.class, estimator, "backprop"),
                estimator,
                passes,
                c.number("clip", 0),
                accumulate,
                c.number("loss_scale", 1));
        DatasetProvider provider = parts.find(DatasetProvider.class, data.text("type"));
        Dataset train = provider.open("train", data);
        int batch = positive(c, "batch", 64);
        long perEpoch = train.size() / batch;
        if (perEpoch == 0) {
            throw new IllegalArgumentException("config key batch is " + batch + ", but there are only " + train.size()
                    + " examples: make it smaller");
        }
        Dataset test = provider.open("test", data);
        int testBatch = positive(c, "test_batch", 500);
        if (StepGraph.fixedBatch(recipe) && test.size() % testBatch != 0) {
            throw new IllegalArgumentException("config key test_batch is " + testBatch + ", and the " + test.size()
                    + " test examples are no multiple of it: this model takes batches of one size only");
        }
        long steps = c.has("steps") ? positive(c, "steps", 1) : Math.round(c.number("epochs", 1) * perEpoch);
        return new Plan(
                recipe,
                train,
                test,
                parts.find(Initializer.class, initializer, "he"),
                initializer,
                c.has("initializer"),
                parts.find(DataSelector.class, c.section("selector"), "shuffled"),
                schedule(c.section("schedule"), perEpoch),
                c.wide("seed", 1),
                batch,
                testBatch,
                steps,
                positive(c, "evaluate_every", (int) Math.min(perEpoch, Integer.MAX_VALUE)),
                positive(c, "checkpoint_every", 500),
                c.integer("threads", 0),
                c.has("weights")
                        ? c.sectionList("weights").stream().map(Weights::of).toList()
                        : List.of());
    }

    /** {@code "model"} is a section, or the path of a file. */
    private static Model model(Config c, Parts parts) throws IOException {
        try {
            if (c.asMap().get("model") instanceof String) {
                Config file = Config.of(Map.of("file", c.text("model")));
                return parts.find(ModelProvider.class, Imported.ID).create(file);
            }
            Config model = c.section("model");
            return parts.find(ModelProvider.class, model, "sequential").create(model);
        } catch (UncheckedIOException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    private static int positive(Config c, String key, int otherwise) {
        int n = c.integer(key, otherwise);
        if (n < 1) {
            throw new IllegalArgumentException("config key " + key + " is " + n + ": give a number above 0");
        }
        return n;
    }

    private static Schedule schedule(Config c, long perEpoch) {
        double rate = c.number("rate", 1e-3);
        String type = c.text("type", "constant");
        Schedule s = switch (type) {
            case "constant" -> Schedule.constant(rate);
            case "cosine" -> Schedule.cosine(rate, c.number("last", 0));
            case "steps" ->
                Schedule.steps(rate, c.number("factor", 0.1), positive(c, "every", (int)
                        Math.min(perEpoch, Integer.MAX_VALUE)));
            default -> {
                String near = Config.nearest(type, List.of("constant", "cosine", "steps"));
                throw new IllegalArgumentException("config key schedule.type is \"" + type + "\": "
                        + (near == null ? "there are constant, cosine and steps" : "did you mean " + near + "?"));
            }
        };
        int warm = c.integer("warm_up", 0);
        return warm > 0 ? s.afterWarmUp(warm) : s;
    }
}
