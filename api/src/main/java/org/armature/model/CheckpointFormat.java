package org.armature.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.graph.TensorType;
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

    /**
     * Begins a file whose tensors are written through its memory map, all zero at first: for weights that are made one after
     * another and may be more than memory holds. The file appears when the caller says it is complete.
     *
     * @param tensors names, types and shapes
     */
    Draft create(Path file, Map<String, TensorType> tensors, Map<String, String> metadata) throws IOException;

    /** A checkpoint that is being written. Closing it without {@link #commit} leaves no trace. */
    @ProviderType
    interface Draft extends Parameters {
        /** Puts the file in its place; the tensors are not to be written any more. */
        void commit() throws IOException;

        @Override
        void close();
    }

    /** Writes atomically: the file is complete or is not there. */
    void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) throws IOException;
}
