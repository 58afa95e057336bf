package org.armature.tabletop;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.model.Model;
import org.armature.model.Parameters;

/** A compiled network and its weights. */
record Net(Program program, Parameters weights) implements AutoCloseable {
    static Net of(Model model, String name, Executor executor, Parameters weights) {
        Graph graph = model.graph(name);
        return new Net(
                executor.compile(graph, CompileOptions.DEFAULT.withThreads(1).freeze(weights.forGraph(graph))),
                weights);
    }

    /** Runs it on {@code given}, which it closes; every result as floats. */
    Map<String, float[]> run(Map<String, Tensor> given) {
        Map<String, Tensor> in = new LinkedHashMap<>(given);
        Map<String, Tensor> out = Map.of();
        try {
            for (String name : program.inputs().keySet()) {
                in.computeIfAbsent(name, weights::get);
            }
            out = program.run(in);
            Map<String, float[]> results = new HashMap<>();
            out.forEach((k, v) -> results.put(k, v.toFloats()));
            return results;
        } finally {
            given.values().forEach(Tensor::close);
            out.values().forEach(Tensor::close);
        }
    }

    @Override
    public void close() {
        program.close();
        weights.close();
    }
}
