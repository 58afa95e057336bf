package org.armature.compute.opencl;

import java.nio.file.Path;

/** The executor with the kernels for GPUs, and with copies of tensors: on any device. */
class GpuExecutorTest extends OpenClExecutorTest {
    @Override
    OpenClExecutor create(Path cache) {
        return OnDevice.gpu(cache);
    }
}
