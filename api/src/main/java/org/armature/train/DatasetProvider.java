package org.armature.train;

import java.io.IOException;
import org.armature.model.Config;
import org.osgi.annotation.versioning.ConsumerType;

/** Opens datasets of one kind. Service with {@code armature.id} = {@link #id()} and {@code armature.kind=dataset}. */
@ConsumerType
public interface DatasetProvider {
    /** E.g. {@code fashion-mnist}. */
    String id();

    /**
     * Opens a part of the data.
     *
     * @param split {@code train} or {@code test}
     * @throws IOException naming the file and how to get it, in one sentence
     */
    Dataset open(String split, Config config) throws IOException;
}
