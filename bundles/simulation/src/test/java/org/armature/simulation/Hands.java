package org.armature.simulation;

import org.armature.robot.Pose;
import org.armature.robot.Simulator.Body;
import org.armature.robot.Simulator.World;

/** A scripted pair of hands for tests: true positions, damped least squares, straight joint-space moves. */
final class Hands {
    private final World world;
    private final Arm arm = new Arm();
    private final double[] command;
    private int object;
    private boolean lifted;

    Hands(World world) {
        this.world = world;
        command = world.robot().home().clone();
    }

    boolean lifted() {
        return lifted;
    }

    void pickAndPlace(int thing, int container) {
        pick(thing);
        over(container, 0.13);
        over(container, 0.075);
        gripper(Arm.OPEN);
        over(container, 0.16);
        for (int i = 0; i < 600; i++) {
            world.step(command);
        }
    }

    void pick(int thing) {
        object = thing;
        double[] m = body(thing).pose().matrix();
        double z = m[11];
        double yaw = Scene.SLOTS.get(thing) == Scene.Kind.CUBE ? nearest(Math.atan2(m[4], m[0])) : 0;
        move(m[3], m[7], z + 0.12, yaw);
        move(m[3], m[7], z, yaw);
        gripper(0);
        move(m[3], m[7], z + 0.15, yaw);
        lifted = body(thing).pose().matrix()[11] > z + 0.12;
    }

    void over(int container, double height) {
        double[] m = body(container).pose().matrix();
        move(m[3], m[7], height, 0);
    }

    private Body body(int thing) {
        String name = Stage.parts(scene()).stream()
                .filter(p -> p.frame() == Arm.FRAMES + thing)
                .findFirst()
                .orElseThrow()
                .name();
        return world.bodies().stream()
                .filter(b -> b.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    private Scene scene() {
        // The test opens worlds with the seed of the scene it scores; names identify it.
        for (long s = 0; s < 64; s++) {
            Scene scene = Scene.of(s);
            if (Stage.parts(scene).stream()
                    .allMatch(
                            p -> world.bodies().stream().anyMatch(b -> b.name().equals(p.name())))) {
                return scene;
            }
        }
        throw new IllegalStateException("unknown scene");
    }

    private static double nearest(double yaw) {
        return yaw - Math.round(yaw / (Math.PI / 2)) * (Math.PI / 2);
    }

    private void gripper(double opening) {
        for (int i = 0; i < 500; i++) {
            command[7] += Math.clamp(opening - command[7], -0.0002, 0.0002);
            world.step(command);
        }
    }

    /** Moves the tool to a point, pointing down, turned by {@code yaw} from the home orientation. */
    private void move(double x, double y, double z, double yaw) {
        double[] goal = solve(x, y, z, yaw);
        double[] start = command.clone();
        double furthest = 0;
        for (int j = 0; j < 7; j++) {
            furthest = Math.max(furthest, Math.abs(goal[j] - start[j]));
        }
        int n = 100 + (int) (furthest / 0.0012);
        for (int i = 1; i <= n; i++) {
            double s = (double) i / n;
            double w = s * s * s * (10 + s * (6 * s - 15));
            for (int j = 0; j < 7; j++) {
                command[j] = start[j] + w * (goal[j] - start[j]);
            }
            world.step(command);
        }
        for (int i = 0; i < 200; i++) {
            world.step(command);
        }
    }

    private double[] solve(double x, double y, double z, double yaw) {
        double c = Math.cos(yaw);
        double s = Math.sin(yaw);
        double[] want = new Pose(new double[] {c, s, 0, x, s, -c, 0, y, 0, 0, -1, z, 0, 0, 0, 1}).matrix();
        double[] q = new double[9];
        System.arraycopy(world.robot().home(), 0, q, 0, 7);
        q[0] = Math.atan2(y, x);
        double[] e = new double[6];
        for (int it = 0; it < 200; it++) {
            error(q, want, e);
            double[][] jac = new double[6][7];
            double[] e2 = new double[6];
            for (int j = 0; j < 7; j++) {
                double keep = q[j];
                q[j] = keep + 1e-6;
                error(q, want, e2);
                q[j] = keep;
                for (int i = 0; i < 6; i++) {
                    jac[i][j] = (e[i] - e2[i]) / 1e-6;
                }
            }
            double[][] a = new double[6][7];
            for (int i = 0; i < 6; i++) {
                for (int k = 0; k < 6; k++) {
                    for (int j = 0; j < 7; j++) {
                        a[i][k] += jac[i][j] * jac[k][j];
                    }
                }
                a[i][i] += 1e-4;
                a[i][6] = e[i];
            }
            double[] w = gauss(a);
            for (int j = 0; j < 7; j++) {
                double dq = 0;
                for (int i = 0; i < 6; i++) {
                    dq += jac[i][j] * w[i];
                }
                q[j] = Math.clamp(
                        q[j] + Math.clamp(dq, -0.2, 0.2),
                        world.robot().limits().lower()[j],
                        world.robot().limits().upper()[j]);
            }
        }
        error(q, want, e);
        for (double d : e) {
            if (Math.abs(d) > 1e-3) {
                throw new AssertionError("no posture for " + x + " " + y + " " + z + " " + yaw);
            }
        }
        return q;
    }

    /** Position error, then rotation error as half the sum of the axes' cross products. */
    private void error(double[] q, double[] want, double[] e) {
        double[] t = new double[16];
        arm.set(q);
        arm.tool(t);
        for (int i = 0; i < 3; i++) {
            e[i] = want[4 * i + 3] - t[4 * i + 3];
            int a = (i + 1) % 3;
            int b = (i + 2) % 3;
            double s = 0;
            for (int k = 0; k < 3; k++) {
                s += t[4 * a + k] * want[4 * b + k] - t[4 * b + k] * want[4 * a + k];
            }
            e[3 + i] = s / 2;
        }
    }

    private static double[] gauss(double[][] a) {
        int n = a.length;
        for (int i = 0; i < n; i++) {
            for (int r = i + 1; r < n; r++) {
                double f = a[r][i] / a[i][i];
                for (int k = i; k <= n; k++) {
                    a[r][k] -= f * a[i][k];
                }
            }
        }
        double[] x = new double[n];
        for (int i = n - 1; i >= 0; i--) {
            x[i] = a[i][n];
            for (int k = i + 1; k < n; k++) {
                x[i] -= a[i][k] * x[k];
            }
            x[i] /= a[i][i];
        }
        return x;
    }
}
