package org.armature.compute.opencl.codegen;

import java.util.List;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.schedule.Kernel;

/**
 * How a product is cut: decides its time, not its result, whose sums are in the same order for all.
 *
 * @param rows rows an item does at most: its part of the left operand stays in the second cache
 * @param part steps of the inner index that are done for all of them before the next
 */
public record Blocks(int rows, int part) {
    /** What is good for most products. */
    public static final Blocks USUAL = new Blocks(112, 400);

    /** What else may be better, most promising first. */
    public static List<Blocks> others() {
        return List.of(
                new Blocks(56, 800),
                new Blocks(28, 1024),
                new Blocks(224, 520),
                new Blocks(56, 520),
                new Blocks(112, 1024),
                new Blocks(56, 2048),
                new Blocks(112, 250));
    }

    /** Products with the same text take the same blocks: sizes and where the operands lie, not what is done with the result. */
    public static String shapes(Kernel.Tiles k, Target target) {
        Array.Contraction c = k.rule();
        Scalar.Load left = (Scalar.Load) c.left();
        return "product of %d times %d rows, %d columns, %d steps, left step %d, %s, vectors of %d, %d cores"
                .formatted(
                        c.batch().size(),
                        c.row().size(),
                        c.column().size(),
                        c.inner().size(),
                        left.array().position(left.at()).stride(c.inner()),
                        k.panels() == null
                                ? "own panels"
                                : Scalar.vars(c.right()).contains(c.batch()) ? "panels" : "shared panels",
                        target.vector(),
                        target.units());
    }
}
