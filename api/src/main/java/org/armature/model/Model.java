package org.armature.model;

import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Graph;
import org.armature.graph.Scope;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A network of fixed configuration: it says what it takes and builds itself into a graph. Parameters get the names of the
 * official {@code state_dict} through the scope.
 */
@ConsumerType
public interface Model {
    /** Inputs it takes, in order, sizes that may vary as symbols: {@code images: float[batch, 3, 224, 224]}. */
    SequencedMap<String, TensorType> inputs();

    /**
     * Builds the network.
     *
     * @param scope where its parameters hang; the root for a model of its own
     * @param inputs one value for each of {@link #inputs()}
     * @return named results
     */
    SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs);

    /** The whole model as a graph of that name. */
    default Graph graph(String name) {
        Graph.Builder b = Graph.builder(name);
        java.util.LinkedHashMap<String, Value> in = new java.util.LinkedHashMap<>();
        inputs().forEach((k, t) -> in.put(k, b.input(k, t.dtype(), t.shape())));
        build(b.scope(), in).forEach(b::output);
        return b.build();
    }
}
