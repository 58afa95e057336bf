package org.armature.tabletop;

import org.armature.pickplace.Chain;
import org.armature.robot.Perception.Detection;
import org.armature.robot.RobotDescription;

/**
 * Joints and things as a network takes them, all seen from the tool, so that what was learned at one place holds at
 * another: {@code hand [H]} and {@code things [C, F]}.
 */
final class Features {
    /** Tool position 3, heading 2, tilt 2, opening and its speed, tool velocity 3, turning rate, arm joints 7. */
    static final int HAND = 20;
    /** Seen, shape 5, place 3, offset 3, near offset 3, half extents 3, heading 4, score, fresh. */
    static final int THING = 24;

    private static final double NEAR = 0.03;
    private static final double DT = 1e-3;

    private final Chain kinematics;
    private final int gripper;
    private final double open;

    Features(RobotDescription robot, Chain kinematics) {
        this.kinematics = kinematics;
        this.gripper = robot.gripper();
        this.open = robot.limits().upper()[gripper];
    }

    /** The tool's heading about the vertical when it points down: the direction in which the fingers open. */
    static double heading(double[] tool) {
        return Math.atan2(tool[5], tool[1]);
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

    /** {@code [C, THING]}; zeros where nothing of that colour was seen. */
    float[] things(double[] q, Things table, long nanos) {
        double[] m = kinematics.tool(q).matrix();
        double yaw = heading(m);
        float[] all = new float[Things.COLOURS.size() * THING];
        for (int c = 0; c < Things.COLOURS.size(); c++) {
            Things.Thing t = table.at(c);
            if (t == null) {
                continue;
            }
            Detection d = t.seen();
            int k = c * THING;
            all[k++] = 1;
            if (t.shape() >= 0) {
                all[k + t.shape()] = 1;
            }
            k += Things.SHAPES.size();
            double[] offset = new double[3];
            for (int i = 0; i < 3; i++) {
                offset[i] = d.centre()[i] - m[4 * i + 3];
                all[k++] = (float) d.centre()[i];
            }
            for (double o : offset) {
                all[k++] = (float) o;
            }
            for (double o : offset) {
                all[k++] = (float) Math.tanh(o / NEAR);
            }
            for (double h : d.halfExtents()) {
                all[k++] = (float) h;
            }
            double turn = d.yaw() - yaw;
            all[k++] = (float) Math.cos(2 * turn);
            all[k++] = (float) Math.sin(2 * turn);
            all[k++] = (float) Math.cos(4 * turn);
            all[k++] = (float) Math.sin(4 * turn);
            all[k++] = (float) d.score();
            all[k] = t.fresh(nanos) ? 1 : 0;
        }
        return all;
    }

    /** The same angle in [-pi, pi). */
    static double wrapped(double a) {
        return a - 2 * Math.PI * Math.floor((a + Math.PI) / (2 * Math.PI));
    }
}
