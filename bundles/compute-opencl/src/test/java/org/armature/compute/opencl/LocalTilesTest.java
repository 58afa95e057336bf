package org.armature.compute.opencl;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.tanh;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.transposeLast;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.armature.compute.opencl.codegen.GroupTile;
import org.armature.compute.opencl.codegen.Target;
import org.armature.compute.opencl.device.Compiled;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.lower.Lowering;
import org.armature.compute.opencl.schedule.Kernel;
import org.armature.compute.opencl.schedule.Schedule;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops.Window;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Products by tiles in memory that a work-group shares, against the plain executor. */
class LocalTilesTest {
    private static final int FEW = 12;

    private static final Target GPU = new Target(false, true, 8, 100, 1024, 48 << 10);

    @TempDir
    static Path cache;

    private static OpenClExecutor executor;

    @BeforeAll
    static void open() {
        executor = OnDevice.gpu(cache);
        OnDevice.assumeDevice(executor);
    }

    @AfterAll
    static void close() {
        executor.close();
    }

    // ---- sizes -----------------------------------------------------------------------------------------------------

    /** Whole tiles, one row or column too few or too many, and steps that do not divide. */
    @Test
    void everyTileAtItsEdges() {
        Set<String> taken = new HashSet<>();
        long[][] sizes = {
            {256, 256, 48}, {256, 64, 48}, {64, 256, 48}, {64, 64, 48}, {256, 32, 48}, {32, 256, 48}, {32, 32, 48},
            {127, 129, 37}, {255, 61, 36}, {60, 254, 37}, {62, 66, 38}, {253, 28, 37}, {31, 260, 37}, {33, 7, 5}
        };
        Random random = new Random(1);
        for (long[] s : sizes) {
            Graph.Builder b = Graph.builder("edges");
            Value x = b.input("x", Shape.of(2, s[0], s[2]));
            Value w = b.input("w", Shape.of(2, s[2], s[1]));
            Graph g = b.output("y", matMul(x, w)).build();
            taken.addAll(compare(1, g, random.nextLong(), 1e-5));
        }
        assertEquals(7, taken.size(), taken::toString);
    }

    @Test
    void randomProducts() {
        Random random = new Random(Long.getLong("armature.seed", 7));
        int n = Boolean.getBoolean("armature.long") ? 20 * FEW : FEW;
        for (int i = 0; i < n; i++) {
            compare(1, product(random), random.nextLong(), 1e-5);
        }
    }

    /** Random sizes, batches, orders in memory and types, and what is done before and after. */
    private static Graph product(Random r) {
        Graph.Builder b = Graph.builder("product");
        long rows = size(r);
        long columns = size(r);
        long inner = size(r);
        long[] one = r.nextBoolean() ? new long[] {3} : new long[0];
        long[] other = r.nextBoolean() ? new long[] {2, r.nextBoolean() ? 3 : 1} : new long[0];
        Value x = operand(b, "x", r, one, rows, inner);
        Value w = operand(b, "w", r, other, inner, columns);
        Value y = matMul(r.nextBoolean() ? x : tanh(x), r.nextInt(3) > 0 ? w : mul(w, 0.5));
        return b.output(
                        "y",
                        switch (r.nextInt(5)) {
                            case 0 -> y;
                            case 1 -> relu(add(y, b.input("bias", Shape.of(columns))));
                            case 2 -> mul(gelu(y), b.input("scale", Shape.of(rows, 1)));
                            case 3 -> add(y, b.input("residual", y.shape()));
                            default -> transposeLast(y);
                        })
                .build();
    }

    private static long size(Random r) {
        return switch (r.nextInt(3)) {
            case 0 -> 4 + r.nextInt(30);
            case 1 -> 4 * (1 + r.nextInt(35));
            default -> List.of(16L, 32L, 64L, 128L).get(r.nextInt(4)) + r.nextInt(3) - 1;
        };
    }

    private static Value operand(Graph.Builder b, String name, Random r, long[] batch, long rows, long columns) {
        DType type =
                List.of(DType.FLOAT, DType.FLOAT, DType.FLOAT16, DType.BFLOAT16).get(r.nextInt(4));
        boolean transposed = r.nextBoolean();
        long[] shape = java.util.Arrays.copyOf(batch, batch.length + 2);
        shape[batch.length] = transposed ? columns : rows;
        shape[batch.length + 1] = transposed ? rows : columns;
        Value v = cast(b.input(name, type, Shape.of(shape)), DType.FLOAT);
        return transposed ? transposeLast(v) : v;
    }

    /** The sum in 32 bits, the result in 16. */
    @Test
    void shortFloats() {
        for (DType t : List.of(DType.FLOAT16, DType.BFLOAT16)) {
            Graph.Builder b = Graph.builder("short");
            Value x = b.input("x", t, Shape.of(70, 130));
            Value w = b.input("w", t, Shape.of(130, 36));
            compare(1, b.output("y", matMul(x, w)).build(), 5, t == DType.FLOAT16 ? 1e-3 : 1e-2);
        }
    }

    /** Heads of a projection are read where they lie, and written where they are moved to. */
    @Test
    void movedOperandsAndResults() {
        Graph.Builder b = Graph.builder("heads");
        Value x = b.input("x", Shape.of(2, 50, 3 * 40));
        Value y = b.input("y", Shape.of(2, 50, 3 * 40));
        Value q = transpose(reshape(x, 2, 50, 3, 40), 0, 2, 1, 3);
        Value k = transpose(reshape(y, 2, 50, 3, 40), 0, 2, 3, 1);
        Value s = tanh(matMul(q, k));
        Value all = reshape(transpose(matMul(s, q), 0, 2, 1, 3), 2, 50, 3 * 40);
        Graph g = b.output("z", all).build();
        compare(2, g, 6, 1e-5);
        try (OpenClProgram p = (OpenClProgram) executor.compile(g)) {
            assertEquals(
                    2,
                    p.compiled().launches().size(),
                    () -> p.compiled().schedule().toString());
        }
    }

    /** Few results of a long sum: parts of it at the same time, and then their sum. */
    @Test
    void longSumsInParts() {
        Graph.Builder b = Graph.builder("gradient");
        Value x = b.input("x", Shape.of(6400, 30));
        Value dy = b.input("dy", Shape.of(6400, 32));
        Graph g = b.output("dw", mul(matMul(transpose(x, 1, 0), dy), 0.5)).build();
        compare(1, g, 8, 1e-5);
        Schedule s = Schedule.of(Lowering.lower(g, Set.of()), GPU, true);
        assertEquals(2, s.kernels().size(), s::toString);
        Kernel.Tiles t = (Kernel.Tiles) s.kernels().getFirst();
        assertTrue(t.rule().batch().size() > 1 && t.rule().inner().size() < 6400, s::toString);
    }

    /** Windows are what the inner index and the column say. */
    @Test
    void convolutions() {
        for (Window w : List.of(
                Window.of(2).pads(1, 1, 1, 1),
                Window.of(2).strides(2, 2).pads(1, 0, 1, 0),
                Window.of(2).dilations(2, 1).group(2))) {
            Graph.Builder b = Graph.builder("convolution");
            Value x = b.input("x", Shape.of(2, 8, 13, 12));
            Value k = b.parameter("k", DType.FLOAT, Shape.of(24, 8 / w.group(), 3, 3));
            Graph g = b.output("y", relu(conv(x, k, b.parameter("bias", DType.FLOAT, Shape.of(24)), w)))
                    .build();
            compare(1, g, 9, 1e-5);
        }
    }

    // ---- what a device has -----------------------------------------------------------------------------------------

    private static Array.Contraction contraction(long rows, long columns, long inner) {
        Scalar any = Scalar.literal(DType.FLOAT, 1.0);
        return new Array.Contraction(
                new Var("b", 1), new Var("m", rows), new Var("n", columns), new Var("k", inner), any, any, List.of());
    }

    @Test
    void aSmallerTileWhereTheDeviceHasLess() {
        Array.Contraction c = contraction(4096, 4096, 1024);
        assertEquals(128, GroupTile.of(c, GPU).rows());
        assertEquals(
                32,
                GroupTile.of(c, new Target(false, true, 8, 100, 1024, 16 << 10)).rows());
        assertEquals(
                32,
                GroupTile.of(c, new Target(false, true, 8, 100, 64, 48 << 10)).rows());
        assertFalse(GroupTile.fits(new Target(false, true, 8, 100, 32, 48 << 10)));
        assertFalse(GroupTile.fits(new Target(false, true, 8, 100, 1024, 8 << 10)));
        assertFalse(GroupTile.fits(new Target(true, true, 8, 100, 1024, 48 << 10)), "cores share nothing");
    }

    @Test
    void tilesAndPartsFillTheDevice() {
        assertEquals(32, GroupTile.of(contraction(300, 300, 512), GPU).rows());
        assertEquals(1, GroupTile.parts(contraction(4096, 4096, 4096), GPU));
        long parts = GroupTile.parts(contraction(64, 576, 100_352), GPU);
        assertTrue(parts > 4 && 100_352 % (4 * parts) == 0, () -> parts + " parts");
    }

    // ---- how -------------------------------------------------------------------------------------------------------

    /** Compares; so many products, all by tiles. Returns what memory each shares. */
    private static Set<String> compare(int products, Graph g, long seed, double tolerance) {
        Compiled c = Comparison.agree(executor, g, seed, tolerance);
        List<Compiled.Launch> tiles = c.launches().stream()
                .filter(l -> l.kernel() instanceof Kernel.Tiles)
                .toList();
        assertEquals(products, tiles.size(), () -> "products in\n" + c.schedule());
        Set<String> shared = new HashSet<>();
        for (Compiled.Launch l : tiles) {
            String body = l.source().body();
            assertTrue(body.contains("__local") && l.source().group() > 0, body);
            shared.add(body.lines()
                    .filter(s -> s.contains("__local float4 "))
                    .toList()
                    .toString());
        }
        return shared;
    }
}
