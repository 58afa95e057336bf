package org.armature.tokenizer;

import java.util.function.IntToDoubleFunction;
import org.ejml.data.DMatrixRMaj;
import org.ejml.dense.row.CommonOps_DDRM;
import org.ejml.dense.row.factory.DecompositionFactory_DDRM;
import org.ejml.dense.row.factory.LinearSolverFactory_DDRM;
import org.ejml.interfaces.decomposition.EigenDecomposition_F64;
import org.ejml.interfaces.linsol.LinearSolverDense;

/** What representations and samples are judged by. Rows are examples: {@code float[N * width]}. */
final class Statistics {
    private static final int SSIM_WINDOW = 11;
    private static final double[] GAUSSIAN = gaussian();

    private Statistics() {}

    /**
     * Accuracy on test examples of a linear classifier, fitted by ridge regression to one-hot labels.
     *
     * @param lambda weight of the squared coefficients, per training example
     */
    static double probe(
            float[] train, long[] labels, float[] test, long[] testLabels, int width, int classes, double lambda) {
        int n = labels.length;
        DMatrixRMaj a = new DMatrixRMaj(width + 1, width + 1); // X'X, the last column the intercept
        DMatrixRMaj b = new DMatrixRMaj(width + 1, classes);
        double[] row = new double[width + 1];
        for (int i = 0; i < n; i++) {
            fill(row, train, i, width);
            for (int r = 0; r <= width; r++) {
                for (int c = 0; c <= width; c++) {
                    a.data[r * (width + 1) + c] += row[r] * row[c];
                }
                b.data[r * classes + (int) labels[i]] += row[r];
            }
        }
        for (int r = 0; r < width; r++) {
            a.add(r, r, lambda * n);
        }
        DMatrixRMaj w = new DMatrixRMaj(width + 1, classes);
        LinearSolverDense<DMatrixRMaj> solver = LinearSolverFactory_DDRM.symmPosDef(width + 1);
        if (!solver.setA(a)) {
            throw new IllegalArgumentException("the representation is degenerate: raise lambda above " + lambda);
        }
        solver.solve(b, w);
        int right = 0;
        for (int i = 0; i < testLabels.length; i++) {
            fill(row, test, i, width);
            int best = 0;
            double most = Double.NEGATIVE_INFINITY;
            for (int c = 0; c < classes; c++) {
                double y = 0;
                for (int r = 0; r <= width; r++) {
                    y += row[r] * w.data[r * classes + c];
                }
                if (y > most) {
                    most = y;
                    best = c;
                }
            }
            right += best == testLabels[i] ? 1 : 0;
        }
        return (double) right / testLabels.length;
    }

    private static void fill(double[] row, float[] from, int i, int width) {
        for (int j = 0; j < width; j++) {
            row[j] = from[i * width + j];
        }
        row[width] = 1;
    }

    /**
     * The Frechet distance of the two normal distributions with the examples' means and covariances:
     * {@code |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2)} (Heusel et al. 2017).
     */
    static double frechet(float[] a, float[] b, int width) {
        double[] ma = mean(a, width);
        double[] mb = mean(b, width);
        double distance = 0;
        for (int j = 0; j < width; j++) {
            distance += (ma[j] - mb[j]) * (ma[j] - mb[j]);
        }
        DMatrixRMaj ca = covariance(a, ma);
        DMatrixRMaj cb = covariance(b, mb);
        DMatrixRMaj root = root(ca);
        DMatrixRMaj half = new DMatrixRMaj(width, width);
        DMatrixRMaj product = new DMatrixRMaj(width, width);
        CommonOps_DDRM.mult(root, cb, half);
        CommonOps_DDRM.mult(half, root, product);
        return distance + CommonOps_DDRM.trace(ca) + CommonOps_DDRM.trace(cb) - 2 * CommonOps_DDRM.trace(root(product));
    }

    private static double[] mean(float[] x, int width) {
        double[] m = new double[width];
        for (int i = 0; i < x.length; i++) {
            m[i % width] += x[i];
        }
        for (int j = 0; j < width; j++) {
            m[j] /= (double) x.length / width;
        }
        return m;
    }

    private static DMatrixRMaj covariance(float[] x, double[] mean) {
        int width = mean.length;
        int n = x.length / width;
        DMatrixRMaj c = new DMatrixRMaj(width, width);
        for (int i = 0; i < n; i++) {
            for (int r = 0; r < width; r++) {
                double d = x[i * width + r] - mean[r];
                for (int s = 0; s < width; s++) {
                    c.data[r * width + s] += d * (x[i * width + s] - mean[s]) / (n - 1);
                }
            }
        }
        return c;
    }

    /** Of a symmetric matrix without negative eigenvalues; those that rounding made negative count as zero. */
    private static DMatrixRMaj root(DMatrixRMaj symmetric) {
        int n = symmetric.numRows;
        EigenDecomposition_F64<DMatrixRMaj> e = DecompositionFactory_DDRM.eig(n, true, true);
        DMatrixRMaj copy = symmetric.copy();
        for (int r = 0; r < n; r++) { // a product of three is symmetric but for rounding
            for (int c = 0; c < r; c++) {
                double m = (copy.get(r, c) + copy.get(c, r)) / 2;
                copy.set(r, c, m);
                copy.set(c, r, m);
            }
        }
        if (!e.decompose(copy)) {
            throw new IllegalArgumentException("a covariance has no eigenvalues: the features are not finite");
        }
        DMatrixRMaj out = new DMatrixRMaj(n, n);
        for (int k = 0; k < n; k++) {
            double root = Math.sqrt(Math.max(0, e.getEigenvalue(k).real));
            CommonOps_DDRM.multAddTransB(root, e.getEigenVector(k), e.getEigenVector(k), out);
        }
        return out;
    }

    /** Mean absolute difference. */
    static double l1(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += Math.abs(a[i] - b[i]);
        }
        return sum / a.length;
    }

    /** Mean squared difference. */
    static double squares(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (double) (a[i] - b[i]) * (a[i] - b[i]);
        }
        return sum / a.length;
    }

    /** Peak signal-to-noise ratio of levels in [0, 1], dB. */
    static double psnr(float[] a, float[] b) {
        return -10 * Math.log10(squares(a, b));
    }

    /**
     * Structural similarity (Wang et al. 2004) of images {@code [C, height, width]} with levels in [0, 1]: the mean, over channels
     * and all places where the Gaussian window of 11 x 11 (deviation 1.5) fits, with K1 = 0.01 and K2 = 0.03.
     */
    static double ssim(float[] a, float[] b, int height, int width) {
        if (height < SSIM_WINDOW || width < SSIM_WINDOW) {
            throw new IllegalArgumentException("images of " + height + " by " + width
                    + " pixels are smaller than SSIM's" + " window of " + SSIM_WINDOW);
        }
        double c1 = 0.01 * 0.01;
        double c2 = 0.03 * 0.03;
        double sum = 0;
        long places = 0;
        for (int from = 0; from < a.length; from += height * width) {
            int start = from;
            double[] ma = blurred(i -> a[start + i], height, width);
            double[] mb = blurred(i -> b[start + i], height, width);
            double[] aa = blurred(i -> (double) a[start + i] * a[start + i], height, width);
            double[] bb = blurred(i -> (double) b[start + i] * b[start + i], height, width);
            double[] ab = blurred(i -> (double) a[start + i] * b[start + i], height, width);
            for (int i = 0; i < ma.length; i++) {
                double product = ma[i] * mb[i];
                double squares = ma[i] * ma[i] + mb[i] * mb[i];
                sum += (2 * product + c1)
                        * (2 * (ab[i] - product) + c2)
                        / ((squares + c1) * (aa[i] + bb[i] - squares + c2));
            }
            places += ma.length;
        }
        return sum / places;
    }

    /** Means under the window, {@code [height - 10, width - 10]}. */
    private static double[] blurred(IntToDoubleFunction image, int height, int width) {
        int w = width - SSIM_WINDOW + 1;
        double[] rows = new double[height * w];
        for (int i = 0; i < rows.length; i++) {
            for (int k = 0; k < SSIM_WINDOW; k++) {
                rows[i] += GAUSSIAN[k] * image.applyAsDouble(i / w * width + i % w + k);
            }
        }
        double[] out = new double[(height - SSIM_WINDOW + 1) * w];
        for (int i = 0; i < out.length; i++) {
            for (int k = 0; k < SSIM_WINDOW; k++) {
                out[i] += GAUSSIAN[k] * rows[i + k * w];
            }
        }
        return out;
    }

    private static double[] gaussian() {
        double[] g = new double[SSIM_WINDOW];
        double sum = 0;
        for (int k = 0; k < SSIM_WINDOW; k++) {
            double x = (k - SSIM_WINDOW / 2) / 1.5;
            g[k] = Math.exp(-x * x / 2);
            sum += g[k];
        }
        for (int k = 0; k < SSIM_WINDOW; k++) {
            g[k] /= sum;
        }
        return g;
    }
}
