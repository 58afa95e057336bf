package org.armature.simulation;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.File;
import java.io.IOException;
import java.util.List;
import javax.imageio.ImageIO;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Simulator;
import org.armature.robot.Simulator.Body;
import org.armature.robot.Simulator.World;
import org.junit.jupiter.api.Test;

/** What the table-top scene promises on every engine: what cameras see is where it is, and what is gripped comes along. */
abstract class TabletopContract {
    abstract Simulator simulator();

    @Test
    void unprojectedPixelsMeetTheObjectsTrueSurface() throws IOException {
        try (World world = simulator().open(7, 1_000_000)) {
            double[] home = world.robot().home();
            for (int i = 0; i < 200; i++) {
                world.step(home);
            }
            CameraFrame f = world.render("front", 224, 224, 0);
            save(f, simulator().engine() + "-front");
            save(world.render("wrist", 224, 224, 0), simulator().engine() + "-wrist");
            List<Body> cubes = world.bodies().stream()
                    .filter(b -> b.name().matches("\\w+ (cube|cylinder|ball)"))
                    .toList();
            assertEquals(4, cubes.size());
            for (Body b : cubes) {
                assertSeen(f, b);
            }
        }
    }

    /** Every pixel inside the object's projection must unproject onto the surface, i.e. into a slightly larger body. */
    private static void assertSeen(CameraFrame f, Body b) {
        Intrinsics k = f.intrinsics().orElseThrow();
        double[] centre = {b.pose().matrix()[3], b.pose().matrix()[7], b.pose().matrix()[11]};
        double[] c = f.pose().orElseThrow().inverse().transform(centre[0], centre[1], centre[2]);
        int u = (int) (k.fx() * c[0] / c[2] + k.cx());
        int v = (int) (k.fy() * c[1] / c[2] + k.cy());
        int i = v * f.width() + u;
        double z = f.depth().orElseThrow()[i];
        double[] p =
                f.pose().orElseThrow().transform((u + 0.5 - k.cx()) / k.fx() * z, (v + 0.5 - k.cy()) / k.fy() * z, z);
        double[] local = b.pose().inverse().transform(p[0], p[1], p[2]);
        double[] s = b.size();
        double off = switch (b.shape()) {
            case "box" ->
                Math.max(Math.abs(local[0]) - s[0], Math.max(Math.abs(local[1]) - s[1], Math.abs(local[2]) - s[2]));
            case "cylinder" -> Math.max(Math.hypot(local[0], local[1]) - s[0], Math.abs(local[2]) - s[1]);
            default -> Math.sqrt(local[0] * local[0] + local[1] * local[1] + local[2] * local[2]) - s[0];
        };
        assertEquals(0, off, 0.0015, b.name() + " seen at pixel " + u + ", " + v);
        int rgb = (f.rgb()[3 * i] & 255) << 16 | (f.rgb()[3 * i + 1] & 255) << 8 | f.rgb()[3 * i + 2] & 255;
        assertEquals(hue(b.rgb()), hue(rgb), 0.06, b.name() + " looks like #" + Integer.toHexString(rgb));
    }

    private static double hue(int rgb) {
        double h = java.awt.Color.RGBtoHSB(rgb >> 16 & 255, rgb >> 8 & 255, rgb & 255, null)[0];
        return h > 0.95 ? h - 1 : h;
    }

    @Test
    void everyObjectCanBePutIntoEveryContainer() {
        int done = 0;
        int tried = 0;
        StringBuilder failed = new StringBuilder();
        for (long seed = 0; seed < 4; seed++) {
            try (World world = simulator().open(seed, 1_000_000)) {
                Scene scene = Scene.of(seed);
                for (int o = 0; o < 4; o++) {
                    int c = 4 + (int) ((seed + o) % 2);
                    world.reset(seed);
                    String task = "put the " + scene.things().get(o).name() + " in the "
                            + scene.things().get(c).name();
                    Hands hands = new Hands(world);
                    hands.pickAndPlace(o, c);
                    tried++;
                    if (hands.lifted() && world.scoring().fulfilled(task)) {
                        done++;
                    } else {
                        failed.append("\nseed ").append(seed).append(": ").append(task);
                    }
                }
            }
        }
        assertTrue(done >= tried - tried / 16, done + " of " + tried + failed);
    }

    @Test
    void aHeldObjectIsNotDone() {
        try (World world = simulator().open(2, 1_000_000)) {
            Scene scene = Scene.of(2);
            Hands hands = new Hands(world);
            hands.pick(0);
            assertTrue(hands.lifted());
            hands.over(5, 0.03);
            assertFalse(world.scoring()
                    .fulfilled("put the " + scene.things().get(0).name() + " in the "
                            + scene.things().get(5).name()));
        }
    }

    static void save(CameraFrame f, String name) throws IOException {
        BufferedImage image = new BufferedImage(f.width(), f.height(), BufferedImage.TYPE_INT_RGB);
        for (int i = 0; i < f.width() * f.height(); i++) {
            image.setRGB(
                    i % f.width(),
                    i / f.width(),
                    (f.rgb()[3 * i] & 255) << 16 | (f.rgb()[3 * i + 1] & 255) << 8 | f.rgb()[3 * i + 2] & 255);
        }
        ImageIO.write(image, "png", new File("target", name + ".png"));
    }
}
