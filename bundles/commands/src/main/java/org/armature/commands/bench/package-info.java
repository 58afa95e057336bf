/** {@code armature bench}. */
@NullMarked
package org.armature.commands.bench;

import org.jspecify.annotations.NullMarked;
