package org.armature.model;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A file format for graphs with their weights. Service with {@code armature.kind=model-format}; the one for ONNX has
 * {@code armature.id=onnx}.
 */
@ProviderType
public interface ModelFormat {
    /** A graph and the weights that came with it; closing frees the weights. */
    record Imported(Graph graph, Parameters parameters) implements AutoCloseable {
        @Override
        public void close() {
            parameters.close();
        }
    }

    String id();

    /** Whether the file looks like this format, by its name. */
    boolean reads(Path file);

    /**
     * The first of the formats that reads a model's file.
     *
     * @throws IllegalArgumentException if it is no file, or in none of them
     */
    static ModelFormat of(Path model, Collection<ModelFormat> formats) {
        if (!Files.isRegularFile(model)) {
            throw new IllegalArgumentException(model + " is no file: give a model");
        }
        return formats.stream()
                .filter(f -> f.reads(model))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(model + " is in no known format: known are "
                        + formats.stream().map(ModelFormat::id).toList()));
    }

    /**
     * Reads a model and the data files beside it. Floating-point initializers become parameters, everything else constants.
     *
     * @throws IOException naming file, node and what is wrong or not supported
     */
    Imported read(Path file) throws IOException;

    /** Reads one tensor from a file of its own (ONNX: a {@code TensorProto}, as in test data). */
    Tensor readTensor(Path file) throws IOException;

    /** Writes a model; parameters that have no value become inputs. Data above 2 GB goes into a file beside it. */
    void write(Path file, Graph graph, Parameters parameters) throws IOException;
}
