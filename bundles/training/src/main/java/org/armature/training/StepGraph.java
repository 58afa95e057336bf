package org.armature.training;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.greater;
import static org.armature.graph.Ops.isInf;
import static org.armature.graph.Ops.isNaN;
import static org.armature.graph.Ops.like;
import static org.armature.graph.Ops.min;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.not;
import static org.armature.graph.Ops.or;
import static org.armature.graph.Ops.reduceSumSquare;
import static org.armature.graph.Ops.sqrt;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.where;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.LongStream;
import org.armature.compute.GradientRequest;
import org.armature.compute.GraphPass;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.train.GradientEstimator;
import org.armature.train.Objective;
import org.armature.train.Optimizer;
import org.armature.train.TrainableModel;
import org.jspecify.annotations.Nullable;

/**
 * One training step as one graph: forward, backward, clipping, update.
 *
 * <p>Inputs are the batch by the dataset's names, {@code rate}, {@code step} (1 first), with accumulation {@code first} and
 * {@code last} (0 or 1), and any {@code random.*}. Parameters are the model's and the optimiser's state,
 * {@code optimizer.<slot>.<parameter>}. Outputs are the objective's scalars and, for each parameter that changes,
 * {@code next.<parameter>}.
 *
 * @param kept parameters that the step reads and does not change
 */
record StepGraph(Graph graph, List<String> scalars, List<String> changed, List<String> kept) {
    static final String NEXT = "next.";
    static final String SLOT = "optimizer.";
    static final String RATE = "rate";
    static final String STEP = "step";
    static final String FIRST = "first";
    static final String LAST = "last";
    private static final String SCALED = "scaled-loss";

    /** What a step is made of. */
    record Recipe(
            Model model,
            Objective objective,
            Config objectiveConfig,
            Optimizer optimizer,
            Config optimizerConfig,
            GradientEstimator estimator,
            Config estimatorConfig,
            List<GraphPass> passes,
            double clip,
            int accumulate,
            double lossScale) {

        /** The same with the objective that takes over. */
        Recipe afterwards() {
            Objective.Task task = objective.task(objectiveConfig);
            return new Recipe(
                    model,
                    task.objective(),
                    task.config(),
                    optimizer,
                    optimizerConfig,
                    estimator,
                    estimatorConfig,
                    passes,
                    clip,
                    accumulate,
                    lossScale);
        }
    }

    /**
     * The model and its objective, without gradients: for batches of any size, or of {@code testBatch} where the model takes
     * only batches of known size.
     */
    static Graph evaluation(Recipe r, SequencedMap<String, TensorType> example, long testBatch) {
        Shape batch = fixedBatch(r) ? Shape.of(testBatch) : Shape.named("batch");
        return forward(r, example, "evaluate", batch, false);
    }

    /** Whether none of the model's inputs has a symbol for the batch. */
    static boolean fixedBatch(Recipe r) {
        return r.model.inputs().values().stream().allMatch(t -> t.shape().isStatic());
    }

    private static Graph forward(
            Recipe r, SequencedMap<String, TensorType> example, String name, Shape batch, boolean training) {
        Graph.Builder b = Graph.builder(name);
        Map<String, Value> given = new LinkedHashMap<>();
        example.forEach((k, t) -> given.put(k, b.input(k, t.dtype(), batch.concat(t.shape()))));
        Map<String, Value> inputs = new LinkedHashMap<>();
        (training && r.model instanceof TrainableModel m ? m.trainingInputs() : r.model.inputs())
                .forEach((k, t) -> inputs.put(k, Squares.named(given, k, "the dataset")));
        Map<String, Value> outputs = training && r.model instanceof TrainableModel m
                ? m.buildForTraining(b.scope(), inputs)
                : r.model.build(b.scope(), inputs);
        Objective.Task task = r.objective.task(r.objectiveConfig);
        SequencedMap<String, Value> results = training
                ? r.objective.build(outputs, given, r.objectiveConfig)
                : task.objective().build(outputs, given, task.config());
        results.forEach(b::output);
        if (training && r.lossScale != 1) {
            b.output(SCALED, mul(results.get(Objective.LOSS), r.lossScale));
        }
        Graph g = b.build();
        for (GraphPass p : r.passes) {
            g = p.apply(g);
        }
        return g;
    }

    static StepGraph of(Recipe r, SequencedMap<String, TensorType> example, long batch) {
        Graph forward = forward(r, example, "train", Shape.of(batch), true);
        List<String> trained = forward.parameters().stream()
                .filter(p -> p.dtype().isFloating() && !forward.outputs().containsKey(TrainableModel.UPDATE + p.name()))
                .map(Value::name)
                .filter(r.objective::trains)
                .toList();
        Graph backward =
                r.estimator.gradients(forward, r.lossScale == 1 ? Objective.LOSS : SCALED, trained, r.estimatorConfig);

        Graph.Builder b = Graph.builder("step");
        Map<String, Value> given = new LinkedHashMap<>();
        backward.inputs().forEach(v -> given.put(v.name(), b.input(v.name(), v.dtype(), v.shape())));
        Value rate = b.input(RATE, Shape.SCALAR);
        Value step = b.input(STEP, Shape.SCALAR);
        boolean accumulates = r.accumulate > 1;
        Value first = accumulates ? b.input(FIRST, Shape.SCALAR) : null;
        Value last = accumulates ? b.input(LAST, Shape.SCALAR) : null;
        SequencedMap<String, Value> results = b.inline(backward, given);

        List<String> scalars = new ArrayList<>();
        List<String> changed = new ArrayList<>();
        SequencedMap<String, Value> gradients = new LinkedHashMap<>();
        results.forEach((name, v) -> {
            if (name.startsWith(GradientRequest.GRADIENT)) {
                gradients.put(name.substring(GradientRequest.GRADIENT.length()), v);
            } else if (name.startsWith(TrainableModel.UPDATE)) {
                String buffer = name.substring(TrainableModel.UPDATE.length());
                changed.add(buffer);
                b.output(NEXT + buffer, v);
            } else if (v.rank() == 0 && !name.equals(SCALED)) {
                scalars.add(name);
                b.output(name, v);
            }
        });
        double share = 1 / (r.lossScale * r.accumulate);
        gradients.replaceAll((name, g) -> share == 1 ? g : mul(g, share));
        if (first != null) {
            gradients.replaceAll((name, g) -> {
                String slot = SLOT + "accumulated." + name;
                Value sum = add(mul(b.parameter(slot, g.dtype(), g.shape()), sub(1.0, cast(first, g.dtype()))), g);
                changed.add(slot);
                b.output(NEXT + slot, sum);
                return sum;
            });
        }
        Value apply = last == null ? null : greater(last, like(last, 0));
        if (r.clip > 0 || r.lossScale != 1) {
            Value norm = norm(gradients);
            b.output("gradient-norm", norm);
            scalars.add("gradient-norm");
            if (r.clip > 0) {
                Value factor = min(like(norm, 1), div(r.clip, add(norm, 1e-6)));
                gradients.replaceAll((name, g) -> mul(g, cast(factor, g.dtype())));
            }
            if (r.lossScale != 1) {
                // A step whose scaled gradient overflowed is left out, as in mixed-precision training everywhere.
                Value finite = not(or(isNaN(norm), isInf(norm)));
                apply = apply == null ? finite : org.armature.graph.Ops.and(apply, finite);
            }
        }
        update(r, b, gradients, rate, step, apply, changed);
        List<String> kept = new ArrayList<>();
        Graph graph = b.build();
        graph.parameters().stream()
                .map(Value::name)
                .filter(n -> !changed.contains(n))
                .forEach(kept::add);
        return new StepGraph(graph, List.copyOf(scalars), List.copyOf(changed), List.copyOf(kept));
    }

    private static void update(
            Recipe r,
            Graph.Builder b,
            SequencedMap<String, Value> gradients,
            Value rate,
            Value step,
            @Nullable Value apply,
            List<String> changed) {
        List<String> names = r.optimizer.slots(r.optimizerConfig);
        gradients.forEach((name, g) -> {
            Value p = b.parameter(name, g.dtype(), g.shape());
            Map<String, Value> slots = new LinkedHashMap<>();
            names.forEach(s -> slots.put(s, b.parameter(SLOT + s + "." + name, g.dtype(), g.shape())));
            Optimizer.Update u =
                    r.optimizer.update(p, g, slots, cast(rate, g.dtype()), cast(step, g.dtype()), r.optimizerConfig);
            next(b, name, u.parameter(), p, apply, changed);
            slots.forEach(
                    (s, old) -> next(b, old.name(), Squares.named(u.slots(), s, "the optimizer"), old, apply, changed));
        });
    }

    private static void next(
            Graph.Builder b, String name, Value now, Value old, @Nullable Value apply, List<String> changed) {
        b.output(NEXT + name, apply == null ? now : where(apply, now, old));
        changed.add(name);
    }

    /** Square root of the sum of all squares, in single precision. */
    private static Value norm(Map<String, Value> gradients) {
        Value sum = gradients.values().stream()
                .map(g -> cast(
                        reduceSumSquare(g, false, LongStream.range(0, g.rank()).toArray()), DType.FLOAT))
                .reduce((a, c) -> add(a, c))
                .orElseThrow(() -> new IllegalArgumentException("the model has no parameter to train"));
        return sqrt(sum);
    }
}
