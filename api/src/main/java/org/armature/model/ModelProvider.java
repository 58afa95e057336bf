package org.armature.model;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * Makes models of one kind. Service with {@code armature.id} = {@link #id()} and {@code armature.kind=model}.
 */
@ConsumerType
public interface ModelProvider {
    /** E.g. {@code omnivggt}. */
    String id();

    /**
     * A model.
     *
     * @throws IllegalArgumentException naming the key that is wrong and what to put there
     */
    Model create(Config config);
}
