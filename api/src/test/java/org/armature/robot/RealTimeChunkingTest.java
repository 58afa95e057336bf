package org.armature.robot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.armature.robot.RealTimeChunking.Jacobian;
import org.armature.robot.RealTimeChunking.Weights;
import org.junit.jupiter.api.Test;

class RealTimeChunkingTest {
    @Test
    void linearWeightsAreTheInnerPointsOfALine() {
        assertArrayEquals(
                new double[] {1, 1, 0.75, 0.5, 0.25, 0},
                RealTimeChunking.prefixWeights(2, 5, 6, Weights.LINEAR),
                1e-12);
        assertArrayEquals(new double[] {1, 1, 0, 0}, RealTimeChunking.prefixWeights(2, 3, 4, Weights.ZEROS), 0);
        assertArrayEquals(new double[] {1, 1, 1, 0}, RealTimeChunking.prefixWeights(2, 3, 4, Weights.ONES), 0);
        double half = 0.5 * (Math.exp(0.5) - 1) / (Math.E - 1);
        assertArrayEquals(new double[] {1, half, 0}, RealTimeChunking.prefixWeights(1, 2, 3, Weights.EXP), 1e-12);
        assertThrows(IllegalArgumentException.class, () -> RealTimeChunking.prefixWeights(-1, 2, 3, Weights.EXP));
    }

    @Test
    void lambdaIsBoundedAtBothEnds() {
        assertEquals(10, RealTimeChunking.lambda(1, 10), 0);
        assertEquals(10, RealTimeChunking.lambda(0, 10), 0);
        // tau = 0.5: 1 * (0.25 + 0.25) / 0.25
        assertEquals(2, RealTimeChunking.lambda(0.5, 10), 1e-12);
    }

    @Test
    void oneGuidedStepIsTheFormula() {
        double[] x = {1, 2};
        double[] v = {0.5, -1};
        double[] y = {0, 1};
        double[] w = {1, 0.5};
        double t = 0.5;
        double[] g = RealTimeChunking.guide(x, v, y, w, 1, t, 10, Jacobian.IDENTITY);
        assertEquals(0.5 - 2 * (0 - (1 - 0.25)), g[0], 1e-12);
        assertEquals(-1 - 2 * 0.5 * (1 - (2 + 0.5)), g[1], 1e-12);
    }

    /** The exact flow of actions spread by 1 around 1: guided, the frozen prefix ends near the old chunk, the rest is free. */
    @Test
    void guidanceCarriesThePrefixToTheOldChunk() {
        double[] old = {-0.2, 0.3, 0, 0};
        double[] w = {1, 1, 0, 0};
        double[] free = flow(old, new double[4], Jacobian.IDENTITY);
        for (Jacobian jacobian : new Jacobian[] {Jacobian.IDENTITY, (e, t) -> scaled(e, slope(t))}) {
            double[] guided = flow(old, w, jacobian);
            for (int i = 0; i < 2; i++) {
                assertEquals(old[i], guided[i], 0.2 * Math.abs(free[i] - old[i]));
                assertEquals(free[i + 2], guided[i + 2], 1e-12);
            }
        }
    }

    private static double[] flow(double[] old, double[] w, Jacobian jacobian) {
        double[] x = {0.9, 1.4, 0.3, 0.1};
        int steps = 200;
        for (int n = 0; n < steps; n++) {
            double t = 1 - n / (double) steps;
            double[] v = new double[4];
            for (int i = 0; i < 4; i++) {
                double clean = 1 + slope(t) * (x[i] - (1 - t));
                v[i] = (x[i] - clean) / t;
            }
            double[] guided = RealTimeChunking.guide(x, v, old, w, 1, t, 10, jacobian);
            for (int i = 0; i < 4; i++) {
                x[i] -= guided[i] / steps;
            }
        }
        return x;
    }

    /** d x1 / d x_t of that flow. */
    private static double slope(double t) {
        return (1 - t) / ((1 - t) * (1 - t) + t * t);
    }

    private static double[] scaled(double[] a, double s) {
        double[] b = a.clone();
        for (int i = 0; i < b.length; i++) {
            b[i] *= s;
        }
        return b;
    }
}
