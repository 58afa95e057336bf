/** The command line: every {@code Callable} service with {@code armature.command} is a command, here and in the shell. */
@NullMarked
package org.armature.commands;

import org.jspecify.annotations.NullMarked;
