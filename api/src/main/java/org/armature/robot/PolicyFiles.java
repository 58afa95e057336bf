package org.armature.robot;

import java.io.IOException;
import java.nio.file.Path;
import org.osgi.annotation.versioning.ProviderType;

/** Policies that are files: a JSON that names a network and what its inputs and outputs mean. */
@ProviderType
public interface PolicyFiles {
    /**
     * Opens a policy; whoever opened it closes it.
     *
     * @throws IOException naming the file that cannot be read
     * @throws IllegalArgumentException naming the key that is wrong and what to put there
     */
    Opened open(Path json) throws IOException;

    /** An endpoint that owns native memory. */
    @ProviderType
    interface Opened extends PolicyEndpoint, AutoCloseable {
        @Override
        void close();
    }
}
