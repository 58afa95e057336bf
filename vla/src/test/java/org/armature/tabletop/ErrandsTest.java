package org.armature.tabletop;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.armature.perception.ColourPerception;
import org.armature.pickplace.Chain;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;
import org.armature.robot.Pose;
import org.armature.robot.Simulator.Body;
import org.armature.robot.Simulator.World;
import org.armature.simulation.Planar;
import org.junit.jupiter.api.Test;

class ErrandsTest {
    private static final double[] NONE = {};

    private final World world = new Planar().open(3, 1_000_000);

    private static Body body(String name, double x, double y) {
        return new Body(name, "box", NONE, 0, Pose.translation(x, y, 0.02));
    }

    @Test
    void theRangeIsABoxOfTheTable() {
        List<Errand> all = Errand.of(List.of(
                body("table", 0.4, 0),
                body("red cube", 0.5, 0.1),
                body("cyan ball", 0.5, 0.19),
                body("green ball", 0.5, 0.21),
                body("yellow cylinder", 0.63, 0),
                body("blue bowl/0", 0.4, -0.1),
                body("blue bowl/1", 0.2, -0.1),
                body("purple tray/0", 0.5, -0.3)));
        Map<String, Errand.Range> ranges = new HashMap<>();
        all.forEach(e -> ranges.put(e.words(), e.range()));
        assertEquals(
                Map.of(
                        "put the cyan ball in the blue bowl", Errand.Range.INSIDE,
                        "put the cyan ball in the purple tray", Errand.Range.BETWEEN,
                        "put the green ball in the blue bowl", Errand.Range.OUTSIDE,
                        "put the green ball in the purple tray", Errand.Range.OUTSIDE,
                        "put the yellow cylinder in the blue bowl", Errand.Range.OUTSIDE,
                        "put the yellow cylinder in the purple tray", Errand.Range.OUTSIDE),
                ranges);
    }

    /** Swapping object and container swaps the halves; a set of words alone could not tell. */
    @Test
    void whatIsTakenAndWhereItBelongsAreToldApart() {
        float[] one = Phrases.encode("put the red cube in the blue bowl");
        float[] other = Phrases.encode("put the blue bowl in the red cube");
        int n = one.length / 2;
        assertFalse(Arrays.equals(one, other));
        assertArrayEquals(Arrays.copyOf(one, n), Arrays.copyOfRange(other, n, 2 * n));
        assertArrayEquals(Arrays.copyOfRange(one, n, 2 * n), Arrays.copyOf(other, n));
    }

    /** Whatever is looked at lies in the range, and the demonstrator goes where it truly is. */
    @Test
    void looksAreOfTheRangeAndSayWhereThingsAre() throws Exception {
        int[] looks = {0};
        new Glances(world, new ColourPerception()).take(70, 12, (i, seen, asked, targets) -> {
            assertEquals(looks[0]++, i);
            assertEquals(2, asked.size());
            for (int k = 0; k < asked.size(); k++) {
                Errand e = asked.get(k);
                assertTrue(Errand.of(world.bodies()).contains(e), e + " is of this scene");
                assertEquals(Errand.Range.INSIDE, e.range());
                float[] t = targets.get(k);
                String[] words = e.words().split(" ");
                near(words[2] + " " + words[3], t[0], t[1], 0.012);
                near(words[6] + " " + words[7] + "/0", t[3], t[4], 0.03);
            }
        });
        assertEquals(12, looks[0]);
    }

    private void near(String name, double x, double y, double most) {
        double[] m = world.bodies().stream()
                .filter(b -> b.name().equals(name))
                .findFirst()
                .orElseThrow()
                .pose()
                .matrix();
        assertEquals(0, Math.hypot(m[3] - x, m[7] - y), most, name);
    }

    @Test
    void theSameSeedGivesTheSameLooks() throws Exception {
        float[][] states = new float[2][];
        Features features = new Features(world.robot(), new Chain(world.robot()));
        for (int run = 0; run < 2; run++) {
            int r = run;
            new Glances(world, new ColourPerception())
                    .take(
                            70,
                            3,
                            (i, seen, asked, targets) ->
                                    states[r] = Sighting.of(seen, features.hand(seen.position(), seen.velocity()))
                                            .points());
        }
        assertArrayEquals(states[0], states[1]);
    }

    /** Points are where things are; a camera without depth or calibration gives none, and its picture all the same. */
    @Test
    void aSightingHasWhatTheCamerasOffer() {
        Rollout rollout = new Rollout(world);
        rollout.begin(3);
        Observation seen = rollout.observe("");
        float[] hand = new Features(world.robot(), new Chain(world.robot())).hand(seen.position(), seen.velocity());
        Sighting all = Sighting.of(seen, hand);
        double[] cube = world.bodies().stream()
                .filter(b -> b.name().equals("red cube"))
                .findFirst()
                .orElseThrow()
                .pose()
                .matrix();
        int on = 0;
        for (int i = 0; i < Sighting.POINTS; i++) {
            float[] p = Arrays.copyOfRange(all.points(), i * Sighting.POINT, (i + 1) * Sighting.POINT);
            boolean red = p[3] > 0.5 && p[4] < 0 && p[5] < 0 && p[6] > 0 && p[2] + hand[2] > 0.008;
            if (red && Math.hypot(p[0] + hand[0], p[1] + hand[1]) > 0.2) {
                assertEquals(0, Math.hypot(p[0] + hand[0] - cube[3], p[1] + hand[1] - cube[7]), 0.035);
                on++;
            }
        }
        assertTrue(on > 1, on + " points on the red cube");

        Map<String, CameraFrame> plain = new HashMap<>();
        Sighting.frames(seen, false, true).forEach(f -> plain.put(f.camera(), f));
        Sighting without =
                Sighting.of(new Observation(0, seen.position(), seen.velocity(), plain, "", seen.episode()), hand);
        assertArrayEquals(new float[Sighting.POINTS * Sighting.POINT], without.points());
        assertArrayEquals(all.rgb(), without.rgb());
        for (CameraFrame f : Sighting.frames(seen, true, false)) {
            assertNotNull(f.depthOrNull());
            assertTrue(f.intrinsicsOrNull() == null && f.poseOrNull() == null);
        }
    }
}
