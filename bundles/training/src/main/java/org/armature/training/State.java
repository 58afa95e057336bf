package org.armature.training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Value;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.train.Objective;

/**
 * Everything a run needs to go on, in one file so that no part of it can be older than another: the model's parameters by
 * their own names, the optimiser's as {@code optimizer.*}, the data selector's as {@code selector.*}; step, epoch, place in
 * the epoch and the configuration as metadata. There is no state of a random generator: what is drawn depends on seed and
 * step alone.
 *
 * <p>Parameters that change are there twice: a step reads one set and writes the other, so nothing is copied.
 */
final class State implements AutoCloseable {
    static final String FILE = "checkpoint.safetensors";
    private static final String SELECTOR = "selector.";

    private final Map<String, Tensor> kept = new LinkedHashMap<>();
    private final Map<String, Tensor> even = new LinkedHashMap<>();
    private final Map<String, Tensor> odd = new LinkedHashMap<>();
    long step;
    int epoch;
    int position;
    Map<String, Tensor> selector = Map.of();

    State(StepGraph g) {
        for (Value p : g.graph().parameters()) {
            if (g.changed().contains(p.name())) {
                even.put(p.name(), Tensor.zeros(p.type()));
                odd.put(p.name(), Tensor.zeros(p.type()));
            } else {
                kept.put(p.name(), Tensor.zeros(p.type()));
            }
        }
    }

    /** Parameters a step reads. */
    Map<String, Tensor> at(long step) {
        Map<String, Tensor> all = new LinkedHashMap<>(kept);
        all.putAll(step % 2 == 0 ? even : odd);
        return all;
    }

    /** Where a step writes, by the names of the graph's outputs. */
    Map<String, Tensor> after(long step) {
        Map<String, Tensor> all = new LinkedHashMap<>();
        (step % 2 == 0 ? odd : even).forEach((k, t) -> all.put(StepGraph.NEXT + k, t));
        return all;
    }

    /** The model's parameters as they are now. */
    Map<String, Tensor> model() {
        Map<String, Tensor> m = at(step);
        m.keySet().removeIf(k -> k.startsWith(StepGraph.SLOT));
        return m;
    }

    /**
     * Takes parameters from files.
     *
     * @throws IllegalArgumentException if a file has none that fits by name, or one of another shape
     */
    void take(List<Plan.Weights> files, CheckpointFormat format, Objective objective) throws IOException {
        Map<String, Tensor> model = model();
        Set<String> borrowed =
                model.keySet().stream().filter(objective::borrows).collect(Collectors.toCollection(LinkedHashSet::new));
        for (Plan.Weights w : files) {
            try (Checkpoint c = format.open(w.file())) {
                int taken = 0;
                for (String name : c.names()) {
                    Tensor into = name.startsWith(w.from())
                            ? model.get(w.into() + name.substring(w.from().length()))
                            : null;
                    if (into == null) {
                        continue;
                    }
                    if (!c.type(name).equals(into.type())) {
                        throw new IllegalArgumentException(w.file() + " holds " + name + " as " + c.type(name)
                                + ", but the model needs " + into.type() + ": check the sizes of both models");
                    }
                    into.copyFrom(c.get(name));
                    borrowed.remove(w.into() + name.substring(w.from().length()));
                    taken++;
                }
                if (taken == 0) {
                    throw new IllegalArgumentException(w.file() + " holds no parameter of the model under \"" + w.from()
                            + "\": check weights.from and weights.into");
                }
            }
        }
        if (!borrowed.isEmpty()) {
            String first = borrowed.iterator().next();
            throw new IllegalArgumentException("objective " + objective.id() + " needs trained weights for " + first
                    + (borrowed.size() > 1 ? " and " + (borrowed.size() - 1) + " more" : "")
                    + ": name the file they come from in config key weights");
        }
    }

    void save(Path run, CheckpointFormat format, String config) throws IOException {
        Map<String, Tensor> all = at(step);
        selector.forEach((k, t) -> all.put(SELECTOR + k, t));
        format.write(
                run.resolve(FILE),
                all,
                Map.of(
                        "step", Long.toString(step),
                        "epoch", Integer.toString(epoch),
                        "position", Integer.toString(position),
                        "config", config));
    }

    /** Takes up what {@link #save} wrote; throws {@link IllegalArgumentException} if it was for another configuration. */
    void load(Path run, CheckpointFormat format, String config) throws IOException {
        Path file = run.resolve(FILE);
        if (!Files.exists(file)) {
            throw new IOException(file + " is not there: start the run without --resume");
        }
        try (Checkpoint c = format.open(file)) {
            Map<String, String> m = c.metadata();
            if (!config.equals(m.get("config"))) {
                throw new IllegalArgumentException(file + " was made with the configuration " + m.get("config")
                        + ", which is not this one: resume with that, or start in another folder");
            }
            step = Long.parseLong(m.getOrDefault("step", ""));
            epoch = Integer.parseInt(m.getOrDefault("epoch", ""));
            position = Integer.parseInt(m.getOrDefault("position", ""));
            for (Map.Entry<String, Tensor> e : at(step).entrySet()) {
                e.getValue().copyFrom(c.get(e.getKey()));
            }
            Map<String, Tensor> s = new LinkedHashMap<>();
            c.names().stream()
                    .filter(n -> n.startsWith(SELECTOR))
                    .forEach(n -> s.put(n.substring(SELECTOR.length()), c.get(n).copy()));
            selector = s;
        } catch (NumberFormatException e) {
            throw new IOException(file + " lacks the step it was made at: it is no checkpoint of a run", e);
        }
    }

    /** Whether an evaluation graph finds all it needs here. */
    static void check(Graph evaluation, Map<String, Tensor> model) {
        for (Value p : evaluation.parameters()) {
            if (!model.containsKey(p.name())) {
                throw new IllegalArgumentException(
                        "the model uses " + p + " when it is evaluated, but not while it trains");
            }
        }
    }

    @Override
    public void close() {
        for (Map<String, Tensor> m : List.of(kept, even, odd, selector)) {
            m.values().forEach(Tensor::close);
        }
    }
}
