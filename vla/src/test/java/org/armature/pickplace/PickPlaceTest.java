package org.armature.pickplace;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import org.armature.perception.ColourPerception;
import org.armature.robot.ActionChunk;
import org.armature.robot.Observation;
import org.armature.robot.Perception;
import org.armature.robot.Simulator;
import org.armature.simulation.Planar;
import org.junit.jupiter.api.Test;

/** Whole episodes in a simulated world. More of them: {@code -Darmature.pickplace.episodes=100}. */
class PickPlaceTest {
    private static final int EPISODES = Integer.getInteger("armature.pickplace.episodes", 6);
    private static final int WIDTH = 160;
    private static final int HEIGHT = 120;
    private static final double LIMIT = 20;
    private static final Perception EYES = new ColourPerception();

    private final List<Integer> failed = new ArrayList<>();
    private double seconds;

    /** Plays all episodes; a fresh policy takes over wherever {@code replace} says so for a tenth of a second. */
    private void play(Simulator simulator, int episodes, double share, IntPredicate replace) {
        for (int seed = 0; seed < episodes; seed++) {
            try (ClosedLoop loop = new ClosedLoop(simulator, seed, WIDTH, HEIGHT)) {
                PickPlacePolicy policy = new PickPlacePolicy(loop.world().robot(), EYES);
                for (int tenth = 0; loop.seconds() < LIMIT && !loop.done(); tenth++) {
                    if (replace.test(tenth)) {
                        policy = new PickPlacePolicy(loop.world().robot(), EYES);
                    }
                    loop.drive(policy);
                }
                seconds += loop.seconds();
                if (!loop.done()) {
                    failed.add(seed);
                }
            }
        }
        System.out.printf(
                "%s: %d of %d done in %.1f robot seconds on average, failed seeds %s%n",
                simulator.engine(), episodes - failed.size(), episodes, seconds / episodes, failed);
        assertTrue(episodes - failed.size() >= share * episodes, "failed seeds of " + episodes + ": " + failed);
    }

    @Test
    void putsTheNamedThingIntoTheNamedContainer() {
        play(new Planar(), EPISODES, 0.9, tenth -> false);
    }

    @Test
    void aFreshInstanceTakesOverInMidMotionAndGoesOn() {
        play(new Planar(), Math.max(10, EPISODES), 0.9, tenth -> tenth % 7 == 6);
    }

    @Test
    void startsAtOnceAndIsDoneInTenSeconds() {
        try (ClosedLoop loop = new ClosedLoop(new Planar(), 3, WIDTH, HEIGHT)) {
            ActionChunk chunk = new PickPlacePolicy(loop.world().robot(), EYES).act(loop.observe());
            double moved = 0;
            for (int j = 0; j < 7; j++) {
                moved = Math.max(moved, Math.abs(chunk.at(25, j) - chunk.at(0, j)));
            }
            assertTrue(moved > 0.05, "after half a second it moved by " + moved + " rad");
            assertTrue(loop.run(new PickPlacePolicy(loop.world().robot(), EYES), 10));
        }
    }

    @Test
    void whatIsNotUnderstoodIsHeldStill() {
        try (ClosedLoop loop = new ClosedLoop(new Planar(), 3, WIDTH, HEIGHT)) {
            Observation o = loop.observe();
            Observation odd = new Observation(
                    o.timeNanos(), o.position(), o.velocity(), o.cameras(), "sing the red cube a song", 1);
            ActionChunk chunk = new PickPlacePolicy(loop.world().robot(), EYES).act(odd);
            for (int k = 0; k < chunk.horizon(); k++) {
                for (int j = 0; j < 8; j++) {
                    assertEquals(o.position()[j], chunk.at(k, j), 1e-9);
                }
            }
        }
    }

    @Test
    void withoutCamerasItGoesHomeAndWaits() {
        try (ClosedLoop loop = new ClosedLoop(new Planar(), 3, WIDTH, HEIGHT)) {
            Observation o = loop.observe();
            Observation blind =
                    new Observation(o.timeNanos(), o.position(), o.velocity(), Map.of(), o.instruction(), 1);
            ActionChunk chunk = new PickPlacePolicy(loop.world().robot(), EYES).act(blind);
            for (double a : chunk.actions()) {
                assertTrue(Double.isFinite(a));
            }
        }
    }

    @Test
    void afterResetEqualObservationsGiveEqualChunks() {
        try (ClosedLoop loop = new ClosedLoop(new Planar(), 5, WIDTH, HEIGHT)) {
            PickPlacePolicy policy = new PickPlacePolicy(loop.world().robot(), EYES);
            Observation o = loop.observe();
            ActionChunk first = policy.act(o);
            policy.reset();
            assertArrayEquals(first.actions(), policy.act(o).actions());
        }
    }
}
