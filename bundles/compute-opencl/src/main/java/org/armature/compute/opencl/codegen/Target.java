package org.armature.compute.opencl.codegen;

import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * What code is generated for.
 *
 * @param cpu items are some thousand elements with loops the compiler vectorises, and cores take one after the other; else each
 *     element is a work-item
 * @param doubles whether there are 64-bit floats
 * @param vector floats of a vector register of a CPU: 16 with AVX-512, else 8
 * @param units cores; multiprocessors of a GPU
 * @param group work-items of a work-group at most
 * @param local bytes of memory a work-group shares
 */
public record Target(boolean cpu, boolean doubles, int vector, int units, int group, long local) {
    /** What a tile's step costs beside its rows, in rows. */
    private static final double LOADED = 1.5;

    /** Items of a kernel at least: the slower core is at its last one while the others have nothing left. */
    long leastItems() {
        return 8L * units;
    }

    /** The place of the item at hand in a dimension of its kernel's grid. */
    public String id(int dimension) {
        return cpu ? "id" + dimension : "get_global_id(" + dimension + ")";
    }

    /** Columns of a panel of a product's right operand: two vectors. */
    public int panel() {
        return 2 * vector;
    }

    /**
     * Rows of a product's tile: at most as many as leave two vectors of accumulators each in the registers (32, else 16 of
     * them), fewer where the rows past the end of the last tile would cost more than what a tile loads beside its rows.
     */
    public int tile(long rows) {
        int most = vector == 16 ? 14 : 6;
        return IntStream.rangeClosed(1, most)
                .boxed()
                .min(Comparator.comparingDouble(height -> (rows + height - 1) / height * (height + LOADED)))
                .orElseThrow();
    }
}
