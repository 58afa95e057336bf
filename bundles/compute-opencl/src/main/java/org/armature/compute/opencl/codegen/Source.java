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
 * @param group work-items of a work-group, of one dimension; 0 if it is all the same
 */
public record Source(
        String name,
        List<String> parameters,
        String body,
        List<Array> arguments,
        long[] items,
        boolean taken,
        int group) {
    /** A kernel whose items share nothing. */
    public Source(
            String name, List<String> parameters, String body, List<Array> arguments, long[] items, boolean taken) {
        this(name, parameters, body, arguments, items, taken, 0);
    }

    /** The kernel as a program of its own; of one whose items are taken, the function for an item. */
    public String text() {
        return Unit.prologue(body) + Helpers.used(body) + function(name);
    }

    String function(String called) {
        // The compiler keeps to as many registers as let such a group run.
        String sized = group > 0 ? "__attribute__((reqd_work_group_size(" + group + ", 1, 1))) " : "";
        return (taken ? "static void " : "__kernel " + sized + "void ") + called + "(" + String.join(", ", parameters)
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
