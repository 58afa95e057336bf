package org.armature.pickplace;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import org.armature.pickplace.Plan.Stage;
import org.armature.robot.Perception.Detection;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;

/**
 * Makes motions: approach from above, descend, close, lift, carry, lower, open, retreat, go home. The tool points down
 * wherever it meets the table; heights are metres above the table (world z = 0), of the tool frame's origin.
 */
final class Planner {
    private static final double APPROACH = 0.09;
    private static final double CARRY = 0.21;
    private static final double LOWEST = 0.012;
    private static final double DEEPEST = 0.025;
    private static final double SETTLE = 0.15;
    private static final double LET_GO = 0.25;
    private static final double ALIGNED = 0.012;
    private static final double OVER = 0.03;
    private static final int KNOTS = 6;

    private final RobotDescription robot;
    private final Chain chain;
    private final int gripper;
    private final double open;
    private final double shut;

    Planner(RobotDescription robot) {
        this.robot = robot;
        this.chain = new Chain(robot);
        this.gripper = robot.gripper();
        if (gripper < 0) {
            throw new IllegalArgumentException("robot " + robot.name() + " has no gripper: it cannot pick anything up");
        }
        this.open = robot.limits().upper()[gripper];
        this.shut = robot.limits().lower()[gripper];
    }

    Chain chain() {
        return chain;
    }

    /** An empty plan that begins where the arm is. */
    Plan begin(long nanos, double[] position, double[] velocity) {
        return new Plan(nanos, robot.limits(), position, velocity);
    }

    /** Appends picking up {@code object}; {@code attempt} counts failed ones and turns the gripper otherwise. */
    boolean pick(Plan plan, Detection object, int attempt) {
        Optional<Grasp> found = grasp(plan.last(), object, attempt);
        if (found.isEmpty()) {
            return false;
        }
        Grasp grasp = found.get();
        double[] here = plan.last();
        double[] e = Chain.error(grasp.tool, chain.tool(here));
        // a hand around a thing hides half of it: the less is seen, the less its centre counts
        double slack = ALIGNED + 0.03 * (1 - object.score());
        boolean there = Math.hypot(e[0], e[1]) < slack
                && Math.abs(e[2]) < ALIGNED
                && (Math.hypot(Math.hypot(e[3], e[4]), e[5]) < 0.15 || (object.score() < 0.6 && down(here)))
                && attempt == 0;
        if (!there) {
            double low = chain.tool(here).matrix()[11];
            boolean above =
                    Math.hypot(e[0], e[1]) < 2 * ALIGNED && low > grasp.tool.matrix()[11];
            if (!above && low < APPROACH) {
                vertical(plan, Stage.RAISE, APPROACH + 0.04, open);
            }
            if (!above || Math.hypot(Math.hypot(e[3], e[4]), e[5]) > 0.15) {
                plan.line(Stage.APPROACH, with(grasp.above, open));
            }
            cartesian(plan, Stage.DESCEND, grasp.tool, open);
        }
        close(plan);
        return true;
    }

    /** Appends shutting the gripper. */
    void close(Plan plan) {
        plan.line(Stage.CLOSE, with(plan.last(), shut));
        plan.dwell(Stage.CLOSE, SETTLE);
    }

    /** Whether the hand is down at the table, where it hides what is between its fingers. */
    boolean down(double[] q) {
        double[] m = chain.tool(q).matrix();
        return m[10] < -0.98 && m[11] < 0.045;
    }

    /** Appends carrying what is held to {@code container}, letting go and going home. */
    boolean place(Plan plan, Detection container) {
        double[] c = container.centre();
        double z = Sight.top(container) + 0.008;
        Pose now = chain.tool(plan.last());
        double[] m = now.matrix();
        // already over it: no need to rise again
        if (Math.hypot(m[3] - c[0], m[7] - c[1]) < OVER && m[10] < -0.98 && m[11] > z - OVER) {
            return cartesian(plan, Stage.LOWER, down(c[0], c[1], z, yawOf(now)), shut) && release(plan);
        }
        if (!vertical(plan, Stage.LIFT, CARRY, shut)) {
            return false;
        }
        double yaw = yawOf(chain.tool(plan.last()));
        Optional<double[]> above = Optional.empty();
        Pose down = Pose.identity();
        for (int k = 0; k < 8 && above.isEmpty(); k++) {
            double turn = (k % 2 == 0 ? 1 : -1) * ((k + 1) / 2) * Math.PI / 4;
            down = down(c[0], c[1], CARRY, yaw + turn);
            above = chain.solve(down, plan.last(), robot.home());
        }
        if (above.isEmpty()) {
            return false;
        }
        plan.line(Stage.CARRY, with(above.get(), shut));
        return cartesian(plan, Stage.LOWER, shifted(down, z), shut) && release(plan);
    }

    /** Appends opening, rising straight and going home. */
    boolean release(Plan plan) {
        plan.line(Stage.RELEASE, with(plan.last(), open));
        plan.dwell(Stage.RELEASE, LET_GO);
        vertical(plan, Stage.RETREAT, Math.max(CARRY, chain.tool(plan.last()).matrix()[11]), open);
        home(plan, Stage.HOME, open);
        return true;
    }

    /** Appends rising out of the way and going home with the gripper at {@code opening}. */
    void home(Plan plan, Stage stage, double opening) {
        if (chain.tool(plan.last()).matrix()[11] < APPROACH) {
            vertical(plan, Stage.RAISE, APPROACH + 0.04, opening);
        }
        plan.line(stage, with(robot.home(), opening));
    }

    /** Appends going to the {@code k}-th place from which the wrist camera sees another part of the table. */
    void look(Plan plan, int k, double opening) {
        double side = k % 3 == 0 ? 0 : k % 3 == 1 ? 0.2 : -0.2;
        Optional<double[]> q =
                side == 0 ? Optional.empty() : chain.solve(down(0.42, side, 0.38, 0), plan.last(), robot.home());
        if (chain.tool(plan.last()).matrix()[11] < APPROACH) {
            vertical(plan, Stage.RAISE, APPROACH + 0.04, opening);
        }
        plan.line(Stage.LOOK, with(q.orElse(robot.home()), opening));
        plan.dwell(Stage.LOOK, SETTLE);
    }

    /** Where the tool must be to hold a thing, and the joints above it. */
    private record Grasp(Pose tool, double[] above, double cost) {}

    /**
     * The cheapest way to hold it: across its shorter side if it has corners, at any angle if it is round; cheapest is
     * nearest to the home position, so that the wrist keeps room to turn.
     */
    private Optional<Grasp> grasp(double[] from, Detection object, int attempt) {
        double[] c = object.centre();
        double depth = Math.min((Sight.top(object) - Math.min(Sight.bottom(object), LOWEST)) / 2, DEEPEST);
        double z = Math.max(LOWEST, Sight.top(object) - depth);
        boolean round = object.label().endsWith("cylinder") || object.label().endsWith("ball");
        int turns = round ? 8 : 2;
        List<Grasp> ways = new ArrayList<>();
        for (int k = 0; k < 2 * turns; k++) {
            double yaw = object.yaw() + k * Math.PI / turns;
            Pose tool = down(c[0], c[1], z, yaw);
            double[] near = robot.home();
            chain.solve(shifted(tool, z + APPROACH), near, near).ifPresent(q -> {
                double cost = 0;
                for (int j = 0; j < q.length; j++) {
                    if (j != gripper) {
                        cost += Math.pow(q[j] - near[j], 2) + 0.3 * Math.pow(q[j] - from[j], 2);
                    }
                }
                ways.add(new Grasp(tool, q, cost));
            });
        }
        ways.sort(Comparator.comparingDouble(Grasp::cost));
        return ways.isEmpty() ? Optional.empty() : Optional.of(ways.get(attempt % Math.min(ways.size(), 3)));
    }

    private boolean vertical(Plan plan, Stage stage, double z, double opening) {
        Pose now = chain.tool(plan.last());
        return now.matrix()[11] >= z - 0.005 || cartesian(plan, stage, shifted(now, z), opening);
    }

    /** A straight line of the tool: inverse kinematics at evenly spaced points, each from the one before. */
    private boolean cartesian(Plan plan, Stage stage, Pose target, double opening) {
        double[] q = plan.last();
        double[] from = chain.tool(q).matrix();
        List<double[]> knots = new ArrayList<>();
        for (int k = 1; k <= KNOTS; k++) {
            double f = (double) k / KNOTS;
            double[] m = target.matrix().clone();
            for (int i = 3; i < 12; i += 4) {
                m[i] = (1 - f) * from[i] + f * target.matrix()[i];
            }
            Optional<double[]> next = chain.solve(new Pose(m), q, q);
            if (next.isEmpty()) {
                return false;
            }
            q = with(next.get(), plan.last()[gripper] * (1 - f) + opening * f);
            knots.add(q);
        }
        plan.through(stage, knots);
        return true;
    }

    private double[] with(double[] q, double opening) {
        double[] r = q.clone();
        r[gripper] = opening;
        return r;
    }

    /** The tool pointing down, its fingers opening along {@code yaw}. */
    static Pose down(double x, double y, double z, double yaw) {
        double c = Math.cos(yaw);
        double s = Math.sin(yaw);
        return new Pose(new double[] {-s, c, 0, x, c, s, 0, y, 0, 0, -1, z, 0, 0, 0, 1});
    }

    private static double yawOf(Pose tool) {
        return Math.atan2(tool.matrix()[5], tool.matrix()[1]);
    }

    private static Pose shifted(Pose p, double z) {
        double[] m = p.matrix().clone();
        m[11] = z;
        return new Pose(m);
    }
}
