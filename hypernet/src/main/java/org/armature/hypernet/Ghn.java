package org.armature.hypernet;

import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.gather;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.select;
import static org.armature.graph.Ops.tile;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.hypernet.NodeGraph.Role;
import org.armature.hypernet.NodeGraph.Target;

/** A graph hypernetwork: GHN-3 (Knyazev et al. 2023) or LoGAH (Zhou et al. 2024), by its configuration. */
final class Ghn {
    /** Name of the input with the row a position embedding's class token gets, drawn at random in the official code. */
    static final String CLASS_ROW = "pos_embedding_class_row";

    private final GhnConfig c;
    private final int cutoff;
    private final boolean classifier;
    private final Scaling scaling;

    /**
     * A hypernetwork.
     *
     * @param cutoff longest distance that makes a virtual edge
     * @param classifier whether the classifier is predicted too
     */
    Ghn(GhnConfig config, int cutoff, boolean classifier, Scaling scaling) {
        this.c = config;
        this.cutoff = cutoff;
        this.classifier = classifier;
        this.scaling = scaling;
    }

    GhnConfig config() {
        return c;
    }

    NodeTransformer.Embedded embed(Scope p, NodeGraph net) {
        return new NodeTransformer(c).build(p, net, cutoff);
    }

    /**
     * A parameter to write.
     *
     * @param node index of the node it is written from
     * @param head whether it is part of the classifier
     */
    record Task(int node, Target target, boolean head) {
        /** Tasks of equal keys are decoded together. */
        List<Object> key() {
            return List.of(target.shape(), target.role(), head, target.name().contains("_proj"));
        }
    }

    /** What is predicted of a network. */
    List<Task> tasks(NodeGraph net) {
        List<Task> all = new ArrayList<>();
        for (int i = 0; i < net.size(); i++) {
            NodeGraph.Node n = net.nodes().get(i);
            boolean head = net.classifierWeight().filter(w -> w == n).isPresent()
                    || net.classifierBias().filter(w -> w == n).isPresent();
            if (!head || classifier) {
                for (Target t : n.targets()) {
                    all.add(new Task(i, t, head));
                }
            }
        }
        return all;
    }

    /**
     * Parameters of tasks with one key, {@code [G, shape...]}.
     *
     * @param nodes their embeddings {@code [G, hidden]}
     * @param classRow {@code [1, 1, d]}, for a position embedding that has a place for a class token
     */
    Value write(Scope p, Value nodes, Task like, Value classRow, boolean complete) {
        Target t = like.target();
        Shape shape = t.shape();
        long side = t.role() == Role.POSITION ? (long) Math.sqrt(shape.dim(1)) : 0;
        boolean withClass = t.role() == Role.POSITION && side * side < shape.dim(1);
        Shape decoded = withClass ? shape.with(1, side * side) : shape;
        Value w = new Decoder(c, p, complete).decode(nodes, decoded, t.role(), like.head());
        if (c.scaled()) {
            w = scaling.apply(w, new Target(t.name(), decoded, t.role()));
        }
        if (!withClass) {
            return w;
        }
        return concat(
                2, tile(reshape(classRow, 1, 1, 1, shape.dim(2)), w.shape().dim(0), 1, 1, 1), w);
    }

    /** All predictions as one graph, by the target's names. For training: small networks, every weight differentiable. */
    SequencedMap<String, Value> predict(Scope p, NodeGraph net, Value nodes, Value classRow) {
        Map<List<Object>, List<Task>> groups = new LinkedHashMap<>();
        List<Task> tasks = tasks(net);
        tasks.forEach(
                t -> groups.computeIfAbsent(t.key(), k -> new ArrayList<>()).add(t));
        Map<String, Value> found = new LinkedHashMap<>();
        groups.values().forEach(group -> {
            long[] at = group.stream().mapToLong(Task::node).toArray();
            Value w = write(p, gather(nodes, p.builder().longs(at), 0), group.getFirst(), classRow, false);
            for (int i = 0; i < group.size(); i++) {
                found.put(group.get(i).target().name(), select(w, 0, i));
            }
        });
        SequencedMap<String, Value> ordered = new LinkedHashMap<>();
        tasks.forEach(t -> ordered.put(t.target().name(), found.get(t.target().name())));
        return ordered;
    }
}
