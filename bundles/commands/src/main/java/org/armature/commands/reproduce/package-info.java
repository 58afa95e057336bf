/** {@code armature reproduce}: a paper's claim in miniature. */
@NullMarked
package org.armature.commands.reproduce;

import org.jspecify.annotations.NullMarked;
