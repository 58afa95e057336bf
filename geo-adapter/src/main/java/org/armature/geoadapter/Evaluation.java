package org.armature.geoadapter;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.armature.compute.Tensor;
import org.armature.graph.Shape;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;
import org.armature.train.Dataset;
import org.jspecify.annotations.Nullable;

/**
 * Errors over a data set of views, by the conventions of the benchmarks: depth after the medians of a scene agree, poses
 * relative between all pairs of a scene, points after scaling by the medians with the first camera in the true one's place.
 */
final class Evaluation {
    private static final int DEGREES = 30;

    private final List<DepthMetrics> depths = new ArrayList<>();
    private final List<PoseMetrics> poses = new ArrayList<>();
    private final List<PointMetrics> points = new ArrayList<>();

    /**
     * A scene of a data set as it is there.
     *
     * @param images {@code [S, 3, H, W]}
     * @param depth {@code [S, H, W]}, 0 unknown
     * @param intrinsics {@code [S, 9]}
     * @param pose {@code [S, 16]} camera-to-world
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared, never shown
    record Scene(int views, int height, int width, float[] images, float[] depth, float[] intrinsics, float[] pose) {
        static Scene read(Dataset data, long index) {
            Map<String, Tensor> batch = data.batch(index);
            Shape s = batch.get("image").shape();
            if (s.rank() != 5) {
                throw new IllegalArgumentException("the data set's images are " + s
                        + ": give one of scenes with several views, such as rooms, or tabletop with views");
            }
            Scene scene = new Scene(
                    (int) s.dim(1),
                    (int) s.dim(3),
                    (int) s.dim(4),
                    batch.get("image").toFloats(),
                    batch.get("depth").toFloats(),
                    batch.get("intrinsics").toFloats(),
                    batch.get("pose").toFloats());
            batch.values().forEach(Tensor::close);
            return scene;
        }

        Pose pose(int view) {
            return new Pose(
                    IntStream.range(0, 16).mapToDouble(i -> pose[16 * view + i]).toArray());
        }

        Intrinsics intrinsics(int view) {
            int at = 9 * view;
            return new Intrinsics(intrinsics[at], intrinsics[at + 4], intrinsics[at + 2], intrinsics[at + 5]);
        }

        float[] depth(int view) {
            int n = height * width;
            return Arrays.copyOfRange(depth, view * n, (view + 1) * n);
        }

        Map<String, Tensor> inputs() {
            float[] mask = new float[depth.length];
            float[] extrinsics = new float[12 * views];
            for (int i = 0; i < mask.length; i++) {
                mask[i] = depth[i] > 0 ? 1 : 0;
            }
            for (int i = 0; i < extrinsics.length; i++) {
                extrinsics[i] = (float) pose(i / 12).inverse().matrix()[i % 12];
            }
            Map<String, Tensor> in = new HashMap<>();
            in.put("images", Tensor.of(images, 1, views, 3, height, width));
            in.put("depth", Tensor.of(depth, 1, views, height, width, 1));
            in.put("mask", Tensor.of(mask, 1, views, height, width));
            in.put("extrinsics", Tensor.of(extrinsics, 1, views, 3, 4));
            in.put("intrinsics", Tensor.of(intrinsics, 1, views, 3, 3));
            return in;
        }
    }

    /** What the network says of a scene. */
    static Estimator.Raw run(Estimator estimator, Scene scene, Modalities m) {
        if (scene.height() != estimator.height() || scene.width() != estimator.width()) {
            throw new IllegalArgumentException("the views are " + scene.height() + " x " + scene.width()
                    + " pixels, the checkpoint was trained for " + estimator.height() + " x " + estimator.width()
                    + ": set the data set's height and width");
        }
        Map<String, Tensor> in = scene.inputs();
        try {
            return estimator.run(in, scene.views(), m);
        } finally {
            in.values().forEach(Tensor::close);
        }
    }

    /** Scenes {@code 0..count-1} with the same modalities; {@code stopped} is asked between them. */
    static Evaluation of(Estimator estimator, Dataset data, int count, Modalities m, boolean withPoints) {
        Evaluation e = new Evaluation();
        for (int i = 0; i < Math.min(count, data.size()); i++) {
            Scene scene = Scene.read(data, i);
            e.add(scene, run(estimator, scene, m), withPoints);
        }
        return e;
    }

    void add(Scene scene, Estimator.Raw raw, boolean withPoints) {
        depths.add(DepthMetrics.of(raw.outputs().get("depth"), scene.depth(), DepthMetrics.DELTA, true));
        double[][] predicted = new double[scene.views()][];
        double[][] truth = new double[scene.views()][];
        for (int i = 0; i < scene.views(); i++) {
            predicted[i] = raw.extrinsics(i);
            truth[i] = Arrays.copyOf(scene.pose(i).inverse().matrix(), 12);
        }
        poses.add(PoseMetrics.of(predicted, truth));
        if (withPoints) {
            points.add(PointMetrics.of(cloud(scene, raw), cloud(scene, null)));
        }
    }

    /** World points of the known pixels: the estimate's, or with null the true ones. */
    static double[][] cloud(Scene scene, Estimator.@Nullable Raw raw) {
        double scale = raw == null ? 1 : scale(scene, raw);
        List<double[]> all = new ArrayList<>();
        for (int i = 0; i < scene.views(); i++) {
            float[] truth = scene.depth(i);
            float[] depth = raw == null ? truth : scaled(raw.depth(i), scale);
            Pose pose = raw == null ? scene.pose(i) : scene.pose(0).then(raw.relative(i, scale));
            Intrinsics k = raw == null ? scene.intrinsics(i) : raw.intrinsics(i);
            float[] xyz = Estimator.points(depth, scene.width(), k, pose);
            for (int j = 0; j < truth.length; j++) {
                if (truth[j] > 0) {
                    all.add(new double[] {xyz[3 * j], xyz[3 * j + 1], xyz[3 * j + 2]});
                }
            }
        }
        return all.toArray(double[][]::new);
    }

    private static float[] scaled(float[] depth, double scale) {
        float[] d = depth.clone();
        for (int i = 0; i < d.length; i++) {
            d[i] *= (float) scale;
        }
        return d;
    }

    /** Metres a unit by the medians of the known pixels. */
    static double scale(Scene scene, Estimator.Raw raw) {
        float[] depth = raw.outputs().get("depth");
        double[] mine = IntStream.range(0, depth.length)
                .filter(i -> scene.depth()[i] > 0)
                .mapToDouble(i -> depth[i])
                .sorted()
                .toArray();
        double[] theirs = IntStream.range(0, depth.length)
                .filter(i -> scene.depth()[i] > 0)
                .mapToDouble(i -> scene.depth()[i])
                .sorted()
                .toArray();
        return mine.length == 0 ? 1 : theirs[theirs.length / 2] / mine[mine.length / 2];
    }

    double absRel() {
        return depths.stream().mapToDouble(DepthMetrics::absRel).average().orElse(Double.NaN);
    }

    double auc() {
        return pooled().auc(DEGREES);
    }

    private PoseMetrics pooled() {
        return new PoseMetrics(
                poses.stream()
                        .flatMapToDouble(p -> DoubleStream.of(p.rotation()))
                        .toArray(),
                poses.stream()
                        .flatMapToDouble(p -> DoubleStream.of(p.translation()))
                        .toArray());
    }

    /** All figures by name; lengths in millimetres. */
    SequencedMap<String, Double> figures() {
        SequencedMap<String, Double> f = new LinkedHashMap<>();
        f.put("AbsRel", absRel());
        f.put(
                "delta<1.25",
                depths.stream().mapToDouble(DepthMetrics::within).average().orElse(Double.NaN));
        f.put("RRA@30", pooled().rra(DEGREES));
        f.put("RTA@30", pooled().rta(DEGREES));
        f.put("AUC@30", auc());
        f.put(
                "accuracy mm",
                1000
                        * points.stream()
                                .mapToDouble(PointMetrics::accuracy)
                                .average()
                                .orElse(Double.NaN));
        f.put(
                "completeness mm",
                1000
                        * points.stream()
                                .mapToDouble(PointMetrics::completeness)
                                .average()
                                .orElse(Double.NaN));
        return f;
    }
}
