package org.armature.tokenizer;

import java.util.function.DoubleUnaryOperator;

/**
 * An image of 8-bit colours as the official code reads it: resampling equals Pillow's to the last bit (22-bit fixed-point
 * weights, horizontal pass first, rounding and clipping after each).
 *
 * @param pixels row-major {@code [height, width, 3]}
 */
record Picture(int height, int width, byte[] pixels) {
    private static final int CHANNELS = 3;
    private static final int PRECISION = 22;
    /** ImageNet's mean and deviation of red, green, blue in [0, 1]. */
    static final float[] MEAN = {0.485f, 0.456f, 0.406f};

    static final float[] DEVIATION = {0.229f, 0.224f, 0.225f};

    Picture {
        if (height < 1
                || width < 1
                || pixels.length != Math.multiplyExact(Math.multiplyExact(height, width), CHANNELS)) {
            throw new IllegalArgumentException("an image of " + width + " x " + height + " needs " + CHANNELS
                    + " bytes a pixel, not " + pixels.length + " in all");
        }
    }

    /** Pillow's resampling filters. */
    enum Filter {
        BOX(0.5, x -> x > -0.5 && x <= 0.5 ? 1 : 0),
        BILINEAR(1, x -> Math.max(0, 1 - Math.abs(x))),
        BICUBIC(2, Filter::cubic);

        private final double support;
        private final DoubleUnaryOperator weight;

        Filter(double support, DoubleUnaryOperator weight) {
            this.support = support;
            this.weight = weight;
        }

        /** Keys' kernel with a = -1/2. */
        private static double cubic(double at) {
            double a = -0.5;
            double x = Math.abs(at);
            return x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
        }
    }

    /** Antialiased resampling to {@code [h, w, 3]}, the aspect ignored. */
    Picture resize(int h, int w, Filter filter) {
        Picture wide = w == width ? this : new Picture(height, w, pass(filter, width, w, height, true));
        return h == height ? wide : new Picture(h, w, wide.pass(filter, height, h, w, false));
    }

    /**
     * A square of side {@code size}: halved by a box filter while the short side is at least twice that, then bicubic to the
     * short side, then the centre. The official path for latents and reconstruction.
     */
    Picture centreCrop(int size) {
        Picture p = this;
        while (Math.min(p.height, p.width) >= 2 * size) {
            p = p.resize(p.height / 2, p.width / 2, Filter.BOX);
        }
        double scale = (double) size / Math.min(p.height, p.width);
        p = p.resize((int) Math.rint(p.height * scale), (int) Math.rint(p.width * scale), Filter.BICUBIC);
        return p.crop((p.height - size) / 2, (p.width - size) / 2, size, size);
    }

    private Picture crop(int top, int left, int h, int w) {
        byte[] out = new byte[h * w * CHANNELS];
        for (int y = 0; y < h; y++) {
            System.arraycopy(pixels, ((top + y) * width + left) * CHANNELS, out, y * w * CHANNELS, w * CHANNELS);
        }
        return new Picture(h, w, out);
    }

    /** {@code [3, height, width]}, scaled to [0, 1] and normalised. */
    float[] normalized() {
        int n = height * width;
        float[] out = new float[CHANNELS * n];
        for (int i = 0; i < pixels.length; i++) {
            int c = i % CHANNELS;
            out[c * n + i / CHANNELS] = ((pixels[i] & 0xFF) / 255f - MEAN[c]) / DEVIATION[c];
        }
        return out;
    }

    /** {@code [3, height, width]}, in [0, 1]. */
    float[] levels() {
        int n = height * width;
        float[] out = new float[CHANNELS * n];
        for (int i = 0; i < pixels.length; i++) {
            out[i % CHANNELS * n + i / CHANNELS] = (pixels[i] & 0xFF) / 255f;
        }
        return out;
    }

    /** This picture and, to the right of it, another of the same height. */
    Picture beside(Picture right) {
        int both = width + right.width;
        byte[] out = new byte[height * both * CHANNELS];
        for (int y = 0; y < height; y++) {
            System.arraycopy(pixels, y * width * CHANNELS, out, y * both * CHANNELS, width * CHANNELS);
            System.arraycopy(
                    right.pixels,
                    y * right.width * CHANNELS,
                    out,
                    (y * both + width) * CHANNELS,
                    right.width * CHANNELS);
        }
        return new Picture(height, both, out);
    }

    /** The inverse of {@link #normalized}, clipped to [0, 1]; {@code at} is where the image begins. */
    static Picture ofNormalized(float[] pixels, int at, int height, int width) {
        int n = height * width;
        byte[] out = new byte[CHANNELS * n];
        for (int i = 0; i < out.length; i++) {
            int c = i % CHANNELS;
            float level = pixels[at + c * n + i / CHANNELS] * DEVIATION[c] + MEAN[c];
            out[i] = (byte) Math.clamp(Math.round(level * 255), 0, 255);
        }
        return new Picture(height, width, out);
    }

    /** One pass along an axis of {@code in} pixels to {@code out}; {@code lines} are the pixels of the other axis. */
    private byte[] pass(Filter filter, int in, int out, int lines, boolean along) {
        byte[] result = new byte[Math.multiplyExact(Math.multiplyExact(out, lines), CHANNELS)];
        double scale = (double) in / out;
        double stretch = Math.max(1, scale);
        double support = filter.support * stretch;
        for (int i = 0; i < out; i++) {
            double centre = (i + 0.5) * scale;
            int from = Math.max(0, (int) (centre - support + 0.5));
            int to = Math.min(in, (int) (centre + support + 0.5));
            int[] weights = weights(filter, from, to, centre, 1 / stretch);
            for (int line = 0; line < lines; line++) {
                for (int c = 0; c < CHANNELS; c++) {
                    int sum = 1 << PRECISION - 1;
                    for (int j = from; j < to; j++) {
                        int at = along ? line * in + j : j * lines + line;
                        sum += weights[j - from] * (pixels[at * CHANNELS + c] & 0xFF);
                    }
                    int at = along ? line * out + i : i * lines + line;
                    result[at * CHANNELS + c] = (byte) Math.clamp(sum >> PRECISION, 0, 255);
                }
            }
        }
        return result;
    }

    private static int[] weights(Filter filter, int from, int to, double centre, double shrink) {
        double[] w = new double[to - from];
        double total = 0;
        for (int j = 0; j < w.length; j++) {
            w[j] = filter.weight.applyAsDouble((j + from - centre + 0.5) * shrink);
            total += w[j];
        }
        int[] fixed = new int[w.length];
        for (int j = 0; j < w.length; j++) {
            double k = (total == 0 ? w[j] : w[j] / total) * (1 << PRECISION);
            fixed[j] = (int) (k < 0 ? k - 0.5 : k + 0.5);
        }
        return fixed;
    }
}
