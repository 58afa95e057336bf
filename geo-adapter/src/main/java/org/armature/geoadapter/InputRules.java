package org.armature.geoadapter;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.graph.Shape;

/** What is wrong with inputs, in a sentence that says what to do. */
final class InputRules {
    private static final double ORTHONORMAL = 1e-3;

    private InputRules() {}

    /**
     * Throws {@link IllegalArgumentException} for the first thing that is wrong.
     *
     * @return sentences about what can be lived with
     */
    static List<String> check(Map<String, Tensor> in, Modalities m) {
        Tensor images = in.get("images");
        if (images == null) {
            throw new IllegalArgumentException("there is no input images: give [B, S, 3, H, W] in 0 to 1");
        }
        Shape s = Views.batched(images.shape());
        m.requireWithin((int) s.dim(1));
        for (long i = 0; i < images.size(); i++) {
            double v = images.get(i);
            if (!(v >= 0 && v <= 1)) {
                throw new IllegalArgumentException(
                        "images hold " + v + " at element " + i + ": scale colours to 0..1 (divide bytes by 255)");
            }
        }
        List<String> remarks = new ArrayList<>();
        if (m.cameras().length > 0) {
            cameras(
                    need(in, "extrinsics", "camera_gt_index"),
                    need(in, "intrinsics", "camera_gt_index"),
                    s,
                    m,
                    remarks);
        }
        if (m.depths().length > 0) {
            depths(need(in, "depth", "depth_gt_index"), need(in, "mask", "depth_gt_index"), s, m, remarks);
        }
        return remarks;
    }

    private static Tensor need(Map<String, Tensor> in, String name, String why) {
        Tensor t = in.get(name);
        if (t == null) {
            throw new IllegalArgumentException(
                    why + " names views but there is no input " + name + ": give it, or leave " + why + " empty");
        }
        return t;
    }

    private static void cameras(Tensor extrinsics, Tensor intrinsics, Shape s, Modalities m, List<String> remarks) {
        shape("extrinsics", extrinsics, Shape.of(s.dim(0), s.dim(1), 3, 4));
        shape("intrinsics", intrinsics, Shape.of(s.dim(0), s.dim(1), 3, 3));
        for (int b = 0; b < s.dim(0); b++) {
            boolean same = m.cameras().length > 1;
            for (int view : m.cameras()) {
                long at = b * s.dim(1) + view;
                rotation(extrinsics, at * 12, view);
                pinhole(intrinsics, at * 9, view);
                for (int k = 0; k < 12 && same; k++) {
                    same = extrinsics.get(at * 12 + k) == extrinsics.get((b * s.dim(1) + m.cameras()[0]) * 12 + k);
                }
            }
            if (same) {
                remarks.add("All cameras of item " + b
                        + " are the same: their distance, which sets the scale, is taken as 1e-6");
            }
        }
    }

    private static void rotation(Tensor e, long at, int view) {
        double worst = 0;
        double[] r = new double[9];
        for (int i = 0; i < 9; i++) {
            r[i] = e.get(at + i / 3 * 4 + i % 3);
        }
        for (int i = 0; i < 3; i++) {
            for (int j = 0; j < 3; j++) {
                double dot = r[3 * i] * r[3 * j] + r[3 * i + 1] * r[3 * j + 1] + r[3 * i + 2] * r[3 * j + 2];
                double off = Math.abs(dot - (i == j ? 1 : 0));
                worst = Double.isNaN(off) ? Double.POSITIVE_INFINITY : Math.max(worst, off);
            }
        }
        double det = r[0] * (r[4] * r[8] - r[5] * r[7])
                - r[1] * (r[3] * r[8] - r[5] * r[6])
                + r[2] * (r[3] * r[7] - r[4] * r[6]);
        if (!(worst <= ORTHONORMAL) || !(det > 0)) {
            throw new IllegalArgumentException("extrinsics of view " + view + " have no rotation (|R R^T - 1| is "
                    + (float) worst + ", det " + (float) det
                    + "): it looks like camera-to-world or a scaled matrix; give world-to-camera [R|t], x right, y down, z"
                    + " forward");
        }
    }

    private static void pinhole(Tensor k, long at, int view) {
        if (k.get(at + 1) != 0) {
            throw new IllegalArgumentException("intrinsics of view " + view + " have skew " + k.get(at + 1)
                    + ": rectify the image, the model knows fx, fy, cx, cy only");
        }
        if (!(k.get(at) > 0) || !(k.get(at + 4) > 0)) {
            throw new IllegalArgumentException("intrinsics of view " + view + " have focal lengths " + k.get(at)
                    + " and " + k.get(at + 4) + ": give positive numbers of pixels");
        }
    }

    private static void depths(Tensor depth, Tensor mask, Shape s, Modalities m, List<String> remarks) {
        shape("depth", depth, Shape.of(s.dim(0), s.dim(1), s.dim(3), s.dim(4), 1));
        shape("mask", mask, Shape.of(s.dim(0), s.dim(1), s.dim(3), s.dim(4)));
        long pixels = s.dim(3) * s.dim(4);
        for (int b = 0; b < s.dim(0); b++) {
            for (int view : m.depths()) {
                long at = (b * s.dim(1) + view) * pixels;
                boolean some = false;
                for (long i = at; i < at + pixels; i++) {
                    if (Double.isNaN(depth.get(i))) {
                        throw new IllegalArgumentException(
                                "depth of view " + view + " holds NaN: set unknown depth to 0 and its mask to 0");
                    }
                    some |= mask.get(i) > 0;
                }
                if (!some) {
                    remarks.add("The mask of depth view " + view + " of item " + b + " is empty: its depth is ignored");
                }
            }
        }
    }

    private static void shape(String name, Tensor t, Shape want) {
        if (!t.shape().equals(want)) {
            throw new IllegalArgumentException(
                    name + " is " + t.shape() + ", but these images need " + want + ": one for each view and pixel");
        }
    }
}
