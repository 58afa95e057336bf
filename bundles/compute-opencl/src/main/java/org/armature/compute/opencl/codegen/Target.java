package org.armature.compute.opencl.codegen;

/**
 * What code is generated for.
 *
 * @param cpu one work-item a core's worth of work with loops the compiler vectorises, rather than one an element
 * @param doubles whether there are 64-bit floats
 * @param vector floats of a vector register of a CPU: 16 with AVX-512, else 8
 * @param units cores
 */
public record Target(boolean cpu, boolean doubles, int vector, int units) {
    /** Columns of a panel of a product's right operand: two vectors. */
    public int panel() {
        return 2 * vector;
    }

    /**
     * Rows of a product's tile: at most as many as leave two vectors of accumulators each in the registers (32, else 16 of
     * them), and the last tile as full as may be.
     */
    public int tile(long rows) {
        int most = vector == 16 ? 14 : 6;
        long tiles = (rows + most - 1) / most;
        return (int) ((rows + tiles - 1) / tiles);
    }
}
