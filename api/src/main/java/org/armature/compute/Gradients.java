package org.armature.compute;

import org.armature.graph.Graph;
import org.osgi.annotation.versioning.ProviderType;

/** Reverse-mode differentiation as a function of graphs. */
@ProviderType
public interface Gradients {
    /**
     * A graph that computes derivatives.
     *
     * <p>Inputs and parameters are those of {@code graph}, then one {@code cotangent.<output>} per output in
     * {@code request.of()} that is not in {@code request.ones()}. Outputs are {@code request.keep()}, then
     * {@code grad.<name> = d(sum_k sum(out_k * cotangent_k)) / d(name)} for each of {@code request.wrt()}, of the type and
     * shape of that input or parameter; zeros where it has no influence. The result can be differentiated again.
     *
     * @param graph with every size bound
     * @throws org.armature.graph.GraphException naming the node that has no derivative, or the symbol that is not bound
     */
    Graph gradients(Graph graph, GradientRequest request);
}
