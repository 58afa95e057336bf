package org.armature.simulation;

import org.armature.robot.Simulator;
import org.armature.robot.Simulator.World;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** Speeds, printed when {@code -Darmature.benchmark=true}. */
@EnabledIfSystemProperty(named = "armature.benchmark", matches = "true")
class SpeedTest {
    @Test
    void speeds() throws MujocoLibrary.Refused {
        for (Simulator s : new Simulator[] {new Planar(), new Mujoco("")}) {
            try (World world = s.open(1, 1_000_000)) {
                double[] home = world.robot().home();
                for (int round = 0; round < 3; round++) {
                    int n = 10_000;
                    long t = System.nanoTime();
                    for (int i = 0; i < n; i++) {
                        world.step(home);
                    }
                    System.out.printf("%s: %.0f steps/s%n", s.engine(), n * 1e9 / (System.nanoTime() - t));
                    for (int[] size : new int[][] {{160, 120}, {224, 224}, {320, 240}}) {
                        int frames = 40;
                        t = System.nanoTime();
                        for (int i = 0; i < frames; i++) {
                            world.render(i % 2 == 0 ? "front" : "wrist", size[0], size[1], 0);
                        }
                        System.out.printf(
                                "%s: %d x %d: %.0f frames/s%n",
                                s.engine(), size[0], size[1], frames * 1e9 / (System.nanoTime() - t));
                    }
                }
            }
        }
    }
}
