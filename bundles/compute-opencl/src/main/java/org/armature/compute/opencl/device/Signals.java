package org.armature.compute.opencl.device;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Drivers for CPUs build kernels with LLVM inside the process, which takes signals that the JVM works with (null checks,
 * safepoints) for crashes of its own while it builds: it deletes the files it is writing, and now and then the process dies. The
 * JDK's {@code libjsig.so}, loaded first, has the JVM asked before.
 */
public final class Signals {
    private static final Path MAPS = Path.of("/proc/self/maps");

    private Signals() {}

    /** Whether the JVM sees its signals first; true where that cannot be told. */
    public static boolean areChained() {
        try {
            return !Files.isReadable(MAPS)
                    || Files.readString(MAPS, StandardCharsets.ISO_8859_1).contains("libjsig.so");
        } catch (IOException e) {
            return true;
        }
    }
}
