package org.armature.compute;

import java.util.List;
import org.armature.graph.Graph;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Compiles graphs. Kind {@code executor}; {@code armature.id} is {@link #id()}. Who has a faster kernel for something writes
 * a {@link GraphPass} instead; an executor is for another way to run everything.
 *
 * <p>Laws: a program gives the results of ONNX's definition of its operators to the rounding of the type, whatever the
 * options; equal inputs give equal outputs; compiling an equal graph again is cheap; closing every program gives back all
 * memory. Methods may be called from several threads.
 */
@ConsumerType
public interface Executor {
    /** {@code onnx}, {@code opencl}. */
    String id();

    /** What it can compute on, the default first. */
    List<Device> devices();

    /**
     * Compiles a graph; symbolic sizes are allowed where the executor can take any size at run time.
     *
     * @throws UnsupportedOperationException naming operator, type and what to do, if a kernel is missing
     */
    Program compile(Graph graph, CompileOptions options);

    default Program compile(Graph graph) {
        return compile(graph, CompileOptions.DEFAULT);
    }
}
