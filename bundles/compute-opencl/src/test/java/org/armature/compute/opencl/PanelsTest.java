package org.armature.compute.opencl;

import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.transpose;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.armature.compute.opencl.device.Compiled;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Panels of a product's right operand that are larger than the caches near a core, so that they are written past them. */
class PanelsTest {
    /** So many that no item makes its own panels, and the other operand is not taken for them. */
    private static final int ROWS = 400;

    private static final int DEPTH = 1100;
    private static final int COLUMNS = 1024;

    @TempDir
    Path cache;

    /** From lines that follow each other along the columns, and along the steps; blocks of eight and of a vector do not divide them. */
    @Test
    void ofEitherOrder() {
        Graph.Builder b = Graph.builder("far");
        Value x = b.input("x", Shape.of(ROWS, DEPTH));
        b.output("along", matMul(x, b.input("along.right", Shape.of(DEPTH, COLUMNS))));
        b.output("across", matMul(x, transpose(b.input("across.right", Shape.of(COLUMNS, DEPTH)), 1, 0)));
        try (OpenClExecutor executor = new OpenClExecutor("", "", cache)) {
            OnDevice.assumeDevice(executor);
            Compiled c = Comparison.agree(executor, b.build(), 6, 1e-5);
            assertEquals(
                    2,
                    c.launches().stream()
                            .filter(l -> l.source().text().contains("__builtin_nontemporal_store"))
                            .count(),
                    () -> "kernels that write past the caches in\n" + c.schedule());
        }
    }
}
