package org.armature.compute.opencl;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.compute.opencl.device.Compiled;
import org.armature.compute.opencl.device.Roof;
import org.armature.compute.opencl.device.Tuning;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.schedule.Schedule;
import org.armature.graph.Graph;
import org.armature.graph.Value;
import org.armature.model.ModelFormat;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code armature compile MODEL.onnx [--show] [--tune MODE] [--profile] [--roofline FILE]}. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=compile")
@Command(
        name = "compile",
        description = "Compiles a model for OpenCL; shows schedule, kernels and where the time goes.")
public final class CompileCommand implements Callable<Integer> {
    private final Executor executor;
    private final List<ModelFormat> formats;

    @Parameters(paramLabel = "MODEL", description = "A model file, e.g. model.onnx.")
    private Path model = Path.of("");

    @Option(names = "--show", description = "Prints the schedule and the source of every kernel.")
    private boolean show;

    @Option(names = "--profile", description = "Runs on random inputs and prints the time of each kernel.")
    private boolean profile;

    @Option(names = "--roofline", paramLabel = "FILE", description = "Draws the profile under the device's roof (SVG).")
    private @Nullable Path roofline;

    @Option(
            names = "--tune",
            paramLabel = "MODE",
            description =
                    "Looks for better blocks of products, and keeps them for all programs with products of the same shapes:"
                            + " off, quick, or full, up to a minute (default: the executor's setting).")
    private @Nullable String tune;

    @Option(
            names = "--size",
            paramLabel = "SYMBOL=N",
            description = "Gives a symbolic size a number; may be given several times.")
    private Map<String, Long> sizes = Map.of();

    @Spec
    private @Nullable CommandSpec spec;

    @Activate
    public CompileCommand(
            @Reference(target = "(armature.id=opencl)") Executor executor,
            @Reference(cardinality = ReferenceCardinality.AT_LEAST_ONE) List<ModelFormat> formats) {
        this.executor = executor;
        this.formats = List.copyOf(formats);
    }

    @Override
    public Integer call() throws IOException {
        CommandSpec s = spec;
        if (s == null) {
            throw new IllegalStateException("compile runs through picocli");
        }
        ModelFormat format;
        try {
            if (tune != null) {
                Tuning.of(tune);
            }
            format = ModelFormat.of(model, formats);
        } catch (IllegalArgumentException e) {
            throw new CommandLine.ParameterException(s.commandLine(), e.getMessage(), e);
        }
        PrintWriter out = s.commandLine().getOut();
        try (ModelFormat.Imported imported = format.read(model)) {
            Graph graph = imported.graph().bind(sizes);
            if (!graph.isStatic()) {
                throw new CommandLine.ParameterException(
                        s.commandLine(), "sizes " + graph.symbols() + " are open: give --size SYMBOL=N");
            }
            run(graph, out);
        }
        out.flush();
        return 0;
    }

    private void run(Graph graph, PrintWriter out) throws IOException {
        try (OpenClProgram program = program(graph, out)) {
            Compiled c = program.compiled();
            if (c == null) {
                throw new UnsupportedOperationException(
                        "graph " + graph.name() + " has sizes that depend on inputs: there is one program per value");
            }
            long distinct =
                    c.launches().stream().map(l -> l.source().text()).distinct().count();
            out.printf(
                    Locale.ROOT,
                    "%s: %d nodes, %d kernels (%d different), %.1f MiB between them%n",
                    graph.name(),
                    graph.nodes().size(),
                    c.launches().size(),
                    distinct,
                    c.memory() / 1048576.0);
            if (show) {
                show(c, out);
            }
            Path picture = roofline;
            if (profile || picture != null) {
                List<Compiled.Timing> timings = program.profile(random(graph));
                Roof roof = ((OpenClExecutor) executor).roof();
                if (profile) {
                    print(timings, roof, out);
                }
                if (picture != null) {
                    Files.writeString(picture, Roofline.svg(graph.name(), timings, roof));
                    out.println(timings.size() + " kernels drawn into " + picture);
                }
            }
        }
    }

    private OpenClProgram program(Graph graph, PrintWriter out) {
        String mode = tune;
        return (OpenClProgram)
                (mode == null
                        ? executor.compile(graph, CompileOptions.DEFAULT)
                        : ((OpenClExecutor) executor)
                                .compile(
                                        graph,
                                        CompileOptions.DEFAULT,
                                        Tuning.of(mode).telling(line -> {
                                            out.println(line);
                                            out.flush();
                                        })));
    }

    private static void show(Compiled c, PrintWriter out) {
        out.println();
        out.print(c.schedule());
        Map<String, Integer> seen = new LinkedHashMap<>();
        for (int i = 0; i < c.launches().size(); i++) {
            Compiled.Launch l = c.launches().get(i);
            List<String> names = new ArrayList<>();
            for (int a = 0; a < l.source().arguments().size(); a++) {
                Array array = l.source().arguments().get(a);
                names.add("a" + a + " = " + array);
            }
            out.printf("%n// launch %d: %s%n", i, String.join(", ", names));
            Integer before = seen.putIfAbsent(l.source().text(), i);
            out.println(before == null ? l.source().text() : "// the kernel of launch " + before);
        }
    }

    private static Map<String, Tensor> random(Graph graph) {
        Random random = new Random(1);
        Map<String, Tensor> inputs = new LinkedHashMap<>();
        Stream.concat(graph.inputs().stream(), graph.parameters().stream())
                .map(Value.class::cast)
                .forEach(v -> {
                    Tensor t = Tensor.zeros(v.type());
                    for (long i = 0; v.dtype().isFloating() && i < t.size(); i++) {
                        t.set(i, random.nextGaussian() * 0.1);
                    }
                    inputs.put(v.name(), t);
                });
        return inputs;
    }

    private static void print(List<Compiled.Timing> timings, Roof roof, PrintWriter out) {
        double total = timings.stream().mapToDouble(Compiled.Timing::seconds).sum();
        out.printf(
                Locale.ROOT,
                "%nroof %.0f GFLOP/s, %.1f GB/s (measured); kernels %.3f ms%n     ms  share  GFLOP/s    GB/s  of roof  writes%n",
                roof.gflops(),
                roof.gigabytes(),
                total * 1e3);
        timings.stream()
                .sorted(Comparator.comparingDouble(Compiled.Timing::seconds).reversed())
                .forEach(t -> out.printf(
                        Locale.ROOT,
                        "%7.3f  %4.1f%%  %7.1f  %6.1f  %5.0f%%  %s%n",
                        t.seconds() * 1e3,
                        100 * t.seconds() / total,
                        Schedule.flops(t.launch().kernel()) / t.seconds() * 1e-9,
                        Schedule.bytes(t.launch().kernel()) / t.seconds() * 1e-9,
                        100 * Roofline.share(t, roof),
                        t.launch().source().name() + " "
                                + t.launch().kernel().writes().getFirst()));
    }
}
