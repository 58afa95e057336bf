package org.armature.lerobot;

import java.util.Arrays;

/** Minimum, maximum, mean, deviation and quantiles of a feature, element by element, as LeRobot keeps them. */
final class Statistics {
    static final double[] QUANTILES = {0.01, 0.1, 0.5, 0.9, 0.99};
    static final String[] NAMES = {"min", "max", "mean", "std", "q01", "q10", "q50", "q90", "q99"};
    private static final int MOST_SAMPLES = 20_000;

    private final int size;
    private final double[] low;
    private final double[] high;
    private final double[] mean;
    private final double[] squares;
    private final java.util.List<double[]> samples = new java.util.ArrayList<>();
    private long count;

    Statistics(int size) {
        this.size = size;
        low = new double[size];
        high = new double[size];
        mean = new double[size];
        squares = new double[size];
        Arrays.fill(low, Double.POSITIVE_INFINITY);
        Arrays.fill(high, Double.NEGATIVE_INFINITY);
    }

    /** Welford's update. */
    void add(double[] v) {
        count++;
        for (int i = 0; i < size; i++) {
            low[i] = Math.min(low[i], v[i]);
            high[i] = Math.max(high[i], v[i]);
            double d = v[i] - mean[i];
            mean[i] += d / count;
            squares[i] += d * (v[i] - mean[i]);
        }
        // every k-th is kept: quantiles of long recordings are estimates
        if (samples.size() < MOST_SAMPLES) {
            samples.add(v.clone());
        } else {
            samples.set((int) (count * 7919 % MOST_SAMPLES), v.clone());
        }
    }

    long count() {
        return count;
    }

    int size() {
        return size;
    }

    /** The one of {@link #NAMES}, {@code [size]}. */
    double[] of(String name) {
        double[] r = new double[size];
        for (int i = 0; i < size; i++) {
            int e = i;
            r[i] = switch (name) {
                case "min" -> low[i];
                case "max" -> high[i];
                case "mean" -> mean[i];
                case "std" -> count > 0 ? Math.sqrt(squares[i] / count) : 0;
                default -> {
                    double[] sorted =
                            samples.stream().mapToDouble(s -> s[e]).sorted().toArray();
                    double at = QUANTILES[Arrays.asList(NAMES).indexOf(name) - 4] * (sorted.length - 1);
                    int k = (int) at;
                    yield sorted.length == 0
                            ? 0
                            : sorted[k] + (at - k) * (sorted[Math.min(k + 1, sorted.length - 1)] - sorted[k]);
                }
            };
        }
        return r;
    }
}
