/**
 * Starts the framework and owns what must not be replaced while the robot moves: configuration, deploy folder, trust
 * store, control channel. Meets the bundles through services of JDK types only ({@code README.md} lists them).
 */
@NullMarked
package org.armature.launcher;

import org.jspecify.annotations.NullMarked;
