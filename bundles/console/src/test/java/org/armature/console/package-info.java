@NullMarked
package org.armature.console;

import org.jspecify.annotations.NullMarked;
