/** Decides which arrays become memory and which kernels compute them. */
@NullMarked
package org.armature.compute.opencl.schedule;

import org.jspecify.annotations.NullMarked;
