package org.armature.pickplace;

import java.util.HashMap;
import java.util.Map;
import org.armature.robot.ActionChunk;
import org.armature.robot.CameraFrame;
import org.armature.robot.JointLimits;
import org.armature.robot.Observation;
import org.armature.robot.Policy;
import org.armature.robot.Simulator;
import org.armature.robot.Simulator.World;

/**
 * A small deterministic stand-in for the control bundle: 1 kHz, an observation every 100 ms, its chunk 40 ms later, linear
 * interpolation, limits of position and velocity.
 */
final class ClosedLoop implements AutoCloseable {
    private static final long STEP = 1_000_000;
    private static final int OBSERVE = 100;
    private static final int LATENCY = 40;

    private final World world;
    private final int width;
    private final int height;
    private final double[] command;
    private final double[] wanted;
    private ActionChunk chunk;
    private ActionChunk coming;
    private long time;
    private long arrives;
    private final long episode;
    private final String instruction;

    ClosedLoop(Simulator simulator, long seed, int width, int height) {
        world = simulator.open(seed, STEP);
        this.width = width;
        this.height = height;
        command = world.robot().home().clone();
        wanted = command.clone();
        episode = seed;
        instruction = world.scoring().instruction();
    }

    World world() {
        return world;
    }

    boolean done() {
        return world.scoring().fulfilled(instruction);
    }

    double seconds() {
        return time * 1e-9;
    }

    Observation observe() {
        double[] q = new double[command.length];
        double[] v = new double[command.length];
        world.joints(q, v);
        Map<String, CameraFrame> frames = new HashMap<>();
        for (String c : world.cameras()) {
            frames.put(c, world.render(c, width, height, time));
        }
        return new Observation(time, q, v, frames, instruction, episode);
    }

    /** Lets {@code policy} drive for a tenth of a second. */
    void drive(Policy policy) {
        coming = policy.act(observe());
        arrives = time + LATENCY * STEP;
        JointLimits limits = world.robot().limits();
        for (int k = 0; k < OBSERVE; k++) {
            if (time >= arrives) {
                chunk = coming;
            }
            if (chunk != null) {
                double x = Math.clamp(
                        (time - chunk.observationNanos()) / (double) chunk.periodNanos(), 0, chunk.horizon() - 1);
                int i = Math.min((int) x, chunk.horizon() - 2);
                for (int j = 0; j < wanted.length; j++) {
                    wanted[j] = chunk.at(i, j) + (x - i) * (chunk.at(i + 1, j) - chunk.at(i, j));
                }
            }
            for (int j = 0; j < command.length; j++) {
                double most = limits.velocity()[j] * STEP * 1e-9;
                command[j] += Math.clamp(
                        Math.clamp(wanted[j], limits.lower()[j], limits.upper()[j]) - command[j], -most, most);
            }
            world.step(command);
            time += STEP;
        }
    }

    /** Drives until the task is done, at most {@code limit} robot seconds; whether it is. */
    boolean run(Policy policy, double limit) {
        while (seconds() < limit && !done()) {
            drive(policy);
        }
        return done();
    }

    @Override
    public void close() {
        world.close();
    }
}
