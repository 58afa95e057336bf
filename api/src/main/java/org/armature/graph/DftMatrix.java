package org.armature.graph;

/** The discrete Fourier transform of ONNX's {@code DFT} as a matrix, for executors that have no faster way. */
public final class DftMatrix {
    private DftMatrix() {}

    /**
     * Row {@code (point, part)}, column {@code (out point, out part)}, row-major.
     *
     * @param points points given; rows of those that the transform does not read are zeros
     * @param parts 1 for real input, 2 for complex
     * @param outPoints points wanted
     * @param outParts 1 for the real part alone, 2 for complex output
     * @param length of the transform
     * @param half one-sided, as of {@code onesided}
     */
    public static double[] of(
            int points, int parts, int outPoints, int outParts, int length, boolean inverse, boolean half) {
        double[] m = new double[points * parts * outPoints * outParts];
        int used = Math.min(points, inverse && half ? length / 2 + 1 : length);
        for (int p = 0; p < used; p++) {
            for (int q = 0; q < outPoints; q++) {
                double angle = 2 * Math.PI * ((long) p * q % length) / length;
                // A point of half a spectrum stands for its mirror image too, unless it is its own.
                double mirror = inverse && half && p > 0 && 2 * p != length ? 2 : 1;
                double scale = inverse ? mirror / length : 1;
                double c = scale * Math.cos(angle);
                double s = (inverse ? 1 : -1) * scale * Math.sin(angle);
                int re = (p * parts * outPoints + q) * outParts;
                int im = re + outPoints * outParts;
                m[re] = c;
                if (outParts == 2) {
                    m[re + 1] = s;
                }
                if (parts == 2) {
                    m[im] = -s;
                }
                if (parts == 2 && outParts == 2) {
                    m[im + 1] = c;
                }
            }
        }
        return m;
    }
}
