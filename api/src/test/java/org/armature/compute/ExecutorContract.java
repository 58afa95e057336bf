package org.armature.compute;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.Test;

/** What every {@link Executor} must do: extend it, hand over the executor, get these tests. */
public abstract class ExecutorContract {
    /** The executor under test, the same for the whole class. */
    protected abstract Executor executor();

    private static Graph affine(Shape x) {
        Graph.Builder b = Graph.builder("affine");
        Value in = b.input("x", x);
        Scope p = b.scope().at("fc");
        return b.output("y", linear(in, p.parameter("weight", 2, 3), p.parameter("bias", 2)))
                .build();
    }

    private static Map<String, Tensor> affineInputs() {
        return Map.of(
                "x", Tensor.of(new float[] {1, 2, 3, 4, 5, 6}, 2, 3),
                "fc.weight", Tensor.of(new float[] {1, 0, 0, 0, 1, 1}, 2, 3),
                "fc.bias", Tensor.of(new float[] {10, 20}, 2));
    }

    private static final float[] AFFINE = {11, 25, 14, 31};

    @Test
    void constantGraphNeedsNoInput() {
        Graph.Builder b = Graph.builder("constant");
        Graph g = b.output("y", b.constant(Constant.floats(Shape.of(2), 1, 2))).build();
        try (Program p = executor().compile(g)) {
            assertTrue(p.inputs().isEmpty());
            assertArrayEquals(new float[] {1, 2}, p.run(Map.of()).get("y").toFloats());
        }
    }

    @Test
    void parametersAreInputs() {
        try (Program p = executor().compile(affine(Shape.of(2, 3)))) {
            assertEquals(
                    List.of("x", "fc.weight", "fc.bias"), List.copyOf(p.inputs().keySet()));
            assertArrayEquals(AFFINE, p.run(affineInputs()).get("y").toFloats(), 1e-5f);
        }
    }

    @Test
    void frozenParametersAreNot() {
        Map<String, Tensor> in = new HashMap<>(affineInputs());
        Map<String, Tensor> frozen = Map.of("fc.weight", in.remove("fc.weight"), "fc.bias", in.remove("fc.bias"));
        try (Program p = executor().compile(affine(Shape.of(2, 3)), CompileOptions.DEFAULT.freeze(frozen))) {
            assertEquals(List.of("x"), List.copyOf(p.inputs().keySet()));
            assertArrayEquals(AFFINE, p.run(in).get("y").toFloats(), 1e-5f);
        }
    }

    @Test
    void missingAndMisshapenInputsAreNamed() {
        try (Program p = executor().compile(affine(Shape.of(2, 3)))) {
            Map<String, Tensor> in = new HashMap<>(affineInputs());
            in.put("x", Tensor.of(new float[3], 1, 3));
            assertTrue(assertThrows(IllegalArgumentException.class, () -> p.run(in))
                    .getMessage()
                    .contains("x is float[1, 3], but the graph needs float[2, 3]"));
            in.remove("x");
            assertTrue(assertThrows(IllegalArgumentException.class, () -> p.run(in))
                    .getMessage()
                    .contains("input x"));
        }
    }

    @Test
    void outputsMayBeInputsConstantsOrTheSameValueTwice() {
        Graph.Builder b = Graph.builder("aliases");
        Value x = b.input("x", Shape.of(2));
        Value y = mul(x, 2);
        Graph g = b.output("x", x)
                .output("y", y)
                .output("again", y)
                .output("c", b.scalar(DType.FLOAT, 7))
                .build();
        try (Program p = executor().compile(g)) {
            Map<String, Tensor> out = p.run(Map.of("x", Tensor.of(new float[] {1, 2}, 2)));
            assertEquals(List.of("x", "y", "again", "c"), List.copyOf(out.keySet()));
            assertArrayEquals(new float[] {1, 2}, out.get("x").toFloats());
            assertArrayEquals(new float[] {2, 4}, out.get("y").toFloats());
            assertArrayEquals(new float[] {2, 4}, out.get("again").toFloats());
            assertArrayEquals(new float[] {7}, out.get("c").toFloats());
        }
    }

    @Test
    void pinnedTensorsAreReadAndWrittenInPlace() {
        Map<String, Tensor> in = affineInputs();
        Tensor y = Tensor.zeros(DType.FLOAT, Shape.of(2, 2));
        try (Program p = executor().compile(affine(Shape.of(2, 3)));
                Program.Binding binding = p.bind(in, Map.of("y", y))) {
            binding.run();
            assertArrayEquals(AFFINE, y.toFloats(), 1e-5f);
            in.get("x").set(0, 2);
            binding.run();
            assertArrayEquals(new float[] {12, 25, 14, 31}, binding.output("y").toFloats(), 1e-5f);
        }
    }

    @Test
    void equalInputsGiveEqualBits() {
        Graph.Builder b = Graph.builder("softmax");
        Graph g = b.output("y", softmax(b.input("x", Shape.of(16, 257)), -1)).build();
        Random random = new Random(3);
        float[] x = new float[16 * 257];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) random.nextGaussian();
        }
        try (Program p = executor().compile(g)) {
            Tensor in = Tensor.of(x, 16, 257);
            assertArrayEquals(
                    p.run(Map.of("x", in)).get("y").toFloats(),
                    p.run(Map.of("x", in)).get("y").toFloats());
        }
    }

    @Test
    void threadsMayShareAProgram() throws Exception {
        try (Program p = executor().compile(affine(Shape.of(2, 3)));
                ExecutorService pool = Executors.newFixedThreadPool(4)) {
            List<Future<float[]>> all = new ArrayList<>();
            for (int i = 0; i < 64; i++) {
                all.add(pool.submit(() -> p.run(affineInputs()).get("y").toFloats()));
            }
            for (Future<float[]> f : all) {
                assertArrayEquals(AFFINE, f.get(), 1e-5f);
            }
        }
    }

    @Test
    void closedProgramsSaySo() {
        Program p = executor().compile(affine(Shape.of(2, 3)));
        p.close();
        p.close();
        assertThrows(IllegalStateException.class, () -> p.run(affineInputs()));
    }

    @Test
    void callsAndStopsAreTransparent() {
        Graph.Builder body = Graph.builder("square");
        Value u = body.input("u", Shape.of(2));
        Graph square = body.output("v", mul(u, u)).build();
        Graph.Builder b = Graph.builder("outer");
        Value x = b.input("x", Shape.of(2));
        Graph g = b.output("y", call(square, null, stopGradient(x)).getFirst()).build();
        try (Program p = executor().compile(g)) {
            assertArrayEquals(
                    new float[] {9, 16},
                    p.run(Map.of("x", Tensor.of(new float[] {3, 4}, 2)))
                            .get("y")
                            .toFloats());
        }
    }

    @Test
    void integersAndBooleansAreExact() {
        Graph.Builder b = Graph.builder("integers");
        Value i = b.input("i", DType.INT64, Shape.of(3));
        Graph g =
                b.output("less", less(i, b.longs(0))).output("twice", add(i, i)).build();
        try (Program p = executor().compile(g)) {
            Map<String, Tensor> out = p.run(Map.of("i", Tensor.of(new long[] {-1, 0, 1L << 60}, 3)));
            assertArrayEquals(new long[] {1, 0, 0}, out.get("less").toLongs());
            assertArrayEquals(new long[] {-2, 0, 1L << 61}, out.get("twice").toLongs());
        }
    }

    @Test
    void emptyTensorsPass() {
        Graph.Builder b = Graph.builder("empty");
        Graph g = b.output("y", relu(b.input("x", Shape.of(0, 3)))).build();
        try (Program p = executor().compile(g)) {
            assertEquals(
                    0,
                    p.run(Map.of("x", Tensor.zeros(DType.FLOAT, Shape.of(0, 3))))
                            .get("y")
                            .size());
        }
    }

    @Test
    void hasADevice() {
        assertFalse(executor().devices().isEmpty());
    }
}
