/** Long convolutions with squash and smooth. */
@NullMarked
package org.armature.layers.longconv;

import org.jspecify.annotations.NullMarked;
