/** Guidance: a network trained to represent a batch as another network does. */
@NullMarked
package org.armature.training.guidance;

import org.jspecify.annotations.NullMarked;
