/** Finds named objects in RGB-D images by colour and geometry. */
@NullMarked
package org.armature.perception;

import org.jspecify.annotations.NullMarked;
