package org.armature.tabletop;

import java.util.LinkedHashMap;
import java.util.Map;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.model.Config;
import org.armature.model.Parameters;
import org.armature.pickplace.Chain;
import org.armature.robot.ActionChunk;
import org.armature.robot.Observation;
import org.armature.robot.Perception;
import org.armature.robot.Policy;
import org.armature.robot.PolicySpec;
import org.armature.robot.RobotDescription;
import org.jspecify.annotations.Nullable;

/** A trained {@link TabletopModel} that drives a robot. Owns the compiled network and its weights. */
final class TabletopNetwork implements Policy, AutoCloseable {
    private final RobotDescription robot;
    private final Features features;
    private final ToolMotion motion;
    private final Things things = new Things();
    private final Parameters weights;
    private final Program program;
    private @Nullable Perception perception;
    private long episode = -1;

    /**
     * Compiles the network; closes {@code weights} with it.
     *
     * @param config as in the training configuration's {@code model}
     * @throws IllegalArgumentException if weights do not fit or the robot has no gripper
     */
    TabletopNetwork(RobotDescription robot, Executor executor, Parameters weights, Config config) {
        if (robot.gripper() < 0) {
            throw new IllegalArgumentException("robot " + robot.name() + " has no gripper: it cannot pick anything up");
        }
        this.robot = robot;
        Chain kinematics = new Chain(robot);
        features = new Features(robot, kinematics);
        motion = new ToolMotion(robot, kinematics);
        this.weights = weights;
        Graph graph = new TabletopModel().create(config).graph("tabletop");
        program = executor.compile(graph, CompileOptions.DEFAULT.withThreads(1).freeze(weights.forGraph(graph)));
    }

    /** Whose detections are used from now on; null for none. */
    void sees(@Nullable Perception with) {
        perception = with;
    }

    @Override
    public PolicySpec spec() {
        return new PolicySpec(
                robot.joints().size(), ToolMotion.HORIZON, ToolMotion.PERIOD, PolicySpec.ActionSpace.ABSOLUTE);
    }

    @Override
    public void reset() {
        episode = -1;
        things.forget();
    }

    @Override
    public ActionChunk act(Observation seen) {
        if (seen.episode() != episode) {
            things.forget();
            episode = seen.episode();
        }
        if (perception != null) {
            things.look(seen, perception);
        }
        float[] words = Phrases.encode(seen.instruction());
        boolean asked = false;
        for (float w : words) {
            asked |= w > 0;
        }
        if (!asked) {
            return still(seen);
        }
        Map<String, Tensor> in = new LinkedHashMap<>();
        Map<String, Tensor> out = Map.of();
        try {
            in.put("hand", Tensor.of(features.hand(seen.position(), seen.velocity()), 1, Features.HAND));
            float[] t = features.things(seen.position(), things, seen.timeNanos());
            in.put("things", Tensor.of(t, 1, Things.COLOURS.size(), Features.THING));
            in.put("words", Tensor.of(words, 1, words.length));
            for (String name : program.inputs().keySet()) {
                in.computeIfAbsent(name, n -> weights.get(n));
            }
            out = program.run(in);
            Tensor m = out.get("motion");
            return motion.joints(java.util.Objects.requireNonNull(m).toFloats(), seen.position(), seen.timeNanos());
        } finally {
            for (String name : new String[] {"hand", "things", "words"}) {
                Tensor t = in.get(name);
                if (t != null) {
                    t.close();
                }
            }
            out.values().forEach(Tensor::close);
        }
    }

    private ActionChunk still(Observation seen) {
        int n = seen.position().length;
        double[] a = new double[ToolMotion.HORIZON * n];
        for (int i = 0; i < a.length; i++) {
            int j = i % n;
            a[i] = Math.clamp(
                    seen.position()[j],
                    robot.limits().lower()[j],
                    robot.limits().upper()[j]);
        }
        return new ActionChunk(seen.timeNanos(), ToolMotion.PERIOD, n, a);
    }

    @Override
    public void close() {
        program.close();
        weights.close();
    }
}
