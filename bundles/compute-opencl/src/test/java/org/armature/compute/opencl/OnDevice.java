package org.armature.compute.opencl;

import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Path;
import org.armature.compute.opencl.device.Tuning;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

/** Tests of one executor with a cache of its own; skipped where there is no device. */
abstract class OnDevice {
    @TempDir
    static Path cache;

    static OpenClExecutor executor;

    @BeforeAll
    static void open() {
        executor = new OpenClExecutor("", "", cache);
        assumeDevice(executor);
    }

    /** Skips tests where there is no device. */
    static void assumeDevice(OpenClExecutor executor) {
        assumeFalse(executor.devices().isEmpty(), "no OpenCL device: install pocl-opencl-icd");
    }

    /** Any device with the kernels for GPUs. */
    static OpenClExecutor gpu(Path cache) {
        return new OpenClExecutor("", "", cache, Tuning.OFF, true);
    }

    @AfterAll
    static void close() {
        executor.close();
    }
}
