package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Component;

/**
 * Cameras, depth and points of a data set of views, with the published weights. Config: {@code camera_loss_weight} (5),
 * {@code depth_loss_weight} (1), {@code point_loss_weight} (1), {@code valid_range} (0.98), {@code local_loss} (true), whether
 * differences between neighbouring pixels count too.
 *
 * <p>Also measured: {@code abs-rel}, the mean of |d - d*| / d* over the known pixels after each scene's means agree, and, when
 * evaluated, {@code abs-rel-rgb}, the same from images alone.
 */
@Component(
        property = {
            "armature.id=omnivggt",
            "armature.kind=objective",
            "armature.paper=OmniVGGT: Omni-Modality Driven Visual Geometry Grounded Transformer"
        })
public final class GeometryObjective implements Objective {
    @Override
    public String id() {
        return "omnivggt";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config config) {
        Losses losses = Losses.of(config);
        Value depth = named(batch, "depth");
        Value intrinsics = named(batch, "intrinsics");
        Value extrinsics = FusionTraining.extrinsics(named(batch, "pose"));
        Map<String, Value> in = new HashMap<>(outputs);
        in.put("extrinsics", extrinsics);
        in.put("intrinsics", intrinsics);
        in.put("depth_gt", depth);
        in.put("point_masks", FusionTraining.valid(depth));
        in.put(
                "world_points_gt",
                Cameras.unproject(unsqueeze(depth, -1), extrinsics, sub(intrinsics, halfPixel(intrinsics))));
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        losses.build(in).forEach((name, v) -> {
            if (v.rank() == 0 && name.startsWith("loss_")) {
                m.put(name.substring(5).replace('_', '-'), v);
            } else if (name.equals("objective")) {
                m.putFirst(LOSS, v);
            }
        });
        for (String prefix : new String[] {"", FusionTraining.RGB}) {
            Value predicted = outputs.get(prefix + "depth");
            if (predicted != null) {
                m.put(prefix.isEmpty() ? "abs-rel" : "abs-rel-rgb", absRel(squeeze(predicted, -1), depth));
            }
        }
        return m;
    }

    /** The data set's pixel centres lie at one half, those of the network's unprojection at whole numbers. */
    private static Value halfPixel(Value k) {
        return k.builder().constant(Constant.of(DType.FLOAT, Shape.of(3, 3), 0, 0, 0.5, 0, 0, 0.5, 0, 0, 0));
    }

    private static Value absRel(Value predicted, Value truth) {
        Value valid = FusionTraining.valid(truth);
        Value scale = div(reduceSum(truth, true, 1, 2, 3), add(reduceSum(mul(predicted, valid), true, 1, 2, 3), 1e-8));
        Value error = div(abs(sub(mul(predicted, scale), truth)), max(truth, like(truth, 1e-6)));
        Value n = reduceSum(valid, false);
        return div(reduceSum(mul(error, valid), false), max(n, like(n, 1)));
    }

    private static Value named(Map<String, Value> batch, String name) {
        Value v = batch.get(name);
        if (v == null) {
            throw new IllegalArgumentException("the dataset gives no " + name
                    + ", which objective omnivggt needs: use one of views, such as rooms, or tabletop with views");
        }
        return v;
    }
}
