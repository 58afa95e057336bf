/** OpenCL through LWJGL: devices, memory, kernels built and kept. */
@NullMarked
package org.armature.compute.opencl.device;

import org.jspecify.annotations.NullMarked;
