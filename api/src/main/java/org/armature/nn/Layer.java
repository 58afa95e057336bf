package org.armature.nn;

import org.armature.graph.Scope;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A layer a model configuration can name. Service with {@code armature.id} and {@code armature.kind=layer}. A whole network
 * is a {@link org.armature.model.ModelProvider} instead.
 *
 * <p>Laws: the same configuration and shape give an equal graph; parameters hang below the scope given, with the official
 * names; nothing is random: what is drawn is an input or a parameter.
 */
@ConsumerType
public interface Layer {
    /** E.g. {@code dcls}. */
    String id();

    /**
     * Adds the layer to the graph of {@code x}.
     *
     * @param scope where its parameters hang
     * @param x its input
     * @param config sizes and choices, with the paper's defaults
     * @return its output
     * @throws IllegalArgumentException naming the key or size that does not fit
     */
    Value build(Scope scope, Value x, Config config);
}
