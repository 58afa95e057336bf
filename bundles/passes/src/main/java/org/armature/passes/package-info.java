/** Passes that make a graph cheaper without changing what it computes. */
@NullMarked
package org.armature.passes;

import org.jspecify.annotations.NullMarked;
