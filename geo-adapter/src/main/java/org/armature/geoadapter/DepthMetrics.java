package org.armature.geoadapter;

import java.util.Arrays;

/**
 * Errors of a depth map over its valid pixels.
 *
 * @param absRel mean of |d - d*| / d*
 * @param within share of the pixels whose ratio to the truth, either way, is below the threshold
 * @param pixels number of valid pixels
 */
public record DepthMetrics(double absRel, double within, int pixels) {
    /** Threshold of the usual delta; strict tables use 1.03. */
    public static final double DELTA = 1.25;

    /**
     * Compares after scaling the prediction by the ratio of the medians, since the network's scale is its own.
     *
     * @param predicted depths, metres
     * @param truth depths; valid where finite and above zero
     * @param align whether to scale by the medians first
     */
    public static DepthMetrics of(float[] predicted, float[] truth, double delta, boolean align) {
        if (predicted.length != truth.length) {
            throw new IllegalArgumentException("there are " + predicted.length + " predicted depths and " + truth.length
                    + " true ones: compare maps of one size");
        }
        int n = 0;
        double[] p = new double[truth.length];
        double[] t = new double[truth.length];
        for (int i = 0; i < truth.length; i++) {
            if (Float.isFinite(truth[i]) && truth[i] > 0 && Float.isFinite(predicted[i])) {
                p[n] = predicted[i];
                t[n++] = truth[i];
            }
        }
        double scale = align && n > 0 ? median(t, n) / median(p, n) : 1;
        double sum = 0;
        int good = 0;
        for (int i = 0; i < n; i++) {
            double d = p[i] * scale;
            sum += Math.abs(d - t[i]) / t[i];
            good += d > 0 && Math.max(d / t[i], t[i] / d) < delta ? 1 : 0;
        }
        return new DepthMetrics(n == 0 ? Double.NaN : sum / n, n == 0 ? Double.NaN : (double) good / n, n);
    }

    private static double median(double[] v, int n) {
        double[] s = Arrays.copyOf(v, n);
        Arrays.sort(s);
        return (s[(n - 1) / 2] + s[n / 2]) / 2;
    }
}
