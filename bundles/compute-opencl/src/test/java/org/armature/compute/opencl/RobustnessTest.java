package org.armature.compute.opencl;

import static org.armature.graph.Ops.*;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes wrong stays in its place. */
class RobustnessTest {
    @TempDir
    Path cache;

    private OpenClExecutor open() {
        OpenClExecutor e = new OpenClExecutor("", "", cache);
        assumeFalse(e.devices().isEmpty(), "no OpenCL device: install pocl-opencl-icd");
        return e;
    }

    private static Graph scaled(double by, long n) {
        Graph.Builder b = Graph.builder("scaled");
        return b.output("y", mul(b.input("x", Shape.of(n)), by)).build();
    }

    private static float[] run(Program p) {
        try (Tensor x = Tensor.of(new float[] {1, 2, 3}, 3);
                Tensor y = p.run(Map.of("x", x)).get("y")) {
            return y.toFloats();
        }
    }

    /** In a process of its own: a library that is loaded once stays. */
    public static final class WithoutLoader {
        public static void main(String[] args) {
            try (OpenClExecutor e = new OpenClExecutor("libNothing.so.7", "", Path.of(args[0]))) {
                System.out.println(e.devices().size() + " devices");
                try (Program p = e.compile(scaled(2, 3))) {
                    System.out.println("compiled " + p);
                } catch (UnsupportedOperationException x) {
                    System.out.println(x.getMessage());
                }
            }
        }
    }

    /** In a process of its own, whose threads run into null checks and collections that signals announce to the JVM. */
    public static final class BusyWhileBuilding {
        private static volatile String nothing;

        public static void main(String[] args) {
            Thread.ofPlatform().daemon().start(() -> {
                while (true) {
                    try {
                        var _ = nothing.length();
                    } catch (NullPointerException e) {
                        // That was it.
                    }
                }
            });
            Thread.ofPlatform().daemon().start(() -> {
                while (true) {
                    System.gc();
                }
            });
            try (OpenClExecutor e = new OpenClExecutor("", "", Path.of(args[0]))) {
                for (int i = 2; i < 5; i++) {
                    // A number of this process: nothing is in the driver's cache.
                    try (Program p =
                            e.compile(scaled(i + ProcessHandle.current().pid() * 1e-7, 3))) {
                        System.out.printf("%.0f%n", run(p)[2]);
                    }
                }
            }
        }
    }

    private record Ended(int code, String out) {}

    private Ended java(Class<?> main) throws IOException, InterruptedException {
        Path home = Path.of(System.getProperty("java.home"));
        ProcessBuilder b = new ProcessBuilder(
                        home.resolve("bin/java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        main.getName(),
                        cache.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        b.environment().put("LD_PRELOAD", home.resolve("lib/libjsig.so").toString());
        Process p = b.start();
        String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(p.waitFor(60, TimeUnit.SECONDS));
        return new Ended(p.exitValue(), out);
    }

    @Test
    void noLoaderIsNoDeviceAndOneSentence() throws IOException, InterruptedException {
        Ended e = java(WithoutLoader.class);
        assertEquals(0, e.code, e.out);
        assertTrue(e.out.contains("0 devices"), e.out);
        assertTrue(e.out.contains("OpenCL off: libNothing.so.7 not found"), e.out);
    }

    @Test
    void aBusyVirtualMachineBuildsKernels() throws IOException, InterruptedException {
        open().close();
        Ended e = java(BusyWhileBuilding.class);
        assertEquals(0, e.code, e.out);
        assertEquals("6\n9\n12\n", e.out);
    }

    @Test
    void programsShareADevice() {
        try (OpenClExecutor e = open();
                Program twice = e.compile(scaled(2, 3));
                Program thrice = e.compile(scaled(3, 3))) {
            assertArrayEquals(new float[] {2, 4, 6}, run(twice));
            assertArrayEquals(new float[] {3, 6, 9}, run(thrice));
            twice.close();
            assertArrayEquals(new float[] {3, 6, 9}, run(thrice));
        }
    }

    @Test
    void closingTheExecutorWaitsForRunsAndThenSaysClosed() throws Exception {
        OpenClExecutor e = open();
        Program p = e.compile(scaled(2, 3));
        try (ExecutorService pool = Executors.newFixedThreadPool(2)) {
            Future<?> running = pool.submit(() -> {
                while (true) {
                    run(p);
                }
            });
            Thread.sleep(100);
            e.close();
            Exception ended = assertThrows(Exception.class, () -> running.get(10, TimeUnit.SECONDS));
            assertTrue(ended.getMessage().contains("is closed"), ended.toString());
        }
        assertThrows(IllegalStateException.class, () -> e.compile(scaled(2, 3)));
    }

    @Test
    void damagedBinariesAreBuiltAgain() throws IOException {
        try (OpenClExecutor e = open();
                Program p = e.compile(scaled(2, 3))) {
            assertArrayEquals(new float[] {2, 4, 6}, run(p));
        }
        List<Path> kept;
        try (Stream<Path> files = Files.list(cache.resolve("kernels"))) {
            kept = files.toList();
        }
        assertFalse(kept.isEmpty());
        for (Path file : kept) {
            byte[] bytes = Files.readAllBytes(file);
            bytes[bytes.length / 2] ^= 0x55;
            Files.write(file, bytes);
        }
        try (OpenClExecutor e = open();
                Program p = e.compile(scaled(2, 3))) {
            assertArrayEquals(new float[] {2, 4, 6}, run(p));
        }
    }

    @Test
    void whatDoesNotFitNamesTheTensor() {
        Graph.Builder b = Graph.builder("huge");
        var x = b.input("x", DType.FLOAT, Shape.of(1L << 20, 1));
        var wide = cumSum(expand(x, 1L << 20, 1L << 16), 1, false, false);
        Graph g = b.output("y", reduceMax(wide, false, 0, 1)).build();
        try (OpenClExecutor e = open()) {
            OutOfMemoryError error =
                    assertThrows(OutOfMemoryError.class, () -> e.compile(g).close());
            assertTrue(error.getMessage().contains("float[1048576, 65536]"), error.getMessage());
        }
    }
}
