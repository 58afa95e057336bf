package org.armature.compute.onnx;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.Test;

class WorkTest {
    private static Graph product(Shape x, long width) {
        Graph.Builder b = Graph.builder("product");
        Value w = b.parameter("w", DType.FLOAT, Shape.of(64, width));
        return b.output("y", relu(matMul(b.input("x", x), w))).build();
    }

    @Test
    void aProductIsAsLargeAsItsMultiplications() {
        assertTrue(Work.isSmall(product(Shape.of(1, 64), 8)));
        assertTrue(Work.isSmall(product(Shape.of(100, 64), 128)));
        assertFalse(Work.isSmall(product(Shape.of(200, 64), 128)));
        assertFalse(Work.isLarge(product(Shape.of(200, 64), 128)));
        assertTrue(Work.isLarge(product(Shape.of(2_000_000, 64), 1024)));
    }

    @Test
    void aConvolutionReadsItsKernelForEveryOutput() {
        Graph.Builder b = Graph.builder("conv");
        Value w = b.parameter("w", DType.FLOAT, Shape.of(16, 16, 3, 3));
        Graph g = b.output(
                        "y",
                        conv(
                                b.input("x", Shape.of(1, 16, 24, 24)),
                                w,
                                Value.none(),
                                Window.of(2).pad(1)))
                .build();
        assertFalse(Work.isSmall(g));
    }

    @Test
    void anOpenBatchMayBeLarge() {
        assertFalse(Work.isSmall(product(Shape.named("batch").concat(Shape.of(64)), 8)));
    }

    @Test
    void aSumIsAsLargeAsWhatItReads() {
        Graph.Builder b = Graph.builder("sum");
        assertFalse(Work.isSmall(b.output("y", reduceSum(b.input("x", Shape.of(1100, 1000)), false, 0, 1))
                .build()));
    }
}
