/** The executor {@code auto}: whichever of the others is faster for a graph. */
@NullMarked
package org.armature.compute.opencl.choice;

import org.jspecify.annotations.NullMarked;
