package org.armature.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

class StatisticsTest {
    private static final int WIDTH = 5;

    private static float[] normal(long seed, int n, double scale, double shift) {
        Random r = new Random(seed);
        float[] x = new float[n * WIDTH];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) (r.nextGaussian() * scale + shift);
        }
        return x;
    }

    /** Of isotropic normals it is {@code d ((m1 - m2)^2 + (s1 - s2)^2)}. */
    @Test
    void theFrechetDistanceOfNormalsIsTheFormulas() {
        double d = Statistics.frechet(normal(1, 200_000, 1, 0), normal(2, 200_000, 3, 2), WIDTH);
        assertEquals(WIDTH * (2 * 2 + 2 * 2), d, 0.3);
    }

    @Test
    void aSampleIsNoDistanceFromItself() {
        float[] x = normal(3, 500, 2, 1);
        assertEquals(0, Statistics.frechet(x, x, WIDTH), 1e-9);
    }

    @Test
    void theProbeSeparatesWhatALineSeparatesAndNothingElse() {
        int n = 2000;
        float[] x = normal(4, n, 1, 0);
        long[] line = new long[n];
        long[] ring = new long[n];
        for (int i = 0; i < n; i++) {
            line[i] = x[i * WIDTH] + 2 * x[i * WIDTH + 1] > 0.5 ? 1 : 0;
            ring[i] = x[i * WIDTH] * x[i * WIDTH] > 0.455 ? 1 : 0; // the median of a squared normal
        }
        assertTrue(Statistics.probe(x, line, x, line, WIDTH, 2, 1e-6) > 0.95);
        assertTrue(Statistics.probe(x, ring, x, ring, WIDTH, 2, 1e-6) < 0.6);
    }

    @Test
    void psnrIsInDecibels() {
        assertEquals(20, Statistics.psnr(new float[] {0, 1}, new float[] {0.1f, 0.9f}), 1e-4);
        assertEquals(0.1, Statistics.l1(new float[] {0, 1}, new float[] {0.1f, 0.9f}), 1e-6);
    }

    /** Against scikit-image 0.26: Gaussian weights, population covariance, data range 1. */
    @Test
    void structuralSimilarityIsThatOfScikitImage() {
        int h = 20;
        int w = 16;
        float[] a = new float[h * w];
        float[] b = new float[h * w];
        for (int i = 0; i < h; i++) {
            for (int j = 0; j < w; j++) {
                a[i * w + j] = (i * 7 + j * 3) % 17 / 17f;
                b[i * w + j] = 0.8f * a[i * w + j] + 0.1f * ((i + j) % 2);
            }
        }
        assertEquals(1, Statistics.ssim(a, a, h, w), 1e-12);
        assertEquals(0.9533507802, Statistics.ssim(a, b, h, w), 1e-6);
        assertThrows(IllegalArgumentException.class, () -> Statistics.ssim(a, b, 5, 64));
    }
}
