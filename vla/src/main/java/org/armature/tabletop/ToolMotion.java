package org.armature.tabletop;

import java.util.Optional;
import org.armature.pickplace.Chain;
import org.armature.robot.ActionChunk;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;

/**
 * The action space that is learned: where the tool, pointing down, goes from where it is, and how far the gripper opens.
 * {@code [KNOTS, 5]}: x, y, z in units of 10 cm, turn about the vertical in units of half a rad, opening as a share of the
 * widest; knots are 60 ms apart, the first at the observation's time. Inverse kinematics makes joints of it.
 */
final class ToolMotion {
    static final int KNOTS = 11;
    static final int NUMBERS = 5;
    /** Of the chunk in joint space. */
    static final long PERIOD = 20_000_000L;

    static final int STEPS = 3;
    static final int HORIZON = (KNOTS - 1) * STEPS + 1;
    private static final double LENGTH = 0.1;
    private static final double TURN = 0.5;
    /** A half-hearted gripper never grasps: what leans to one side is taken as meant. */
    private static final double DECIDED = 3;

    private static final double HOMING = 0.1;

    private final RobotDescription robot;
    private final Chain kinematics;
    private final int gripper;
    private final double open;

    ToolMotion(RobotDescription robot, Chain kinematics) {
        this.robot = robot;
        this.kinematics = kinematics;
        this.gripper = robot.gripper();
        this.open = robot.limits().upper()[gripper];
    }

    /** What a demonstrator's chunk does with the tool of a robot at {@code q}: {@code [KNOTS * NUMBERS]}. */
    float[] of(ActionChunk chunk, double[] q) {
        double[] now = kinematics.tool(q).matrix();
        double yaw = Features.heading(now);
        float[] f = new float[KNOTS * NUMBERS];
        double[] a = new double[chunk.joints()];
        double turned = 0;
        for (int k = 0; k < KNOTS; k++) {
            long at = Math.round((double) k * STEPS * PERIOD / chunk.periodNanos());
            System.arraycopy(
                    chunk.actions(), (int) Math.min(at, chunk.horizon() - 1) * chunk.joints(), a, 0, chunk.joints());
            double[] m = kinematics.tool(a).matrix();
            for (int i = 0; i < 3; i++) {
                f[k * NUMBERS + i] = (float) ((m[4 * i + 3] - now[4 * i + 3]) / LENGTH);
            }
            turned += Features.wrapped(Features.heading(m) - yaw - turned);
            f[k * NUMBERS + 3] = (float) (turned / TURN);
            f[k * NUMBERS + 4] = (float) (a[gripper] / open);
        }
        return f;
    }

    /** The chunk in joint space that does this from {@code q} on. */
    ActionChunk joints(float[] motion, double[] q, long nanos) {
        double[] now = kinematics.tool(q).matrix();
        double yaw = Features.heading(now);
        int n = q.length;
        double[][] knots = new double[KNOTS][];
        double[] last = q.clone();
        for (int k = 0; k < KNOTS; k++) {
            int at = k * NUMBERS;
            double heading = yaw + TURN * motion[at + 3];
            Pose target = down(
                    now[3] + LENGTH * motion[at],
                    now[7] + LENGTH * motion[at + 1],
                    now[11] + LENGTH * motion[at + 2],
                    heading);
            double[] posture = last.clone();
            for (int j = 0; j < n; j++) {
                posture[j] += HOMING * (robot.home()[j] - last[j]);
            }
            Optional<double[]> solved = kinematics.solve(target, last, posture);
            double[] next = solved.orElse(last).clone();
            double opening = Math.clamp(0.5 + DECIDED * (motion[at + 4] - 0.5), 0.0, 1.0);
            next[gripper] = opening * open;
            knots[k] = next;
            last = next;
        }
        double[] actions = new double[HORIZON * n];
        for (int i = 0; i < HORIZON; i++) {
            int k = Math.min(i / STEPS, KNOTS - 2);
            double t = (double) i / STEPS - k;
            for (int j = 0; j < n; j++) {
                double v = catmullRom(
                        knots[Math.max(k - 1, 0)][j],
                        knots[k][j],
                        knots[k + 1][j],
                        knots[Math.min(k + 2, KNOTS - 1)][j],
                        t);
                double most = robot.limits().velocity()[j] * PERIOD * 1e-9;
                if (i > 0) {
                    double before = actions[(i - 1) * n + j];
                    v = before + Math.clamp(v - before, -most, most);
                }
                actions[i * n + j] =
                        Math.clamp(v, robot.limits().lower()[j], robot.limits().upper()[j]);
            }
        }
        return new ActionChunk(nanos, PERIOD, n, actions);
    }

    private static double catmullRom(double a, double b, double c, double d, double t) {
        return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
    }

    /** The tool pointing down, its fingers opening along {@code yaw}. */
    static Pose down(double x, double y, double z, double yaw) {
        double c = Math.cos(yaw);
        double s = Math.sin(yaw);
        return new Pose(new double[] {-s, c, 0, x, c, s, 0, y, 0, 0, -1, z, 0, 0, 0, 1});
    }
}
