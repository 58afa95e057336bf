/** Structured global convolution. */
@NullMarked
package org.armature.layers.sgconv;

import org.jspecify.annotations.NullMarked;
