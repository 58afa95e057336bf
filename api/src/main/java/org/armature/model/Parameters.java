package org.armature.model;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.osgi.annotation.versioning.ConsumerType;

/** Named tensors: the weights of a model. Reading a tensor may map it from a file; closing frees or unmaps them all. */
@ConsumerType
public interface Parameters extends AutoCloseable {
    /** Names, in the order they were written. */
    Set<String> names();

    /** Type and shape, without touching the data; throws {@link IllegalArgumentException} if there is none of that name. */
    TensorType type(String name);

    /** The tensor, owned by this collection; throws {@link IllegalArgumentException} if there is none of that name. */
    Tensor get(String name);

    default boolean has(String name) {
        return names().contains(name);
    }

    @Override
    default void close() {}

    /** Over tensors in memory, which it closes with itself. */
    static Parameters of(Map<String, Tensor> tensors) {
        Map<String, Tensor> all = new LinkedHashMap<>(tensors);
        return new Parameters() {
            @Override
            public Set<String> names() {
                return Collections.unmodifiableSet(all.keySet());
            }

            @Override
            public TensorType type(String name) {
                return get(name).type();
            }

            @Override
            public Tensor get(String name) {
                Tensor t = all.get(name);
                if (t == null) {
                    throw missing(name, all.keySet());
                }
                return t;
            }

            @Override
            public void close() {
                all.values().forEach(Tensor::close);
            }
        };
    }

    static Parameters empty() {
        return of(Map.of());
    }

    /** What to throw for a name that is not there: names the nearest one. */
    static IllegalArgumentException missing(String name, Set<String> names) {
        String near = Config.nearest(name, names);
        return new IllegalArgumentException("there is no tensor " + name
                + (near == null ? " among " + names.size() : ": did you mean " + near + "?"));
    }

    /**
     * The tensors a graph's parameters ask for.
     *
     * @throws IllegalArgumentException naming the first parameter that is missing or does not fit, with both shapes
     */
    default Map<String, Tensor> forGraph(Graph graph) {
        Map<String, Tensor> found = new LinkedHashMap<>();
        for (Value v : graph.parameters()) {
            TensorType have = type(v.name());
            if (!have.equals(v.type())) {
                throw new IllegalArgumentException(v.name() + " is " + have + " in the checkpoint, but graph "
                        + graph.name() + " needs " + v.type() + ": check the configuration's sizes");
            }
            found.put(v.name(), get(v.name()));
        }
        return found;
    }

    /** Names here that a graph does not use. */
    default Set<String> unusedBy(Graph graph) {
        Set<String> rest = new LinkedHashSet<>(names());
        graph.parameters().forEach(v -> rest.remove(v.name()));
        return rest;
    }
}
