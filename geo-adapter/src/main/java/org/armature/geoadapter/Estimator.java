package org.armature.geoadapter;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Value;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.ConfigReader;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;
import org.armature.robot.SceneGeometry.Estimate;
import org.armature.robot.SceneGeometry.View;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A checkpoint ready to look at frames: {@code config.json} (a model's configuration, or a training's) beside
 * {@code model.safetensors}. One program for each mix of modalities, compiled when first needed; used by one thread at a time.
 */
final class Estimator implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Estimator.class);
    private static final List<String> ADAPTERS = List.of(
            "aggregator.pose_embeddings.",
            "aggregator.camera_adapters.",
            "aggregator.depth_patch_embed.",
            "aggregator.depth_placeholder");

    private final Path file;
    private final Map<String, Object> config;
    private final int width;
    private final int height;
    private final int tokenWidth;
    private final Checkpoint weights;
    private final Executor executor;
    private final CompileOptions options;
    private final Map<String, Program> programs = new HashMap<>();
    private final Map<String, Tensor> absent = new HashMap<>();
    private final List<String> remarks = new ArrayList<>();
    private boolean told;

    private Estimator(
            Path file, Map<String, Object> config, Checkpoint weights, Executor executor, CompileOptions options) {
        this.file = file;
        this.config = config;
        this.weights = weights;
        this.executor = executor;
        this.options = options;
        Network network = Network.of(Config.of(config));
        height = (int) network.images().dim(3);
        width = (int) network.images().dim(4);
        tokenWidth = 2 * network.aggregator().width();
        int[] one = {0};
        Graph all = graph(1, new Modalities(one, one));
        List<String> unknown = weights.names().stream()
                .filter(n -> all.source(n).isEmpty())
                .sorted()
                .toList();
        if (!unknown.isEmpty()) {
            remark("The checkpoint " + file + " has " + counted(unknown)
                    + ", that config.json does not describe: they are ignored");
        }
    }

    private void remark(String sentence) {
        remarks.add(sentence);
        LOG.warn(sentence);
    }

    /** What was noticed and can be lived with, a sentence each. */
    List<String> remarks() {
        return List.copyOf(remarks);
    }

    /** @throws IOException naming what is missing */
    static Estimator open(
            Path folder, ConfigReader reader, CheckpointFormat format, Executor executor, CompileOptions options)
            throws IOException {
        Path file = folder.resolve("model.safetensors");
        Path written = folder.resolve("config.json");
        if (!Files.isRegularFile(file) || !Files.isRegularFile(written)) {
            throw new IOException("there is no OmniVGGT checkpoint in " + folder
                    + ": give a folder with config.json (that of the training) and model.safetensors");
        }
        Config read = reader.read(written);
        Map<String, Object> model = (read.has("model") ? read.section("model") : read).asMap();
        return of(file, model, format, executor, options);
    }

    /** @param model its configuration; what concerns training only is not read */
    static Estimator of(
            Path file, Map<String, Object> model, CheckpointFormat format, Executor executor, CompileOptions options)
            throws IOException {
        Map<String, Object> m = new HashMap<>(model);
        m.keySet().removeAll(List.of("type", "fusion"));
        return new Estimator(file, m, format.open(file), executor, options);
    }

    int width() {
        return width;
    }

    int height() {
        return height;
    }

    /** Looks at these frames, first at those with a camera, since the first camera is the reference. */
    Seen look(List<CameraFrame> frames) {
        int[] order = IntStream.range(0, frames.size())
                .boxed()
                .sorted(Comparator.comparing(
                        i -> frames.get(i).poseOrNull() == null || frames.get(i).intrinsicsOrNull() == null))
                .mapToInt(i -> i)
                .toArray();
        List<Prepared> views = Arrays.stream(order)
                .mapToObj(i -> Prepared.of(frames.get(i), width, height))
                .toList();
        return new Seen(run(views), views, order);
    }

    /** What the network says of frames, and what these know themselves. */
    @SuppressWarnings("ArrayRecordComponent") // never compared, never shown
    record Seen(Raw raw, List<Prepared> views, int[] order) {
        /** @param fused measured depth where there is some, else the network's own everywhere */
        Estimate estimate(boolean fused) {
            return raw.estimate(views, order, fused);
        }
    }

    private Raw run(List<Prepared> views) {
        Modalities m = Prepared.modalities(views);
        Map<String, Tensor> in = Prepared.tensors(views);
        try {
            InputRules.check(in, m).forEach(LOG::warn);
            return run(in, views.size(), m);
        } finally {
            in.values().forEach(Tensor::close);
        }
    }

    /** Runs the network; inputs of absent modalities are not read. */
    Raw run(Map<String, Tensor> inputs, int views, Modalities m) {
        Program p = programs.computeIfAbsent(views + " " + m, k -> compile(views, m));
        Map<String, Tensor> all = new HashMap<>();
        p.inputs().keySet().forEach(n -> {
            Tensor given = inputs.containsKey(n) ? inputs.get(n) : absent.get(n);
            all.put(n, given != null ? given : weights.get(n));
        });
        Map<String, float[]> out = new LinkedHashMap<>();
        p.run(all).forEach((name, t) -> {
            out.put(name, t.toFloats());
            t.close();
        });
        return new Raw(out, width, height, tokenWidth);
    }

    private Program compile(int views, Modalities m) {
        Graph g = graph(views, m);
        require(g);
        return executor.compile(g, options);
    }

    private Graph graph(int views, Modalities m) {
        Map<String, Object> c = new HashMap<>(config);
        c.put("input", Map.of("batch", 1, "views", views, "height", height, "width", width));
        c.put("call", Map.of("camera_gt_index", boxed(m.cameras()), "depth_gt_index", boxed(m.depths())));
        Network network = Network.of(Config.of(c));
        Graph.Builder b = Graph.builder("omnivggt");
        Map<String, Value> in = new LinkedHashMap<>();
        network.inputs().forEach((k, t) -> in.put(k, b.input(k, t.dtype(), t.shape())));
        network.build(b.scope(), Views.of(in, m), true).forEach((name, v) -> {
            if (!name.startsWith("pose_enc")) {
                b.output(name, v);
            }
        });
        return b.build();
    }

    /** How many weights, and the first of them. */
    private static String counted(List<String> names) {
        return names.size() + " weights, " + String.join(", ", names.subList(0, Math.min(5, names.size())))
                + (names.size() > 5 ? ", ..." : "");
    }

    /** Every weight is there, of its shape; a VGGT checkpoint has no adapters, which then are zero: nothing is injected. */
    private void require(Graph g) {
        List<String> missing = new ArrayList<>();
        for (Value v : g.parameters()) {
            if (!weights.has(v.name())) {
                if (ADAPTERS.stream().anyMatch(v.name()::startsWith)) {
                    absent.computeIfAbsent(v.name(), k -> Tensor.zeros(v.type()));
                } else {
                    missing.add(v.name());
                }
            } else if (!weights.type(v.name()).equals(v.type())) {
                throw new IllegalArgumentException("the checkpoint " + file + " has " + v.name() + " as "
                        + weights.type(v.name()) + ", config.json asks for " + v.type()
                        + ": they do not belong together");
            }
        }
        if (!missing.isEmpty()) {
            throw new IllegalArgumentException(
                    "the checkpoint " + file + " lacks " + counted(missing) + ": config.json describes another model");
        }
        if (!absent.isEmpty() && !told) {
            told = true;
            remark("The checkpoint " + file + " has no adapters"
                    + (weights.names().stream().anyMatch(n -> n.startsWith("track_head.")) ? ", as one of VGGT" : "")
                    + ": they are taken as zero, so that depth and cameras change nothing until it is trained further");
        }
    }

    private static List<Integer> boxed(int[] index) {
        return Arrays.stream(index).boxed().toList();
    }

    @Override
    public void close() {
        programs.values().forEach(Program::close);
        absent.values().forEach(Tensor::close);
        weights.close();
    }

    /** What the network says of one scene, in its own scale, by the names of {@link Network}. */
    record Raw(Map<String, float[]> outputs, int width, int height, int tokenWidth) {
        float[] depth(int view) {
            return part("depth", view, width * height);
        }

        /** World-to-camera {@code [12]} in the frame of the first camera. */
        double[] extrinsics(int view) {
            float[] e = part("extrinsic", view, 12);
            return IntStream.range(0, 12).mapToDouble(i -> e[i]).toArray();
        }

        float[] part(String name, int view, int size) {
            return Arrays.copyOfRange(outputs.get(name), view * size, (view + 1) * size);
        }

        /** A view's camera-to-world as seen from that of view 0, distances times {@code scale}. */
        Pose relative(int view, double scale) {
            return pose(0, scale).inverse().then(pose(view, scale));
        }

        Intrinsics intrinsics(int view) {
            float[] k = part("intrinsic", view, 9);
            return new Intrinsics(k[0], k[4], width / 2.0, height / 2.0);
        }

        /** The estimated camera in the first camera's frame. */
        private Pose pose(int view, double scale) {
            double[] e = extrinsics(view);
            double[] m = new double[16];
            System.arraycopy(e, 0, m, 0, 12);
            m[15] = 1;
            for (int i = 3; i < 12; i += 4) {
                m[i] *= scale;
            }
            return new Pose(m).inverse();
        }

        private Estimate estimate(List<Prepared> views, int[] order, boolean fused) {
            Double known = scale(views);
            double scale = known == null ? 1 : known;
            Pose first = views.getFirst().pose();
            Pose world = first == null ? Pose.identity() : first;
            View[] found = new View[views.size()];
            float[] all = outputs.get("tokens");
            int perView = all.length / views.size();
            float[] tokens = new float[all.length];
            for (int i = 0; i < found.length; i++) {
                Prepared p = views.get(i);
                Intrinsics intrinsics = p.intrinsics() != null ? p.intrinsics() : intrinsics(i);
                Pose pose = p.pose() != null ? p.pose() : world.then(relative(i, scale));
                float[] depth = depth(i);
                for (int j = 0; j < depth.length; j++) {
                    depth[j] *= (float) scale;
                }
                if (fused && p.depth() != null) {
                    depth = DepthCompletion.of(p.depth(), depth, width);
                }
                found[order[i]] = new View(
                        p.camera(),
                        pose,
                        intrinsics,
                        depth,
                        part("depth_conf", i, width * height),
                        points(depth, width, intrinsics, pose),
                        p.rgb());
                System.arraycopy(all, i * perView, tokens, order[i] * perView, perView);
            }
            return new Estimate(width, height, List.of(found), known != null, first != null, tokens, tokenWidth);
        }

        /** Metres a unit: by the depth that was given, else by the distances between the cameras that were; null if unknown. */
        private @Nullable Double scale(List<Prepared> views) {
            List<Double> ratios = new ArrayList<>();
            for (int i = 0; i < views.size(); i++) {
                float[] given = views.get(i).depth();
                float[] depth = depth(i);
                for (int j = 0; given != null && j < depth.length; j++) {
                    if (given[j] > 0) {
                        ratios.add(given[j] / (double) depth[j]);
                    }
                }
            }
            if (!ratios.isEmpty()) {
                ratios.sort(null);
                return ratios.get(ratios.size() / 2);
            }
            Pose first = views.getFirst().pose();
            double given = 0;
            double found = 0;
            for (int i = 1; i < views.size() && first != null; i++) {
                Pose p = views.get(i).pose();
                if (p != null) {
                    given += distance(first, p);
                    found += distance(pose(0, 1), pose(i, 1));
                }
            }
            return given > 0 && found > 0 ? (Double) (given / found) : null;
        }

        private static double distance(Pose a, Pose b) {
            double[] m = a.matrix();
            double[] n = b.matrix();
            return Math.sqrt(
                    (m[3] - n[3]) * (m[3] - n[3]) + (m[7] - n[7]) * (m[7] - n[7]) + (m[11] - n[11]) * (m[11] - n[11]));
        }
    }

    /** {@code [H, W, 3]} of z-depth at pixel centres. */
    static float[] points(float[] depth, int width, Intrinsics k, Pose pose) {
        float[] xyz = new float[3 * depth.length];
        for (int i = 0; i < depth.length; i++) {
            double z = depth[i];
            double x = (i % width + 0.5 - k.cx()) / k.fx() * z;
            double y = (i / width + 0.5 - k.cy()) / k.fy() * z;
            double[] p = pose.transform(x, y, z);
            for (int c = 0; c < 3; c++) {
                xyz[3 * i + c] = (float) p[c];
            }
        }
        return xyz;
    }
}
