package org.armature.compute.opencl.codegen;

import java.util.List;
import org.armature.compute.opencl.ir.Array;

/**
 * A kernel in OpenCL C. Equal texts are the same kernel: arrays are numbered, not named.
 *
 * @param name of the kernel in its text
 * @param parameters declarations, e.g. {@code __global float* restrict a0}
 * @param body what is between the braces; the item's place is {@link Target#id}
 * @param arguments the arrays of the parameters, in order
 * @param items the grid: up to three dimensions
 * @param taken whether cores take item after item; else each is a work-item
 */
public record Source(
        String name, List<String> parameters, String body, List<Array> arguments, long[] items, boolean taken) {
    /** The kernel as a program of its own; of one whose items are taken, the function for an item. */
    public String text() {
        return Unit.prologue(body) + Helpers.used(body) + function(name);
    }

    String function(String called) {
        return (taken ? "static void " : "__kernel void ") + called + "(" + String.join(", ", parameters)
                + (taken ? ", const int id0, const int id1, const int id2" : "") + ") {\n" + body + "}\n";
    }

    /** Items of a dimension. */
    public long items(int dimension) {
        return dimension < items.length ? items[dimension] : 1;
    }

    /** All of them. */
    public long count() {
        return items(0) * items(1) * items(2);
    }
}
