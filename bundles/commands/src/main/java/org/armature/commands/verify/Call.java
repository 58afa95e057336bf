package org.armature.commands.verify;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.GradientRequest;
import org.armature.compute.Gradients;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.EntryPoint;
import org.armature.model.Parameters;
import org.jspecify.annotations.Nullable;

/** One call of an entry on one executor; {@code directory} is the folder of the case. */
record Call(
        Path directory,
        String entry,
        Config config,
        Parameters parameters,
        Map<String, Tensor> inputs,
        Executor executor,
        @Nullable Gradients gradients)
        implements EntryPoint.Invocation {
    private static final String INPUT = "input:";

    @Override
    public Optional<Path> folder() {
        return Optional.of(directory);
    }

    @Override
    public SequencedMap<String, Tensor> run(Graph graph, Map<String, Tensor> given) {
        Map<String, Tensor> all = new LinkedHashMap<>();
        Map<String, Shape> shapes = new LinkedHashMap<>();
        for (Value v : graph.inputs()) {
            Tensor t = given.containsKey(v.name()) ? given.get(v.name()) : input(v.name());
            all.put(v.name(), t);
            shapes.put(v.name(), t.shape());
        }
        for (Value v : graph.parameters()) {
            all.put(v.name(), given.containsKey(v.name()) ? given.get(v.name()) : parameters.get(v.name()));
        }
        try (Program p = executor.compile(graph.bindTo(shapes), CompileOptions.DEFAULT)) {
            return p.run(all);
        }
    }

    @Override
    public Map<String, Tensor> gradients(Graph graph, Collection<String> names) {
        Gradients g = gradients;
        if (g == null) {
            throw new UnsupportedOperationException("no gradients service is running: start the bundle autodiff");
        }
        Map<String, Shape> shapes = new LinkedHashMap<>();
        graph.inputs().forEach(v -> shapes.put(v.name(), input(v.name()).shape()));
        Graph bound = graph.bindTo(shapes);
        Map<String, Tensor> cotangents = cotangents(bound);
        List<String> ones = cotangents.isEmpty() ? List.of("loss") : List.of();
        List<String> of = cotangents.isEmpty() ? ones : List.copyOf(cotangents.keySet());
        of.forEach(bound::output);
        List<String> wrt = names.stream().map(Call::plain).distinct().toList();
        Graph joint = g.gradients(bound, new GradientRequest(of, wrt, ones, List.of(), 0));
        Map<String, Tensor> given = new LinkedHashMap<>();
        cotangents.forEach((k, t) -> given.put(GradientRequest.COTANGENT + k, t));
        Map<String, Tensor> results = run(joint, given);
        Map<String, Tensor> named = new LinkedHashMap<>();
        for (String n : names) {
            Tensor t = results.get(GradientRequest.GRADIENT + plain(n));
            if (t != null) {
                named.put(n, t);
            }
        }
        return named;
    }

    private static String plain(String name) {
        return name.startsWith(INPUT) ? name.substring(INPUT.length()) : name;
    }

    /** The cotangent of each output that has one. */
    private Map<String, Tensor> cotangents(Graph graph) {
        Map<String, Tensor> found = new LinkedHashMap<>();
        for (String out : graph.outputs().keySet()) {
            for (String key : List.of("cotangent." + out, "cotangent_" + out)) {
                if (inputs.containsKey(key)) {
                    found.put(out, input(key));
                }
            }
        }
        Tensor lone = inputs.get("cotangent");
        if (lone != null) {
            found.put(outputOf(graph, lone), lone);
        }
        return found;
    }

    /** The output a plain {@code cotangent} belongs to: {@code out}, or the only floating output. */
    private static String outputOf(Graph graph, Tensor cotangent) {
        if (graph.outputs().containsKey("out")) {
            return "out";
        }
        List<String> fit = new ArrayList<>();
        graph.outputs().forEach((k, v) -> {
            if (v.dtype().isFloating() && v.shape().equals(cotangent.shape())) {
                fit.add(k);
            }
        });
        if (fit.size() != 1) {
            throw new IllegalArgumentException("input cotangent " + cotangent.type() + " could belong to the outputs "
                    + fit + " of graph " + graph.name() + ": name the output out, or override gradients");
        }
        return fit.getFirst();
    }
}
