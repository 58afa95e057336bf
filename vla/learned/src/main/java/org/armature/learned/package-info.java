/** Learned policies: what they are trained on, how they are built, and how they are run. */
@NullMarked
package org.armature.learned;

import org.jspecify.annotations.NullMarked;
