/** From kernels to OpenCL C that a person can read. */
@NullMarked
package org.armature.compute.opencl.codegen;

import org.jspecify.annotations.NullMarked;
