package org.armature.compute;

import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.TensorType;
import org.osgi.annotation.versioning.ProviderType;

/**
 * A compiled graph. Inputs are the graph's inputs and parameters by name, except frozen ones. May be run by several threads
 * at once; close it when done, twice is harmless.
 */
@ProviderType
public interface Program extends AutoCloseable {
    /** What must be given, inputs before parameters, in the graph's order. */
    SequencedMap<String, TensorType> inputs();

    /** What comes out. */
    SequencedMap<String, TensorType> outputs();

    /**
     * Runs once.
     *
     * @param inputs one tensor for each of {@link #inputs()}; more are ignored. Native tensors are not copied
     * @return a fresh tensor per output, the caller's to close
     * @throws IllegalArgumentException naming the input that is missing or has another type or shape
     */
    SequencedMap<String, Tensor> run(Map<String, Tensor> inputs);

    /**
     * Pins tensors for running again and again without allocating: fill the inputs, {@link Binding#run}, read the outputs.
     *
     * @param inputs as for {@link #run}; native memory
     * @param outputs where results go, of exactly the right type and shape; outputs not named are computed into tensors of
     *     the binding's own
     */
    Binding bind(Map<String, Tensor> inputs, Map<String, Tensor> outputs);

    @Override
    void close();

    /** Tensors pinned to a program; used by one thread at a time. The tensors stay the caller's. */
    @ProviderType
    interface Binding extends AutoCloseable {
        /** Computes the outputs from what the inputs hold now. */
        void run();

        /** The pinned output of that name. */
        Tensor output(String name);

        @Override
        void close();
    }
}
