package org.armature.commands.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.armature.compute.Executor;
import org.armature.compute.Gradients;
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

/** {@code armature bench [NAME...] [--executor E] [--threads N] [--json]}: how long the named workloads take. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=bench")
@Command(
        name = "bench",
        description =
                "Measures the compute core: median and least time of some runs after a warm-up, with tensors pinned.",
        footer = "Training is forward and backward to the input and all parameters, without an optimiser.")
public final class BenchCommand implements Callable<Integer> {
    private final List<Executor> executors;
    private final @Nullable Gradients gradients;
    private final @Nullable ModelFormat format;

    @Parameters(arity = "0..*", paramLabel = "NAME", description = "Workloads (default: all).")
    private List<String> names = List.of();

    @Option(names = "--only", paramLabel = "NAME", split = ",", description = "The same as naming workloads.")
    private List<String> only = List.of();

    @Option(names = "--list", description = "Lists the workloads and ends.")
    private boolean list;

    @Option(
            names = "--executor",
            paramLabel = "ID",
            description = "onnx, opencl, or auto: the faster one (default: ${DEFAULT-VALUE}).")
    private String executor = "onnx";

    @Option(names = "--threads", paramLabel = "N", description = "Threads of one run (default: ${DEFAULT-VALUE}).")
    private int threads = 2;

    @Option(names = "--runs", paramLabel = "N", description = "Timed runs (default: ${DEFAULT-VALUE}).")
    private int runs = 15;

    @Option(names = "--warm-up", paramLabel = "N", description = "Runs before them (default: ${DEFAULT-VALUE}).")
    private int warmUp = 3;

    @Option(
            names = "--export",
            paramLabel = "FOLDER",
            description = "Writes the graphs as FOLDER/NAME.onnx and measures nothing, e.g. for `armature compile`.")
    private @Nullable Path export;

    @Option(names = "--explain", description = "Says of each workload which executor auto takes, and why.")
    private boolean explain;

    @Option(
            names = "--paced",
            description =
                    "Runs the one workload once for each line of input, and prints how many milliseconds it took.")
    private boolean paced;

    @Option(names = "--json", description = "Prints one JSON object a workload.")
    private boolean json;

    @Spec
    private @Nullable CommandSpec spec;

    @Activate
    public BenchCommand(
            @Reference(cardinality = ReferenceCardinality.AT_LEAST_ONE) List<Executor> executors,
            @Reference(cardinality = ReferenceCardinality.OPTIONAL) @Nullable Gradients gradients,
            @Reference(target = "(armature.id=onnx)", cardinality = ReferenceCardinality.OPTIONAL) @Nullable
                    ModelFormat format) {
        this.executors = List.copyOf(executors);
        this.format = format;
        this.gradients = gradients;
    }

    @Override
    public Integer call() throws IOException {
        CommandSpec s = spec;
        if (s == null) {
            throw new IllegalStateException("bench runs through picocli");
        }
        PrintWriter out = s.commandLine().getOut();
        if (list) {
            Workload.ALL.forEach(
                    w -> out.printf("%-22s x %-20s %8.4f GFLOP, %s%n", w.name(), w.input(), w.gflop(), w.measures()));
            out.flush();
            return 0;
        }
        if (threads < 1 || runs < 1 || warmUp < 0) {
            throw usage(s, "--threads and --runs must be at least 1, --warm-up at least 0");
        }
        Executor e = executors.stream()
                .filter(x -> x.id().equals(executor))
                .findFirst()
                .orElseThrow(() -> usage(
                        s,
                        "there is no executor " + executor + ": running are "
                                + executors.stream().map(Executor::id).toList()));
        Path folder = export;
        if (folder != null) {
            export(chosen(s), folder, out);
            return 0;
        }
        List<Workload> workloads = chosen(s);
        if (paced) {
            if (workloads.size() != 1) {
                throw usage(s, "--paced runs one workload: name it");
            }
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            Measurement.paced(workloads.getFirst(), e, gradients, threads, warmUp, in, out);
            return 0;
        }
        for (Workload w : workloads) {
            Measurement m = Measurement.of(w, e, gradients, threads, warmUp, runs);
            out.println(json ? new ObjectMapper().writeValueAsString(m.json()) : m.line());
            if (explain && !json) {
                out.println("    " + (e.id().equals("auto") ? m.program() : e.id() + ": it was asked for"));
            }
            out.flush();
        }
        return 0;
    }

    private void export(List<Workload> workloads, Path folder, PrintWriter out) throws IOException {
        ModelFormat f = format;
        if (f == null) {
            throw new IllegalStateException("no service writes .onnx: start the bundle compute-onnx");
        }
        Files.createDirectories(folder);
        for (Workload w : workloads) {
            Path file = folder.resolve(w.name() + ".onnx");
            try (var none = org.armature.model.Parameters.of(Map.of())) {
                f.write(file, Measurement.graph(w, gradients), none);
            }
            out.println(file);
        }
        out.flush();
    }

    private List<Workload> chosen(CommandSpec s) {
        List<String> asked = names.isEmpty() ? only : names;
        List<String> known = Workload.ALL.stream().map(Workload::name).toList();
        asked.stream().filter(n -> !known.contains(n)).findFirst().ifPresent(n -> {
            throw usage(s, "there is no workload " + n + ": known are " + known);
        });
        return Workload.ALL.stream()
                .filter(w -> asked.isEmpty() || asked.contains(w.name()))
                .toList();
    }

    private static CommandLine.ParameterException usage(CommandSpec s, String message) {
        return new CommandLine.ParameterException(s.commandLine(), message);
    }
}
