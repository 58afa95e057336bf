package org.armature.tabletop;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Optional;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.perception.ColourPerception;
import org.armature.pickplace.Chain;
import org.armature.pickplace.PickPlacePolicy;
import org.armature.robot.ActionChunk;
import org.armature.robot.Observation;
import org.armature.robot.RobotDescription;
import org.armature.robot.Simulator.World;
import org.armature.simulation.Planar;
import org.junit.jupiter.api.Test;

/** The shipped hand without eyes. */
class HandTest {
    private static final Path WEIGHTS = Path.of("src/main/resources/policies/tabletop-hand.safetensors");

    /** Points at where a demonstrator would have taken hold at the start, then at what is held. */
    private static final class Told implements Pointer {
        private final RobotDescription robot;
        private final Chain chain;
        private float[] grasp = new float[5];
        private float[] place = new float[3];

        Told(RobotDescription robot, PickPlacePolicy.Intent intent) {
            this.robot = robot;
            chain = new Chain(robot);
            point(intent.grasp().orElseThrow());
            double[] m = chain.tool(intent.place().orElseThrow()).matrix();
            place = new float[] {(float) m[3], (float) m[7], (float) m[11]};
        }

        private void point(double[] q) {
            double[] m = chain.tool(q).matrix();
            double turn = 4 * Features.heading(m);
            grasp = new float[] {
                (float) m[3], (float) m[7], (float) m[11], (float) Math.cos(turn), (float) Math.sin(turn)
            };
        }

        @Override
        public void look(Observation seen, float[] words, float[] hand, double rested) {
            if (seen.position()[robot.gripper()] < 0.06) {
                point(seen.position());
            }
        }

        @Override
        public float[] grasp() {
            return grasp;
        }

        @Override
        public float[] place() {
            return place;
        }

        @Override
        public void forget() {}

        @Override
        public void close() {}
    }

    /**
     * The demonstrator waits with the fingers shut before it lifts. Nothing else shows how long it has waited: a hand that is
     * not told stays there for ever, as the first clone of this demonstrator did in every episode.
     */
    @Test
    void itLiftsOnceTheFingersHaveRested() {
        RobotDescription robot = new Planar().open(1, 1_000_000).robot();
        double[] low = joints(robot, new Goal(0.45, 0.1, 0.025, -Math.PI / 2, 0));
        double[] bowl = joints(robot, new Goal(0.5, -0.15, 0.058, -Math.PI / 2, 0));
        low[robot.gripper()] = 0.04;
        Features features = new Features(robot, new Chain(robot));
        float[] hand = features.hand(low, new double[8]);
        assertEquals(0.5, Features.rested(0.4, 0.1, hand), 1e-9);
        assertEquals(0, Features.rested(0.4, 0.1, features.hand(low, shutting(robot))), 1e-9);

        Told told = new Told(robot, new PickPlacePolicy.Intent("CLOSE", low, Optional.of(low), Optional.of(bowl)));
        try (OnnxExecutor executor = new OnnxExecutor();
                TabletopNetwork policy =
                        new TabletopNetwork(robot, executor, told, new SafetensorsFormat().open(WEIGHTS))) {
            double[] chunk = new double[0];
            for (int t = 0; t < 20; t++) {
                chunk = policy.act(new Observation(
                                t * 100_000_000L,
                                low,
                                t < 4 ? shutting(robot) : new double[8],
                                java.util.Map.of(),
                                "the red cube, the blue bowl",
                                1))
                        .actions();
                if (t < 5) {
                    assertEquals(0.025, height(robot, chunk), 0.01, "still shutting");
                }
            }
            assertTrue(height(robot, chunk) > 0.06, "lifted to " + height(robot, chunk));
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static double[] joints(RobotDescription robot, Goal goal) {
        return new Chain(robot).solve(goal.pose(), robot.home(), robot.home()).orElseThrow();
    }

    private static double[] shutting(RobotDescription robot) {
        double[] v = new double[8];
        v[robot.gripper()] = -0.1;
        return v;
    }

    /** Of the tool at the end of a chunk. */
    private static double height(RobotDescription robot, double[] actions) {
        double[] last = java.util.Arrays.copyOfRange(actions, actions.length - 8, actions.length);
        return new Chain(robot).tool(last).matrix()[11];
    }

    @Test
    void itDoesTheWorkWhereItIsTold() throws Exception {
        try (World world = new Planar().open(1, 1_000_000);
                OnnxExecutor executor = new OnnxExecutor()) {
            Rollout rollout = new Rollout(world);
            for (long seed = 5000; seed < 5004; seed++) {
                rollout.begin(seed);
                String task = world.scoring().instruction();
                PickPlacePolicy teacher = PickPlacePolicy.teacher(world.robot(), new ColourPerception(), 0.3);
                Observation first = rollout.observe(task);
                teacher.act(first);
                Told told = new Told(
                        world.robot(), teacher.intent(first.timeNanos()).orElseThrow());
                try (TabletopNetwork policy =
                        new TabletopNetwork(world.robot(), executor, told, new SafetensorsFormat().open(WEIGHTS))) {
                    int tenths = 0;
                    for (; tenths < 120 && !world.scoring().fulfilled(task); tenths++) {
                        rollout.follow(policy.act(rollout.observe(task, 1000)));
                    }
                    assertTrue(tenths < 120, "seed " + seed);
                }
            }
        }
    }

    @Test
    void wordsWithoutMeaningMoveNothing() throws Exception {
        try (World world = new Planar().open(1, 1_000_000);
                OnnxExecutor executor = new OnnxExecutor()) {
            double[] home = world.robot().home();
            Told told = new Told(
                    world.robot(), new PickPlacePolicy.Intent("CLOSE", home, Optional.of(home), Optional.of(home)));
            try (TabletopNetwork policy =
                    new TabletopNetwork(world.robot(), executor, told, new SafetensorsFormat().open(WEIGHTS))) {
                ActionChunk c =
                        policy.act(new Observation(0, home, new double[8], java.util.Map.of(), "sing a song", 1));
                double[] last = java.util.Arrays.copyOfRange(c.actions(), c.actions().length - 8, c.actions().length);
                assertArrayEquals(home, last, 1e-9);
            }
        }
    }
}
