package org.armature.robot;

import java.util.List;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A world to move in. Kind {@code simulator}; property {@code engine} says which ({@code mujoco}, {@code planar}). The
 * highest ranking one whose library is there is used.
 *
 * <p>A world belongs to the thread that steps it, except {@link #render} and {@link Scoring}, which work on a snapshot and
 * may be called from another.
 */
@ConsumerType
public interface Simulator {
    /** {@code mujoco} or {@code planar}. */
    String engine();

    /**
     * Opens the table-top scene: arm with gripper, coloured objects, containers.
     *
     * @param seed places and colours; the same seed gives the same scene and, for the same commands, the same run
     * @param stepNanos physics step
     * @throws IllegalArgumentException one sentence saying what is wrong with the model
     */
    World open(long seed, long stepNanos);

    /** A running scene. Native memory is owned by it and freed by {@link #close()}; use after close throws. */
    @ConsumerType
    interface World extends AutoCloseable {
        /** The robot in it. */
        RobotDescription robot();

        /** Names of the cameras. */
        List<String> cameras();

        /** Places everything anew. Stepping thread only. */
        void reset(long seed);

        /** Advances one physics step with these position targets {@code [J]}; allocates nothing. Stepping thread only. */
        void step(double[] command);

        /** Copies positions and velocities {@code [J]}; allocates nothing. Stepping thread only. */
        void joints(double[] position, double[] velocity);

        /** Steps taken since the last reset. Any thread. */
        long steps();

        /**
         * Renders the newest snapshot with depth, true intrinsics and true camera-to-world pose. One rendering thread,
         * always the same.
         *
         * @param timeNanos robot time to stamp on the frame
         */
        CameraFrame render(String camera, int width, int height, long timeNanos);

        /** What is asked of the robot in this scene, and whether it is done: for the judge, never for a policy. */
        Scoring scoring();

        /** Bodies for drawing: names, shapes, and their poses now. Any thread. */
        List<Body> bodies();

        @Override
        void close();
    }

    /** The judge's view. Any thread; works on the newest snapshot. */
    @ConsumerType
    interface Scoring {
        /** A task this scene allows, e.g. {@code put the red cube in the blue bowl}. */
        String instruction();

        /**
         * Whether {@code instruction} is fulfilled now: the object at rest in its container and let go.
         *
         * @throws IllegalArgumentException naming what the scene has, if the instruction speaks of something it has not
         */
        boolean fulfilled(String instruction);
    }

    /**
     * A body to draw.
     *
     * @param name name in the scene
     * @param shape {@code box}, {@code cylinder}, {@code sphere}, {@code capsule} or {@code bowl}
     * @param size half extents, or radius and half length, metres
     * @param rgb {@code 0xRRGGBB}
     * @param pose body-to-world
     */
    record Body(String name, String shape, double[] size, int rgb, Pose pose) {}
}
