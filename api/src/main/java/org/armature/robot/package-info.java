/**
 * The robot: what it senses, what a policy answers, what drives it and what keeps it safe.
 *
 * <p>Conventions of the whole package. Lengths are metres, angles radians, times nanoseconds of <em>robot time</em>: the
 * monotonic clock of the control loop ({@link RobotClock}), which runs {@code --speed} times as fast as the wall in
 * simulation. Joint vectors are {@code double[J]} in the order of {@link RobotDescription#joints()}. Poses are
 * camera-to-world or body-to-world, 4 x 4 row-major; cameras look along +z with x right and y down (the OpenCV
 * convention); the world is z up with its origin at the robot's base.
 *
 * <p>Everything handed across a thread here is immutable by contract: arrays inside records are never written after
 * construction, because copying an image per reader would cost more than it protects.
 */
@Export
@Version("1.1.0")
@NullMarked
package org.armature.robot;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
