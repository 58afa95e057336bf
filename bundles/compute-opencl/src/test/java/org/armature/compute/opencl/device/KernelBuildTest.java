package org.armature.compute.opencl.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.armature.compute.opencl.codegen.Source;
import org.armature.compute.opencl.codegen.Target;
import org.armature.compute.opencl.ir.Array;
import org.armature.graph.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lwjgl.opencl.CL10;

class KernelBuildTest {
    @TempDir
    Path folder;

    @Test
    void aKernelThatDoesNotCompileIsKeptWithItsLog() throws IOException {
        Source wrong = new Source("wrong", List.of(), "    no such thing;\n", List.of(), new long[] {1}, true);
        try (OpenClDevice device = device()) {
            String message = assertThrows(UnsupportedOperationException.class, () -> device.kernel(wrong))
                    .getMessage();
            assertTrue(message.startsWith("kernel wrong does not compile on "), message);
            try (Stream<Path> files = Files.list(folder)) {
                String kept = Files.readString(files.findFirst().orElseThrow());
                assertTrue(kept.contains("no such thing") && kept.contains("error"), kept);
            }
        }
    }

    private OpenClDevice device() {
        try {
            return new OpenClDevice(Devices.find("").getFirst(), new BinaryCache(null), folder);
        } catch (IllegalStateException e) {
            return abort(e.getMessage());
        }
    }

    @Test
    void everyItemIsTakenOnce() {
        try (OpenClDevice device = device();
                Arena arena = Arena.ofConfined()) {
            Target target = device.target();
            String body =
                    "    a[%s + 1000 * (%s + 10 * %s)] += 1;\n".formatted(target.id(0), target.id(1), target.id(2));
            MemorySegment counts = arena.allocate(40_000 * Integer.BYTES, 64);
            long buffer = device.allocate(counts.byteSize(), "counts");
            device.write(buffer, counts);
            // The grids follow each other without a wait: each kernel finds nothing taken.
            List<long[]> grids =
                    List.of(new long[] {1}, new long[] {1000, 10, 4}, new long[] {3, 2}, new long[] {7, 10, 4});
            List<Long> kernels = new ArrayList<>();
            for (long[] grid : grids) {
                Source s =
                        new Source("count", List.of("__global int* restrict a"), body, List.of(), grid, target.cpu());
                long kernel = device.kernel(s);
                kernels.add(kernel);
                OpenClException.check("clSetKernelArg", CL10.clSetKernelArg1p(kernel, 0, buffer));
                device.enqueue(kernel, s, false);
            }
            device.read(buffer, counts);
            device.finish();
            kernels.forEach(CL10::clReleaseKernel);
            device.release(buffer);
            for (int i = 0; i < 40_000; i++) {
                int[] at = {i % 1000, i / 1000 % 10, i / 10_000};
                long expected = grids.stream()
                        .filter(g -> IntStream.range(0, 3).allMatch(d -> at[d] < (d < g.length ? g[d] : 1)))
                        .count();
                assertEquals(expected, counts.getAtIndex(ValueLayout.JAVA_INT, i), "item " + i);
            }
        }
    }

    @Test
    void arraysThatDoNotLiveTogetherShareMemory() {
        Array a = array("a", 100);
        Array b = array("b", 100);
        Array c = array("c", 50);
        MemoryPlan p = MemoryPlan.of(
                List.of(new MemoryPlan.Life(a, 0, 1), new MemoryPlan.Life(b, 1, 2), new MemoryPlan.Life(c, 2, 3)),
                128,
                1 << 20);
        assertEquals(1024, p.bytes());
        assertEquals(p.places().get(a).offset(), p.places().get(c).offset());
        assertTrue(p.places().get(a).offset() != p.places().get(b).offset());
    }

    private static Array array(String name, long n) {
        return new Array(name, DType.FLOAT, new long[] {n}, new Array.Given(false));
    }
}
