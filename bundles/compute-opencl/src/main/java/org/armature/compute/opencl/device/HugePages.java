package org.armature.compute.opencl.device;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;

/**
 * Memory of the host in huge pages, where Linux has them to give. Kernels go through many arrays at once, more than the TLB
 * knows pages of 4 KiB, and each miss walks two tables in a virtual machine.
 */
final class HugePages {
    /** Bytes of a page. */
    static final long SIZE = 2 << 20;

    private static final boolean LINUX = System.getProperty("os.name", "").equals("Linux");
    private static final int MADV_HUGEPAGE = 14;

    private HugePages() {}

    private static final class Libc {
        private static final Linker LINKER = Linker.nativeLinker();
        static final MethodHandle ALIGNED_ALLOC =
                handle("aligned_alloc", FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG));
        static final MethodHandle MADVISE =
                handle("madvise", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
        static final MethodHandle FREE = handle("free", FunctionDescriptor.ofVoid(JAVA_LONG));

        private static MethodHandle handle(String name, FunctionDescriptor type) {
            return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), type);
        }
    }

    /** Memory that is freed by {@link #free}, not zeroed; 0 if there is none, or {@code bytes} do not fill a page. */
    static long allocate(long bytes) {
        if (!LINUX || bytes < SIZE) {
            return 0;
        }
        long whole = Math.ceilDiv(bytes, SIZE) * SIZE;
        try {
            long address = (long) Libc.ALIGNED_ALLOC.invokeExact(SIZE, whole);
            if (address != 0) {
                // A wish: where it is refused, the pages are small.
                int ignored = (int) Libc.MADVISE.invokeExact(address, whole, MADV_HUGEPAGE);
            }
            return address;
        } catch (Throwable e) {
            throw new LinkageError("the C library's aligned_alloc and madvise cannot be called", e);
        }
    }

    static void free(long address) {
        try {
            Libc.FREE.invokeExact(address);
        } catch (Throwable e) {
            throw new LinkageError("the C library's free cannot be called", e);
        }
    }
}
