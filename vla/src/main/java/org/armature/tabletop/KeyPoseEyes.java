package org.armature.tabletop;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.armature.compute.Tensor;
import org.armature.graph.Shape;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;
import org.armature.train.GradientEstimator;
import org.jspecify.annotations.Nullable;

/**
 * A flow-matching policy whose chunk is the two key poses that an instruction asks for, as a {@link Pointer}: it looks at
 * every new picture until the hand is at the thing, which it then hides, and remembers the mean of its latest looks. It samples
 * from the middle of the noise.
 */
final class KeyPoseEyes implements Pointer {
    private final Net net;
    private final boolean points;
    private final @Nullable Function<Observation, float[]> tokens;
    private final Eyes.Pointed grasp = new Eyes.Pointed(3);
    private final Eyes.Pointed place = new Eyes.Pointed(3);
    private long looked = -1;
    private boolean held;

    /**
     * Closes {@code net} with itself.
     *
     * @param tokens {@code [N C]} a geometry's tokens of a moment; null: none are asked for
     */
    KeyPoseEyes(Net net, boolean points, @Nullable Function<Observation, float[]> tokens) {
        this.net = net;
        this.points = points;
        this.tokens = tokens;
    }

    @Override
    public void forget() {
        grasp.forget();
        place.forget();
        looked = -1;
        held = false;
    }

    @Override
    public void look(Observation seen, float[] words, float[] hand, double rested) {
        boolean near = grasp.apart(hand) < Eyes.AT_HAND;
        held = Eyes.holds(hand, near, rested, held);
        if (held) {
            grasp.at(hand);
        }
        long latest = seen.cameras().values().stream()
                .mapToLong(CameraFrame::timeNanos)
                .max()
                .orElse(looked);
        if (held || grasp.apart(hand) < Glances.LOW || latest == looked) {
            return;
        }
        looked = latest;
        float[] poses = poses(seen, hand);
        float[] sure = {0};
        grasp.look(sure, Arrays.copyOf(poses, 3), Eyes.JUMP);
        place.look(sure, Arrays.copyOfRange(poses, 3, 6), Eyes.JUMP);
    }

    /** {@code [6]} of one look, metres in the robot's base frame. */
    float[] poses(Observation seen, float[] hand) {
        Sighting s = Sighting.of(seen, hand);
        Map<String, Tensor> in = new LinkedHashMap<>();
        in.put("state", Tensor.of(s.state(), 1, Sighting.STATE));
        in.put("words", Tensor.of(Phrases.encode(seen.instruction()), 1, Errands.WORDS));
        for (int c = 0; c < Recording.CAMERAS.size(); c++) {
            in.put(
                    Recording.CAMERAS.get(c),
                    Tensor.of(Sighting.image(s.rgb(), c), 1, 3, Sighting.HEIGHT, Sighting.WIDTH));
        }
        if (points) {
            in.put("points", Tensor.of(s.points(), 1, Sighting.POINTS, Sighting.POINT));
        }
        if (tokens != null) {
            float[] t = tokens.apply(seen);
            Shape shape = Objects.requireNonNull(net.program().inputs().get("spatial"))
                    .shape();
            in.put("spatial", Tensor.of(t, 1, shape.dim(1), shape.dim(2)));
        }
        in.put(GradientEstimator.RANDOM + "noise", Tensor.of(new float[Errands.TARGET], 1, Errands.TARGET));
        float[] poses = Objects.requireNonNull(net.run(in).get("actions")).clone();
        for (int i = 0; i < poses.length; i++) {
            poses[i] += hand[i % 3];
        }
        return poses;
    }

    @Override
    public float[] grasp() {
        float[] at = new float[5];
        System.arraycopy(grasp.at(), 0, at, 0, 3);
        return at;
    }

    @Override
    public float[] place() {
        return place.at();
    }

    @Override
    public void close() {
        net.close();
    }
}
