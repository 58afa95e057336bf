package org.armature.compute.opencl;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
                Roofline measured = Roofline.of(
                        program.device().info().id(), Roof.measure(program.device()), program.profile(random(graph)));
                if (profile) {
                    print(measured, out);
                }
                if (picture != null) {
                    Files.writeString(picture, measured.svg(graph.name()));
                    out.println(measured.kernels().size() + " kernels drawn into " + picture);
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

    private static void print(Roofline measured, PrintWriter out) {
        out.printf(
                Locale.ROOT,
                "%nroof of %s: %.0f GFLOP/s, %.1f GB/s (measured)%n",
                measured.device(),
                measured.roof().gflops(),
                measured.roof().gigabytes());
        Stream.concat(Stream.of(Roofline.COLUMNS), measured.rows().stream())
                .forEach(row -> out.printf(Locale.ROOT, "%8s  %8s  %7s  %6s  %9s  %s%n", row.toArray()));
    }
}
