package org.armature.compute.onnx;

import static org.armature.graph.Ops.attributes;
import static org.armature.graph.Ops.dft;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

/** One-sided transforms that are no product, against the plain executor, which sums in double. */
class FourierTest {
    /** Of the largest element: powers of two, and other lengths, with which ONNX Runtime loses digits. */
    private static final double EXACT = 1e-6;

    private static final double ROUGH = 1e-3;

    private static final OnnxExecutor EXECUTOR = new OnnxExecutor();

    @AfterAll
    static void close() {
        EXECUTOR.close();
    }

    @Test
    void longTransformsAgreeWithTheReference() {
        check(EXACT, transform(Shape.of(1, 4096, 1), 1, 4096, false));
        check(EXACT, transform(Shape.of(2049, 1, 2), 0, 4096, true));
        check(ROUGH, transform(Shape.of(1, 1094, 2), 1, 2187, true));
    }

    /** Points 0 and N / 2 have imaginary parts, which do not count. Batches of a free size have no product. */
    @Test
    void inversesFromHalfASpectrumAgreeWithTheReference() {
        for (int length : new int[] {16, 15, 2, 1}) {
            double tolerance = Integer.bitCount(length) == 1 ? EXACT : ROUGH;
            for (int points = length / 2 + 1; points <= length / 2 + 3; points++) {
                check(tolerance, transform(Shape.named("batch", points, 2), 1, length, true));
            }
            check(tolerance, transform(Shape.named("batch", 1, 2), 1, length, true));
            check(tolerance, transform(Shape.named("batch", length / 2 + 1, 3, 1), 1, length, true));
        }
    }

    /** Where the axis is an attribute. */
    @Test
    void inversesOfOpset17AgreeWithTheReference() {
        Graph.Builder b = Graph.builder("transform", 17);
        Value x = b.input("x", Shape.named("batch", 8, 2));
        Value length = b.constant(Constant.longs(Shape.SCALAR, 15));
        Value y = b.node("DFT", List.of(x, length), attributes("axis", 1L, "inverse", true, "onesided", true));
        check(ROUGH, b.output("y", y).build());
    }

    private static Graph transform(Shape shape, int axis, long length, boolean inverse) {
        Graph.Builder b = Graph.builder("transform");
        return b.output("y", dft(b.input("x", shape), axis, length, inverse, true))
                .build();
    }

    private static void check(double tolerance, Graph g) {
        Graph bound = g.bind(Map.of("batch", 3L));
        Shape shape = bound.inputs().getFirst().shape();
        double[] drawn = new Random(1).doubles(shape.size(), -1, 1).toArray();
        try (Tensor x = Tensor.of(DType.FLOAT, shape, drawn);
                Program reference = new ReferenceExecutor().compile(bound);
                Program program = EXECUTOR.compile(g);
                Tensor want = reference.run(Map.of("x", x)).get("y");
                Tensor have = program.run(Map.of("x", x)).get("y")) {
            assertEquals(want.shape(), have.shape());
            double most = 0;
            double error = 0;
            for (long i = 0; i < want.size(); i++) {
                most = Math.max(most, Math.abs(want.get(i)));
                error = Math.max(error, Math.abs(want.get(i) - have.get(i)));
            }
            assertEquals(0, error / most, tolerance, g::toString);
        }
    }
}
