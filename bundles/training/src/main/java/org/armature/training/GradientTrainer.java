package org.armature.training;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BooleanSupplier;
import java.util.stream.LongStream;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.ModelFormat;
import org.armature.model.Parameters;
import org.armature.train.Dataset;
import org.armature.train.Draw;
import org.armature.train.GradientEstimator;
import org.armature.train.Objective;
import org.armature.train.Progress;
import org.armature.train.TrainableModel;
import org.armature.train.Trainer;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/**
 * The loop: while one batch is computed the next is read, parameters go back and forth between two sets without a copy, and
 * what a step does is one program.
 */
@Component(property = {"armature.id=gradient", "armature.kind=trainer"})
public final class GradientTrainer implements Trainer {
    private static final long INIT = 0x1217;
    private static final long RANDOM = 0x4A4D;
    private static final long EVALUATION = 0x4556;

    private final Parts parts;
    private final Executor executor;
    private final CheckpointFormat format;

    @Activate
    public GradientTrainer(
            BundleContext context,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format) {
        this(Parts.of(context), executor, format);
    }

    GradientTrainer(Parts parts, Executor executor, CheckpointFormat format) {
        this.parts = parts;
        this.executor = executor;
        this.format = format;
    }

    @Override
    public Outcome train(Config config, Path run, boolean resume, Progress.Listener progress, BooleanSupplier stop)
            throws IOException {
        Plan plan = Plan.of(config, parts);
        try (Dataset train = plan.train();
                Dataset test = plan.test()) {
            StepGraph step = StepGraph.of(plan.recipe(), train.example(), plan.batch());
            long from = plan.recipe()
                    .objective()
                    .task(plan.recipe().objectiveConfig())
                    .from();
            StepGraph later = from < plan.steps()
                    ? StepGraph.of(plan.recipe().afterwards(), train.example(), plan.batch())
                    : step;
            Graph evaluation = StepGraph.evaluation(plan.recipe(), test.example(), plan.testBatch());
            Files.createDirectories(run);
            if (!resume && Files.exists(run.resolve(State.FILE))) {
                throw new IOException(run + " holds a run already: go on with --resume, or choose another folder");
            }
            CompileOptions options = CompileOptions.DEFAULT.withThreads(plan.threads());
            try (RunLock lock = RunLock.of(run);
                    Program stepping = executor.compile(step.graph(), options);
                    Program afterwards = later == step ? stepping : executor.compile(later.graph(), options);
                    Program evaluating = executor.compile(evaluation, options);
                    State state = new State(step)) {
                String written = sorted(config.asMap());
                if (resume) {
                    state.load(run, format, written);
                    plan.selector().restore(state.selector);
                } else {
                    start(plan, evaluation, state);
                    // Only now has everybody read what concerns him; a run that goes on was checked when it began.
                    config.rejectUnknown();
                    state.take(plan.weights(), format, plan.recipe().objective());
                }
                State.check(evaluation, state.model());
                Phase first = new Phase(step, stepping);
                Phase second = new Phase(later, afterwards);
                return new Loop(plan, first, second, from, evaluating, state, run, written, progress, stop).run();
            }
        }
    }

    /** A step and its program: until an objective that helps has done, and after it. */
    private record Phase(StepGraph graph, Program program) {}

    /** Fills the parameters: with what the model brings, or by the initialiser. */
    private static void start(Plan plan, Graph evaluation, State state) {
        Map<String, Tensor> model = state.model();
        Parameters brought = plan.recipe().model() instanceof TrainableModel m && !plan.fromScratch()
                ? m.weights()
                : Parameters.empty();
        if (!brought.names().containsAll(model.keySet())) {
            plan.initializer()
                    .initialize(
                            evaluation,
                            model,
                            plan.initializerConfig(),
                            Draw.of(plan.seed(), INIT).next());
        }
        model.forEach((name, t) -> {
            if (brought.has(name)) {
                t.copyFrom(brought.get(name));
            }
        });
    }

    /** One set of what a step is fed; there are two, so that one is filled while the other is used. */
    private record Intake(SequencedMap<String, Tensor> batch, Map<String, Tensor> scalars, Map<String, Tensor> random)
            implements AutoCloseable {
        static Intake of(StepGraph g, Dataset data, int batch) {
            SequencedMap<String, Tensor> b = data.allocate(batch);
            Map<String, Tensor> scalars = new LinkedHashMap<>();
            Map<String, Tensor> random = new LinkedHashMap<>();
            g.graph().inputs().stream().filter(v -> !b.containsKey(v.name())).forEach(v -> {
                boolean drawn = v.name().startsWith(GradientEstimator.RANDOM);
                (drawn ? random : scalars).put(v.name(), Tensor.zeros(v.type()));
            });
            return new Intake(b, scalars, random);
        }

        Map<String, Tensor> all() {
            Map<String, Tensor> m = new LinkedHashMap<>(batch);
            m.putAll(scalars);
            m.putAll(random);
            return m;
        }

        void set(String name, double value) {
            Tensor t = scalars.get(name);
            if (t != null) {
                t.set(0, value);
            }
        }

        @Override
        public void close() {
            all().values().forEach(Tensor::close);
        }
    }

    private final class Loop {
        private final Plan plan;
        private final Phase first;
        private final Phase second;
        private final long from;
        private final Program evaluating;
        private final State state;
        private final Path run;
        private final String config;
        private final Progress.Listener progress;
        private final BooleanSupplier stop;
        private final Curves curves;
        private final Feed feed;
        private final Map<String, Double> tested = new LinkedHashMap<>();

        Loop(
                Plan plan,
                Phase first,
                Phase second,
                long from,
                Program evaluating,
                State state,
                Path run,
                String config,
                Progress.Listener progress,
                BooleanSupplier stop)
                throws IOException {
            this.plan = plan;
            this.first = first;
            this.second = second;
            this.from = from;
            this.evaluating = evaluating;
            this.state = state;
            this.run = run;
            this.config = config;
            this.progress = progress;
            this.stop = stop;
            curves = new Curves(run, state.step);
            feed = new Feed(
                    plan.selector(), plan.train().size(), plan.batch(), plan.seed(), state.epoch, state.position);
        }

        Outcome run() throws IOException {
            // Virtual threads would share the common carrier threads with whoever computes; this one only copies.
            ExecutorService reader = Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().name("batches").daemon().factory());
            try (Intake even = Intake.of(first.graph, plan.train(), plan.batch());
                    Intake odd = Intake.of(first.graph, plan.train(), plan.batch())) {
                Intake[] intakes = {even, odd};
                try (Bound before = bind(first, intakes);
                        Bound after = bind(second, intakes)) {
                    return loop(reader, intakes, before, after);
                }
            } finally {
                reader.shutdownNow();
            }
        }

        private Bound bind(Phase phase, Intake[] in) {
            return new Bound(
                    phase.graph.scalars(),
                    phase.program.bind(with(in[0], 0), state.after(0)),
                    phase.program.bind(with(in[1], 1), state.after(1)));
        }

        /** A program bound to either set, and the scalars to read from it. */
        private record Bound(List<String> scalars, Program.Binding even, Program.Binding odd) implements AutoCloseable {
            Program.Binding at(int side) {
                return side == 0 ? even : odd;
            }

            @Override
            public void close() {
                even.close();
                odd.close();
            }
        }

        private Map<String, Tensor> with(Intake in, long step) {
            Map<String, Tensor> m = in.all();
            m.putAll(state.at(step));
            return m;
        }

        private Outcome loop(ExecutorService reader, Intake[] intakes, Bound before, Bound after) throws IOException {
            long began = System.nanoTime();
            long start = state.step;
            Map<String, Double> results = new LinkedHashMap<>();
            Future<long[]> next = null;
            if (state.step == 0) {
                save(); // so that there is something to go on from at any moment
            }
            while (state.step < plan.steps() && !stop.getAsBoolean()) {
                int side = (int) (state.step % 2);
                long[] used = get(next != null ? next : fill(reader, intakes[side], state.step));
                state.epoch = feed.epoch();
                state.position = feed.position();
                long epochStep = state.step;
                next = feed.hasMore() && state.step + 1 < plan.steps()
                        ? fill(reader, intakes[1 - side], state.step + 1)
                        : null;
                double rate = prepare(intakes[side], epochStep);
                Bound bound = state.step < from ? before : after;
                bound.at(side).run();
                state.step++;

                results.clear();
                for (String s : bound.scalars) {
                    results.put(s, bound.at(side).output(s).get(0));
                }
                results.put("rate", rate);
                plan.selector().observe(used, results);
                boolean last = state.step == plan.steps();
                if (state.step % plan.evaluateEvery() == 0 || last) {
                    evaluate();
                    results.putAll(tested);
                }
                curves.add(state.step, results);
                if (state.step % plan.checkpointEvery() == 0 && !last) {
                    save();
                }
                results.putAll(tested);
                report(results, began, start);
            }
            if (next != null) {
                get(next);
            }
            save();
            boolean finished = state.step >= plan.steps();
            if (finished) {
                format.write(run.resolve("model.safetensors"), state.model(), Map.of("format", "pt"));
                export();
            }
            results.putAll(tested);
            return new Outcome(finished, state.step, Map.copyOf(results));
        }

        private double prepare(Intake in, long step) {
            int n = plan.recipe().accumulate();
            double rate = plan.schedule().at(step, plan.steps());
            in.set(StepGraph.RATE, rate);
            in.set(StepGraph.STEP, step / n + 1);
            in.set(StepGraph.FIRST, step % n == 0 ? 1 : 0);
            in.set(StepGraph.LAST, step % n == n - 1 ? 1 : 0);
            return rate;
        }

        /** Reads a batch and draws what is random, beside the computation. The feed moves on at once, on this thread. */
        private Future<long[]> fill(ExecutorService reader, Intake in, long step) {
            long[] indices = feed.next();
            return reader.submit(() -> {
                plan.train().read(indices, in.batch);
                in.random.forEach((name, t) ->
                        Draw.of(Draw.of(plan.seed(), RANDOM, step).next(), name).normal(t, 0, 1));
                return indices;
            });
        }

        /** What an evaluation draws for these examples: the same in every evaluation, so that they compare. */
        private Map<String, Tensor> random(long[] indices) {
            Map<String, Tensor> m = new LinkedHashMap<>();
            evaluating.inputs().forEach((name, type) -> {
                if (name.startsWith(GradientEstimator.RANDOM)) {
                    Tensor t = Tensor.zeros(type.dtype(), type.shape().with(0, indices.length));
                    Draw.of(Draw.of(plan.seed(), EVALUATION, indices[0]).next(), name)
                            .normal(t, 0, 1);
                    m.put(name, t);
                }
            });
            return m;
        }

        private void evaluate() throws IOException {
            Map<String, Double> sums = new LinkedHashMap<>();
            long size = plan.test().size();
            for (long from = 0; from < size; from += plan.testBatch()) {
                long[] indices = LongStream.range(from, Math.min(size, from + plan.testBatch()))
                        .toArray();
                Map<String, Tensor> in = new LinkedHashMap<>(state.model());
                SequencedMap<String, Tensor> batch = plan.test().batch(indices);
                in.putAll(batch);
                Map<String, Tensor> random = random(indices);
                in.putAll(random);
                Map<String, Tensor> out = evaluating.run(in);
                random.values().forEach(Tensor::close);
                out.forEach((name, t) -> {
                    sums.merge("test." + name, t.get(0) * indices.length, Double::sum);
                    t.close();
                });
                batch.values().forEach(Tensor::close);
            }
            sums.forEach((name, s) -> tested.put(name, s / size));
            StepGraph.Recipe r = plan.recipe();
            r.objective()
                    .look(
                            new Objective.Moment(r.model(), state.model(), plan.test(), executor, run),
                            r.objectiveConfig());
        }

        /** The trained model for other programs, where a format for that is there. */
        private void export() throws IOException {
            ModelFormat onnx = parts.all(ModelFormat.class).get("onnx");
            if (onnx != null) {
                Graph g = plan.recipe().model().graph(run.getFileName().toString());
                onnx.write(run.resolve("model.onnx"), g, Parameters.of(state.model()));
            }
        }

        /** The curves first: a checkpoint is never ahead of them. */
        private void save() throws IOException {
            curves.save();
            state.selector.values().forEach(Tensor::close);
            state.selector = plan.selector().state();
            state.save(run, format, config);
        }

        private void report(Map<String, Double> results, long began, long start) {
            long elapsed = System.nanoTime() - began;
            long left = elapsed / (state.step - start) * (plan.steps() - state.step);
            progress.progress(new Progress(
                    run,
                    state.step,
                    plan.steps(),
                    state.epoch,
                    Map.copyOf(results),
                    Duration.ofNanos(elapsed),
                    Duration.ofNanos(left)));
        }

        private static long[] get(Future<long[]> f) throws IOException {
            try {
                return f.get();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("training was interrupted while a batch was read: go on with --resume", e);
            } catch (ExecutionException e) {
                throw new IOException(
                        "a batch could not be read: " + e.getCause().getMessage(), e);
            }
        }
    }

    /** A configuration as a text that does not depend on the order of its keys: {@code Map.of} has another in each process. */
    private static String sorted(@Nullable Object value) {
        return switch (value) {
            case Map<?, ?> m -> {
                Map<String, String> keys = new TreeMap<>();
                m.forEach((k, v) -> keys.put(String.valueOf(k), sorted(v)));
                yield keys.toString();
            }
            case List<?> l -> l.stream().map(GradientTrainer::sorted).toList().toString();
            case null, default -> String.valueOf(value);
        };
    }
}
