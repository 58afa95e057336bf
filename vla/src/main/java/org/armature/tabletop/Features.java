package org.armature.tabletop;

import org.armature.pickplace.Chain;
import org.armature.robot.RobotDescription;

/**
 * Joints, and where to take hold and to let go, as a network takes them: seen from the tool, so that what was learned at
 * one place holds at another.
 */
final class Features {
    /** Tool position 3, heading 2, tilt 2, opening and its speed, tool velocity 3, turning rate, arm joints 7. */
    static final int HAND = 20;
    /** What tells a stage of the work, the same wherever on the table and however turned. */
    static final int SITUATION = 27;
    /** Where a goal may be, from the tool: grasp 3, place 3, the world's origin 3, headings 3. */
    static final int ANCHORS = 12;

    static final int AIMED = SITUATION + ANCHORS;

    private static final double[] NEAR = {0.03, 0.01};
    /** A right angle looks the same to two fingers on a cube. */
    private static final double QUARTER = 4;

    private static final double DT = 1e-3;

    /** Longer than any demonstrator waits, seconds. */
    static final double LONG = 0.8;
    /** Shares of the widest opening a second. */
    private static final double MOVING = 0.1;

    private final Chain kinematics;
    private final int gripper;
    private final double open;
    private final double home;

    Features(RobotDescription robot, Chain kinematics) {
        this.kinematics = kinematics;
        this.gripper = robot.gripper();
        this.open = robot.limits().upper()[gripper];
        this.home = heading(kinematics.tool(robot.home()).matrix());
    }

    /** The tool's heading about the vertical when it points down: the direction in which the fingers open. */
    static double heading(double[] tool) {
        return Math.atan2(tool[5], tool[1]);
    }

    /** The heading at home. */
    double home() {
        return home;
    }

    /** {@code [HAND]}. */
    float[] hand(double[] q, double[] v) {
        double[] m = kinematics.tool(q).matrix();
        double[] ahead = q.clone();
        for (int j = 0; j < q.length; j++) {
            ahead[j] += DT * v[j];
        }
        double[] n = kinematics.tool(ahead).matrix();
        double yaw = heading(m);
        float[] f = new float[HAND];
        int k = 0;
        for (int i = 3; i < 12; i += 4) {
            f[k++] = (float) m[i];
        }
        f[k++] = (float) Math.cos(yaw);
        f[k++] = (float) Math.sin(yaw);
        f[k++] = (float) m[2];
        f[k++] = (float) m[6];
        f[k++] = (float) (q[gripper] / open);
        f[k++] = (float) (v[gripper] / open);
        for (int i = 3; i < 12; i += 4) {
            f[k++] = (float) ((n[i] - m[i]) / DT);
        }
        f[k++] = (float) (wrapped(heading(n) - yaw) / DT);
        for (int j = 0; j < 7; j++) {
            f[k++] = j < q.length && j != gripper ? (float) q[j] : 0;
        }
        return f;
    }

    /**
     * {@code [AIMED]}.
     *
     * @param hand of {@link #hand}
     * @param grasp x, y, z and cosine and sine of four times the heading
     * @param place x, y, z
     * @param rested seconds since the fingers moved, of {@link #rested}
     * @param home the robot's heading at home
     */
    static float[] aimed(float[] hand, float[] grasp, float[] place, double rested, double home) {
        double heading = Math.atan2(hand[4], hand[3]);
        double wanted = Math.atan2(grasp[4], grasp[3]);
        // who is unsure how a thing is turned does not turn the hand for it
        double sure = Math.min(1, Math.hypot(grasp[3], grasp[4]));
        double nearest = sure * wrapped(wanted - QUARTER * heading) / QUARTER;
        double usual = wrapped(home + sure * wrapped(wanted - QUARTER * home) / QUARTER - heading);
        float[] f = new float[AIMED];
        int k = 0;
        f[k++] = hand[2];
        f[k++] = hand[7];
        f[k++] = hand[8];
        f[k++] = (float) Math.hypot(hand[9], hand[10]);
        f[k++] = hand[11];
        f[k++] = Math.abs(hand[12]);
        f[k++] = (float) Math.abs(nearest);
        f[k++] = (float) Math.abs(usual);
        f[k++] = (float) rested;
        float[][] pairs = {hand, grasp, hand, place, grasp, place};
        for (int i = 0; i < pairs.length; i += 2) {
            double away = Math.hypot(pairs[i + 1][0] - pairs[i][0], pairs[i + 1][1] - pairs[i][1]);
            double above = pairs[i + 1][2] - pairs[i][2];
            f[k++] = (float) away;
            f[k++] = (float) above;
            for (double near : NEAR) {
                f[k++] = (float) Math.tanh(away / near);
                f[k++] = (float) Math.tanh(above / near);
            }
        }
        for (int i = 0; i < 3; i++) {
            f[SITUATION + i] = grasp[i] - hand[i];
            f[SITUATION + 3 + i] = place[i] - hand[i];
            f[SITUATION + 6 + i] = -hand[i];
        }
        f[SITUATION + 9] = (float) nearest;
        f[SITUATION + 10] = (float) usual;
        f[SITUATION + 11] = (float) wrapped(home - heading);
        return f;
    }

    /**
     * How long the fingers have been at rest, seconds, at most {@link #LONG}: what a demonstrator waits for before it lifts or
     * leaves is nowhere else to be seen.
     *
     * @param before what it was {@code seconds} ago
     */
    static double rested(double before, double seconds, float[] hand) {
        return Math.abs(hand[8]) > MOVING ? 0 : Math.min(LONG, before + seconds);
    }

    /** The same angle in [-pi, pi). */
    static double wrapped(double a) {
        return a - 2 * Math.PI * Math.floor((a + Math.PI) / (2 * Math.PI));
    }
}
