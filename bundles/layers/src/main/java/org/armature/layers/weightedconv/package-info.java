/** Convolution with a spatial density. */
@NullMarked
package org.armature.layers.weightedconv;

import org.jspecify.annotations.NullMarked;
