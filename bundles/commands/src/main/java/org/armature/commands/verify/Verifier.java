package org.armature.commands.verify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.armature.commands.verify.CaseResult.Status;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.Gradients;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.GraphException;
import org.armature.graph.Value;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.ConfigReader;
import org.armature.model.EntryPoint;
import org.armature.model.ModelFormat;
import org.armature.model.Parameters;
import org.jspecify.annotations.Nullable;

/**
 * Finds cases and runs them.
 *
 * <p>A golden case is a folder with {@code case.json}; its module's {@link EntryPoint} is called and its outputs, and the
 * derivatives if the case has some, compared. An ONNX node test is a folder with {@code model.onnx} and
 * {@code test_data_set_*}.
 */
final class Verifier {
    /** Tolerance of the ONNX project's own runner. */
    private static final double NODE_RTOL = 1e-3;

    private static final double NODE_ATOL = 1e-6;

    /** A module's entry point and the id it is registered under; several modules may share an id. */
    record Module(String id, EntryPoint entryPoint) {}

    private final Collection<Module> modules;
    private final CheckpointFormat checkpoints;
    private final ModelFormat models;
    private final ConfigReader json;
    private final @Nullable Gradients gradients;

    Verifier(
            Collection<Module> modules,
            CheckpointFormat checkpoints,
            ModelFormat models,
            ConfigReader json,
            @Nullable Gradients gradients) {
        this.modules = modules;
        this.checkpoints = checkpoints;
        this.models = models;
        this.json = json;
        this.gradients = gradients;
    }

    /** Folders below (and including) a folder that hold a case, sorted. */
    static List<Path> cases(Path root) throws IOException {
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(f -> f.endsWith("case.json") || f.endsWith("model.onnx"))
                    .map(Path::getParent)
                    .distinct()
                    .sorted()
                    .toList();
        }
    }

    CaseResult verify(Path folder, Executor executor) {
        Path above = folder.toAbsolutePath().normalize();
        String name = above.getParent() == null
                ? above.toString()
                : above.getParent().getFileName() + "/" + above.getFileName();
        boolean golden = Files.exists(folder.resolve("case.json"));
        String module = "onnx";
        try {
            if (!golden) {
                return node(folder, name, executor);
            }
            if (!Files.exists(folder.resolve("outputs.safetensors"))) {
                return CaseResult.without(
                        name, "", executor.id(), Status.SKIP, "no outputs.safetensors: not a numerical case");
            }
            Config c = json.read(folder.resolve("case.json"));
            module = c.text("module");
            return golden(folder, name, c, executor);
        } catch (UnsupportedOperationException e) {
            return CaseResult.without(name, module, executor.id(), Status.SKIP, message(e));
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            return CaseResult.without(name, module, executor.id(), Status.ERROR, message(e));
        }
    }

    private static String message(Throwable e) {
        String m = e.getMessage();
        return (m == null
                        ? e.getClass().getSimpleName()
                        : e instanceof GraphException || e instanceof IOException
                                ? m
                                : e instanceof IllegalArgumentException
                                                || e instanceof UnsupportedOperationException
                                                || e instanceof IllegalStateException
                                        ? m
                                        : e.getClass().getSimpleName() + ": " + m)
                .replaceAll("\\s+", " ");
    }

    private CaseResult golden(Path folder, String name, Config c, Executor executor) throws IOException {
        String id = c.text("module");
        String entry = c.text("entry");
        List<EntryPoint> candidates = modules.stream()
                .filter(m -> m.id().equals(id))
                .map(Module::entryPoint)
                .toList();
        if (candidates.isEmpty()) {
            return CaseResult.without(
                    name, id, executor.id(), Status.SKIP, "no module with armature.id=" + id + " offers entry points");
        }
        EntryPoint point = candidates.stream()
                .filter(p -> p.entries().contains(entry))
                .findFirst()
                .orElseThrow(
                        () -> new UnsupportedOperationException("module " + id + " has no entry " + entry + ": it has "
                                + candidates.stream()
                                        .flatMap(p -> p.entries().stream())
                                        .sorted()
                                        .toList()));
        Config tolerance = c.section("tolerance");
        Comparison comparison =
                new Comparison(tolerance.number("rtol", 1e-4), tolerance.number("atol", 1e-5), c.text("notes", ""));
        try (Parameters weights = open(folder, "weights");
                Parameters in = open(folder, "inputs");
                Parameters want = open(folder, "outputs");
                Parameters wantGradients = open(folder, "grads")) {
            Call call = new Call(folder, entry, c.section("config"), weights, tensors(in), executor, gradients);
            compare(comparison, "", want, point.call(call));
            if (!wantGradients.names().isEmpty()) {
                compare(comparison, Comparison.GRADIENT, wantGradients, point.gradients(call, wantGradients.names()));
            }
            return comparison.result(name, id, executor.id());
        }
    }

    private static void compare(Comparison c, String prefix, Parameters want, Map<String, Tensor> have) {
        for (String n : want.names()) {
            Tensor t = have.get(n);
            if (t == null) {
                c.missing(prefix + n);
            } else {
                c.compare(prefix + n, want.get(n), t);
            }
        }
        have.values().forEach(Tensor::close);
    }

    private Parameters open(Path folder, String part) throws IOException {
        Path file = folder.resolve(part + ".safetensors");
        return Files.exists(file) ? checkpoints.open(file) : Parameters.empty();
    }

    private static Map<String, Tensor> tensors(Parameters p) {
        Map<String, Tensor> all = new LinkedHashMap<>();
        p.names().forEach(n -> all.put(n, p.get(n)));
        return all;
    }

    private CaseResult node(Path folder, String name, Executor executor) throws IOException {
        Comparison c = new Comparison(NODE_RTOL, NODE_ATOL, "");
        try (ModelFormat.Imported model = models.read(folder.resolve("model.onnx"))) {
            try (Program p = executor.compile(model.graph(), CompileOptions.DEFAULT.withThreads(1))) {
                for (Path set : sets(folder)) {
                    dataSet(set, model, p, c);
                }
            }
        }
        return c.result(name, "onnx", executor.id());
    }

    private static List<Path> sets(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            List<Path> sets = files.filter(f -> f.getFileName().toString().startsWith("test_data_set_"))
                    .sorted()
                    .toList();
            if (sets.isEmpty()) {
                throw new IOException(folder + " has no test_data_set_*: not a node test");
            }
            return sets;
        }
    }

    private void dataSet(Path set, ModelFormat.Imported model, Program program, Comparison c) throws IOException {
        Map<String, Tensor> given = new LinkedHashMap<>();
        List<Tensor> wanted = new ArrayList<>();
        try {
            for (Value v : model.graph().parameters()) {
                given.put(v.name(), model.parameters().get(v.name()));
            }
            List<Value> inputs = model.graph().inputs();
            for (int i = 0; i < inputs.size(); i++) {
                given.put(inputs.get(i).name(), models.readTensor(set.resolve("input_" + i + ".pb")));
            }
            Map<String, Tensor> have = program.run(given);
            int i = 0;
            for (Map.Entry<String, Tensor> e : have.entrySet()) {
                Tensor want = models.readTensor(set.resolve("output_" + i++ + ".pb"));
                wanted.add(want);
                c.compare(e.getKey(), want, e.getValue());
            }
            have.values().forEach(Tensor::close);
        } finally {
            model.graph().inputs().forEach(v -> {
                Tensor t = given.get(v.name());
                if (t != null) {
                    t.close();
                }
            });
            wanted.forEach(Tensor::close);
        }
    }
}
