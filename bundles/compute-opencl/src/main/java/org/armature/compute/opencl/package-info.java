/** The executor {@code opencl}. */
@NullMarked
package org.armature.compute.opencl;

import org.jspecify.annotations.NullMarked;
