/** Reverse-mode differentiation of graphs: one short rule per operator, an engine that chains them. */
@NullMarked
package org.armature.autodiff;

import org.jspecify.annotations.NullMarked;
