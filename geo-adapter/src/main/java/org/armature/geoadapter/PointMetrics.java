package org.armature.geoadapter;

import java.util.Arrays;

/**
 * Distances between two point clouds that are already in one frame and scale.
 *
 * @param accuracy mean distance from a predicted point to the nearest true one
 * @param medianAccuracy its median
 * @param completeness mean distance from a true point to the nearest predicted one
 * @param medianCompleteness its median
 */
public record PointMetrics(double accuracy, double medianAccuracy, double completeness, double medianCompleteness) {
    /** Points as {@code [n][3]}; neither cloud may be empty. */
    public static PointMetrics of(double[][] predicted, double[][] truth) {
        if (predicted.length == 0 || truth.length == 0) {
            throw new IllegalArgumentException("a point cloud is empty (" + predicted.length + " predicted, "
                    + truth.length + " true points): compare where both have points");
        }
        double[] there = distances(predicted, truth);
        double[] back = distances(truth, predicted);
        return new PointMetrics(mean(there), median(there), mean(back), median(back));
    }

    /** From each point to the nearest of a cloud, which is searched along x outwards from the point. */
    private static double[] distances(double[][] from, double[][] to) {
        double[][] cloud = to.clone();
        Arrays.sort(cloud, (a, b) -> Double.compare(a[0], b[0]));
        double[] xs = Arrays.stream(cloud).mapToDouble(p -> p[0]).toArray();
        double[] d = new double[from.length];
        for (int i = 0; i < from.length; i++) {
            int at = Arrays.binarySearch(xs, from[i][0]);
            int right = at < 0 ? -at - 1 : at;
            int left = right - 1;
            double best = Double.POSITIVE_INFINITY;
            while (left >= 0 || right < xs.length) {
                double toLeft = left < 0 ? Double.POSITIVE_INFINITY : from[i][0] - xs[left];
                double toRight = right >= xs.length ? Double.POSITIVE_INFINITY : xs[right] - from[i][0];
                double gap = Math.min(toLeft, toRight);
                if (gap * gap >= best) {
                    break;
                }
                best = Math.min(best, squared(from[i], cloud[toLeft <= toRight ? left-- : right++]));
            }
            d[i] = Math.sqrt(best);
        }
        return d;
    }

    private static double squared(double[] a, double[] b) {
        double x = a[0] - b[0];
        double y = a[1] - b[1];
        double z = a[2] - b[2];
        return x * x + y * y + z * z;
    }

    private static double mean(double[] v) {
        return Arrays.stream(v).average().orElse(Double.NaN);
    }

    private static double median(double[] v) {
        double[] s = v.clone();
        Arrays.sort(s);
        return (s[(s.length - 1) / 2] + s[s.length / 2]) / 2;
    }
}
