package org.armature.geoadapter;

import java.util.stream.IntStream;

/**
 * A sensor's depth with its holes filled: what is measured stays, and in the holes the network's depth is taken times the
 * ratio of both around the hole. The ratio's logarithm goes from the measured pixels into the holes by pulling averages up a
 * pyramid and pushing them down where nothing is known (pull-push, Gortler et al., The Lumigraph, 1996). Pixels whose ratio is
 * far from the image's median count little: there the network is on the wrong side of an edge.
 */
final class DepthCompletion {
    /** Logarithm of a ratio, from the median, that counts half. */
    private static final double FAR = 0.1;

    private DepthCompletion() {}

    /**
     * @param measured {@code [H, W]} metres, 0 unknown
     * @param network {@code [H, W]} above 0, in any scale
     * @return {@code [H, W]} metres; the network's as it is if nothing is measured
     */
    static float[] of(float[] measured, float[] network, int width) {
        Level ratios = new Level(width, measured.length / width);
        double[] logs = IntStream.range(0, measured.length)
                .filter(i -> measured[i] > 0)
                .mapToDouble(i -> ratio(measured[i], network[i]))
                .sorted()
                .toArray();
        for (int i = 0; i < measured.length; i++) {
            if (measured[i] > 0) {
                double r = ratio(measured[i], network[i]);
                double far = (r - logs[logs.length / 2]) / FAR;
                ratios.add(i, r, 1 / (1 + far * far));
            }
        }
        double[] log = ratios.filled();
        float[] depth = new float[measured.length];
        for (int i = 0; i < depth.length; i++) {
            depth[i] = measured[i] > 0 ? measured[i] : (float) (network[i] * Math.exp(log[i]));
        }
        return depth;
    }

    private static double ratio(double measured, double network) {
        return Math.log(measured / network);
    }

    /** Weighted sums of what is known in the cells of a grid. */
    private record Level(int width, int height, double[] sum, double[] weight) {
        Level(int width, int height) {
            this(width, height, new double[width * height], new double[width * height]);
        }

        void add(int cell, double value, double w) {
            sum[cell] += w * value;
            weight[cell] += w;
        }

        /** The average of each cell, and the less is known the more of what is between those of the next coarser grid. */
        double[] filled() {
            if (width * height == 1) {
                return new double[] {weight[0] == 0 ? 0 : sum[0] / weight[0]};
            }
            Level half = new Level((width + 1) / 2, (height + 1) / 2);
            for (int i = 0; i < sum.length; i++) {
                int cell = i / width / 2 * half.width + i % width / 2;
                half.sum[cell] += sum[i];
                half.weight[cell] += weight[i];
            }
            double[] coarse = half.filled();
            double[] fine = new double[sum.length];
            for (int i = 0; i < fine.length; i++) {
                double own = weight[i] > 0 ? sum[i] / weight[i] : 0;
                double sure = Math.min(1, weight[i]);
                fine[i] = sure * own + (1 - sure) * half.between(coarse, i % width, i / width);
            }
            return fine;
        }

        /** Bilinear at the centre of the finer grid's cell {@code x, y}. */
        private double between(double[] values, int x, int y) {
            int left = Math.max(0, (x - 1) / 2);
            int top = Math.max(0, (y - 1) / 2);
            int right = Math.min(width - 1, (x + 1) / 2);
            int bottom = Math.min(height - 1, (y + 1) / 2);
            // A finer cell's centre is a quarter of a cell from its own coarse one's, three quarters from the next.
            double u = x % 2 == 0 ? 0.75 : 0.25;
            double v = y % 2 == 0 ? 0.75 : 0.25;
            return (1 - v) * ((1 - u) * values[top * width + left] + u * values[top * width + right])
                    + v * ((1 - u) * values[bottom * width + left] + u * values[bottom * width + right]);
        }
    }
}
