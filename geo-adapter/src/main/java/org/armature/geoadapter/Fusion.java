package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.GradientEstimator;

/**
 * Stochastic multimodal fusion: which views of a training batch come with a camera and which with depth, drawn anew each step
 * inside the graph, so that one program trains every mix. Cameras and depth independently: none with the drop probability,
 * else {@code k} uniform in {@code 0..S}; cameras go to the first {@code k} views, depth to {@code k} views at random.
 *
 * @param rule {@code instance}: each scene has its own draw (the paper); {@code batch}: one draw for all (the official
 *     trainer); {@code always} and {@code never}: no draw
 */
record Fusion(String rule, double cameraDrop, double depthDrop) {
    private static final List<String> RULES = List.of("instance", "batch", "always", "never");

    static Fusion of(Config c) {
        String rule = c.text("rule", "instance");
        if (!RULES.contains(rule)) {
            throw new IllegalArgumentException(
                    "config key fusion.rule is \"" + rule + "\": give one of " + String.join(", ", RULES));
        }
        return new Fusion(rule, probability(c, "camera_drop", 0.1), probability(c, "depth_drop", 0.1));
    }

    private static double probability(Config c, String key, double otherwise) {
        double p = c.number(key, otherwise);
        if (!(p >= 0 && p <= 1)) {
            throw new IllegalArgumentException("config key fusion." + key + " is " + p + ": give 0 to 1");
        }
        return p;
    }

    /** Shares of views, {@code [n, S]} of 0 and 1, {@code n} the batch or 1. */
    record Draw(Value cameras, Value depths) {}

    Draw draw(Graph.Builder b, int batch, int views) {
        if (rule.equals("always") || rule.equals("never")) {
            Value all = b.constant(Constant.full(DType.FLOAT, Shape.of(1, views), rule.equals("always") ? 1 : 0));
            return new Draw(all, all);
        }
        int n = rule.equals("batch") ? 1 : batch;
        Value cameras = normals(b, "cameras", n, 2);
        Value depths = normals(b, "depths", n, 2);
        double[] order = IntStream.range(0, views).asDoubleStream().toArray();
        Value prefix = b.constant(Constant.of(DType.FLOAT, Shape.of(1, views), order));
        Value place = normals(b, "order", n, views);
        Value before = less(unsqueeze(place, 1), unsqueeze(place, 2)); // [n, S, S]
        Value rank = reduceSum(cast(before, DType.FLOAT), false, -1);
        return new Draw(
                cast(less(prefix, count(cameras, views, cameraDrop)), DType.FLOAT),
                cast(less(rank, count(depths, views, depthDrop)), DType.FLOAT));
    }

    private static Value normals(Graph.Builder b, String name, int rows, int columns) {
        return b.input(GradientEstimator.RANDOM + "fusion." + name, Shape.of(rows, columns));
    }

    /** Two standard normals a row to a number of views, {@code [n, 1]}. */
    private static Value count(Value normals, int views, double drop) {
        Value uniform = mul(add(erf(mul(normals, Math.sqrt(0.5))), 1), 0.5);
        Value kept = cast(greaterOrEqual(slice(uniform, 1, 0, 1), like(uniform, drop)), DType.FLOAT);
        Value k = floor(mul(slice(uniform, 1, 1, 2), views + 1.0));
        return mul(kept, min(k, like(k, views)));
    }

    /** Whether a step's program depends on the draw: without one no weight of an adapter is trained. */
    boolean fuses() {
        return !rule.equals("never");
    }

    static int[] all(int views) {
        int[] index = new int[views];
        Arrays.setAll(index, i -> i);
        return index;
    }
}
