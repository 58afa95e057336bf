package org.armature.model;

import java.io.IOException;
import java.nio.file.Path;
import org.osgi.annotation.versioning.ProviderType;

/** Reads configurations from JSON files. One service, by the platform. */
@ProviderType
public interface ConfigReader {
    /**
     * Reads an object; comments are allowed, a key may occur once.
     *
     * @throws IOException naming file, line and what is wrong, also for files above 16 MB or nested deeper than 64
     */
    Config read(Path json) throws IOException;
}
