package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;

/**
 * The training objective: cameras by L1, depth and points by distance weighted with the predicted confidence, each with a
 * term on local differences. Targets are brought into the first camera's frame and to unit mean distance first.
 *
 * @param validRange share of the pixels with the smallest error that counts, where more than 1000 remain; 0 for all
 * @param local whether differences between neighbours count too
 */
record Losses(double cameraWeight, double depthWeight, double pointWeight, double validRange, boolean local) {
    private static final double CONFIDENCE_ALPHA = 0.2;
    private static final double STAGE_DECAY = 0.6;
    private static final double FOCAL_WEIGHT = 0.5;
    private static final double CLAMP = 100;
    private static final int FEWEST_FOR_QUANTILE = 1000;
    private static final int FEWEST_VALID = 100;
    private static final int FEWEST_NORMALS = 10;

    static Losses of(Config c) {
        return new Losses(
                c.number("camera_loss_weight", 5),
                c.number("depth_loss_weight", 1),
                c.number("point_loss_weight", 1),
                c.number("valid_range", 0.98),
                c.flag("local_loss", true));
    }

    /**
     * @param in targets {@code extrinsics, intrinsics, depth_gt [B, S, H, W], world_points_gt, point_masks}, and whichever
     *     predictions there are: {@code pose_enc_list.i}, {@code depth, depth_conf}, {@code world_points,
     *     world_points_conf}
     * @return normalised targets, every term, {@code objective}; {@code loss} is the objective again
     */
    SequencedMap<String, Value> build(Map<String, Value> in) {
        Value mask = cast(in.get("point_masks"), DType.FLOAT); // [B, S, H, W]
        Targets targets = Targets.of(in, mask);
        SequencedMap<String, Value> out = new LinkedHashMap<>();
        out.put("norm_extrinsics", targets.extrinsics);
        out.put("norm_depths", targets.depths);
        out.put("norm_world_points", targets.points);
        List<Value> terms = new ArrayList<>();
        List<Value> stages = new ArrayList<>();
        for (int i = 0; in.containsKey("pose_enc_list." + i); i++) {
            stages.add(in.get("pose_enc_list." + i));
        }
        if (!stages.isEmpty()) {
            terms.add(mul(camera(out, stages, targets, in, mask), cameraWeight));
        }
        if (in.containsKey("depth")) {
            terms.add(mul(
                    dense(out, "depth", get(in, "depth"), get(in, "depth_conf"), unsqueeze(targets.depths, -1), mask),
                    depthWeight));
        }
        if (in.containsKey("world_points")) {
            terms.add(mul(
                    dense(out, "point", get(in, "world_points"), get(in, "world_points_conf"), targets.points, mask),
                    pointWeight));
        }
        if (terms.isEmpty()) {
            throw new IllegalArgumentException("losses got no prediction: give pose_enc_list.0, depth or world_points");
        }
        Value objective = sum(terms.toArray(Value[]::new));
        out.put("objective", objective);
        out.put("loss", identity(objective));
        return out;
    }

    private static Value get(Map<String, Value> in, String name) {
        return Objects.requireNonNull(in.get(name), name);
    }

    /** Targets in the frame of the first camera, divided by the mean distance of the valid points from it. */
    private record Targets(Value extrinsics, Value depths, Value points) {
        static Targets of(Map<String, Value> in, Value mask) {
            Value extrinsics = get(in, "extrinsics");
            Value first = slice(extrinsics, 1, 0, 1); // [B, 1, 3, 4]
            Value points = get(in, "world_points_gt");
            Shape s = points.shape();
            Value rows = reshape(points, s.dim(0), 1, s.dim(1) * s.dim(2) * s.dim(3), 3);
            Value moved =
                    add(matMul(rows, transposeLast(slice(first, -1, 0, 3))), transposeLast(slice(first, -1, 3, 4)));
            moved = reshape(moved, s);
            Value distance = mul(length(moved), mask);
            Value scale =
                    div(reduceSum(distance, true, 1, 2, 3), add(reduceSum(mask, true, 1, 2, 3), 1e-3)); // [B, 1, 1, 1]
            scale = clip(scale, 1e-6, 1e6);
            Value relative = Cameras.compose(extrinsics, Cameras.inverse(first));
            return new Targets(
                    concat(-1, slice(relative, -1, 0, 3), div(slice(relative, -1, 3, 4), scale)),
                    div(get(in, "depth_gt"), scale),
                    div(moved, unsqueeze(scale, -1)));
        }
    }

    /** L1 of translation, quaternion and field of view; items whose first view has few valid pixels do not count. */
    private static Value camera(
            Map<String, Value> out, List<Value> stages, Targets targets, Map<String, Value> in, Value mask) {
        Value wanted = PoseEncoding.encode(
                targets.extrinsics,
                get(in, "intrinsics"),
                mask.shape().dim(2),
                mask.shape().dim(3));
        Value pixels = reduceSum(slice(mask, 1, 0, 1), true, 1, 2, 3);
        Value counts = reshape(cast(greater(pixels, like(pixels, FEWEST_VALID)), DType.FLOAT), -1, 1, 1); // [B, 1, 1]
        Value items = reduceSum(counts, false);
        Value share = div(counts, mul(max(items, like(items, 1)), wanted.shape().dim(1)));
        int n = stages.size();
        Value[] t = new Value[n];
        Value[] r = new Value[n];
        Value[] f = new Value[n];
        for (int i = 0; i < n; i++) {
            double weight = Math.pow(STAGE_DECAY, n - 1.0 - i) / n;
            List<Value> e = split(clean(abs(sub(stages.get(i), wanted))), -1, 3, 4, 2);
            t[i] = mul(reduceSum(mul(reduceMean(e.get(0), true, -1), share), false), weight);
            r[i] = mul(reduceSum(mul(reduceMean(e.get(1), true, -1), share), false), weight);
            f[i] = mul(reduceSum(mul(reduceMean(e.get(2), true, -1), share), false), weight);
        }
        out.put("loss_T", sum(t));
        out.put("loss_R", sum(r));
        out.put("loss_FL", sum(f));
        Value all = add(add(sum(t), sum(r)), mul(sum(f), FOCAL_WEIGHT));
        out.put("loss_camera", all);
        return all;
    }

    /** One map, {@code predicted} and {@code wanted [B, S, H, W, c]}: confidence, distance and, if wanted, local term. */
    private Value dense(
            Map<String, Value> out, String name, Value predicted, Value confidence, Value wanted, Value mask) {
        Value target = clean(wanted);
        Value distance = clean(length(sub(target, predicted)));
        Value weighted = clean(sub(mul(distance, confidence), mul(log(confidence), CONFIDENCE_ALPHA)));
        Value total = reduceSum(mask, false);
        Value enough = cast(greaterOrEqual(total, like(total, FEWEST_VALID)), DType.FLOAT);
        Value conf = mul(typical(weighted, mask), enough);
        Value regression = mul(typical(distance, mask), enough);
        out.put("loss_conf_" + name, conf);
        out.put("loss_reg_" + name, regression);
        if (!local) {
            return add(conf, regression);
        }
        Value gradient = mul(differences(predicted, target, mask), enough);
        out.put("loss_grad_" + name, gradient);
        return add(add(conf, regression), gradient);
    }

    /** The local term at several scales, the mean of them. */
    private static Value differences(Value predicted, Value target, Value mask) {
        Shape s = predicted.shape();
        long n = s.dim(0) * s.dim(1);
        Value p = reshape(predicted, n, s.dim(2), s.dim(3), s.dim(4));
        Value g = reshape(target, n, s.dim(2), s.dim(3), s.dim(4));
        Value m = reshape(mask, n, s.dim(2), s.dim(3));
        boolean normals = s.dim(4) == 3;
        int scales = normals ? 3 : 4;
        Value[] at = new Value[scales];
        for (int i = 0; i < scales; i++) {
            int step = 1 << i;
            at[i] = normals
                    ? normals(every(p, step), every(g, step), every(m, step))
                    : slopes(every(p, step), every(g, step), every(m, step));
        }
        return div(sum(at), scales);
    }

    private static Value every(Value x, int step) {
        return step == 1 ? x : slice(slice(x, 1, 0, Long.MAX_VALUE, step), 2, 0, Long.MAX_VALUE, step);
    }

    /**
     * Mean over the valid elements; if there are more than 1000, over those below the quantile, provided that still more
     * than 1000 are.
     */
    private Value typical(Value x, Value mask) {
        Value v = reshape(x, -1);
        Value m = reshape(mask, -1);
        Value n = reduceSum(m, false);
        if (validRange > 0 && v.shape().dim(0) > FEWEST_FOR_QUANTILE) {
            Value valid = greater(m, like(m, 0));
            // Only the share above the quantile is sorted, from the largest down.
            long most = Math.min(
                    v.shape().dim(0), (long) ((1 - validRange) * v.shape().dim(0)) + 2);
            Value largest = stopGradient(
                    topK(where(valid, v, like(v, -3e38)), most, -1, true).getFirst());
            Value last = sub(cast(n, DType.DOUBLE), 1);
            Value below = sub(last, round(mul(last, validRange)));
            Value threshold = gather(largest, cast(max(below, like(below, 0)), DType.INT64), 0);
            threshold = min(threshold, like(threshold, CLAMP));
            Value kept = mul(cast(less(v, threshold), DType.FLOAT), m);
            Value many = greater(n, like(n, FEWEST_FOR_QUANTILE));
            Value left = reduceSum(kept, false);
            m = where(and(many, greater(left, like(left, FEWEST_FOR_QUANTILE))), kept, m);
        }
        Value count = reduceSum(m, false);
        return div(reduceSum(where(greater(m, like(m, 0)), v, like(v, 0)), false), max(count, like(count, 1)));
    }

    /** L1 of the differences of the masked error between neighbours, per valid element. */
    private static Value slopes(Value predicted, Value wanted, Value mask) {
        Value m = unsqueeze(mask, -1);
        Value error = mul(sub(predicted, wanted), m);
        Value along = add(neighbours(error, m, 2), neighbours(error, m, 1));
        Value valid = mul(reduceSum(m, false), error.shape().dim(-1));
        return div(along, max(valid, like(valid, 1)));
    }

    private static Value neighbours(Value error, Value mask, int axis) {
        Value step = abs(sub(slice(error, axis, 1, Long.MAX_VALUE), slice(error, axis, 0, -1)));
        Value both = mul(slice(mask, axis, 1, Long.MAX_VALUE), slice(mask, axis, 0, -1));
        Value limited = mul(step, both);
        return reduceSum(min(limited, like(limited, CLAMP)), false);
    }

    /** 1 - cos between normals from the four pairs of adjacent neighbours. */
    private static Value normals(Value predicted, Value wanted, Value mask) {
        Value m = pad(mask, "constant", 0, 1, 1, 0, 1, 1);
        Value[] valid = new Value[4];
        Value[] around = {shifted(m, 0, 1), shifted(m, 1, 0), shifted(m, 2, 1), shifted(m, 1, 2)};
        for (int i = 0; i < 4; i++) {
            valid[i] = unsqueeze(mul(mul(around[i], around[(i + 1) % 4]), mask), 0);
        }
        Value all = concat(0, valid); // [4, N, H, W]
        Value cos = reduceSum(mul(normals(predicted), normals(wanted)), false, -1);
        Value loss = clean(sub(1, clip(cos, -1, 1)));
        Value count = reduceSum(all, false);
        Value mean = div(reduceSum(mul(loss, all), false), max(count, like(count, 1)));
        return mul(mean, cast(greaterOrEqual(count, like(count, FEWEST_NORMALS)), DType.FLOAT));
    }

    /** {@code [N, H, W, 3]} to unit normals {@code [4, N, H, W, 3]}: up x left, left x down, down x right, right x up. */
    private static Value normals(Value points) {
        Value padded = pad(points, "constant", 0, 1, 1, 0, 0, 1, 1, 0);
        Value[] to = {
            sub(shifted(padded, 0, 1), points),
            sub(shifted(padded, 1, 0), points),
            sub(shifted(padded, 2, 1), points),
            sub(shifted(padded, 1, 2), points)
        };
        Value[] n = new Value[4];
        for (int i = 0; i < 4; i++) {
            n[i] = unsqueeze(cross(to[i], to[(i + 1) % 4]), 0);
        }
        Value all = concat(0, n);
        Value square = reduceSumSquare(all, true, -1);
        return div(all, sqrt(max(square, like(square, 1e-16))));
    }

    /** The window of the original size that begins at (row, column) of a grid padded by one. */
    private static Value shifted(Value padded, long row, long column) {
        long h = padded.shape().dim(1) - 2;
        long w = padded.shape().dim(2) - 2;
        return slice(slice(padded, 1, row, row + h), 2, column, column + w);
    }

    private static Value cross(Value a, Value b) {
        List<Value> x = split(a, -1, 1, 1, 1);
        List<Value> y = split(b, -1, 1, 1, 1);
        return concat(
                -1,
                sub(mul(x.get(1), y.get(2)), mul(x.get(2), y.get(1))),
                sub(mul(x.get(2), y.get(0)), mul(x.get(0), y.get(2))),
                sub(mul(x.get(0), y.get(1)), mul(x.get(1), y.get(0))));
    }

    /** Euclidean length along the last axis, with derivative zero at zero. */
    private static Value length(Value x) {
        Value square = reduceSumSquare(x, false, -1);
        Value some = greater(square, like(square, 0));
        return where(some, sqrt(where(some, square, like(square, 1))), like(square, 0));
    }

    /** Not-a-number and infinity become zero, the rest stays within 100. */
    private static Value clean(Value x) {
        return clip(where(or(isNaN(x), isInf(x)), like(x, 0), x), -CLAMP, CLAMP);
    }
}
