package org.armature.tabletop;

import org.armature.robot.Pose;

/**
 * Where the tool, pointing down, goes next: position in the world in metres, heading of the fingers in rad, and how far they
 * open as a share of the widest.
 */
record Goal(double x, double y, double z, double heading, double opening) {
    /** As a network says it: offset from the tool in units of 10 cm, turn in units of half a rad, opening. */
    static final int NUMBERS = 5;

    static final double LENGTH = 0.1;
    static final double TURN = 0.5;

    /** What a network says from here, with a gripper that is decided: {@code hand} is {@link Features#hand}, {@code said [5]} begins at {@code at}. */
    static Goal of(float[] hand, float[] said, int at) {
        return new Goal(
                hand[0] + LENGTH * said[at],
                hand[1] + LENGTH * said[at + 1],
                hand[2] + LENGTH * said[at + 2],
                Math.atan2(hand[4], hand[3]) + TURN * said[at + 3],
                said[at + 4] > 0.5 ? 1 : 0);
    }

    /** The reverse of {@link #of}; the turn is the shorter one. */
    float[] from(float[] hand) {
        return new float[] {
            (float) ((x - hand[0]) / LENGTH),
            (float) ((y - hand[1]) / LENGTH),
            (float) ((z - hand[2]) / LENGTH),
            (float) (Features.wrapped(heading - Math.atan2(hand[4], hand[3])) / TURN),
            (float) opening
        };
    }

    /** The tool's pose there. */
    Pose pose() {
        double c = Math.cos(heading);
        double s = Math.sin(heading);
        return new Pose(new double[] {-s, c, 0, x, c, s, 0, y, 0, 0, -1, z, 0, 0, 0, 1});
    }
}
