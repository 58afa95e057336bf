package org.armature.tabletop;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.model.Config;
import org.armature.model.Parameters;
import org.armature.pickplace.Chain;
import org.armature.robot.ActionChunk;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Observation;
import org.armature.robot.Policy;
import org.armature.robot.PolicySpec;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;

/**
 * A {@link Pointer} and a trained {@link HandModel} that drive a robot: the eyes point at where to take hold and
 * to let go, the hand says where the tool goes next, {@link Reach} goes there. Owns both.
 */
final class TabletopNetwork implements Policy, AutoCloseable {
    private static final float WARM_DEPTH = 0.6f;

    private final RobotDescription robot;
    private final Features features;
    private final Reach reach;
    private final Pointer eyes;
    private final Net hand;
    private final Waiting waiting = new Waiting();
    private String words = "";
    private long episode = -1;
    private long before;
    private double rested;

    /**
     * Compiles the hand; closes it, its weights and {@code eyes} with itself.
     *
     * @throws IllegalArgumentException if weights do not fit or the robot has no gripper
     */
    TabletopNetwork(RobotDescription robot, Executor executor, Pointer eyes, Parameters hand) {
        if (robot.gripper() < 0) {
            throw new IllegalArgumentException("robot " + robot.name() + " has no gripper: it cannot pick anything up");
        }
        this.robot = robot;
        Chain kinematics = new Chain(robot);
        features = new Features(robot, kinematics);
        reach = new Reach(robot, kinematics);
        this.eyes = eyes;
        this.hand = Net.of(new HandModel().create(Config.empty()), "tabletop-hand", executor, hand);
    }

    @Override
    public PolicySpec spec() {
        return new PolicySpec(robot.joints().size(), Reach.HORIZON, Reach.PERIOD, PolicySpec.ActionSpace.ABSOLUTE);
    }

    @Override
    public void reset() {
        episode = -1;
        forget();
    }

    private void forget() {
        waiting.forget();
        eyes.forget();
        reach.forget();
    }

    @Override
    public ActionChunk act(Observation seen) {
        if (seen.episode() != episode || !seen.instruction().equals(words)) {
            forget();
            episode = seen.episode();
            before = seen.timeNanos();
            rested = Features.LONG;
            words = seen.instruction();
        }
        float[] said = Phrases.encode(words);
        boolean asked = false;
        for (float w : said) {
            asked |= w > 0;
        }
        if (!asked) {
            return reach.still(seen);
        }
        float[] h = features.hand(seen.position(), seen.velocity());
        rested = Features.rested(rested, (seen.timeNanos() - before) * 1e-9, h);
        before = seen.timeNanos();
        eyes.look(seen, said, h, rested);
        return reach.to(next(h, seen.timeNanos()), seen);
    }

    /** The most probable stage's goal; that of the next one where the hand has waited at it for longer than it should. */
    private Goal next(float[] h, long nanos) {
        float[] aimed = Features.aimed(h, eyes.grasp(), eyes.place(), rested, features.home());
        Map<String, Tensor> in = new LinkedHashMap<>();
        in.put("aimed", Tensor.of(aimed, 1, Features.AIMED));
        Map<String, float[]> out = hand.run(in);
        float[] stage = result(out, "stage");
        float[] goals = result(out, "goal");
        waiting.moved(h);
        int best = waiting.best(stage);
        Goal goal = Goal.of(h, goals, best * Goal.NUMBERS);
        if (waiting.tooLong(best, goal, h, nanos)) {
            goal = Goal.of(h, goals, waiting.best(stage) * Goal.NUMBERS);
        }
        return goal;
    }

    /** Answers so often about an empty table: a first answer takes as many times longer as its code has not run yet. */
    void warm(int times) {
        int pixels = View.WIDTH * View.HEIGHT;
        float[] depth = new float[pixels];
        Arrays.fill(depth, WARM_DEPTH);
        Intrinsics lens = new Intrinsics(View.WIDTH, View.WIDTH, View.WIDTH / 2.0, View.HEIGHT / 2.0);
        Pose above = new Goal(0.45, 0, WARM_DEPTH + 0.02, 0, 1).pose();
        double[] home = robot.home();
        for (int i = 0; i < times; i++) {
            long nanos = i * 100_000_000L;
            Map<String, CameraFrame> frames = new LinkedHashMap<>();
            for (String c : Recording.CAMERAS) {
                frames.put(
                        c,
                        new CameraFrame(c, nanos, View.WIDTH, View.HEIGHT, new byte[3 * pixels], depth, lens, above));
            }
            act(new Observation(nanos, home, new double[home.length], frames, "put the red cube in the blue bowl", 0));
        }
        reset();
    }

    private static float[] result(Map<String, float[]> out, String name) {
        return Objects.requireNonNull(out.get(name));
    }

    @Override
    public void close() {
        eyes.close();
        hand.close();
    }
}
