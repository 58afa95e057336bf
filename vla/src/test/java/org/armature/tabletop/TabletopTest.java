package org.armature.tabletop;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.armature.graph.Shape;
import org.armature.model.Config;
import org.armature.perception.ColourPerception;
import org.armature.pickplace.Chain;
import org.armature.pickplace.PickPlacePolicy;
import org.armature.robot.ActionChunk;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;
import org.armature.robot.Perception.Detection;
import org.armature.robot.RobotDescription;
import org.armature.robot.Simulator.World;
import org.armature.simulation.Planar;
import org.armature.train.Draw;
import org.junit.jupiter.api.Test;

class TabletopTest {
    private final World world = new Planar().open(3, 1_000_000);
    private final RobotDescription robot = world.robot();
    private final Chain chain = new Chain(robot);

    /** A pixel that is packed and unpacked lies where it was seen: on a thing of that colour, at its height. */
    @Test
    void whatWasSeenLiesWhereItWas() {
        Rollout rollout = new Rollout(world);
        rollout.begin(3);
        CameraFrame frame = rollout.observe("").camera("front").orElseThrow();
        View before = View.of(frame);
        View after = View.unpacked(before.packed(), before.calibration());
        assertArrayEquals(before.rgb(), after.rgb());
        assertArrayEquals(before.depth(), after.depth());
        Detection red = new ColourPerception().detect(frame, "red cube").getFirst();
        double[] at = new double[3];
        int[] box = red.box();
        int pixel = (box[1] + box[3]) / 2 * View.WIDTH + (box[0] + box[2]) / 2;
        after.place(pixel, at);
        for (int i = 0; i < 3; i++) {
            assertEquals(red.centre()[i], at[i], red.halfExtents()[i] + 0.01);
        }
        byte[] damaged = before.packed();
        damaged[damaged.length / 2] ^= 0x55;
        assertThrows(IllegalArgumentException.class, () -> View.unpacked(damaged, before.calibration()));
    }

    /** The same scene in a picture of another size gives patches in the same places. */
    @Test
    void picturesOfAnySizeAreSeenAlike() {
        world.reset(3);
        Map<String, CameraFrame> small = new HashMap<>();
        Map<String, CameraFrame> large = new HashMap<>();
        for (String c : world.cameras()) {
            small.put(c, world.render(c, View.WIDTH, View.HEIGHT, 0));
            large.put(c, world.render(c, 2 * View.WIDTH, 2 * View.HEIGHT, 0));
        }
        Patches a = Patches.of(small);
        Patches b = Patches.of(large);
        int apart = 0;
        for (int i = 0; i < Patches.COUNT; i++) {
            double d = 0;
            for (int k = 0; k < 3; k++) {
                d = Math.max(d, Math.abs(a.places()[3 * i + k] - b.places()[3 * i + k]));
            }
            apart += d > 0.02 ? 1 : 0;
        }
        // an edge falls into this patch or the next
        assertTrue(apart < Patches.COUNT / 8, apart + " of " + Patches.COUNT + " patches lie elsewhere");
        small.remove("wrist");
        float[] one = Patches.of(small).seen();
        for (int i = Patches.EACH; i < Patches.COUNT; i++) {
            assertEquals(0, one[i], "no patch of a camera that is not there counts");
        }
    }

    /** What tells a stage is the same when hand, grasp and place are turned about the robot together. */
    @Test
    void aSituationIsTheSameElsewhere() {
        float[] hand = new Features(robot, chain).hand(robot.home(), new double[8]);
        float[] grasp = {0.45f, 0.1f, 0.03f, 1, 0};
        float[] place = {0.5f, -0.2f, 0.06f};
        float[] here = Features.aimed(hand, grasp, place, 0.2, 0.3);
        float[] moved = hand.clone();
        for (float[] p : new float[][] {moved, grasp, place}) {
            float x = p[0];
            p[0] = -p[1];
            p[1] = x;
        }
        // a quarter turn: the fingers' heading turns as well, and what they may hold is the same after it
        moved[3] = -hand[4];
        moved[4] = hand[3];
        float[] there = Features.aimed(moved, grasp, place, 0.2, 0.3 + Math.PI / 2);
        for (int i = 0; i < Features.SITUATION; i++) {
            assertEquals(here[i], there[i], 1e-5, "feature " + i);
        }
    }

    @Test
    void aGoalIsWhatItIsFromAnywhere() {
        float[] hand = new Features(robot, chain).hand(robot.home(), new double[8]);
        Goal goal = new Goal(0.4, -0.1, 0.05, -1.2, 1);
        Goal back = Goal.of(hand, goal.from(hand), 0);
        assertEquals(goal.x(), back.x(), 1e-6);
        assertEquals(goal.z(), back.z(), 1e-6);
        assertEquals(0, Features.wrapped(goal.heading() - back.heading()), 1e-6);
        assertEquals(1, back.opening());
    }

    /** Every goal over the table is reached, and every chunk on the way keeps the limits. */
    @Test
    void goalsAreReachedWithinTheLimits() {
        Rollout rollout = new Rollout(world);
        rollout.begin(3);
        Reach reach = new Reach(robot, chain);
        for (Goal goal : List.of(
                new Goal(0.4, 0.2, 0.2, -1.5, 1),
                new Goal(0.4, 0.2, 0.13, -1.5, 0),
                new Goal(0.6, -0.2, 0.25, -1.2, 1))) {
            Observation seen = rollout.observe("");
            for (int t = 0; t < 25; t++) {
                seen = rollout.observe("", 100);
                ActionChunk c = reach.to(goal, seen);
                for (int k = 1; k < c.horizon(); k++) {
                    for (int j = 0; j < c.joints(); j++) {
                        double most = robot.limits().velocity()[j] * Reach.PERIOD * 1e-9 + 1e-9;
                        assertTrue(Math.abs(c.at(k, j) - c.at(k - 1, j)) <= most);
                    }
                }
                rollout.follow(c);
            }
            double[] m = chain.tool(seen.position()).matrix();
            assertEquals(goal.x(), m[3], 2e-3);
            assertEquals(goal.y(), m[7], 2e-3);
            assertEquals(goal.z(), m[11], 2e-3);
            assertEquals(goal.opening() * 0.08, seen.position()[robot.gripper()], 2e-3);
        }
    }

    /** The demonstrator says what it is about: first it comes, then it takes, then it lets go. */
    @Test
    void theDemonstratorSaysWhatItIsAbout() {
        PickPlacePolicy teacher = PickPlacePolicy.teacher(robot, new ColourPerception(), 0.3);
        Rollout rollout = new Rollout(world);
        rollout.begin(3);
        String task = world.scoring().instruction();
        List<String> stages = new ArrayList<>();
        double[] grasp = new double[0];
        for (int t = 0; t < 100 && !world.scoring().fulfilled(task); t++) {
            Observation seen = rollout.observe(task);
            ActionChunk c = teacher.act(seen);
            PickPlacePolicy.Intent now = teacher.intent(seen.timeNanos()).orElseThrow();
            if (stages.isEmpty() || !stages.getLast().equals(now.stage())) {
                stages.add(now.stage());
            }
            if (now.grasp().isPresent()) {
                grasp = now.grasp().get();
            } else if (now.stage().equals("LIFT") && grasp.length > 0) {
                assertEquals(
                        chain.tool(grasp).matrix()[3],
                        chain.tool(seen.position()).matrix()[3],
                        0.01,
                        "closed there");
                grasp = new double[0];
            }
            rollout.follow(c);
        }
        assertEquals(
                List.of("APPROACH", "DESCEND", "CLOSE", "LIFT", "CARRY", "LOWER", "RELEASE"), stages.subList(0, 7));
    }

    @Test
    void everyTaskOfASceneCanBeAskedFor() {
        List<String> tasks = Phrases.tasks(world.scoring());
        assertEquals(8, tasks.size(), tasks.toString());
        assertTrue(tasks.contains(world.scoring().instruction()));
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
        assertArrayEquals(said(List.of("red", "block"), List.of("dish")), v);
        assertArrayEquals(new float[v.length], Phrases.encode("sing a song"));
    }

    /** What is mentioned first and what is mentioned later, where the colour alone would not tell which of them is meant. */
    @Test
    void mentionsAreToldApart() {
        assertArrayEquals(
                said(List.of("blue"), List.of("green")), Phrases.encode("put the blue thing into the green one"));
        assertArrayEquals(
                said(List.of("can"), List.of("blue", "bowl")),
                Phrases.encode("transfer the can into the blue bowl now"));
        assertArrayEquals(
                said(List.of("red", "cube"), List.of("blue", "bowl")), Phrases.encode("put red cube blue bowl"));
        assertArrayEquals(
                said(List.of("tray"), List.of("pink", "ball")), Phrases.encode("into the tray put the pink ball"));
    }

    private static float[] said(List<String> first, List<String> later) {
        int n = Phrases.VOCABULARY.size();
        float[] v = new float[Phrases.SAID];
        first.forEach(w -> v[Phrases.VOCABULARY.indexOf(w)] = 1);
        later.forEach(w -> v[n + Phrases.VOCABULARY.indexOf(w)] = 1);
        return v;
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

    /** The mean of votes for two things lies between them, where there is nothing to take hold of. */
    @Test
    void votesForAnotherThingDoNotMoveWhereTheEyesPoint() {
        Eyes.Pointed pointed = new Eyes.Pointed(3, at -> true);
        float[] votes = new float[3 * 40];
        float[] scores = new float[40];
        for (int i = 0; i < 40; i++) {
            boolean other = i >= 25;
            votes[3 * i] = (other ? 0.6f : 0.4f) + 0.001f * (i % 5 - 2);
            votes[3 * i + 1] = other ? 0.2f : -0.1f;
        }
        pointed.look(scores, votes, Eyes.JUMP);
        assertEquals(0.4, pointed.at()[0], 1e-3);
        assertEquals(-0.1, pointed.at()[1], 1e-3);
        // a little more for the other, as when the hand hides the first: things do not jump
        for (int i = 25; i < 40; i++) {
            scores[i] = 1;
        }
        pointed.look(scores, votes, Eyes.JUMP);
        assertEquals(0.4, pointed.at()[0], 1e-3);
        // nothing else for the first any more
        for (int i = 25; i < 40; i++) {
            scores[i] = 8;
        }
        for (int k = 1; k < Eyes.Pointed.CONFIRMED; k++) {
            pointed.look(scores, votes, Eyes.JUMP);
        }
        assertEquals(0.4, pointed.at()[0], 5e-3, "not yet confirmed");
        pointed.look(scores, votes, Eyes.JUMP);
        assertEquals(0.6, pointed.at()[0], 5e-3);
        // the hand is there and hides it
        for (int i = 25; i < 40; i++) {
            scores[i] = -8;
        }
        pointed.look(scores, votes, 0);
        assertEquals(0.6, pointed.at()[0], 5e-3);
        pointed.at(new float[] {0.1f, 0.2f, 0.3f});
        assertEquals(0, pointed.apart(new float[] {0.1f, 0.2f, 0.3f}), 1e-6);
        pointed.forget();
        assertEquals(Double.POSITIVE_INFINITY, pointed.apart(new float[3]));
        for (int i = 25; i < 40; i++) {
            scores[i] = -8;
        }
        pointed.look(scores, votes, Eyes.JUMP);
        assertEquals(0.4, pointed.at()[0], 1e-3);
    }

    /** The votes speak for one thing, a closer look for the other and for where exactly it is. */
    @Test
    void aCloserLookDecidesBetweenTheProposals() {
        Eyes.Pointed pointed = new Eyes.Pointed(5);
        float[] votes = new float[5 * 20];
        float[] scores = new float[20];
        for (int i = 0; i < 20; i++) {
            votes[5 * i] = i < 10 ? 0.4f : 0.6f;
            scores[i] = i < 10 ? 2 : 0;
        }
        float[] grip = {0.5f, -0.25f, 0, 0.6f, 0.8f};
        pointed.look(scores, votes, Eyes.JUMP, found -> {
            assertEquals(2, found.size());
            assertEquals(0.4, found.getFirst().at()[0], 1e-3);
            return found.stream()
                    .map(f -> f.closer(f.at()[0] > 0.5 ? 4 : -4, grip, 0))
                    .toList();
        });
        float[] at = pointed.at();
        assertEquals(0.6 + 0.5 * GripModel.LENGTH, at[0], 1e-5);
        assertEquals(-0.25 * GripModel.LENGTH, at[1], 1e-5);
        assertEquals(0.8, at[4], 1e-6);
    }

    /** A target seen from anywhere near is the demonstrator's hand again; from farther off the place is on something else. */
    @Test
    void aGripIsWhereItIsFromAnyPlaceNear() {
        Look.Thing cube = new Look.Thing("red cube", new float[] {0.5f, -0.1f, 0.02f, 0.3f, 1});
        double[] place = {0.51, -0.12, 0.03};
        float[] target = Grips.target(cube, place);
        Eyes.Found found = new Eyes.Found(new double[] {place[0], place[1], place[2], 0, 0}, 0, 1, 1);
        double[] at = found.closer(0, target, 0).at();
        for (int k = 0; k < 3; k++) {
            assertEquals(cube.hand()[k], at[k], 1e-6);
        }
        assertEquals(Math.cos(1.2), at[3], 1e-6);
        assertEquals(1, target[5]);
        assertEquals(0, Grips.target(cube, new double[] {0.5, -0.06, 0.02})[5]);
    }

    /** Points about a thing are its own: of its colour, as far from the place as they are from its middle. */
    @Test
    void pointsAboutAThingAreItsOwn() {
        Rollout rollout = new Rollout(world);
        rollout.begin(3);
        Observation seen = rollout.observe("");
        Detection red = new ColourPerception()
                .detect(seen.camera("front").orElseThrow(), "red cube")
                .getFirst();
        double[] c = red.centre();
        Surroundings all = new Surroundings(Patches.views(seen.cameras()));
        float[] here = all.about(c[0], c[1], c[2]);
        float[] aside = all.about(c[0] + 0.01, c[1], c[2]);
        int known = 0;
        int reddish = 0;
        double middle = 0;
        double moved = 0;
        for (int i = 0; i < Surroundings.COUNT; i++) {
            int at = i * Surroundings.POINT;
            if (here[at + 10] > 0) {
                known++;
                reddish += here[at + 4] > here[at + 5] && here[at + 4] > here[at + 6] ? 1 : 0;
                middle += here[at];
                moved += aside[at];
            }
        }
        assertTrue(known > 30, known + " points");
        assertTrue(reddish > 0.8 * known, reddish + " of " + known);
        assertEquals(0, middle / known, 0.4);
        assertEquals(-0.01 / GripModel.LENGTH, (moved - middle) / known, 0.1);
    }

    /** Where the arm cannot go, or where the hand itself is, nothing has come to, however many votes say so. */
    @Test
    void theEyesDoNotFollowVotesForWhatCannotBe() {
        Eyes.Pointed pointed = new Eyes.Pointed(3, at -> at[0] > 0.2);
        pointed.look(new float[1], new float[] {0.5f, 0.1f, 0.02f}, Eyes.JUMP);
        for (int k = 0; k < 3 * Eyes.Pointed.CONFIRMED; k++) {
            pointed.look(new float[1], new float[] {-0.1f, 0.04f, -0.03f}, Eyes.JUMP);
        }
        assertEquals(0.5, pointed.at()[0], 1e-6);
    }

    @Test
    void aStageThatKeepsTheHandWaitingIsPassedOverUntilTheHandHasMoved() {
        Waiting waiting = new Waiting();
        float[] stages = {1, 3, 2};
        float[] hand = new float[Features.HAND];
        hand[0] = 0.4f;
        hand[2] = 0.2f;
        Goal there = new Goal(0.4, 0, 0.203, 0, 0);
        int tenths = 0;
        while (!waiting.tooLong(waiting.best(stages), there, hand, tenths * 100_000_000L)) {
            assertEquals(1, waiting.best(stages));
            assertTrue(++tenths < 30, "it waits for ever");
        }
        assertTrue(tenths >= 10, "demonstrators wait as long");
        assertEquals(2, waiting.best(stages));
        hand = hand.clone();
        hand[1] = 0.02f;
        waiting.moved(hand);
        assertEquals(2, waiting.best(stages), "still there");
        hand[1] = 0.05f;
        waiting.moved(hand);
        assertEquals(1, waiting.best(stages));
        Goal far = new Goal(0.5, 0, 0.2, 0, 0);
        for (int k = 0; k < 100; k++) {
            assertFalse(waiting.tooLong(1, far, hand, 10_000_000_000L + k * 100_000_000L), "on its way");
        }
    }

    @Test
    void theModelsTakeWhatTheFeaturesGive() {
        var eyes = new EyesModel().create(Config.of(Map.of("width", 8))).graph("eyes");
        assertEquals(Shape.of(1, 5), eyes.outputs().get("grasp").shape().slice(1, 3));
        assertEquals(
                Shape.of(1, Patches.COUNT),
                eyes.outputs().get("place_scores").shape().slice(1, 3));
        assertEquals(
                Shape.of(Patches.COUNT, 3),
                eyes.outputs().get("place_votes").shape().slice(1, 3));
        var grip = new GripModel().create(Config.empty()).graph("grip");
        assertEquals(5, grip.outputs().get("grip").shape().dim(1));
        assertEquals(1, grip.outputs().get("fits").shape().dim(1));
        var hand = new HandModel().create(Config.empty()).graph("hand");
        assertEquals(
                Shape.of(Recording.STAGES.size(), Goal.NUMBERS),
                hand.outputs().get("goal").shape().slice(1, 3));
    }
}
