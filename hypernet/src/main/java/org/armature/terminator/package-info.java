/** Terminator: a slow network writes hyper-kernels for a fast one (HyperZ.Z.W). */
@NullMarked
package org.armature.terminator;

import org.jspecify.annotations.NullMarked;
