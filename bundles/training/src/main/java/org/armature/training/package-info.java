/** The trainer, its optimisers, objectives and plain layers, and the command {@code train}. */
@NullMarked
package org.armature.training;

import org.jspecify.annotations.NullMarked;
