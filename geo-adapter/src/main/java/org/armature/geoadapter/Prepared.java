package org.armature.geoadapter;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;
import org.jspecify.annotations.Nullable;

/**
 * A live frame at the network's size: the largest centred part of its aspect, colours averaged over the area of a pixel, depth
 * of the pixel nearest to the centre.
 *
 * @param rgb {@code [H, W, 3]}
 * @param depth {@code [H, W]} metres, 0 unknown; null if the camera has none
 * @param intrinsics at this size; null with {@code pose} unless the camera is calibrated
 * @param pose camera-to-world
 */
record Prepared(
        String camera,
        int width,
        int height,
        byte[] rgb,
        float @Nullable [] depth,
        @Nullable Intrinsics intrinsics,
        @Nullable Pose pose) {

    static Prepared of(CameraFrame f, int width, int height) {
        double scale = Math.min((double) f.width() / width, (double) f.height() / height);
        double left = (f.width() - scale * width) / 2;
        double top = (f.height() - scale * height) / 2;
        byte[] rgb = new byte[3 * width * height];
        float[] depth = f.depthOrNull() == null ? null : new float[width * height];
        for (int y = 0; y < height; y++) {
            for (int x = 0; x < width; x++) {
                int x0 = (int) Math.round(left + scale * x);
                int y0 = (int) Math.round(top + scale * y);
                int x1 = Math.max(x0 + 1, (int) Math.round(left + scale * (x + 1)));
                int y1 = Math.max(y0 + 1, (int) Math.round(top + scale * (y + 1)));
                average(f, x0, y0, Math.min(x1, f.width()), Math.min(y1, f.height()), rgb, 3 * (y * width + x));
                if (depth != null && f.depthOrNull() != null) {
                    int u = Math.min(f.width() - 1, (int) (left + scale * (x + 0.5)));
                    int v = Math.min(f.height() - 1, (int) (top + scale * (y + 0.5)));
                    float z = f.depthOrNull()[v * f.width() + u];
                    depth[y * width + x] = Float.isFinite(z) && z > 0 ? z : 0;
                }
            }
        }
        boolean calibrated = f.intrinsicsOrNull() != null && f.poseOrNull() != null;
        return new Prepared(
                f.camera(),
                width,
                height,
                rgb,
                depth,
                calibrated ? scaled(f.intrinsicsOrNull(), scale, left, top) : null,
                calibrated ? f.poseOrNull() : null);
    }

    private static Intrinsics scaled(Intrinsics k, double scale, double left, double top) {
        return new Intrinsics(k.fx() / scale, k.fy() / scale, (k.cx() - left) / scale, (k.cy() - top) / scale);
    }

    private static void average(CameraFrame f, int x0, int y0, int x1, int y1, byte[] into, int at) {
        int n = (x1 - x0) * (y1 - y0);
        for (int c = 0; c < 3; c++) {
            int sum = 0;
            for (int v = y0; v < y1; v++) {
                for (int u = x0; u < x1; u++) {
                    sum += f.rgb()[3 * (v * f.width() + u) + c] & 255;
                }
            }
            into[at + c] = (byte) ((sum + n / 2) / n);
        }
    }

    /** Which of the views know what. */
    static Modalities modalities(List<Prepared> views) {
        int[] all = Fusion.all(views.size());
        return new Modalities(
                Arrays.stream(all).filter(i -> views.get(i).pose != null).toArray(),
                Arrays.stream(all).filter(i -> views.get(i).depth != null).toArray());
    }

    /** The network's inputs for these views; the caller's to close. */
    static Map<String, Tensor> tensors(List<Prepared> views) {
        int s = views.size();
        int h = views.getFirst().height;
        int w = views.getFirst().width;
        int area = h * w;
        float[] images = new float[s * 3 * area];
        float[] depth = new float[s * area];
        float[] mask = new float[s * area];
        float[] extrinsics = new float[s * 12];
        float[] intrinsics = new float[s * 9];
        for (int i = 0; i < s; i++) {
            Prepared p = views.get(i);
            for (int j = 0; j < area; j++) {
                for (int c = 0; c < 3; c++) {
                    images[(i * 3 + c) * area + j] = (p.rgb[3 * j + c] & 255) / 255f;
                }
                if (p.depth != null) {
                    depth[i * area + j] = p.depth[j];
                    mask[i * area + j] = p.depth[j] > 0 ? 1 : 0;
                }
            }
            if (p.pose != null && p.intrinsics != null) {
                double[] e = p.pose.inverse().matrix();
                for (int j = 0; j < 12; j++) {
                    extrinsics[i * 12 + j] = (float) e[j];
                }
                Intrinsics k = p.intrinsics;
                double[] matrix = {k.fx(), 0, k.cx(), 0, k.fy(), k.cy(), 0, 0, 1};
                for (int j = 0; j < 9; j++) {
                    intrinsics[i * 9 + j] = (float) matrix[j];
                }
            }
        }
        Map<String, Tensor> in = new HashMap<>();
        in.put("images", Tensor.of(images, 1, s, 3, h, w));
        in.put("depth", Tensor.of(depth, 1, s, h, w, 1));
        in.put("mask", Tensor.of(mask, 1, s, h, w));
        in.put("extrinsics", Tensor.of(extrinsics, 1, s, 3, 4));
        in.put("intrinsics", Tensor.of(intrinsics, 1, s, 3, 3));
        return in;
    }
}
