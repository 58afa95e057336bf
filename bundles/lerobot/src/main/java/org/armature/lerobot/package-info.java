/** LeRobot datasets, version 3: read, written, recorded from the running robot, checked and merged. */
@NullMarked
package org.armature.lerobot;

import org.jspecify.annotations.NullMarked;
