package org.armature.hypernet;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Parameters;
import org.armature.train.Draw;

/**
 * Writes the weights of a network of any size, one parameter at a time: the nodes are embedded once, then each parameter is
 * decoded into its place. Memory is that of the hypernetwork and of the largest parameter.
 */
final class Predictor {
    private static final double CLASS_ROW_DEVIATION = 0.02;

    private final Ghn ghn;
    private final Executor executor;
    private final boolean complete;

    /** {@code complete}: compute all rows of the low-rank decoder, as the official code does; for comparing speed. */
    Predictor(Ghn ghn, Executor executor, boolean complete) {
        this.ghn = ghn;
        this.executor = executor;
        this.complete = complete;
    }

    /** Hears of each parameter that is written. */
    interface Listener {
        void wrote(String name, long done, long all);
    }

    /**
     * Predicts into tensors.
     *
     * @param checkpoint the hypernetwork's weights
     * @param into the target's parameters by name; those without a place are not computed
     * @param seed of the row a position embedding's class token gets
     * @return names written
     * @throws IllegalArgumentException naming a parameter whose prediction is not finite
     */
    List<String> predict(NodeGraph net, Parameters checkpoint, Map<String, Tensor> into, long seed, Listener listener) {
        List<Ghn.Task> tasks = ghn.tasks(net).stream()
                .filter(t -> into.containsKey(t.target().name()))
                .toList();
        Map<List<Object>, List<Ghn.Task>> groups = new LinkedHashMap<>();
        tasks.forEach(
                t -> groups.computeIfAbsent(t.key(), k -> new ArrayList<>()).add(t));
        List<String> written = new ArrayList<>();
        try (Tensor nodes = embed(net, checkpoint)) {
            for (List<Ghn.Task> group : groups.values()) {
                Graph g = decoder(group.getFirst());
                Map<String, Tensor> given = new LinkedHashMap<>(checkpoint.forGraph(g));
                try (Program p = executor.compile(g, CompileOptions.DEFAULT.withoutCache())) {
                    for (Ghn.Task t : group) {
                        write(p, given, nodes, t, into.get(t.target().name()), seed);
                        written.add(t.target().name());
                        listener.wrote(t.target().name(), written.size(), tasks.size());
                    }
                }
            }
        }
        return written;
    }

    private Tensor embed(NodeGraph net, Parameters checkpoint) {
        Graph.Builder b = Graph.builder("embed");
        b.output("nodes", ghn.embed(b.scope(), net).output());
        Graph g = b.build();
        try (Program p = executor.compile(g, CompileOptions.DEFAULT.withoutCache())) {
            return p.run(checkpoint.forGraph(g)).get("nodes");
        }
    }

    private Graph decoder(Ghn.Task like) {
        Graph.Builder b = Graph.builder("decode");
        Value node = b.input("node", Shape.of(1, ghn.config().hidden()));
        Shape s = like.target().shape();
        Value row = like.target().role() == NodeGraph.Role.POSITION
                ? b.input(Ghn.CLASS_ROW, Shape.of(1, 1, s.dim(-1)))
                : Value.none();
        b.output("out", ghn.write(b.scope(), node, like, row, complete));
        return b.build();
    }

    private static void write(Program p, Map<String, Tensor> given, Tensor nodes, Ghn.Task t, Tensor into, long seed) {
        Map<String, Tensor> in = new LinkedHashMap<>(given);
        in.put("node", nodes.slice(t.node(), t.node() + 1L));
        Shape s = t.target().shape();
        try (Tensor row = Tensor.zeros(DType.FLOAT, Shape.of(1, 1, s.rank() == 0 ? 1 : s.dim(-1)))) {
            Draw.of(seed, t.target().name()).normal(row, 0, CLASS_ROW_DEVIATION);
            in.put(Ghn.CLASS_ROW, row);
            Tensor out = p.run(in).get("out");
            try (out) {
                check(t.target().name(), out);
                if (into.dtype() == DType.FLOAT) {
                    into.data().copyFrom(out.data());
                } else {
                    try (Tensor cast = out.reshape(into.shape()).cast(into.dtype())) {
                        into.copyFrom(cast);
                    }
                }
            }
        }
    }

    private static void check(String name, Tensor t) {
        float sum = 0;
        var data = t.data();
        for (long i = 0; i < data.byteSize(); i += Float.BYTES) {
            sum += data.get(java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED, i)
                    * 0; // 0, or NaN for what is not finite
        }
        if (Float.isNaN(sum)) {
            throw new IllegalArgumentException("the prediction of " + name
                    + " is not finite: the checkpoint does not fit this network, or its training has diverged");
        }
    }
}
