package org.armature.commands.verify;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.armature.commands.verify.CaseResult.Status;
import org.armature.compute.Executor;
import org.armature.compute.Gradients;
import org.armature.model.CheckpointFormat;
import org.armature.model.ConfigReader;
import org.armature.model.EntryPoint;
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

/** {@code armature verify DIR...}: compares every case below the folders with its golden outputs. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=verify")
@Command(
        name = "verify",
        description = "Compares modules and executors with golden cases and ONNX node tests.",
        footer = "Exit code 1 if any case is out of tolerance or ends in an error, known limits included.")
public final class VerifyCommand implements Callable<Integer> {
    private final List<Executor> executors;
    private final Verifier verifier;
    private final KnownLimits limits = new KnownLimits();

    @Parameters(arity = "1..*", paramLabel = "DIR", description = "Folders with cases, searched deeply.")
    private List<Path> folders = List.of();

    @Option(names = "--executor", paramLabel = "ID", description = "onnx, opencl or all (default: ${DEFAULT-VALUE}).")
    private String executor = "onnx";

    @Option(names = "--json", description = "Prints one JSON object instead of lines.")
    private boolean json;

    @Spec
    private @Nullable CommandSpec spec;

    @Activate
    public VerifyCommand(
            @Reference(cardinality = ReferenceCardinality.AT_LEAST_ONE) List<Executor> executors,
            @Reference(service = EntryPoint.class, cardinality = ReferenceCardinality.MULTIPLE)
                    List<Map.Entry<Map<String, Object>, EntryPoint>> entryPoints,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat checkpoints,
            @Reference(target = "(armature.id=onnx)") ModelFormat models,
            @Reference ConfigReader configs,
            @Reference(cardinality = ReferenceCardinality.OPTIONAL) @Nullable Gradients gradients) {
        this.executors = List.copyOf(executors);
        this.verifier = new Verifier(
                entryPoints.stream()
                        .map(e -> new Verifier.Module(String.valueOf(e.getKey().get("armature.id")), e.getValue()))
                        .toList(),
                checkpoints,
                models,
                configs,
                gradients);
    }

    @Override
    public Integer call() throws IOException {
        List<Executor> chosen = executor.equals("all")
                ? executors
                : executors.stream().filter(e -> e.id().equals(executor)).toList();
        if (chosen.isEmpty()) {
            throw usage("there is no executor " + executor + ": running are "
                    + executors.stream().map(Executor::id).toList() + ", or all");
        }
        List<Path> cases = new ArrayList<>();
        for (Path f : folders) {
            if (!Files.isDirectory(f)) {
                throw usage(f + " is no folder: give folders with cases");
            }
            cases.addAll(Verifier.cases(f));
        }
        if (cases.isEmpty()) {
            throw usage(
                    "there is no case (case.json or model.onnx) below " + folders + ": give a folder that holds some");
        }
        PrintWriter out = spec().commandLine().getOut();
        List<CaseResult> results = new ArrayList<>();
        for (Executor e : chosen) {
            for (Path c : cases) {
                CaseResult r = limits.explain(verifier.verify(c, e));
                results.add(r);
                if (!json) {
                    out.println(r.line());
                    out.flush();
                }
            }
        }
        long passed = count(results, Status.PASS);
        long skipped = count(results, Status.SKIP);
        long failed = results.size() - passed - skipped;
        if (json) {
            Map<String, Object> all = new LinkedHashMap<>();
            all.put("passed", passed);
            all.put("failed", failed);
            all.put("skipped", skipped);
            all.put("cases", results.stream().map(CaseResult::json).toList());
            out.println(new ObjectMapper().writeValueAsString(all));
        } else {
            long known = results.stream()
                    .filter(r -> r.status() != Status.PASS && limits.names(r))
                    .count();
            if (known > 0) {
                out.println(
                        known + " of the " + (failed + skipped) + " that do not pass are known limits, named above");
            }
            out.println(passed + " passed, " + failed + " failed, " + skipped + " skipped");
        }
        out.flush();
        return failed == 0 ? 0 : 1;
    }

    private static long count(List<CaseResult> results, Status status) {
        return results.stream().filter(r -> r.status() == status).count();
    }

    private CommandSpec spec() {
        CommandSpec s = spec;
        if (s == null) {
            throw new IllegalStateException("verify runs through picocli");
        }
        return s;
    }

    private CommandLine.ParameterException usage(String message) {
        return new CommandLine.ParameterException(spec().commandLine(), message);
    }
}
