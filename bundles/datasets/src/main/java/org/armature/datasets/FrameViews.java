package org.armature.datasets;

import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Config;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;
import org.armature.train.Dataset;

/**
 * Examples made of camera frames with exact depth and cameras, rendered when first asked for and kept. Without {@code views}
 * an example is one frame: {@code image: float[3, H, W]} in [0, 1] before {@code mean} and {@code deviation},
 * {@code depth: float[H, W]} (metres along the optical axis, 0 unknown), {@code intrinsics: float[3, 3]} (pixels, centres at
 * one half), {@code pose: float[4, 4]} (camera-to-world, metres; x right, y down, z forward). With {@code views} S each has an
 * axis S before.
 */
abstract class FrameViews implements Dataset {
    private static final int MOST_PIXELS = 1 << 20;

    /**
     * What every such data set is configured by: {@code width}, {@code height}, {@code views}, {@code size},
     * {@code test_size}, {@code seed}, {@code mean} and {@code deviation} (0, 1), three numbers by which colours are normalised.
     *
     * @param views 0 for examples without the axis
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared, never shown
    record Format(int width, int height, int views, double[] mean, double[] deviation) {
        Format {
            if (views < 0 || (long) width * height > MOST_PIXELS) {
                throw new IllegalArgumentException(
                        "views of " + width + " x " + height + " times " + views + " cannot be rendered: give at most "
                                + MOST_PIXELS + " pixels and no negative number of views");
            }
        }

        static Format of(Config c, int side, int views) {
            return new Format(
                    positive(c, "width", side),
                    positive(c, "height", side),
                    c.integer("views", views),
                    triple(c, "mean", 0),
                    triple(c, "deviation", 1));
        }

        /** Frames of an example. */
        int frames() {
            return Math.max(1, views);
        }
    }

    private final Format format;
    private final AtomicReferenceArray<CameraFrame[]> seen;

    FrameViews(Format format, int size) {
        this.format = format;
        seen = new AtomicReferenceArray<>(size);
    }

    /** {@code size} examples to train, {@code test_size} to test. */
    static int size(Config c, String split, int train, int test) {
        int size = positive(c, "size", train);
        int tested = positive(c, "test_size", test);
        return split.equals("test") ? tested : size;
    }

    static int positive(Config c, String key, int otherwise) {
        int n = c.integer(key, otherwise);
        if (n < 1) {
            throw new IllegalArgumentException("config key dataset." + key + " is " + n + ": give 1 or more");
        }
        return n;
    }

    private static double[] triple(Config c, String key, double otherwise) {
        double[] t = c.numbers(key, otherwise, otherwise, otherwise);
        if (t.length != 3) {
            throw new IllegalArgumentException(
                    "config key dataset." + key + " has " + t.length + " numbers: give three");
        }
        return t;
    }

    /** The frames of an example, {@link Format#frames()} of them with depth, intrinsics and pose; any thread asks. */
    abstract CameraFrame[] render(int index);

    @Override
    public final long size() {
        return seen.length();
    }

    @Override
    public final SequencedMap<String, TensorType> example() {
        Shape several = format.views == 0 ? Shape.SCALAR : Shape.of(format.views);
        SequencedMap<String, TensorType> m = new LinkedHashMap<>();
        m.put("image", new TensorType(DType.FLOAT, several.concat(Shape.of(3, format.height, format.width))));
        m.put("depth", new TensorType(DType.FLOAT, several.concat(Shape.of(format.height, format.width))));
        m.put("intrinsics", new TensorType(DType.FLOAT, several.concat(Shape.of(3, 3))));
        m.put("pose", new TensorType(DType.FLOAT, several.concat(Shape.of(4, 4))));
        return m;
    }

    @Override
    public final void read(long[] indices, Map<String, Tensor> into) {
        int n = format.frames();
        for (int i = 0; i < indices.length; i++) {
            CameraFrame[] frames = frames(Objects.checkIndex((int) indices[i], seen.length()));
            for (int s = 0; s < n; s++) {
                write(frames[s], (long) i * n + s, into);
            }
        }
    }

    private CameraFrame[] frames(int index) {
        CameraFrame[] frames = seen.get(index);
        if (frames == null) {
            frames = render(index);
            seen.set(index, frames);
        }
        return frames;
    }

    private void write(CameraFrame f, long at, Map<String, Tensor> into) {
        int area = format.width * format.height;
        var image = into.get("image").data();
        for (int c = 0; c < 3; c++) {
            for (int p = 0; p < area; p++) {
                double level = (f.rgb()[3 * p + c] & 255) / 255.0;
                image.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (at * 3 + c) * area + p, (float)
                        ((level - format.mean[c]) / format.deviation[c]));
            }
        }
        var depth = into.get("depth").data();
        float[] z = f.depth().orElseThrow();
        for (int p = 0; p < area; p++) {
            depth.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at * area + p, Float.isFinite(z[p]) ? z[p] : 0);
        }
        Intrinsics k = f.intrinsics().orElseThrow();
        double[] matrix = {k.fx(), 0, k.cx(), 0, k.fy(), k.cy(), 0, 0, 1};
        Pose pose = f.pose().orElseThrow();
        for (int j = 0; j < 9; j++) {
            into.get("intrinsics").set(at * 9 + j, matrix[j]);
        }
        for (int j = 0; j < 16; j++) {
            into.get("pose").set(at * 16 + j, pose.matrix()[j]);
        }
    }
}
