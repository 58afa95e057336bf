package org.armature.simulation;

import org.armature.robot.Pose;

/**
 * One primitive of the scene, the same for both engines, for drawing and for the dashboard.
 *
 * @param name name, e.g. {@code arm/forearm} or {@code blue bowl/3}
 * @param frame index of the frame that carries it, see {@link Stage}
 * @param local its pose in that frame; cylinders and capsules lie along z
 * @param shape box, cylinder, sphere or capsule
 * @param size half extents; radius and half length; radius. Metres
 * @param rgb {@code 0xRRGGBB}
 * @param solid whether it touches others
 */
record Part(String name, int frame, Pose local, Shape shape, double[] size, int rgb, boolean solid) {
    /** Primitives, named as MJCF and the dashboard name them. */
    enum Shape {
        BOX,
        CYLINDER,
        SPHERE,
        CAPSULE;

        final String word = name().toLowerCase(java.util.Locale.ROOT);
    }

    /** Radius of the sphere about its origin that holds all of it. */
    double reach() {
        return reach(shape, size);
    }

    static double reach(Shape shape, double[] size) {
        return switch (shape) {
            case BOX -> Math.sqrt(size[0] * size[0] + size[1] * size[1] + size[2] * size[2]);
            case CYLINDER -> Math.hypot(size[0], size[1]);
            case SPHERE -> size[0];
            case CAPSULE -> size[0] + size[1];
        };
    }

    Part painted(String newName, int newRgb) {
        return new Part(newName, frame, local, shape, size, newRgb, solid);
    }
}
