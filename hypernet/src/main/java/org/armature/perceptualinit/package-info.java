/** Perceptual initialisation: human similarity judgements before image-text training. */
@NullMarked
package org.armature.perceptualinit;

import org.jspecify.annotations.NullMarked;
