package org.armature.geoadapter;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.Ops;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.jspecify.annotations.Nullable;

/**
 * The whole network for images of one size and one set of modalities: aggregator, then a camera, a depth and a point head,
 * each of which may be left out with {@code "depth_head": null}. Without any head it gives the spatial tokens a policy takes.
 */
record Network(
        Aggregator aggregator,
        @Nullable CameraHead cameraHead,
        @Nullable DptHead depthHead,
        @Nullable DptHead pointHead,
        Modalities modalities,
        Shape images)
        implements Model {
    static Network of(Config c) {
        Aggregator a = Aggregator.of(c.section("aggregator"));
        Config in = c.section("input");
        return new Network(
                a,
                absent(c, "camera_head") ? null : CameraHead.of(c.section("camera_head"), 2 * a.width()),
                dpt(c, "depth_head", a, 2, "exp"),
                dpt(c, "point_head", a, 4, "inv_log"),
                Modalities.of(c.section("call")),
                Shape.of(
                        in.integer("batch", 1),
                        in.integer("views", 1),
                        3,
                        in.integer("height", a.patchEmbed().imgSize()),
                        in.integer("width", a.patchEmbed().imgSize())));
    }

    private static @Nullable DptHead dpt(Config c, String key, Aggregator a, int outputs, String activation) {
        return absent(c, key) ? null : DptHead.of(c.section(key), 2 * a.width(), a.patch(), outputs, activation);
    }

    private static boolean absent(Config c, String key) {
        return c.asMap().containsKey(key) && !c.has(key);
    }

    @Override
    public SequencedMap<String, TensorType> inputs() {
        SequencedMap<String, TensorType> in = new LinkedHashMap<>();
        Views.inputs(images, modalities).forEach((k, s) -> in.put(k, new TensorType(DType.FLOAT, s)));
        return in;
    }

    /**
     * Outputs: {@code pose_enc [B, S, 9]}, {@code pose_enc_list.i}, {@code extrinsic [B, S, 3, 4]}, {@code intrinsic
     * [B, S, 3, 3]}, {@code depth [B, S, H, W, 1]}, {@code depth_conf}, {@code world_points [B, S, H, W, 3]},
     * {@code world_points_conf}, as far as there are heads; without any {@code tokens [B, S, P0, 2C]}, the patch tokens of
     * the last layer.
     */
    @Override
    public SequencedMap<String, Value> build(Scope p, Map<String, Value> inputs) {
        return build(p, Views.of(inputs, modalities));
    }

    SequencedMap<String, Value> build(Scope p, Views views) {
        return build(p, views, false);
    }

    /** @param withTokens whether the tokens are wanted beside what the heads say */
    SequencedMap<String, Value> build(Scope p, Views views, boolean withTokens) {
        List<Value> layers = aggregator.build(p.at("aggregator"), views);
        SequencedMap<String, Value> out = new LinkedHashMap<>();
        if (cameraHead != null) {
            List<Value> poses = cameraHead.build(p.at("camera_head"), layers.getLast());
            for (int i = 0; i < poses.size(); i++) {
                out.put("pose_enc_list." + i, poses.get(i));
            }
            out.put("pose_enc", poses.getLast());
            out.put("extrinsic", PoseEncoding.extrinsics(poses.getLast()));
            out.put("intrinsic", PoseEncoding.intrinsics(poses.getLast(), views.height(), views.width()));
        }
        Map<Integer, Value> byIndex = new HashMap<>();
        layers.forEach(l -> byIndex.put(byIndex.size(), l));
        dense(out, depthHead, p.at("depth_head"), byIndex, views, "depth");
        dense(out, pointHead, p.at("point_head"), byIndex, views, "world_points");
        if (withTokens || out.isEmpty()) {
            out.put("tokens", Ops.slice(layers.getLast(), 2, aggregator.patchStart(), Long.MAX_VALUE));
        }
        return out;
    }

    private void dense(
            Map<String, Value> out,
            @Nullable DptHead head,
            Scope p,
            Map<Integer, Value> layers,
            Views views,
            String name) {
        if (head == null) {
            return;
        }
        DptHead.Maps maps = head.build(p, layers, aggregator.patchStart(), views.height(), views.width());
        out.put(name, maps.predictions());
        Value confidence = maps.confidence();
        if (confidence != null) {
            out.put(name + "_conf", confidence);
        }
    }
}
