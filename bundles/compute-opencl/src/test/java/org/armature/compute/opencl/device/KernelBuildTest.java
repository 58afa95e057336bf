package org.armature.compute.opencl.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.armature.compute.opencl.codegen.Source;
import org.armature.compute.opencl.ir.Array;
import org.armature.graph.DType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelBuildTest {
    @TempDir
    Path folder;

    @Test
    void aKernelThatDoesNotCompileIsKeptWithItsLog() throws IOException {
        List<Devices.Info> all = List.of();
        try {
            all = Devices.find("");
        } catch (IllegalStateException e) {
            assumeTrue(false, e.getMessage());
        }
        Source wrong = new Source("wrong", List.of(), "    no such thing;\n", List.of(), new long[] {1}, true);
        try (OpenClDevice device = new OpenClDevice(all.getFirst(), new BinaryCache(null), folder)) {
            String message = assertThrows(UnsupportedOperationException.class, () -> device.kernel(wrong))
                    .getMessage();
            assertTrue(message.startsWith("kernel wrong does not compile on "), message);
            try (Stream<Path> files = Files.list(folder)) {
                String kept = Files.readString(files.findFirst().orElseThrow());
                assertTrue(kept.contains("no such thing") && kept.contains("error"), kept);
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
