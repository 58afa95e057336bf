package org.armature.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.armature.compute.Tensor;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A file format for named tensors. Service with {@code armature.kind=checkpoint-format}; the one for safetensors has
 * {@code armature.id=safetensors}.
 */
@ProviderType
public interface CheckpointFormat {
    String id();

    /** Whether the file looks like this format, by its name. */
    boolean reads(Path file);

    /**
     * Opens a file (or the index of a sharded one) by memory map. Every size, offset and overlap is checked before anything
     * is allocated.
     *
     * @throws IOException naming file, tensor and what is wrong
     */
    Checkpoint open(Path file) throws IOException;

    /** Writes atomically: the file is complete or is not there. */
    void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) throws IOException;
}
