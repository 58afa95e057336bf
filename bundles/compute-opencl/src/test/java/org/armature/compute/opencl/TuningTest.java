package org.armature.compute.opencl;

import static org.armature.graph.Ops.matMul;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.armature.compute.CompileOptions;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.opencl.device.Tuning;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TuningTest {
    @TempDir
    Path cache;

    private final Graph graph = product();

    private static Graph product() {
        Graph.Builder b = Graph.builder("product");
        Value x = b.input("x", Shape.of(300, 1100));
        Value w = b.input("w", Shape.of(1100, 330));
        return b.output("y", matMul(x, w)).build();
    }

    /** What a fresh executor, as of another process, tells of its measurements; and the result. */
    private float[] run(String mode, List<String> told) {
        Random random = new Random(3);
        try (OpenClExecutor e = new OpenClExecutor("", "", cache)) {
            assumeFalse(e.devices().isEmpty(), "no OpenCL device: install pocl-opencl-icd");
            try (Program p = e.compile(
                            graph, CompileOptions.DEFAULT, Tuning.of(mode).telling(told::add));
                    Tensor x = Tensor.zeros(graph.inputs().getFirst().type());
                    Tensor w = Tensor.zeros(graph.inputs().getLast().type())) {
                for (Tensor t : List.of(x, w)) {
                    for (long i = 0; i < t.size(); i++) {
                        t.set(i, random.nextGaussian());
                    }
                }
                return p.run(Map.of("x", x, "w", w)).get("y").toFloats();
            }
        }
    }

    private int measured(String mode) {
        List<String> told = new ArrayList<>();
        run(mode, told);
        return told.size();
    }

    @Test
    void measuresOnceAndChangesNoResult() {
        float[] usual = run("off", new ArrayList<>());
        assertEquals(1, measured("quick"));
        assertEquals(0, measured("quick"));
        assertEquals(1, measured("full"), "more candidates than before");
        assertEquals(0, measured("full"));
        assertEquals(0, measured("quick"));
        assertArrayEquals(usual, run("full", new ArrayList<>()));
    }

    @Test
    void whatIsDamagedIsMeasuredAgain() throws IOException {
        measured("quick");
        try (Stream<Path> files = Files.walk(cache)) {
            for (Path f : files.filter(Files::isRegularFile).toList()) {
                byte[] bytes = Files.readAllBytes(f);
                bytes[bytes.length - 1] ^= 1;
                Files.write(f, bytes);
            }
        }
        assertEquals(1, measured("quick"));
        assertEquals(0, measured("quick"));
    }

    @Test
    void anotherModeIsAnError() {
        assertThrows(IllegalArgumentException.class, () -> Tuning.of("fast"));
    }
}
