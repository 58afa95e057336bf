package org.armature.learned;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.CompileOptions;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.onnx.OnnxExecutor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Draw;
import org.armature.train.TrainableModel;
import org.junit.jupiter.api.Test;

/** A policy that sees by places in its images and among points. */
class KeypointsTest {
    private static final int POINTS = 6;
    private static final int DRAWS = 3;
    private static final int BATCH = 2;

    private final TrainableModel model = (TrainableModel) new Flow().create(Config.of(config()));

    private static Map<String, Object> config() {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("state", 2);
        m.put("words", 3);
        m.put("chunk", List.of(2, 3));
        m.put("images", Map.of("front", List.of(32, 40)));
        m.put("keypoints", 4);
        m.put("points", POINTS);
        m.put("width", 16);
        m.put("heads", 2);
        m.put("feed_forward", 16);
        m.put("encoder_layers", 0);
        m.put("expert_layers", 1);
        m.put("draws", DRAWS);
        return m;
    }

    private static Map<String, float[]> run(Graph g, Map<String, float[]> given) {
        Map<String, Tensor> in = new HashMap<>();
        g.inputs().forEach(v -> {
            long[] size = new long[v.shape().rank()];
            size[0] = v.shape().dims().getFirst().isKnown() ? v.shape().dim(0) : 1;
            for (int i = 1; i < size.length; i++) {
                size[i] = v.shape().dim(i);
            }
            Tensor t = Tensor.zeros(v.dtype(), Shape.of(size));
            Draw.of(5, v.name()).normal(t, 0, 1);
            float[] values = given.get(v.name());
            in.put(v.name(), values == null ? t : Tensor.of(values, size));
        });
        g.parameters().forEach(v -> {
            Tensor t = Tensor.zeros(v.type());
            Draw.of(7, v.name()).normal(t, v.name().endsWith("running_var") ? 1 : 0, 0.3);
            in.put(v.name(), t);
        });
        Map<String, float[]> out = new HashMap<>();
        try (OnnxExecutor executor = new OnnxExecutor();
                Program p = executor.compile(g, CompileOptions.DEFAULT)) {
            p.run(in).forEach((name, t) -> out.put(name, t.toFloats()));
        }
        return out;
    }

    /** Six points, the last two unknown. */
    private static float[] points() {
        float[] x = new float[POINTS * 7];
        Draw draw = Draw.of(3);
        for (int i = 0; i < x.length; i++) {
            x[i] = i % 7 == 6 ? i / 7 < 4 ? 1 : 0 : (float) draw.normal();
        }
        return x;
    }

    private float[] actions(float[] points) {
        return run(model.graph("flow"), Map.of("points", points)).get("actions");
    }

    @Test
    void theOrderOfPointsDoesNotMatterAndUnknownOnesDoNotCount() {
        float[] points = points();
        float[] before = actions(points);
        float[] turned = points.clone();
        System.arraycopy(points, 0, turned, 7, 7);
        System.arraycopy(points, 7, turned, 0, 7);
        for (int i = 4 * 7; i < turned.length; i++) {
            turned[i] = i % 7 == 6 ? 0 : -turned[i];
        }
        assertArrayEquals(before, actions(turned), 1e-4f);
        points[0] += 1;
        float[] moved = actions(points);
        double most = 0;
        for (int i = 0; i < moved.length; i++) {
            most = Math.max(most, Math.abs(moved[i] - before[i]));
        }
        assertTrue(most > 1e-3, "a known point that moves changes the actions, by " + most);
    }

    /** An example's draws share what is seen and differ in noise and time; its target is the same. */
    @Test
    void anExampleIsTrainedWithSeveralDrawsAtOnce() {
        Graph.Builder b = Graph.builder("training");
        Map<String, Value> in = new LinkedHashMap<>();
        model.trainingInputs()
                .forEach((name, t) ->
                        in.put(name, b.input(name, t.dtype(), t.shape().with(0, BATCH))));
        Map<String, Value> out = model.buildForTraining(b.scope(), in);
        b.output("velocity", out.get("velocity"));
        b.output("target", out.get("velocity_target"));
        b.output("shares", Ops.reduceSum(out.get("attended.points"), false, 2));
        Graph g = b.build();
        assertEquals(Shape.of(BATCH * DRAWS, 6), g.outputs().get("velocity").shape());
        assertEquals(Shape.of(BATCH, 4, 16 * 20), out.get("attended.front").shape());
        float[] noise = new float[BATCH * DRAWS * 6];
        for (int i = 0; i < noise.length; i++) {
            noise[i] = i / 10f;
        }
        Map<String, float[]> r = run(g, Map.of("points", twice(points()), "random.noise", noise));
        float[] actions = r.get("target");
        for (int i = 0; i < noise.length; i++) {
            actions[i] = noise[i] - actions[i];
        }
        for (int i = 0; i < 6; i++) {
            for (int d = 1; d < DRAWS; d++) {
                assertEquals(actions[i], actions[6 * d + i], 1e-5, "draws of the first example");
                assertEquals(actions[6 * DRAWS + i], actions[6 * (DRAWS + d) + i], 1e-5, "draws of the second");
            }
        }
        for (float s : r.get("shares")) {
            assertEquals(1, s, 1e-5);
        }
    }

    private static float[] twice(float[] x) {
        float[] y = Arrays.copyOf(x, 2 * x.length);
        System.arraycopy(x, 0, y, x.length, x.length);
        return y;
    }

    /** Half of what is shared lies where it should: a surprise of log 2; what is seen nowhere does not count. */
    @Test
    void keypointsAreToldWhereToLook() {
        Graph.Builder b = Graph.builder("objective");
        Value velocity = b.input("velocity", DType.FLOAT, Shape.of(1, 6));
        Value shares = b.input("shares", DType.FLOAT, Shape.of(1, 3, 4));
        Value near = b.input("near", DType.FLOAT, Shape.of(1, 2, 4));
        Map<String, Value> terms = new FlowObjective()
                .build(
                        Map.of("velocity", velocity, "velocity_target", velocity, "attended.front", shares),
                        Map.of("near.front", near),
                        Config.of(Map.of("grounding", 0.5)));
        terms.forEach(b::output);
        Map<String, float[]> r = run(
                b.build(),
                Map.of(
                        "shares", new float[] {0.25f, 0.25f, 0.25f, 0.25f, 1, 0, 0, 0, 0, 0, 0, 1},
                        "near", new float[] {0, 1, 1, 0, 0, 0, 0, 0}));
        assertEquals(Math.log(2), r.get("surprise.front")[0], 2e-3);
        assertEquals(Math.log(2) / 2, r.get("loss")[0], 1e-3);
    }

    @Test
    void pointsWithoutKeypointsAreRefused() {
        Map<String, Object> c = config();
        c.put("keypoints", 0);
        assertThrows(IllegalArgumentException.class, () -> new Flow().create(Config.of(c)));
    }
}
