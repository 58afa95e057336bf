package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.show.FigureSource;
import org.junit.jupiter.api.Test;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.ServiceReference;

/** The bundle of one executor replaced again and again while programs run on the other: 200 times with {@code -Darmature.long=true}. */
@InFramework
class ExecutorReplacementTest {
    private static final int CYCLES = Boolean.getBoolean("armature.long") ? 200 : 6;
    private static final int SETTLING = 3;

    /** Far less than the classes of one copy of the bundle. */
    private static final int MORE_CLASSES = 100;

    @Test
    void theOtherRunsOnAndNoCopyStays(BundleContext context, @Service("(armature.id=onnx)") Executor onnx)
            throws Exception {
        Bundle bundle = Arrays.stream(context.getBundles())
                .filter(b -> "org.armature.compute.opencl".equals(b.getSymbolicName()))
                .findFirst()
                .orElseThrow();
        assumeFalse(executor(context).devices().isEmpty(), "no OpenCL device: install pocl-opencl-icd");
        Path jar = ModuleJar.installed("armature-compute-opencl");
        AtomicBoolean stop = new AtomicBoolean();
        AtomicLong runs = new AtomicLong();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        Thread other = Thread.ofPlatform().start(() -> {
            try (Program p = onnx.compile(scaled())) {
                while (!stop.get()) {
                    check(p);
                    runs.incrementAndGet();
                    Thread.sleep(1);
                }
            } catch (Throwable t) {
                failure.set(t);
            }
        });
        try {
            int before = 0;
            for (int i = 0; i < CYCLES; i++) {
                if (i == SETTLING) {
                    before = classes();
                }
                bundle.update(Files.newInputStream(jar));
                use(context);
            }
            int now = classes();
            assertTrue(
                    now < before + MORE_CLASSES,
                    "after " + (CYCLES - SETTLING) + " replacements " + now + " classes are loaded, before " + before);
        } finally {
            stop.set(true);
            other.join();
        }
        assertNull(failure.get(), () -> "the other executor failed: " + failure.get());
        assertTrue(runs.get() > CYCLES, runs + " runs on the other executor");
    }

    private static Graph scaled() {
        Graph.Builder b = Graph.builder("scaled");
        return b.output("y", Ops.mul(b.input("x", Shape.of(3)), 2)).build();
    }

    private static void use(BundleContext context) throws Exception {
        Executor opencl = executor(context);
        assertFalse(opencl.devices().isEmpty(), "the device is there again");
        FigureSource shown = (FigureSource) opencl;
        try (Program p = opencl.compile(scaled())) {
            shown.figures();
            check(p);
            assertFalse(shown.figures().isEmpty(), "it is looked at");
        }
    }

    private static Executor executor(BundleContext context) throws Exception {
        for (int i = 0; i < 500; i++) {
            Collection<ServiceReference<Executor>> found =
                    context.getServiceReferences(Executor.class, "(armature.id=opencl)");
            Executor e =
                    found.isEmpty() ? null : context.getService(found.iterator().next());
            if (e != null) {
                return e;
            }
            Thread.sleep(10);
        }
        throw new AssertionError("the executor opencl did not come back");
    }

    private static void check(Program p) {
        try (Tensor x = Tensor.of(new float[] {1, 2, 3}, 3);
                Tensor y = p.run(Map.of("x", x)).get("y")) {
            assertArrayEquals(new float[] {2, 4, 6}, y.toFloats());
        }
    }

    /** Classes loaded once those that nobody needs are gone. */
    private static int classes() throws InterruptedException {
        int least = Integer.MAX_VALUE;
        for (int i = 0; i < 5; i++) {
            System.gc();
            Thread.sleep(200);
            least = Math.min(least, ManagementFactory.getClassLoadingMXBean().getLoadedClassCount());
        }
        return least;
    }
}
