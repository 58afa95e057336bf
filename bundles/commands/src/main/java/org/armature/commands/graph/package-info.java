/** {@code armature graph}: a graph one can look at. */
@NullMarked
package org.armature.commands.graph;

import org.jspecify.annotations.NullMarked;
