package org.armature.tabletop;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.armature.perception.ColourPerception;
import org.armature.pickplace.Chain;
import org.armature.pickplace.PickPlacePolicy;
import org.armature.robot.ActionChunk;
import org.armature.robot.Observation;
import org.armature.robot.RobotDescription;
import org.armature.robot.Simulator.World;
import org.armature.simulation.Planar;
import org.armature.train.Draw;
import org.junit.jupiter.api.Test;

class TabletopTest {
    private final World world = new Planar().open(3, 1_000_000);
    private final RobotDescription robot = world.robot();
    private final Chain chain = new Chain(robot);

    /** What the action space keeps of a demonstration is where its tool goes: to a millimetre, over the whole table. */
    @Test
    void theToolGoesWhereTheDemonstratorsWent() {
        ToolMotion motion = new ToolMotion(robot, chain);
        PickPlacePolicy teacher = PickPlacePolicy.teacher(robot, new ColourPerception(), 0.1);
        Rollout rollout = new Rollout(world);
        rollout.begin(3);
        for (int t = 0; t < 25; t++) {
            Observation seen = rollout.observe(world.scoring().instruction());
            ActionChunk taught = teacher.act(seen);
            ActionChunk back = motion.joints(motion.of(taught, seen.position()), seen.position(), seen.timeNanos());
            for (int k = 3; k < ToolMotion.HORIZON; k += 3) {
                double[] wanted = tool(taught, k);
                double[] got = tool(back, k);
                for (int i = 3; i < 12; i += 4) {
                    // within limits of speed, and for a tool that points down
                    assertEquals(wanted[i], got[i], 0.004, "tenth " + t + " action " + k);
                }
            }
            rollout.follow(taught);
        }
    }

    private double[] tool(ActionChunk c, int k) {
        double[] q = new double[c.joints()];
        System.arraycopy(c.actions(), k * c.joints(), q, 0, q.length);
        return chain.tool(q).matrix();
    }

    /** Whatever a network says, the chunk keeps the limits of position and velocity. */
    @Test
    void anyMotionBecomesAChunkWithinTheLimits() {
        ToolMotion motion = new ToolMotion(robot, chain);
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 20; i++) {
            float[] wild = new float[ToolMotion.KNOTS * ToolMotion.NUMBERS];
            for (int k = 0; k < wild.length; k++) {
                wild[k] = (float) random.nextGaussian(0, 4);
            }
            ActionChunk c = motion.joints(wild, robot.home(), 0);
            for (int k = 0; k < c.horizon(); k++) {
                for (int j = 0; j < c.joints(); j++) {
                    assertTrue(c.at(k, j) >= robot.limits().lower()[j]
                            && c.at(k, j) <= robot.limits().upper()[j]);
                    double most = robot.limits().velocity()[j] * ToolMotion.PERIOD * 1e-9 + 1e-9;
                    assertTrue(k == 0 || Math.abs(c.at(k, j) - c.at(k - 1, j)) <= most);
                }
            }
        }
    }

    @Test
    void offsetsAreSeenFromTheTool() {
        Features features = new Features(robot, chain);
        Things table = new Things();
        Rollout rollout = new Rollout(world);
        rollout.begin(3);
        Observation seen = rollout.observe("");
        table.look(seen, new ColourPerception());
        float[] f = features.things(seen.position(), table, seen.timeNanos());
        double[] tool = chain.tool(seen.position()).matrix();
        int red = Things.COLOURS.indexOf("red") * Features.THING;
        assertEquals(1, f[red]);
        assertEquals(1, f[red + 1 + Things.SHAPES.indexOf("cube")], "the red thing is the cube of every scene");
        for (int i = 0; i < 3; i++) {
            assertEquals(f[red + 6 + i] - tool[4 * i + 3], f[red + 9 + i], 1e-6);
        }
        int orange = Things.COLOURS.indexOf("orange") * Features.THING;
        assertArrayEquals(new float[Features.THING], java.util.Arrays.copyOfRange(f, orange, orange + Features.THING));
        assertNotNull(table.at(0));
        table.forget();
        assertEquals(null, table.at(0));
    }

    @Test
    void sentencesOfTheTestAreNotThoseOfTheTraining() {
        Set<String> trained = new HashSet<>();
        Set<String> unseen = new HashSet<>();
        for (int i = 0; i < 2000; i++) {
            trained.add(Phrases.of(Draw.of(1, i), "red cube", "blue bowl", false, false));
            unseen.add(Phrases.of(Draw.of(1, i), "red cube", "blue bowl", false, true));
        }
        assertTrue(trained.size() > 100 && unseen.size() > 50, trained.size() + " and " + unseen.size());
        assertTrue(trained.stream().noneMatch(unseen::contains));
        for (String s : trained) {
            assertTrue(s.contains("red"), s + " does not tell which of two cubes");
        }
    }

    @Test
    void knownWordsAreFoundWhateverIsBetween() {
        float[] v = Phrases.encode("Red BLOCK, please -- into the dish!");
        for (String w : List.of("red", "block", "dish")) {
            assertEquals(1, v[Phrases.VOCABULARY.indexOf(w)]);
        }
        float sum = 0;
        for (float x : v) {
            sum += x;
        }
        assertEquals(3, sum);
        assertArrayEquals(new float[v.length], Phrases.encode("sing a song"));
    }

    @Test
    void aPushThrowsTheArmOffItsWay() {
        Rollout rollout = new Rollout(world);
        double[][] ends = new double[2][8];
        for (int i = 0; i < 2; i++) {
            rollout.begin(3);
            ActionChunk hold = new ActionChunk(0, 20_000_000L, 8, twice(robot.home()));
            if (i == 1) {
                rollout.disturb(Draw.of(4, 2));
                assertTrue(rollout.disturbed());
            }
            rollout.follow(hold);
            rollout.follow(hold);
            world.joints(ends[i], new double[8]);
        }
        double apart = 0;
        for (int j = 0; j < 8; j++) {
            apart = Math.max(apart, Math.abs(ends[0][j] - ends[1][j]));
        }
        assertTrue(apart > 0.02, "moved by " + apart);
        for (int k = 0; k < 5; k++) {
            rollout.follow(new ActionChunk(0, 20_000_000L, 8, twice(robot.home())));
        }
        assertFalse(rollout.disturbed());
    }

    private static double[] twice(double[] q) {
        double[] a = new double[2 * q.length];
        System.arraycopy(q, 0, a, 0, q.length);
        System.arraycopy(q, 0, a, q.length, q.length);
        return a;
    }

    @Test
    void theModelTakesWhatTheFeaturesGive() {
        var graph = new TabletopModel()
                .create(org.armature.model.Config.of(Map.of("width", 8, "depth", 1)))
                .graph("t");
        assertEquals(
                (long) ToolMotion.KNOTS * ToolMotion.NUMBERS,
                graph.outputs().get("motion").shape().dim(1));
        assertEquals(Things.COLOURS.size(), (int)
                graph.outputs().get("object").shape().dim(1));
    }
}
