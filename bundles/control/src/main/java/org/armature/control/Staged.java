package org.armature.control;

import org.armature.robot.RobotClock;
import org.armature.robot.Simulator;

/** A driver whose robot stands in a world that can be set anew. */
interface Staged {
    /** {@code mujoco} or {@code planar}. */
    String engine();

    /** The clock to stamp frames with; before connect. */
    void timedBy(RobotClock robotTime);

    /** The world, open since connect. */
    Simulator.World world();

    /** Asks for a new scene; the loop's thread places it in its next write. */
    void stage(long seed);

    /** Whether the scene last asked for stands. */
    boolean staged();

    /** Seed of the first scene. */
    long seed();
}
