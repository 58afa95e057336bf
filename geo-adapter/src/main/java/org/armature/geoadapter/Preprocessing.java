package org.armature.geoadapter;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.model.EntryPoint;
import org.jspecify.annotations.Nullable;

/**
 * Photographs, depth maps and cameras as they come, to what the network takes: width {@code target}, height the nearest
 * multiple of 14, at most {@code target}, the rest cut from the middle.
 *
 * <p>The official loader transposes depth maps read from PNG files. That is a slip of theirs and not done here.
 *
 * @param target width of the result, pixels
 * @param pad longer side to {@code target}, white borders to a square, instead of cutting
 * @param maxDepth larger depths count as unknown
 */
public record Preprocessing(int target, boolean pad, double maxDepth) {
    private static final int MULTIPLE = 14;
    private static final double LEAST_DEPTH = 1e-5;

    /**
     * One view as it comes.
     *
     * @param pixels {@code [height, width, channels]}, 3 colours or colours and alpha
     * @param depth {@code [height, width]}, or null
     * @param cameraToWorld 3 x 4, or null
     * @param intrinsics 3 x 3 pixels, or null
     */
    public record Source(
            byte[] pixels,
            int height,
            int width,
            int channels,
            float @Nullable [] depth,
            double @Nullable [] cameraToWorld,
            double @Nullable [] intrinsics) {}

    /** Where a view's pixels go: scaled to {@code height x width}, {@code cut} rows gone, borders of {@code top}, {@code left}. */
    private record Frame(int height, int width, int cut, int rows, int top, int left) {}

    private Frame frame(Source s) {
        int w = target;
        int h = whole((double) s.height * ((double) w / s.width));
        if (pad && s.height > s.width) {
            h = target;
            w = whole((double) s.width * ((double) h / s.height));
        }
        if (h < MULTIPLE || w < MULTIPLE) {
            throw new IllegalArgumentException("image of " + s.height + " x " + s.width + " pixels becomes " + h + " x "
                    + w + ": use one less oblong");
        }
        int rows = Math.min(h, target);
        return pad
                ? new Frame(h, w, 0, h, (target - h) / 2, (target - w) / 2)
                : new Frame(h, w, (h - rows) / 2, rows, 0, 0);
    }

    /** The nearest multiple of 14, halves to the even one. */
    private static int whole(double size) {
        return (int) Math.rint(size / MULTIPLE) * MULTIPLE;
    }

    /**
     * @return {@code images [S, 3, H, W]}, {@code depth [1, S, H, W, 1]}, {@code mask}, {@code extrinsics [1, S, 3, 4]} (world
     *     to camera), {@code intrinsics [1, S, 3, 3]}, {@code camera_gt_index}, {@code depth_gt_index}; the caller's to close
     */
    public Map<String, Tensor> apply(List<Source> views) {
        int n = views.size();
        List<Frame> frames = views.stream().map(this::frame).toList();
        int h = pad ? target : frames.stream().mapToInt(Frame::rows).max().orElse(target);
        int w = target;
        float[] images = new float[n * 3 * h * w];
        float[] depth = new float[n * h * w];
        float[] mask = new float[n * h * w];
        float[] extrinsics = new float[n * 12];
        float[] intrinsics = new float[n * 9];
        Arrays.fill(images, 1);
        List<Long> cameras = new ArrayList<>();
        List<Long> depths = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            Source s = views.get(i);
            Frame f = pad ? frames.get(i) : centred(frames.get(i), h);
            image(s, f, images, i * 3 * h * w, h, w);
            if (s.depth != null) {
                depth(s, s.depth, f, depth, mask, i * h * w, w);
                depths.add((long) i);
            }
            if (s.cameraToWorld != null && s.intrinsics != null) {
                camera(s, s.cameraToWorld, s.intrinsics, f, extrinsics, intrinsics, i);
                cameras.add((long) i);
            }
        }
        if (!cameras.isEmpty() && cameras.getFirst() != 0) {
            throw new IllegalArgumentException("cameras are given for the views " + cameras
                    + " but not for view 0, the reference: put a view with a camera first, or give none");
        }
        Map<String, Tensor> out = new LinkedHashMap<>();
        out.put("images", Tensor.of(images, n, 3, h, w));
        out.put("depth", Tensor.of(depth, 1, n, h, w, 1));
        out.put("mask", Tensor.of(mask, 1, n, h, w));
        out.put("extrinsics", Tensor.of(extrinsics, 1, n, 3, 4));
        out.put("intrinsics", Tensor.of(intrinsics, 1, n, 3, 3));
        out.put("camera_gt_index", longs(cameras));
        out.put("depth_gt_index", longs(depths));
        return out;
    }

    private static Frame centred(Frame f, int h) {
        return new Frame(f.height, f.width, f.cut, f.rows, (h - f.rows) / 2, 0);
    }

    private static Tensor longs(List<Long> v) {
        return Tensor.of(v.stream().mapToLong(Long::longValue).toArray(), v.size());
    }

    private static void image(Source s, Frame f, float[] images, int at, int h, int w) {
        byte[] rgb = s.channels == 4 ? Resampling.onWhite(s.pixels) : s.pixels;
        byte[] small = Resampling.bicubic(rgb, s.height, s.width, 3, f.height, f.width);
        for (int y = 0; y < f.rows; y++) {
            for (int x = 0; x < f.width; x++) {
                for (int k = 0; k < 3; k++) {
                    images[at + (k * h + y + f.top) * w + x + f.left] =
                            (small[((y + f.cut) * f.width + x) * 3 + k] & 0xFF) / 255f;
                }
            }
        }
    }

    private void depth(Source s, float[] metres, Frame f, float[] depth, float[] mask, int at, int w) {
        for (int y = 0; y < f.rows; y++) {
            int row = nearest(y + f.cut, s.height, f.height);
            for (int x = 0; x < f.width; x++) {
                float z = metres[row * s.width + nearest(x, s.width, f.width)];
                if (Float.isFinite(z) && z <= maxDepth && z > LEAST_DEPTH) {
                    depth[at + (y + f.top) * w + x + f.left] = z;
                    mask[at + (y + f.top) * w + x + f.left] = 1;
                }
            }
        }
    }

    private static int nearest(int i, int from, int to) {
        return Math.min(from - 1, (int) Math.floor(i * ((double) from / to)));
    }

    private static void camera(
            Source s, double[] cameraToWorld, double[] k, Frame f, float[] extrinsics, float[] intrinsics, int view) {
        for (int i = 0; i < 3; i++) {
            double t = 0;
            for (int j = 0; j < 3; j++) {
                extrinsics[view * 12 + 4 * i + j] = (float) cameraToWorld[4 * j + i];
                t -= cameraToWorld[4 * j + i] * cameraToWorld[4 * j + 3];
            }
            extrinsics[view * 12 + 4 * i + 3] = (float) t;
        }
        double sx = (double) f.width / s.width;
        double sy = (double) f.height / s.height;
        double[] scaled = {
            k[0] * sx, k[1], k[2] * sx + f.left, k[3], k[4] * sy, k[5] * sy - f.cut + f.top, k[6], k[7], k[8]
        };
        for (int i = 0; i < 9; i++) {
            intrinsics[view * 9 + i] = (float) scaled[i];
        }
    }

    /** Inputs {@code image.i} (uint8), {@code depth.i}, {@code camera_to_world.i}, {@code intrinsics.i}. */
    static Map<String, Tensor> call(EntryPoint.Invocation inv) {
        String mode = inv.config().text("mode", "crop");
        if (!mode.equals("crop") && !mode.equals("pad")) {
            throw new IllegalArgumentException("mode is \"" + mode + "\": choose crop or pad");
        }
        Map<String, Tensor> in = inv.inputs();
        List<Source> sources = new ArrayList<>();
        for (int i = 0; in.containsKey("image." + i); i++) {
            sources.add(source(in, i));
        }
        Preprocessing p = new Preprocessing(
                inv.config().integer("target_size", 518),
                mode.equals("pad"),
                inv.config().number("max_depth", 100));
        return p.apply(sources);
    }

    private static Source source(Map<String, Tensor> in, int i) {
        Tensor image = in.get("image." + i);
        if (image == null
                || image.dtype() != DType.UINT8
                || image.shape().rank() != 3
                || image.shape().dim(2) != 3 && image.shape().dim(2) != 4) {
            throw new IllegalArgumentException("image." + i + " is " + image + ": give uint8 [height, width, 3 or 4]");
        }
        int h = (int) image.shape().dim(0);
        int w = (int) image.shape().dim(1);
        Tensor depth = in.get("depth." + i);
        if (depth != null && depth.size() != (long) h * w) {
            throw new IllegalArgumentException("depth." + i + " is " + depth.shape() + " and the image " + h + " x " + w
                    + " pixels: give one depth per pixel");
        }
        Tensor pose = in.get("camera_to_world." + i);
        Tensor k = in.get("intrinsics." + i);
        return new Source(
                image.data().toArray(ValueLayout.JAVA_BYTE),
                h,
                w,
                (int) image.shape().dim(2),
                depth == null ? null : depth.toFloats(),
                pose == null ? null : pose.toDoubles(),
                k == null ? null : k.toDoubles());
    }
}
