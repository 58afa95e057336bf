/**
 * A seven-joint arm at a table, in two engines that share their kinematics, scene, cameras and judge: MuJoCo through the
 * foreign function interface, and a kinematic world in plain Java.
 */
@NullMarked
package org.armature.simulation;

import org.jspecify.annotations.NullMarked;
