package org.armature.compute.opencl.device;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class HugePagesTest {
    @Test
    @EnabledOnOs(OS.LINUX)
    void largeMemoryBeginsWithAPageAndHasEveryByte() {
        long bytes = 2 * HugePages.SIZE + 1;
        long address = HugePages.allocate(bytes);
        assertNotEquals(0, address);
        assertEquals(0, address % HugePages.SIZE);
        MemorySegment all = MemorySegment.ofAddress(address).reinterpret(bytes);
        all.fill((byte) 7);
        assertEquals(7, all.get(java.lang.foreign.ValueLayout.JAVA_BYTE, bytes - 1));
        HugePages.free(address);
    }

    /** Nor is there any for sizes no machine has. */
    @Test
    void otherwiseThereIsNone() {
        assertEquals(0, HugePages.allocate(HugePages.SIZE - 1));
        assertEquals(0, HugePages.allocate(Long.MAX_VALUE / 2));
    }
}
