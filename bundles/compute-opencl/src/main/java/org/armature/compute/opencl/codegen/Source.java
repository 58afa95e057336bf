package org.armature.compute.opencl.codegen;

import java.util.List;
import org.armature.compute.opencl.ir.Array;

/**
 * A kernel in OpenCL C. Equal texts are the same kernel: arrays are numbered, not named.
 *
 * @param name of the kernel in its text
 * @param parameters declarations, e.g. {@code __global float* restrict a0}
 * @param body what is between the braces
 * @param arguments the arrays of the parameters, in order
 * @param global work-items of each dimension
 * @param local work-items of a group, or 0 to let the driver choose
 */
public record Source(
        String name, List<String> parameters, String body, List<Array> arguments, long[] global, long local) {
    /** The kernel as a program of its own. */
    public String text() {
        return Unit.prologue(body) + Helpers.used(body) + "__kernel void " + name + "(" + String.join(", ", parameters)
                + ") {\n" + body + "}\n";
    }
}
