package org.armature.compute;

import org.armature.graph.Graph;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Rewrites a graph into one that computes the same, better. Kind {@code pass}; {@code armature.id} is {@link #id()}.
 *
 * <p>Laws: outputs agree with those of the given graph within rounding; {@code apply(apply(g))} equals {@code apply(g)};
 * names and types of inputs, parameters and outputs stay.
 */
@ConsumerType
public interface GraphPass {
    /** E.g. {@code fold}, {@code cse}, {@code fuse}. */
    String id();

    Graph apply(Graph graph);
}
