package org.armature.compute.onnx;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.ExecutorContract;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class OnnxExecutorTest extends ExecutorContract {
    private static OnnxExecutor executor;

    @BeforeAll
    static void open() {
        executor = new OnnxExecutor();
    }

    @AfterAll
    static void close() {
        executor.close();
    }

    @Override
    protected Executor executor() {
        return executor;
    }

    private static Graph scaled(String name, double by) {
        Graph.Builder b = Graph.builder(name);
        Value x = b.input("x", Shape.named("batch", 4));
        return b.output("y", mul(x, by)).build();
    }

    @Test
    void symbolicSizesAreFreeAtRunTime() {
        try (Program p = executor.compile(scaled("free", 2))) {
            for (int n = 1; n < 4; n++) {
                Tensor x = Tensor.zeros(DType.FLOAT, Shape.of(n, 4));
                assertEquals(Shape.of(n, 4), p.run(Map.of("x", x)).get("y").shape());
            }
        }
    }

    /** ONNX Runtime's Java interface makes arrays of names and handles; nothing grows with the tensors. */
    @Test
    void aPinnedRunAllocatesAFewSmallObjects() {
        var memory = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        Graph.Builder b = Graph.builder("hot");
        Value x = b.input("x", Shape.of(1, 39));
        Graph g = b.output("y", linear(x, b.parameter("w", DType.FLOAT, Shape.of(20, 39)), Value.none()))
                .build();
        try (Tensor in = Tensor.zeros(DType.FLOAT, Shape.of(1, 39));
                Tensor w = Tensor.zeros(DType.FLOAT, Shape.of(20, 39));
                Program p = executor.compile(g, CompileOptions.DEFAULT.withThreads(1));
                Program.Binding hot = p.bind(Map.of("x", in, "w", w), Map.of())) {
            for (int i = 0; i < 2000; i++) {
                hot.run();
            }
            long before = memory.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 1000; i++) {
                hot.run();
            }
            long each = (memory.getCurrentThreadAllocatedBytes() - before) / 1000;
            assertTrue(each < 1024, "a run allocates " + each + " bytes");
        }
    }

    @Test
    void threadsShareAProgram() throws Exception {
        Graph.Builder b = Graph.builder("shared");
        Value x = b.input("x", Shape.of(8, 64));
        Graph g = b.output("y", matMul(relu(x), b.parameter("w", DType.FLOAT, Shape.of(64, 8))))
                .build();
        try (Tensor w = filled(1, 64, 8);
                Program p = executor.compile(g, CompileOptions.DEFAULT.withThreads(2));
                ExecutorService pool = Executors.newFixedThreadPool(4)) {
            List<Future<?>> all = new ArrayList<>();
            for (int t = 1; t <= 4; t++) {
                float value = t;
                all.add(pool.submit(() -> {
                    try (Tensor in = filled(value, 8, 64);
                            Program.Binding own = p.bind(Map.of("x", in, "w", w), Map.of())) {
                        for (int i = 0; i < 200; i++) {
                            own.run();
                            assertEquals(64 * value, own.output("y").toFloats()[63]);
                        }
                    }
                }));
            }
            for (Future<?> f : all) {
                f.get();
            }
        }
    }

    @Test
    void askingForCudaWithoutItsJarSaysWhatToDo() {
        assumeFalse(executor.devices().stream().anyMatch(d -> d.id().startsWith("cuda")));
        CompileOptions cuda = CompileOptions.DEFAULT.on("cuda:0");
        String said = assertThrows(UnsupportedOperationException.class, () -> executor.compile(scaled("g", 2), cuda))
                .getMessage();
        assertTrue(said.startsWith("device cuda:0: ") && said.contains("onnxruntime_gpu"), said);
    }

    private static Tensor filled(float value, int rows, int columns) {
        float[] v = new float[rows * columns];
        Arrays.fill(v, value);
        return Tensor.of(v, rows, columns);
    }

    /** 10,000 with {@code -Darmature.long=true}. */
    @Test
    void compilingAndClosingKeepsNativeMemoryFlat() throws IOException {
        int cycles = Boolean.getBoolean("armature.long") ? 10_000 : 400;
        try (Tensor x = Tensor.of(new float[4], 1, 4)) {
            cycle(cycles / 2, x); // compilers and allocators settle
            long before = resident();
            cycle(cycles, x);
            long grown = resident() - before;
            assertTrue(grown < 40L << 20, cycles + " cycles grew resident memory by " + (grown >> 20) + " MiB");
        }
    }

    private static void cycle(int n, Tensor x) {
        for (int i = 0; i < n; i++) {
            try (Program p = executor.compile(scaled("cycle", i + 1), CompileOptions.DEFAULT.withThreads(1));
                    Tensor y = p.run(Map.of("x", x)).get("y")) {
                assertArrayEquals(new float[4], y.toFloats());
            }
        }
    }

    private static long resident() throws IOException {
        System.gc();
        return Files.readAllLines(Path.of("/proc/self/status")).stream()
                .filter(l -> l.startsWith("VmRSS"))
                .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) << 10)
                .findFirst()
                .orElse(0);
    }
}
