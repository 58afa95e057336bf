package org.armature.geoadapter;

/** Resizing of 8-bit images bit for bit as Pillow does it, so that a network sees what it was trained on. */
final class Resampling {
    /** Pillow's fixed-point weights. */
    private static final int BITS = 22;

    private Resampling() {}

    /** Cubic kernel with a = -0.5. */
    static double cubic(double x) {
        double t = Math.abs(x);
        return t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
    }

    /** {@code [h, w, c]} to {@code [toH, toW, c]}: antialiased bicubic, columns first, rounded after each pass. */
    static byte[] bicubic(byte[] pixels, int h, int w, int c, int toH, int toW) {
        byte[] wide = toW == w ? pixels : pass(pixels, h, w, toW, c, w * c, c);
        return toH == h ? wide : pass(wide, toW, h, toH, c, c, toW * c);
    }

    /** Resizes each of {@code lines} lines from {@code in} to {@code out} samples; strides in elements of the source. */
    private static byte[] pass(byte[] source, int lines, int in, int out, int c, int lineStride, int sampleStride) {
        boolean columns = sampleStride == c;
        byte[] target = new byte[lines * out * c];
        double scale = (double) in / out;
        double stretch = Math.max(1, scale);
        double support = 2 * stretch;
        for (int i = 0; i < out; i++) {
            double centre = (i + 0.5) * scale;
            int from = Math.max(0, (int) (centre - support + 0.5));
            int to = Math.min(in, (int) (centre + support + 0.5));
            int[] weights = weights(centre, stretch, from, to);
            for (int line = 0; line < lines; line++) {
                for (int k = 0; k < c; k++) {
                    int sum = 1 << (BITS - 1);
                    for (int j = from; j < to; j++) {
                        sum += weights[j - from] * (source[line * lineStride + j * sampleStride + k] & 0xFF);
                    }
                    int at = columns ? (line * out + i) * c + k : (i * lines + line) * c + k;
                    target[at] = (byte) Math.clamp(sum >> BITS, 0, 255);
                }
            }
        }
        return target;
    }

    private static int[] weights(double centre, double stretch, int from, int to) {
        double[] exact = new double[to - from];
        double sum = 0;
        for (int j = from; j < to; j++) {
            exact[j - from] = cubic((j - centre + 0.5) / stretch);
            sum += exact[j - from];
        }
        int[] fixed = new int[exact.length];
        for (int j = 0; j < fixed.length; j++) {
            double v = exact[j] / sum * (1 << BITS);
            fixed[j] = (int) (v < 0 ? v - 0.5 : v + 0.5);
        }
        return fixed;
    }

    /** Alpha composited onto white, {@code [n, 4] -> [n, 3]}, with Pillow's rounding. */
    static byte[] onWhite(byte[] rgba) {
        byte[] rgb = new byte[rgba.length / 4 * 3];
        for (int i = 0; i < rgba.length / 4; i++) {
            int front = (rgba[4 * i + 3] & 0xFF) << 7;
            int back = (255 << 7) - front;
            for (int k = 0; k < 3; k++) {
                int v = (rgba[4 * i + k] & 0xFF) * front + 255 * back + (0x80 << 7);
                rgb[3 * i + k] = (byte) (((v >> 8) + v >> 8) >> 7);
            }
        }
        return rgb;
    }
}
