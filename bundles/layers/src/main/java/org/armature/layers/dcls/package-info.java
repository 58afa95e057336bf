/** Dilated convolution with learnable spacings. */
@NullMarked
package org.armature.layers.dcls;

import org.jspecify.annotations.NullMarked;
