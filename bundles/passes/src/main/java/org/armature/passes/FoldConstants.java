package org.armature.passes;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.armature.compute.CompileOptions;
import org.armature.compute.CompileOptions.Optimization;
import org.armature.compute.Executor;
import org.armature.compute.GraphPass;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Dim;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Op;
import org.armature.graph.Rewriter;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * Computes now what does not depend on any input: shapes that inference knows, and everything made of constants, which an
 * executor runs once. What would make the graph much larger, an expanded scalar for example, stays.
 */
@Component(property = {"armature.id=fold", "armature.kind=pass"})
public final class FoldConstants implements GraphPass {
    private static final long SMALL = 64 * 1024;

    private final Executor executor;

    @Activate
    public FoldConstants(@Reference Executor executor) {
        this.executor = executor;
    }

    @Override
    public String id() {
        return "fold";
    }

    @Override
    public Graph apply(Graph graph) {
        Graph known = Rewriter.rewrite(graph, FoldConstants::known);
        Map<Value, Constant> values = computed(known);
        if (values.isEmpty()) {
            return known;
        }
        return Rewriter.rewrite(known, (n, r) -> {
            if (!n.outputs().stream()
                    .allMatch(v -> values.containsKey(v) || known.consumers(v).isEmpty() && !known.isOutput(v))) {
                return false;
            }
            for (Value v : n.outputs()) {
                if (values.containsKey(v)) {
                    r.replace(v, r.builder().constant(values.get(v)));
                }
            }
            return true;
        });
    }

    /** Integers that inference followed. */
    private static boolean known(Node n, Rewriter r) {
        Optional<List<Dim>> content = n.outputs().size() == 1 ? n.output().known() : Optional.empty();
        DType type = n.output().dtype();
        if (content.isEmpty()
                || type.isFloating()
                || !content.get().stream().allMatch(Dim::isKnown)
                || !n.output().shape().isStatic()) {
            return false;
        }
        double[] v = content.get().stream().mapToDouble(Dim::size).toArray();
        r.replace(n.output(), r.builder().constant(Constant.of(type, n.output().shape(), v)));
        return true;
    }

    /** Runs the constant part of a graph; values of all its nodes that something else reads. */
    private Map<Value, Constant> computed(Graph g) {
        Set<Value> constant = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Node n : g.nodes()) {
            if (isFoldable(n, constant)) {
                constant.addAll(n.outputs());
            }
        }
        Graph.Builder b = Graph.builder(g.name() + ".constants", g.opset());
        Rewriter r = new Rewriter(g, b);
        Map<String, Value> wanted = new LinkedHashMap<>();
        for (Node n : g.nodes()) {
            if (constant.contains(n.output())) {
                r.copy(n);
                for (Value v : n.outputs()) {
                    if (!g.consumers(v).isEmpty() || g.isOutput(v)) {
                        wanted.put("v" + wanted.size(), v);
                    }
                }
            }
        }
        Map<Value, Constant> values = new IdentityHashMap<>();
        if (wanted.isEmpty()) {
            return values;
        }
        wanted.forEach((name, v) -> b.output(name, r.get(v)));
        CompileOptions options =
                CompileOptions.DEFAULT.with(Optimization.NONE).withoutCache().withThreads(1);
        try (Program p = executor.compile(b.build(), options)) {
            p.run(Map.of()).forEach((name, t) -> {
                try (Tensor owned = t) {
                    values.put(wanted.get(name), owned.toConstant());
                }
            });
        }
        return values;
    }

    private static boolean isFoldable(Node n, Set<Value> constant) {
        if (n.op().domain().equals(Op.ARMATURE)) {
            return false;
        }
        long in = 0;
        for (Value v : n.inputs()) {
            if (v.isPresent() && v.constant().isEmpty() && !constant.contains(v)) {
                return false;
            }
            in += v.isPresent() ? bytes(v) : 0;
        }
        long out = 0;
        for (Value v : n.outputs()) {
            if (!v.shape().isStatic()) {
                return false;
            }
            out += bytes(v);
        }
        return out <= Math.max(SMALL, in);
    }

    private static long bytes(Value v) {
        Shape s = v.shape();
        return s.isStatic() ? s.size() * v.dtype().bytes() : Long.MAX_VALUE / 4;
    }
}
