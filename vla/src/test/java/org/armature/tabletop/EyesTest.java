package org.armature.tabletop;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.armature.checkpoint.SafetensorsFormat;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.model.Parameters;
import org.armature.perception.ColourPerception;
import org.armature.pickplace.Chain;
import org.armature.pickplace.PickPlacePolicy;
import org.armature.robot.Observation;
import org.armature.robot.RobotDescription;
import org.armature.robot.Simulator.World;
import org.armature.simulation.Planar;
import org.armature.train.Draw;
import org.junit.jupiter.api.Test;

/** The shipped eyes without a hand. */
class EyesTest {
    private static final Path WEIGHTS = Path.of("src/main/resources/policies");
    private static final int SCENES = 12;

    private static Parameters weights(String name) throws IOException {
        return new SafetensorsFormat().open(WEIGHTS.resolve("tabletop-" + name + ".safetensors"));
    }

    /** In scenes and sentences that training never met they point at where the demonstrator would go. */
    @Test
    void theyPointAtWhatTheWordsName() throws Exception {
        World world = new Planar().open(1, 1_000_000);
        RobotDescription robot = world.robot();
        Features features = new Features(robot, new Chain(robot));
        Rollout rollout = new Rollout(world);
        Glances teacher = new Glances(world, new ColourPerception());
        List<Double> off = new ArrayList<>();
        int wrong = 0;
        try (Eyes eyes = new Eyes(robot, new OnnxExecutor(), weights("eyes"), weights("grip"))) {
            for (int seed = 90_000; seed < 90_000 + SCENES; seed++) {
                rollout.begin(seed);
                String task = world.scoring().instruction();
                Observation seen = rollout.observe(task);
                float[] target = teacher.demonstrated(seen).orElseThrow();
                float[] words = Phrases.encode(Phrases.again(Draw.of(seed, "rollout"), task, true));
                eyes.forget();
                eyes.look(seen, words, features.hand(seen.position(), seen.velocity()), Features.LONG);
                double grasp = Math.hypot(eyes.grasp()[0] - target[0], eyes.grasp()[1] - target[1]);
                double place = Math.hypot(eyes.place()[0] - target[3], eyes.place()[1] - target[4]);
                wrong += grasp > 0.02 || place > 0.03 ? 1 : 0;
                off.add(grasp);
            }
        }
        assertTrue(wrong <= 1, wrong + " of " + SCENES + " wrong; metres off: " + off);
        assertEquals(0, off.stream().sorted().toList().get(SCENES / 2), 0.006, "half of them are that near");
    }

    /** A robot starts with the baseline: whatever that is about, the network that takes over goes on from there. */
    @Test
    void theNetworkGoesOnFromWhereTheBaselineWas() throws Exception {
        World world = new Planar().open(1, 1_000_000);
        RobotDescription robot = world.robot();
        Rollout rollout = new Rollout(world);
        List<String> failed = new ArrayList<>();
        try (TabletopNetwork network = network(robot)) {
            for (int tenths = 10; tenths <= 55; tenths += 5) {
                long seed = 91_000 + tenths;
                rollout.begin(seed);
                String task = world.scoring().instruction();
                rollout.drive(PickPlacePolicy.teacher(robot, new ColourPerception(), 0.3), task, task, tenths);
                network.reset();
                if (rollout.drive(network, task, task, 150) < 0) {
                    failed.add("scene " + seed + " after " + tenths / 10.0 + " s");
                }
            }
        }
        assertEquals(List.of(), failed);
    }

    /** On its way to this scene's bowl the arm hides it from both cameras, and votes then spoke for the forearm. */
    @Test
    void theArmAboveTheContainerIsNotTheContainer() throws Exception {
        World world = new Planar().open(1, 1_000_000);
        Rollout rollout = new Rollout(world);
        rollout.begin(43_011);
        String task = world.scoring().instruction();
        try (TabletopNetwork network = network(world.robot())) {
            assertTrue(rollout.drive(network, task, task, 120) >= 0, "not done in 12 s");
        }
    }

    private static TabletopNetwork network(RobotDescription robot) throws IOException {
        OnnxExecutor executor = new OnnxExecutor();
        return new TabletopNetwork(
                robot, executor, new Eyes(robot, executor, weights("eyes"), weights("grip")), weights("hand"));
    }
}
