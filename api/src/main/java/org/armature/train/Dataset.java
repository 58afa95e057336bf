package org.armature.train;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.Tensor;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Examples by number, each the same named tensors. Implement {@link #read}; batches follow.
 *
 * <p>Laws: the same index gives the same numbers, in any order and from any thread.
 */
@ConsumerType
public interface Dataset extends AutoCloseable {
    /** Number of examples. */
    long size();

    /** What one example holds, without the batch axis: {@code x: float[1, 28, 28]}, {@code label: int64[]}. */
    SequencedMap<String, TensorType> example();

    /**
     * Writes examples into tensors of shape {@code [indices.length, example...]}.
     *
     * @param indices from 0 to {@link #size()}, repetitions allowed
     * @throws IndexOutOfBoundsException for an index that is not there
     */
    void read(long[] indices, Map<String, Tensor> into);

    /** Fresh tensors for a batch, the caller's to close. */
    default SequencedMap<String, Tensor> allocate(long batch) {
        SequencedMap<String, Tensor> t = new LinkedHashMap<>();
        example()
                .forEach((name, type) ->
                        t.put(name, Tensor.zeros(type.dtype(), Shape.of(batch).concat(type.shape()))));
        return t;
    }

    /** The examples of these indices, in fresh tensors, the caller's to close. */
    default SequencedMap<String, Tensor> batch(long... indices) {
        SequencedMap<String, Tensor> t = allocate(indices.length);
        read(indices, t);
        return t;
    }

    @Override
    default void close() {}
}
