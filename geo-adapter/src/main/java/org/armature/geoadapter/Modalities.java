package org.armature.geoadapter;

import java.util.Arrays;
import java.util.random.RandomGenerator;
import org.armature.model.Config;

/**
 * Which views come with a camera and which with a depth map, the same for every item of a batch. Indices are increasing;
 * the first camera is the reference of the others.
 */
public record Modalities(int[] cameras, int[] depths) {
    /** Images only. */
    public static final Modalities RGB = new Modalities(new int[0], new int[0]);

    /** Reads {@code camera_gt_index} and {@code depth_gt_index}; missing means none. */
    static Modalities of(Config c) {
        return new Modalities(list(c, "camera_gt_index"), list(c, "depth_gt_index"));
    }

    private static int[] list(Config c, String key) {
        return Arrays.stream(c.has(key) ? c.integers(key) : new long[0])
                .mapToInt(Math::toIntExact)
                .toArray();
    }

    /**
     * Stochastic fusion as the official trainer draws it: cameras and depth independently, each dropped altogether with its
     * probability, else {@code k} uniform in {@code 0..views}; cameras go to the first {@code k} views, depth to {@code k}
     * views without replacement. Probability of no camera: {@code p + (1 - p)/(views + 1)}.
     *
     * @param cameraDrop released configuration: 0.1
     * @param depthDrop released configuration: 0.3
     */
    public static Modalities draw(RandomGenerator random, int views, double cameraDrop, double depthDrop) {
        int k = random.nextDouble() < cameraDrop ? 0 : random.nextInt(views + 1);
        int[] cameras = new int[k];
        Arrays.setAll(cameras, i -> i);
        int n = random.nextDouble() < depthDrop ? 0 : random.nextInt(views + 1);
        int[] deck = new int[views];
        Arrays.setAll(deck, i -> i);
        for (int i = 0; i < n; i++) {
            int j = i + random.nextInt(views - i);
            int other = deck[j];
            deck[j] = deck[i];
            deck[i] = other;
        }
        int[] depths = Arrays.copyOf(deck, n);
        Arrays.sort(depths);
        return new Modalities(cameras, depths);
    }

    /** Throws {@link IllegalArgumentException} if an index is not a view, occurs twice, or is out of order. */
    void requireWithin(int views) {
        requireWithin("camera_gt_index", cameras, views);
        requireWithin("depth_gt_index", depths, views);
    }

    private static void requireWithin(String name, int[] index, int views) {
        for (int i = 0; i < index.length; i++) {
            if (index[i] < 0 || index[i] >= views) {
                throw new IllegalArgumentException(
                        name + " names view " + index[i] + " of " + views + ": use 0 to " + (views - 1));
            }
            if (i > 0 && index[i] == index[i - 1]) {
                throw new IllegalArgumentException(name + " names view " + index[i] + " twice: name each view once");
            }
            if (i > 0 && index[i] < index[i - 1]) {
                throw new IllegalArgumentException(
                        name + " is " + Arrays.toString(index) + ": sort it, the first camera is the reference");
            }
        }
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof Modalities m && Arrays.equals(cameras, m.cameras) && Arrays.equals(depths, m.depths);
    }

    @Override
    public int hashCode() {
        return 31 * Arrays.hashCode(cameras) + Arrays.hashCode(depths);
    }

    @Override
    public String toString() {
        return "cameras " + Arrays.toString(cameras) + ", depths " + Arrays.toString(depths);
    }
}
