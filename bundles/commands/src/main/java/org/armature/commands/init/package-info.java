/** The command {@code init}: weights for a model before it is trained. */
@NullMarked
package org.armature.commands.init;

import org.jspecify.annotations.NullMarked;
