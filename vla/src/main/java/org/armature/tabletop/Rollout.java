package org.armature.tabletop;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.armature.pickplace.Chain;
import org.armature.robot.ActionChunk;
import org.armature.robot.CameraFrame;
import org.armature.robot.JointLimits;
import org.armature.robot.Observation;
import org.armature.robot.Policy;
import org.armature.robot.Simulator.World;
import org.armature.train.Draw;
import org.jspecify.annotations.Nullable;

/**
 * Episodes as fast as the machine can: 1 kHz physics, an observation every 100 ms whose chunk comes 40 ms later, linear
 * between actions, limits of position and velocity. What the runtime's loop does besides (jerk, blending) it leaves out.
 */
final class Rollout {
    private static final long STEP = 1_000_000;
    private static final int OBSERVE = 100;
    private static final int LATENCY = 40;
    private static final int WIDTH = 160;
    private static final int HEIGHT = 120;

    private final World world;
    private final double[] command;
    private final double[] wanted;
    private final double[] push;
    private long time;
    private long episode;
    private @Nullable ActionChunk chunk;
    private int pushed;
    private double forced = -1;
    private final Map<String, CameraFrame> frames = new HashMap<>();
    private long seen;

    /** Drives {@code world}, opened with steps of 1 ms. */
    Rollout(World world) {
        this.world = world;
        command = world.robot().home().clone();
        wanted = command.clone();
        push = new double[command.length];
    }

    /** A new scene with the arm at home. */
    void begin(long seed) {
        world.reset(seed);
        System.arraycopy(world.robot().home(), 0, command, 0, command.length);
        System.arraycopy(command, 0, wanted, 0, command.length);
        chunk = null;
        frames.clear();
        pushed = 0;
        forced = -1;
        episode++;
    }

    /** The arm somewhere over the table, the gripper anyhow. */
    void elsewhere(Draw draw) {
        Chain k = new Chain(world.robot());
        double[] home = world.robot().home();
        double x = 0.3 + 0.36 * draw.uniform();
        double y = -0.35 + 0.7 * draw.uniform();
        double z = 0.06 + 0.34 * draw.uniform();
        double yaw = -Math.PI / 2 + (draw.uniform() - 0.5) * 2.4;
        k.solve(new Goal(x, y, z, yaw, 1).pose(), home, home).ifPresent(q -> {
            int g = world.robot().gripper();
            q[g] = draw.uniform() < 0.75 ? home[g] : home[g] * draw.uniform();
            go(q);
        });
    }

    /** The arm at {@code goal}; false if that cannot be reached. */
    boolean to(Goal goal) {
        double[] home = world.robot().home();
        int g = world.robot().gripper();
        Optional<double[]> solved = new Chain(world.robot()).solve(goal.pose(), home, home);
        solved.ifPresent(q -> {
            q[g] = goal.opening() * world.robot().limits().upper()[g];
            go(q);
        });
        return solved.isPresent();
    }

    /** Smoothly, in about a second. */
    private void go(double[] q) {
        double[] from = command.clone();
        int ticks = 900;
        for (int i = 1; i <= ticks + 200; i++) {
            double f = Math.min(1, (double) i / ticks);
            for (int j = 0; j < q.length; j++) {
                command[j] = from[j] + f * f * (3 - 2 * f) * (q[j] - from[j]);
            }
            world.step(command);
            time += STEP;
        }
    }

    /** What is seen now, asked with these words. */
    Observation observe(String instruction) {
        return observe(instruction, 1);
    }

    /** As {@link #observe(String)}, with pictures that are up to {@code tenths} - 1 tenths old. */
    Observation observe(String instruction, int tenths) {
        double[] q = new double[command.length];
        double[] v = new double[command.length];
        world.joints(q, v);
        if (frames.isEmpty() || time - seen >= (long) tenths * OBSERVE * STEP) {
            for (String c : world.cameras()) {
                frames.put(c, world.render(c, WIDTH, HEIGHT, time));
            }
            seen = time;
        }
        return new Observation(time, q, v, frames, instruction, episode);
    }

    /** Someone pushes the arm or the fingers for a few tenths of a second. */
    void disturb(Draw draw) {
        pushed = 2 + (int) draw.below(3);
        forced = draw.uniform() < 0.25
                ? draw.uniform() * world.robot().home()[world.robot().gripper()]
                : -1;
        for (int j = 0; j < push.length; j++) {
            push[j] = j == world.robot().gripper() || forced >= 0 ? 0 : 0.1 * draw.normal();
        }
    }

    boolean disturbed() {
        return pushed > 0;
    }

    /** Follows {@code coming} for a tenth of a second. */
    void follow(ActionChunk coming) {
        JointLimits limits = world.robot().limits();
        long arrives = time + LATENCY * STEP;
        int g = world.robot().gripper();
        for (int k = 0; k < OBSERVE; k++) {
            if (time >= arrives) {
                chunk = coming;
            }
            if (chunk != null) {
                sample(chunk);
            }
            for (int j = 0; j < command.length; j++) {
                double goal = wanted[j] + (pushed > 0 ? push[j] : 0);
                goal = pushed > 0 && forced >= 0 && j == g ? forced : goal;
                double most = limits.velocity()[j] * STEP * 1e-9;
                command[j] +=
                        Math.clamp(Math.clamp(goal, limits.lower()[j], limits.upper()[j]) - command[j], -most, most);
            }
            world.step(command);
            time += STEP;
        }
        pushed = Math.max(0, pushed - 1);
    }

    private void sample(ActionChunk c) {
        double x = Math.clamp((time - c.observationNanos()) / (double) c.periodNanos(), 0, c.horizon() - 1);
        int i = Math.min((int) x, c.horizon() - 2);
        for (int j = 0; j < wanted.length; j++) {
            wanted[j] = c.at(i, j) + (x - i) * (c.at(i + 1, j) - c.at(i, j));
        }
    }

    /** One policy drives until it is done or {@code tenths} have passed; the tenths it took, or -1. */
    int drive(Policy policy, String instruction, String judged, int tenths) {
        return drive(policy, instruction, judged, tenths, 1);
    }

    /** As above, with a new picture every {@code glance} tenths. */
    int drive(Policy policy, String instruction, String judged, int tenths, int glance) {
        for (int t = 0; t < tenths; t++) {
            if (world.scoring().fulfilled(judged)) {
                return t;
            }
            follow(policy.act(observe(instruction, glance)));
        }
        return world.scoring().fulfilled(judged) ? tenths : -1;
    }
}
