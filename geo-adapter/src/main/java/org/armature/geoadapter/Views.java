package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * What the network sees.
 *
 * @param images {@code [B, S, 3, H, W]} in [0, 1]
 * @param known the modalities' tensors, all views, only those that are used: {@code extrinsics [B, S, 3, 4]} (world to
 *     camera, x right, y down, z forward), {@code intrinsics [B, S, 3, 3]} pixels, {@code depth [B, S, H, W, 1]},
 *     {@code mask [B, S, H, W]}
 * @param modalities which views have what
 */
record Views(Value images, Map<String, Value> known, Modalities modalities) {
    /** In {@link #known} while training: {@code [B or 1, S]}, 1 where a view's camera may be looked at, else 0. */
    static final String CAMERAS = "camera_given";
    /** The same of depth maps. */
    static final String DEPTHS = "depth_given";

    Views {
        int views = (int) images.shape().dim(1);
        modalities.requireWithin(views);
    }

    /** Shapes of the inputs that views of this shape with these modalities have; {@code images} may lack the batch axis. */
    static SequencedMap<String, Shape> inputs(Shape images, Modalities m) {
        SequencedMap<String, Shape> in = new LinkedHashMap<>();
        in.put("images", images);
        Shape s = batched(images);
        if (m.cameras().length > 0) {
            in.put("extrinsics", Shape.of(s.dim(0), s.dim(1), 3, 4));
            in.put("intrinsics", Shape.of(s.dim(0), s.dim(1), 3, 3));
        }
        if (m.depths().length > 0) {
            in.put("depth", Shape.of(s.dim(0), s.dim(1), s.dim(3), s.dim(4), 1));
            in.put("mask", Shape.of(s.dim(0), s.dim(1), s.dim(3), s.dim(4)));
        }
        return in;
    }

    static Views of(Map<String, Value> inputs, Modalities m) {
        Value images = Objects.requireNonNull(inputs.get("images"), "images");
        Shape s = batched(images.shape());
        return new Views(images.rank() == 4 ? reshape(images, s) : images, inputs, m);
    }

    static Shape batched(Shape images) {
        if (images.rank() != 4 && images.rank() != 5 || images.dim(-3) != 3) {
            throw new IllegalArgumentException(
                    "images are " + images + ": give [B, S, 3, H, W] or [S, 3, H, W], three colours per pixel");
        }
        return images.rank() == 5 ? images : Shape.of(1).concat(images);
    }

    int batch() {
        return (int) images.shape().dim(0);
    }

    int count() {
        return (int) images.shape().dim(1);
    }

    int height() {
        return (int) images.shape().dim(3);
    }

    int width() {
        return (int) images.shape().dim(4);
    }

    /** One of {@link #known}, for the given views only. */
    Value of(String name, int[] views) {
        Value v = Objects.requireNonNull(known.get(name), name);
        return take(v, views, count());
    }

    /** Entries of axis 1. */
    static Value take(Value x, int[] index, int size) {
        boolean all = index.length == size;
        for (int i = 0; all && i < size; i++) {
            all = index[i] == i;
        }
        return all
                ? x
                : gather(
                        x, x.builder().longs(Arrays.stream(index).asLongStream().toArray()), 1);
    }

    /** {@code some [B, n, ...]} at its views, {@code other [B, 1, ...]} at all others: {@code [B, S, ...]}. */
    Value spread(Value some, int[] index, Value other) {
        int[] slot = new int[count()];
        Arrays.fill(slot, index.length);
        for (int i = 0; i < index.length; i++) {
            slot[index[i]] = i;
        }
        return index.length == slot.length ? some : take(concat(1, some, other), slot, -1);
    }
}
