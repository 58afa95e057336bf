/** The baseline policy: finds, picks up and places what an instruction names, without learning. */
@NullMarked
package org.armature.pickplace;

import org.jspecify.annotations.NullMarked;
