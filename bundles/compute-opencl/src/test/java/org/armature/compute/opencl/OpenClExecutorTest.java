package org.armature.compute.opencl;

import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.nio.file.Path;
import org.armature.compute.Executor;
import org.armature.compute.ExecutorContract;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;

class OpenClExecutorTest extends ExecutorContract {
    @TempDir
    static Path cache;

    private static OpenClExecutor executor;

    @BeforeAll
    static void open() {
        executor = new OpenClExecutor("", "", cache);
        assumeFalse(executor.devices().isEmpty(), "no OpenCL device: install pocl-opencl-icd");
    }

    @AfterAll
    static void close() {
        executor.close();
    }

    @Override
    protected Executor executor() {
        return executor;
    }
}
