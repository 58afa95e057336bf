package org.armature.robot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.armature.robot.Simulator.World;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The laws of {@link Simulator}: extend it and hand over the engine. */
public abstract class SimulatorContract {
    private static final long STEP = 1_000_000;

    private Simulator simulator;
    private World world;

    /** The engine under test. */
    protected abstract Simulator simulator();

    @BeforeEach
    void open() {
        simulator = simulator();
        world = simulator.open(3, STEP);
    }

    @AfterEach
    void close() {
        if (world != null) {
            world.close();
        }
    }

    @Test
    void startsAtHome() {
        assertArrayEquals(world.robot().home(), positions(world), 1e-3);
        assertEquals(0, world.steps());
    }

    @Test
    void stepsAreCountedAndResetStartsAgain() {
        run(world, 5);
        assertEquals(5, world.steps());
        world.reset(4);
        assertEquals(0, world.steps());
        assertArrayEquals(world.robot().home(), positions(world), 1e-3);
    }

    @Test
    void jointsFollowTheirTargets() {
        double[] target = world.robot().home().clone();
        for (int j = 0; j < target.length; j++) {
            target[j] += j == world.robot().gripper() ? -0.02 : 0.1;
        }
        for (int i = 0; i < 1500; i++) {
            world.step(target);
        }
        assertArrayEquals(target, positions(world), 0.01);
    }

    @Test
    void theSameSeedAndCommandsGiveTheSameRun() {
        World other = simulator.open(3, STEP);
        try {
            for (int i = 0; i < 1000; i++) {
                double[] c = wave(world, i);
                world.step(c);
                other.step(c);
            }
            assertArrayEquals(positions(world), positions(other));
            List<Simulator.Body> a = world.bodies();
            List<Simulator.Body> b = other.bodies();
            for (int i = 0; i < a.size(); i++) {
                assertArrayEquals(
                        a.get(i).pose().matrix(),
                        b.get(i).pose().matrix(),
                        a.get(i).name());
            }
        } finally {
            other.close();
        }
    }

    @Test
    void resetForgetsTheRunBefore() {
        run(world, 300);
        world.reset(3);
        World fresh = simulator.open(3, STEP);
        try {
            for (int i = 0; i < 200; i++) {
                double[] c = wave(world, i);
                world.step(c);
                fresh.step(c);
            }
            assertArrayEquals(positions(fresh), positions(world));
        } finally {
            fresh.close();
        }
    }

    @Test
    void anotherSeedGivesAnotherScene() {
        World other = simulator.open(4, STEP);
        try {
            int differ = 0;
            for (int i = 0; i < world.bodies().size(); i++) {
                double[] a = world.bodies().get(i).pose().matrix();
                double[] b = other.bodies().get(i).pose().matrix();
                differ += java.util.Arrays.equals(a, b) ? 0 : 1;
            }
            assertTrue(differ > 0);
        } finally {
            other.close();
        }
    }

    @Test
    void everyCameraGivesACalibratedPictureWithDepth() {
        for (String camera : world.cameras()) {
            CameraFrame f = world.render(camera, 64, 48, 123);
            assertEquals(camera, f.camera());
            assertEquals(123, f.timeNanos());
            assertTrue(f.depth().isPresent()
                    && f.intrinsics().isPresent()
                    && f.pose().isPresent());
            int known = 0;
            for (float z : f.depth().orElseThrow()) {
                assertTrue(z >= 0 && z < 100, "depth " + z);
                known += z > 0 ? 1 : 0;
            }
            assertTrue(known > 64 * 48 / 4, camera + " sees only " + known + " pixels of anything");
        }
    }

    @Test
    void picturesAreThoseOfTheNewestStep() {
        List<byte[]> before = pictures();
        assertTrue(java.util.Arrays.deepEquals(before.toArray(), pictures().toArray()));
        double[] target = world.robot().home().clone();
        target[0] += 0.5;
        for (int i = 0; i < 1000; i++) {
            world.step(target);
        }
        assertFalse(java.util.Arrays.deepEquals(before.toArray(), pictures().toArray()));
    }

    private List<byte[]> pictures() {
        return world.cameras().stream()
                .map(c -> world.render(c, 64, 48, 0).rgb())
                .toList();
    }

    @Test
    void theTaskIsNotDoneAtTheStartAndUnknownThingsAreNamed() {
        assertFalse(world.scoring().fulfilled(world.scoring().instruction()));
        assertThrows(
                IllegalArgumentException.class, () -> world.scoring().fulfilled("put the pink whale in the blue bowl"));
        assertThrows(IllegalArgumentException.class, () -> world.scoring().fulfilled("dance"));
    }

    @Test
    void badInputIsRefusedAndHarmless() {
        double[] nan = world.robot().home().clone();
        nan[0] = Double.NaN;
        assertThrows(IllegalArgumentException.class, () -> world.step(nan));
        assertThrows(IllegalArgumentException.class, () -> world.step(new double[1]));
        assertThrows(IllegalArgumentException.class, () -> world.render("none", 64, 48, 0));
        assertThrows(
                IllegalArgumentException.class,
                () -> world.render(world.cameras().getFirst(), 0, 48, 0));
        assertThrows(IllegalArgumentException.class, () -> simulator.open(1, 0));
        assertThrows(IllegalArgumentException.class, () -> simulator.open(1, 1_000_000_000));
        run(world, 10);
        assertEquals(10, world.steps());
    }

    @Test
    void useAfterCloseThrowsAndClosingTwiceIsHarmless() {
        double[] home = world.robot().home();
        world.close();
        world.close();
        assertThrows(IllegalStateException.class, () -> world.step(home));
        assertThrows(IllegalStateException.class, () -> world.reset(1));
        assertThrows(IllegalStateException.class, () -> world.bodies());
        assertThrows(IllegalStateException.class, () -> world.render("front", 8, 8, 0));
        assertThrows(IllegalStateException.class, () -> world.joints(new double[8], new double[8]));
    }

    @Test
    void renderingBesideSteppingDisturbsNeither() throws InterruptedException {
        double[] expected;
        try (World alone = simulator.open(3, STEP)) {
            for (int i = 0; i < 500; i++) {
                alone.step(wave(alone, i));
            }
            expected = positions(alone);
        }
        int[] frames = {0};
        Thread eye = Thread.ofPlatform().start(() -> {
            while (frames[0] < 20) {
                world.render("front", 32, 32, 0);
                frames[0]++;
            }
        });
        for (int i = 0; i < 500; i++) {
            world.step(wave(world, i));
        }
        eye.join();
        assertEquals(20, frames[0]);
        assertArrayEquals(expected, positions(world));
    }

    @Test
    void bodiesHaveNamesOfTheirOwn() {
        long names =
                world.bodies().stream().map(Simulator.Body::name).distinct().count();
        assertEquals(world.bodies().size(), names);
        assertNotEquals(0, names);
    }

    private static void run(World world, int n) {
        double[] home = world.robot().home();
        for (int i = 0; i < n; i++) {
            world.step(home);
        }
    }

    private static double[] wave(World world, int i) {
        double[] c = world.robot().home().clone();
        for (int j = 0; j < c.length - 1; j++) {
            c[j] += 0.3 * Math.sin(0.004 * i * (j + 1));
        }
        return c;
    }

    private static double[] positions(World world) {
        int n = world.robot().joints().size();
        double[] p = new double[n];
        world.joints(p, new double[n]);
        return p;
    }
}
