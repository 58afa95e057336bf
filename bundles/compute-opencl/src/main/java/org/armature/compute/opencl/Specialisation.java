package org.armature.compute.opencl;

import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.armature.graph.Constant;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Rewriter;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * Inputs that sizes depend on (the target of a reshape, the axes of a reduction) are read on the host before compiling: a
 * program is compiled for their values, as it is for the shapes. This is host evaluation of small integers, by the graph's own
 * inference; tensors are never computed there.
 */
final class Specialisation {
    private static final long LARGEST = 1024;
    private static final Map<String, int[]> DECIDING = new HashMap<>();

    static {
        for (String reduction :
                List.of("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp", "SumSquare")) {
            DECIDING.put("Reduce" + reduction, new int[] {1});
        }
        for (String type : List.of(
                "Reshape",
                "Expand",
                "Tile",
                "Squeeze",
                "Unsqueeze",
                "Split",
                "TopK",
                "OneHot",
                "CumSum",
                "Trilu",
                "Upsample")) {
            DECIDING.put(type, new int[] {1});
        }
        DECIDING.put("Slice", new int[] {1, 2, 3, 4});
        DECIDING.put("Pad", new int[] {1, 3});
        DECIDING.put("Resize", new int[] {1, 2, 3});
        DECIDING.put("DFT", new int[] {1, 2});
        DECIDING.put("Range", new int[] {0, 1, 2});
        DECIDING.put("ConstantOfShape", new int[] {0});
    }

    private Specialisation() {}

    /** Names of the inputs whose values decide about sizes. */
    static Set<String> deciding(Graph graph) {
        Set<String> names = new LinkedHashSet<>();
        Set<Value> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        Deque<Value> open = new ArrayDeque<>();
        for (Node n : graph.nodes()) {
            for (int i : DECIDING.getOrDefault(n.op().toString(), new int[0])) {
                if (n.input(i).isPresent()) {
                    open.add(n.input(i));
                }
            }
        }
        Set<Value> sources = Collections.newSetFromMap(new IdentityHashMap<>());
        Stream.concat(graph.inputs().stream(), graph.parameters().stream()).forEach(sources::add);
        while (!open.isEmpty()) {
            Value v = open.poll();
            if (!seen.add(v) || v.constant().isPresent()) {
                continue;
            }
            if (sources.contains(v)) {
                if (!v.shape().isStatic() || v.shape().size() <= LARGEST) {
                    names.add(v.name());
                }
                continue;
            }
            graph.producer(v)
                    .filter(n -> !n.is("Shape") && !n.is("Size"))
                    .ifPresent(n -> n.inputs().stream().filter(Value::isPresent).forEach(open::add));
        }
        return names;
    }

    /** The graph for inputs of these shapes, with these inputs replaced by constants. */
    static Graph of(Graph graph, Map<String, Shape> shapes, Map<String, Constant> values) {
        Graph bound = graph.isStatic() ? graph : graph.bindTo(shapes);
        if (values.isEmpty()) {
            return bound;
        }
        Rewriter r = new Rewriter(bound);
        values.forEach((name, c) ->
                bound.source(name).ifPresent(v -> r.replace(v, r.builder().constant(c))));
        bound.nodes().forEach(r::copy);
        return r.finish();
    }
}
