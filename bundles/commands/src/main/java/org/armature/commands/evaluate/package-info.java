@NullMarked
package org.armature.commands.evaluate;

import org.jspecify.annotations.NullMarked;
