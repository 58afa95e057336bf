package org.armature.compute.opencl.choice;

import static org.armature.graph.Ops.mul;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.armature.compute.CompileOptions;
import org.armature.compute.Device;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.ReferenceExecutor;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Executors of known speed: the plain one, and the same one held up. */
class AutoExecutorTest {
    @TempDir
    Path cache;

    private static Graph graph(double by, Shape shape) {
        Graph.Builder b = Graph.builder("scaled");
        return b.output("y", mul(b.input("x", shape), by)).build();
    }

    private static final Graph GRAPH = graph(2, Shape.of(3));

    /** Counts what it compiled and holds every run up. */
    private static final class Slowed implements Executor {
        private final String id;
        private final long millis;
        private final boolean able;
        private int compiled;
        private int open;

        Slowed(String id, long millis, boolean able) {
            this.id = id;
            this.millis = millis;
            this.able = able;
        }

        @Override
        public String id() {
            return id;
        }

        @Override
        public List<Device> devices() {
            return List.of(new Device(id + "-device", "version 1", 0));
        }

        @Override
        public Program compile(Graph graph, CompileOptions options) {
            if (!able) {
                throw new UnsupportedOperationException(id + " has no kernel");
            }
            compiled++;
            open++;
            Program p = new ReferenceExecutor().compile(graph, CompileOptions.DEFAULT);
            return new Program() {
                @Override
                public SequencedMap<String, TensorType> inputs() {
                    return p.inputs();
                }

                @Override
                public SequencedMap<String, TensorType> outputs() {
                    return p.outputs();
                }

                @Override
                public SequencedMap<String, Tensor> run(Map<String, Tensor> inputs) {
                    return p.run(inputs);
                }

                @Override
                public Binding bind(Map<String, Tensor> inputs, Map<String, Tensor> outputs) {
                    return new Binding() {
                        @Override
                        public void run() {
                            try {
                                Thread.sleep(millis);
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                            p.run(inputs).values().forEach(Tensor::close);
                        }

                        @Override
                        public Tensor output(String name) {
                            throw new IllegalArgumentException("nobody asks for " + name);
                        }

                        @Override
                        public void close() {}
                    };
                }

                @Override
                public void close() {
                    open--;
                    p.close();
                }
            };
        }
    }

    private Program compile(Graph g, Executor... executors) {
        return new AutoExecutor(List.of(executors), cache, 300).compile(g, CompileOptions.DEFAULT);
    }

    @Test
    void theFasterOneRunsTheGraphAndTheOtherIsClosed() {
        Slowed onnx = new Slowed("onnx", 30, true);
        Slowed opencl = new Slowed("opencl", 0, true);
        try (Program p = compile(GRAPH, onnx, opencl);
                Tensor x = Tensor.of(new float[] {1, 2, 3}, 3);
                Tensor y = p.run(Map.of("x", x)).get("y")) {
            assertArrayEquals(new float[] {2, 4, 6}, y.toFloats());
            assertTrue(p.toString().startsWith("opencl: onnx "), p.toString());
            assertEquals(0, onnx.open);
            assertEquals(1, opencl.open);
        }
        assertEquals(0, opencl.open);
    }

    @Test
    void whatWasMeasuredIsNotMeasuredAgainUntilTheFileIsDamaged() throws IOException {
        Slowed onnx = new Slowed("onnx", 0, true);
        Slowed opencl = new Slowed("opencl", 30, true);
        compile(GRAPH, onnx, opencl).close();
        try (Program p = compile(graph(2, Shape.of(3)), onnx, opencl)) {
            assertTrue(p.toString().endsWith("(measured before)"), p.toString());
        }
        assertEquals(1, opencl.compiled);
        compile(graph(2, Shape.of(4)), onnx, opencl).close();
        assertEquals(2, opencl.compiled, "another graph is measured by itself");
        try (Stream<Path> files = Files.list(cache)) {
            for (Path f : files.toList()) {
                Files.writeString(f, "nonsense");
            }
        }
        compile(GRAPH, onnx, opencl).close();
        assertEquals(3, opencl.compiled);
    }

    @Test
    void whoCannotIsNamedAndWhoCanIsTaken() {
        Slowed onnx = new Slowed("onnx", 0, true);
        Slowed opencl = new Slowed("opencl", 0, false);
        try (Program p = compile(GRAPH, onnx, opencl)) {
            assertEquals("onnx: opencl cannot: opencl has no kernel", p.toString());
        }
        Slowed neither = new Slowed("onnx", 0, false);
        assertThrows(UnsupportedOperationException.class, () -> compile(graph(3, Shape.of(3)), neither, opencl));
    }

    @Test
    void openSizesGoToTheFirst() {
        Slowed onnx = new Slowed("onnx", 0, true);
        Slowed opencl = new Slowed("opencl", 0, true);
        Graph open = graph(2, Shape.of(List.of(org.armature.graph.Dim.named("n"))));
        try (Program p = compile(open, opencl, onnx)) {
            assertTrue(p.toString().startsWith("onnx: the sizes [n] are open"), p.toString());
        }
        assertEquals(0, opencl.compiled);
    }
}
