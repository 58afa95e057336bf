package org.armature.compute.opencl.choice;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.armature.compute.CompileOptions;
import org.armature.compute.Device;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;

/**
 * Compiles each graph with the executor that runs it fastest here. All executors are timed on the graph itself with random
 * inputs, for a bounded time; what came out is kept on disk by graph, options, devices and versions, so that it is measured
 * once a machine. A graph with open sizes, or one that only one executor takes, is not measured.
 *
 * <p>A program's {@code toString} says who was chosen and why.
 */
@Component(
        service = Executor.class,
        property = {"armature.id=auto", "armature.kind=executor", "service.ranking:Integer=-200"},
        configurationPid = "compute.auto")
public final class AutoExecutor implements Executor {
    private static final int RUNS = 15;
    private static final long SEED = 1;

    private final List<Executor> executors;
    private final Choices choices;
    private final long budget;

    /** Settings, PID {@code compute.auto}. */
    public @interface Config {
        /** Folder for what was measured; empty is {@code ~/.cache/armature/choice}. */
        String cache() default "";

        /** Milliseconds of running for one graph, all executors together; compiling is not counted. */
        long budget() default 3000;
    }

    @Activate
    public AutoExecutor(
            @Reference(
                            target = "(|(armature.id=onnx)(armature.id=opencl))",
                            cardinality = ReferenceCardinality.AT_LEAST_ONE)
                    List<Executor> executors,
            Config config) {
        this(
                executors,
                config.cache().isEmpty()
                        ? Path.of(System.getProperty("user.home", "."), ".cache", "armature", "choice")
                        : Path.of(config.cache()),
                config.budget());
    }

    /**
     * Without a framework.
     *
     * @param executors to choose from, the one to take in doubt first
     * @param cache folder for what was measured
     * @param budget milliseconds of running for one graph
     */
    public AutoExecutor(List<Executor> executors, Path cache, long budget) {
        this.executors = executors.stream()
                .sorted((a, b) -> Boolean.compare(b.id().equals("onnx"), a.id().equals("onnx")))
                .toList();
        this.choices = new Choices(cache);
        this.budget = budget;
    }

    @Override
    public String id() {
        return "auto";
    }

    @Override
    public List<Device> devices() {
        return executors.stream().flatMap(e -> e.devices().stream()).toList();
    }

    @Override
    public Program compile(Graph graph, CompileOptions options) {
        List<Executor> able = executors.stream()
                .filter(e -> !e.devices().isEmpty() && hasDevice(e, options.device()))
                .toList();
        if (able.isEmpty()) {
            throw new UnsupportedOperationException("no executor has a device "
                    + (options.device().isEmpty() ? "" : options.device() + " ") + "among "
                    + devices().stream().map(Device::id).toList());
        }
        if (able.size() == 1) {
            Executor only = able.getFirst();
            return new Chosen(only.compile(graph, options), only.id() + ": no other executor has a device");
        }
        if (!graph.isStatic()) {
            Executor first = able.getFirst();
            return new Chosen(
                    first.compile(graph, options), first.id() + ": the sizes " + graph.symbols() + " are open");
        }
        String key = Choices.key(graph, options, able);
        Choices.Choice known = choices.read(key);
        if (known != null) {
            for (Executor e : able) {
                if (e.id().equals(known.executor())) {
                    return new Chosen(e.compile(graph, options), known.why() + " (measured before)");
                }
            }
        }
        return measured(key, able, graph, options);
    }

    private static boolean hasDevice(Executor e, String id) {
        return id.isEmpty() || e.devices().stream().anyMatch(d -> d.id().equals(id));
    }

    /** Compiles with each, keeps the fastest. */
    private Program measured(String key, List<Executor> able, Graph graph, CompileOptions options) {
        SequencedMap<Executor, Program> programs = new LinkedHashMap<>();
        List<String> why = new ArrayList<>();
        UnsupportedOperationException refused = null;
        Program best = null;
        try {
            for (Executor e : able) {
                try {
                    programs.put(e, e.compile(graph, options));
                } catch (UnsupportedOperationException x) {
                    refused = x;
                    why.add(e.id() + " cannot: " + x.getMessage());
                }
            }
            if (programs.isEmpty() && refused != null) {
                throw refused;
            }
            Executor fastest = programs.firstEntry().getKey();
            if (programs.size() > 1) {
                Map<Executor, Double> times = times(programs, graph, options);
                for (Executor e : programs.keySet()) {
                    why.add(String.format(java.util.Locale.ROOT, "%s %.3f ms", e.id(), times.get(e)));
                    fastest = times.get(e) < times.get(fastest) ? e : fastest;
                }
            }
            String text = fastest.id() + ": " + String.join(", ", why);
            choices.write(key, new Choices.Choice(fastest.id(), text));
            best = programs.get(fastest);
            return new Chosen(best, text);
        } finally {
            for (Program p : programs.values()) {
                if (p != best) {
                    p.close();
                }
            }
        }
    }

    /** Least milliseconds of a run; the programs take turns, so that whatever else the machine does hits all of them. */
    private Map<Executor, Double> times(Map<Executor, Program> programs, Graph graph, CompileOptions options) {
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        Map<Executor, Program.Binding> bound = new LinkedHashMap<>();
        Map<Executor, Double> least = new LinkedHashMap<>();
        try {
            Random random = new Random(SEED);
            Stream.concat(graph.inputs().stream(), graph.parameters().stream())
                    .filter(v -> !options.frozen().containsKey(v.name()))
                    .forEach(v -> inputs.put(v.name(), drawn(v, random)));
            programs.forEach((e, p) -> {
                Program.Binding b = p.bind(inputs, Map.of());
                bound.put(e, b);
                b.run();
                least.put(e, Double.POSITIVE_INFINITY);
            });
            long end = System.nanoTime() + budget * 1_000_000;
            for (int i = 0; i < RUNS && (i == 0 || System.nanoTime() < end); i++) {
                bound.forEach((e, b) -> {
                    long start = System.nanoTime();
                    b.run();
                    least.merge(e, (System.nanoTime() - start) / 1e6, Math::min);
                });
            }
            return least;
        } finally {
            bound.values().forEach(Program.Binding::close);
            inputs.values().forEach(Tensor::close);
        }
    }

    /** Small normal numbers; zero for integers, which may be indices. */
    private static Tensor drawn(Value v, Random random) {
        Tensor t = Tensor.zeros(v.type());
        if (v.dtype() == DType.FLOAT || v.dtype() == DType.DOUBLE) {
            for (long i = 0; i < t.size(); i++) {
                t.set(i, random.nextGaussian() * 0.1);
            }
        }
        return t;
    }

    /** A program that knows why it is the one. */
    private record Chosen(Program program, String why) implements Program {
        @Override
        public SequencedMap<String, TensorType> inputs() {
            return program.inputs();
        }

        @Override
        public SequencedMap<String, TensorType> outputs() {
            return program.outputs();
        }

        @Override
        public SequencedMap<String, Tensor> run(Map<String, Tensor> inputs) {
            return program.run(inputs);
        }

        @Override
        public Binding bind(Map<String, Tensor> inputs, Map<String, Tensor> outputs) {
            return program.bind(inputs, outputs);
        }

        @Override
        public void close() {
            program.close();
        }

        @Override
        public String toString() {
            return why;
        }
    }
}
