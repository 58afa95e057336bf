package org.armature.pickplace;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDescription.Link;

/**
 * Kinematics of the serial chain from the base to the tool frame of a {@link RobotDescription}.
 *
 * <p>Joint vectors are {@code [J]} of the whole robot, the gripper included; the gripper does not move the tool frame and
 * is never changed. Poses are tool-to-world.
 */
public final class Chain {
    private static final int COARSE = 40;
    private static final int FINE = 25;
    private static final int SEEDS = 8;
    private static final double TOLERANCE = 1e-7;
    private static final double LONGEST_STEP = 0.35;

    private final RobotDescription robot;
    private final List<Link> links = new ArrayList<>();

    /** @throws IllegalArgumentException if the description has no kinematics */
    public Chain(RobotDescription robot) {
        this.robot = robot;
        for (Link l : robot.kinematics()) {
            if (l.joint() >= 0 && l.joint() == robot.gripper()) {
                break;
            }
            links.add(l);
        }
        if (links.isEmpty()) {
            throw new IllegalArgumentException(
                    "robot " + robot.name()
                            + " describes no kinematics: its driver must fill RobotDescription.kinematics for inverse kinematics");
        }
    }

    /** Pose of the tool frame at {@code q}. */
    public Pose tool(double[] q) {
        return solution(q).tool;
    }

    /** Tool pose and {@code [6, J]} Jacobian (linear then angular velocity in the world) at {@code q}. */
    private record Solution(Pose tool, double[][] jacobian) {}

    private Solution solution(double[] q) {
        double[] p = Pose.identity().matrix();
        int n = links.size();
        double[][] origin = new double[n][3];
        double[][] axis = new double[n][3];
        for (int i = 0; i < n; i++) {
            Link l = links.get(i);
            p = multiply(p, l.offset().matrix());
            double[] a = l.axis();
            for (int r = 0; r < 3; r++) {
                origin[i][r] = p[4 * r + 3];
                axis[i][r] = p[4 * r] * a[0] + p[4 * r + 1] * a[1] + p[4 * r + 2] * a[2];
            }
            if (l.joint() >= 0) {
                p = multiply(p, l.motion(q[l.joint()]).matrix());
            }
        }
        double[][] jacobian = new double[6][q.length];
        for (int i = 0; i < n; i++) {
            Link l = links.get(i);
            if (l.joint() < 0) {
                continue;
            }
            double[] z = axis[i];
            if (l.sliding()) {
                for (int r = 0; r < 3; r++) {
                    jacobian[r][l.joint()] += z[r];
                }
            } else {
                double x = p[3] - origin[i][0];
                double y = p[7] - origin[i][1];
                double w = p[11] - origin[i][2];
                jacobian[0][l.joint()] += z[1] * w - z[2] * y;
                jacobian[1][l.joint()] += z[2] * x - z[0] * w;
                jacobian[2][l.joint()] += z[0] * y - z[1] * x;
                for (int r = 0; r < 3; r++) {
                    jacobian[3 + r][l.joint()] += z[r];
                }
            }
        }
        return new Solution(new Pose(p), jacobian);
    }

    private static double[] multiply(double[] a, double[] b) {
        double[] c = new double[16];
        for (int i = 0; i < 12; i += 4) {
            for (int j = 0; j < 4; j++) {
                c[i + j] = a[i] * b[j] + a[i + 1] * b[4 + j] + a[i + 2] * b[8 + j] + (j == 3 ? a[i + 3] : 0);
            }
        }
        c[15] = 1;
        return c;
    }

    /**
     * A joint vector within the limits that brings the tool to {@code target} to 1e-6 m and rad: tried from {@code seed},
     * then from {@code posture}, then from a fixed sequence of random ones.
     *
     * @param seed where to start, {@code [J]}
     * @param posture the joint vector to stay close to where the task leaves freedom, {@code [J]}
     * @return empty if no seed led there
     */
    public Optional<double[]> solve(Pose target, double[] seed, double[] posture) {
        SplittableRandom random = new SplittableRandom(7);
        for (int k = 0; k < SEEDS; k++) {
            double[] start = k == 0 ? seed.clone() : posture.clone();
            if (k > 1) {
                for (int j = 0; j < start.length; j++) {
                    double lower = Math.max(robot.limits().lower()[j], -Math.PI);
                    double upper = Math.min(robot.limits().upper()[j], Math.PI);
                    start[j] = 0.5 * start[j] + 0.5 * (lower + (upper - lower) * random.nextDouble());
                }
            }
            double[] q = descend(target, start, posture);
            if (q != null) {
                restoreGripper(q, seed);
                return Optional.of(q);
            }
        }
        return Optional.empty();
    }

    private void restoreGripper(double[] q, double[] seed) {
        if (robot.gripper() >= 0) {
            q[robot.gripper()] = seed[robot.gripper()];
        }
    }

    /** Damped least squares (Wampler 1986): the posture pulls in the null space first, the end is pure Newton. */
    private double @org.jspecify.annotations.Nullable [] descend(Pose target, double[] start, double[] posture) {
        double[] q = clamp(start.clone());
        for (int i = 0; i < COARSE + FINE; i++) {
            Solution now = solution(q);
            double[] e = error(target, now.tool);
            double size = norm(e);
            if (size < TOLERANCE && i >= COARSE) {
                return q;
            }
            double pull = i < COARSE ? 0.15 : 0;
            double[] wish = new double[q.length];
            for (int j = 0; j < q.length; j++) {
                wish[j] = pull * (posture[j] - q[j]);
            }
            // dq = w + J^T (J J^T + l^2 I)^-1 (e - J w)
            double[] rest = e.clone();
            double[][] jj = new double[6][6];
            for (int r = 0; r < 6; r++) {
                for (int j = 0; j < q.length; j++) {
                    rest[r] -= now.jacobian[r][j] * wish[j];
                    for (int c = 0; c < 6; c++) {
                        jj[r][c] += now.jacobian[r][j] * now.jacobian[c][j];
                    }
                }
                jj[r][r] += 1e-9 + 0.01 * Math.min(1, size * size);
            }
            double[] y = solve(jj, rest);
            double longest = 0;
            double[] dq = wish;
            for (int j = 0; j < q.length; j++) {
                for (int r = 0; r < 6; r++) {
                    dq[j] += now.jacobian[r][j] * y[r];
                }
                longest = Math.max(longest, Math.abs(dq[j]));
            }
            double scale = longest > LONGEST_STEP ? LONGEST_STEP / longest : 1;
            for (int j = 0; j < q.length; j++) {
                q[j] += scale * dq[j];
            }
            clamp(q);
        }
        return norm(error(target, tool(q))) < TOLERANCE ? q : null;
    }

    private double[] clamp(double[] q) {
        for (int j = 0; j < q.length; j++) {
            q[j] = Math.clamp(q[j], robot.limits().lower()[j], robot.limits().upper()[j]);
        }
        return q;
    }

    /** Position difference and rotation vector from {@code now} to {@code target}, in the world. */
    static double[] error(Pose target, Pose now) {
        double[] t = target.matrix();
        double[] m = now.matrix();
        double[][] d = new double[3][3];
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 3; j++) {
                for (int k = 0; k < 3; k++) {
                    d[i][j] += t[4 * i + k] * m[4 * j + k];
                }
            }
        }
        double x = (d[2][1] - d[1][2]) / 2;
        double y = (d[0][2] - d[2][0]) / 2;
        double z = (d[1][0] - d[0][1]) / 2;
        double sine = Math.sqrt(x * x + y * y + z * z);
        double angle = Math.atan2(sine, (d[0][0] + d[1][1] + d[2][2] - 1) / 2);
        if (sine < 1e-9 && angle > 1) {
            // half a turn: any axis of the symmetric part does
            int k = d[0][0] >= d[1][1] && d[0][0] >= d[2][2] ? 0 : d[1][1] >= d[2][2] ? 1 : 2;
            double[] axis = {d[0][k] + (k == 0 ? 1 : 0), d[1][k] + (k == 1 ? 1 : 0), d[2][k] + (k == 2 ? 1 : 0)};
            double n = norm(axis);
            return new double[] {
                t[3] - m[3], t[7] - m[7], t[11] - m[11], angle * axis[0] / n, angle * axis[1] / n, angle * axis[2] / n
            };
        }
        double f = sine < 1e-9 ? 1 : angle / sine;
        return new double[] {t[3] - m[3], t[7] - m[7], t[11] - m[11], f * x, f * y, f * z};
    }

    private static double norm(double[] v) {
        return Math.sqrt(Arrays.stream(v).map(x -> x * x).sum());
    }

    /** Gauss with pivots; a is positive definite. Overwrites both. */
    private static double[] solve(double[][] a, double[] b) {
        int n = b.length;
        for (int c = 0; c < n; c++) {
            int best = c;
            for (int r = c + 1; r < n; r++) {
                best = Math.abs(a[r][c]) > Math.abs(a[best][c]) ? r : best;
            }
            double[] row = a[c];
            a[c] = a[best];
            a[best] = row;
            double x = b[c];
            b[c] = b[best];
            b[best] = x;
            for (int r = c + 1; r < n; r++) {
                double f = a[r][c] / a[c][c];
                for (int k = c; k < n; k++) {
                    a[r][k] -= f * a[c][k];
                }
                b[r] -= f * b[c];
            }
        }
        for (int r = n - 1; r >= 0; r--) {
            for (int k = r + 1; k < n; k++) {
                b[r] -= a[r][k] * b[k];
            }
            b[r] /= a[r][r];
        }
        return b;
    }
}
