/** The real-time loop, the chunk schedule, the safety filter, and the replacement of modules while the robot moves. */
@NullMarked
package org.armature.control;

import org.jspecify.annotations.NullMarked;
