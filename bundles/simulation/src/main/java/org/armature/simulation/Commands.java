package org.armature.simulation;

/** What both engines check at their doors. */
final class Commands {
    private static final int LARGEST_IMAGE = 4096;

    private Commands() {}

    /** @throws IllegalArgumentException if a command has the wrong length or a number that is not finite */
    static void check(double[] command) {
        if (command.length != Arm.JOINTS) {
            throw new IllegalArgumentException(
                    "a command for arm7 has " + Arm.JOINTS + " numbers, not " + command.length);
        }
        for (int j = 0; j < Arm.JOINTS; j++) {
            if (!Double.isFinite(command[j])) {
                throw new IllegalArgumentException(
                        "the command of joint " + j + " is " + command[j] + ": it must be finite");
            }
        }
    }

    /** @throws IllegalArgumentException if an image is empty or too large */
    static void checkImage(int width, int height) {
        if (width < 1 || height < 1 || width > LARGEST_IMAGE || height > LARGEST_IMAGE) {
            throw new IllegalArgumentException("an image of " + width + " x " + height
                    + " pixels cannot be rendered: each side may be 1 to " + LARGEST_IMAGE);
        }
    }

    /** @throws IllegalArgumentException if physics cannot work with such a step */
    static void checkStep(long stepNanos) {
        if (stepNanos < 50_000 || stepNanos > 5_000_000) {
            throw new IllegalArgumentException(
                    "a physics step of " + stepNanos + " ns is out of range: choose 50000 to 5000000 ns");
        }
    }

    /** Joint readings out of the state: the two finger slides add up to the opening. */
    static void joints(double[] qpos, double[] qvel, double[] position, double[] velocity) {
        System.arraycopy(qpos, 0, position, 0, Arm.AXES);
        System.arraycopy(qvel, 0, velocity, 0, Arm.AXES);
        position[Arm.AXES] = qpos[Arm.AXES] + qpos[Arm.AXES + 1];
        velocity[Arm.AXES] = qvel[Arm.AXES] + qvel[Arm.AXES + 1];
    }
}
