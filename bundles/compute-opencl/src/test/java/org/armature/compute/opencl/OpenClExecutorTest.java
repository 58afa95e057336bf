package org.armature.compute.opencl;

import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.transpose;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.armature.autodiff.ReverseMode;
import org.armature.compute.Executor;
import org.armature.compute.ExecutorContract;
import org.armature.compute.GradientRequest;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops.Window;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class OpenClExecutorTest extends ExecutorContract {
    private OpenClExecutor executor;

    @BeforeAll
    void open(@TempDir Path cache) {
        executor = create(cache);
        OnDevice.assumeDevice(executor);
    }

    @AfterAll
    void close() {
        executor.close();
    }

    OpenClExecutor create(Path cache) {
        return new OpenClExecutor("", "", cache);
    }

    @Override
    protected Executor executor() {
        return executor;
    }

    /** Both sides of the product are the same array, but lie in memory in different orders. */
    @Test
    void aMatrixTimesItsOwnTranspose() {
        Graph.Builder b = Graph.builder("gram");
        Value x = b.input("x", Shape.of(8, 300));
        Value centred = sub(x, reduceMean(x, true, 0));
        Graph g = b.output("y", matMul(centred, transpose(centred, 1, 0))).build();
        agrees(g, 1, 1e-3f);
    }

    /** Sizes that fit no tile, an inner index in parts, either order of the left operand, the result as it is and transposed. */
    @Test
    void largeProductsInEveryOrder() {
        Graph.Builder b = Graph.builder("orders");
        Value along = b.input("along", Shape.of(261, 1100));
        Value across = b.input("across", Shape.of(1100, 261));
        Value right = b.input("right", Shape.of(1100, 210));
        b.output("along.right", matMul(along, right));
        b.output("across.right", matMul(transpose(across, 1, 0), right));
        b.output("transposed", transpose(matMul(transpose(across, 1, 0), right), 1, 0));
        Graph g = b.build();
        agrees(g, 2, 1e-3f);
    }

    /** Sizes that fit no vector, and some below one: every element arrives, at its place. */
    @ParameterizedTest
    @CsvSource({"16, 16, 0", "37, 50, 0", "15, 40, 0", "40, 15, 0", "23, 64, 5", "48, 31, 1"})
    void copiesInAnotherOrder(int rows, int columns, int skipped) {
        Graph.Builder b = Graph.builder("orders");
        Value x = b.input("x", Shape.of(3, rows, columns));
        Value some = slice(x, 1, skipped, rows);
        b.output("last", transpose(some, 0, 2, 1));
        b.output("first", transpose(some, 2, 1, 0));
        b.output("all", transpose(some, 1, 2, 0));
        agrees(b.build(), 4, 1e-7f);
    }

    /** Whole vectors in another order, in numbers that fit no block. */
    @ParameterizedTest
    @CsvSource({"8, 8, 16, 0", "11, 13, 32, 0", "9, 24, 48, 2", "3, 17, 32, 1", "17, 3, 16, 0"})
    void linesInAnotherOrder(int rows, int columns, int length, int skipped) {
        Graph.Builder b = Graph.builder("lines");
        Value x = b.input("x", Shape.of(3, rows, columns, length));
        Value some = slice(x, 1, skipped, rows);
        b.output("second", transpose(some, 0, 2, 1, 3));
        b.output("first", transpose(some, 2, 0, 1, 3));
        b.output("all", transpose(some, 2, 1, 0, 3));
        agrees(b.build(), 4, 1e-7f);
    }

    /** Lines that end within panels and vectors, windows that are apart, groups, several dimensions: forward and backward. */
    @ParameterizedTest
    @CsvSource({
        "3, 32, 1, 3, 1, 1, 13",
        "1, 64, 1, 3, 1, 2, 18",
        "2, 32, 1, 3, 2, 1, 33",
        "1, 64, 2, 3, 1, 1, 20",
        "2, 48, 1, 1, 1, 1, 24",
        "1, 32, 1, 4, 1, 1, 36"
    })
    void convolutions(int batch, int channels, int groups, int kernel, int stride, int dilation, int size) {
        Graph.Builder b = Graph.builder("convolution");
        Value x = b.input("x", Shape.of(batch, channels, size, size - 2));
        Value w = b.parameter("w", DType.FLOAT, Shape.of(channels, channels / groups, kernel, kernel));
        Value y = conv(
                x,
                w,
                Value.none(),
                Window.of(2)
                        .strides(stride, stride)
                        .dilations(dilation, dilation)
                        .pads(1, 1, 1, 1)
                        .group(groups));
        Graph g = new ReverseMode()
                .gradients(
                        b.output("y", y).build(),
                        new GradientRequest(List.of("y"), List.of("x", "w"), List.of(), List.of("y"), 0));
        agrees(g, 3, 2e-3f);
    }

    /** Every output of a graph is the plain executor's, for normal inputs and parameters. */
    private void agrees(Graph g, long seed, float tolerance) {
        Map<String, Tensor> given = Comparison.drawn(g, seed);
        try (Program want = new ReferenceExecutor().compile(g);
                Program have = executor.compile(g)) {
            Map<String, Tensor> expected = want.run(given);
            Map<String, Tensor> results = have.run(given);
            assertEquals(expected.keySet(), results.keySet());
            results.forEach(
                    (name, t) -> assertArrayEquals(expected.get(name).toFloats(), t.toFloats(), tolerance, name));
        }
        given.values().forEach(Tensor::close);
    }
}
