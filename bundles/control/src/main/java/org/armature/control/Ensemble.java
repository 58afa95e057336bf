package org.armature.control;

import java.util.Arrays;

/**
 * Temporal ensembling of ACT (Zhao et al. 2023, Algorithm 2) in its online form: all chunks that cover a step vote with
 * w_i = exp(-m i), i = 0 the oldest. Keeps the mean and the count of votes of the coming steps.
 */
final class Ensemble {
    private final int joints;
    private final int horizon;
    private final double[] w;
    private final double[] cumulative;
    private double[] mean = new double[0];
    private int[] count = new int[0];
    private long first;

    Ensemble(int joints, int horizon, double m) {
        this.joints = joints;
        this.horizon = horizon;
        w = new double[horizon];
        cumulative = new double[horizon];
        double sum = 0;
        for (int i = 0; i < horizon; i++) {
            w[i] = Math.exp(-m * i);
            sum += w[i];
            cumulative[i] = sum;
        }
    }

    /**
     * Adds a chunk and returns the mean {@code [H, J]} from its first step on.
     *
     * @param step number of the policy step of action 0; steps between that never came are popped as well
     * @param actions {@code [H, J]}
     */
    double[] add(long step, double[] actions) {
        int passed = count.length == 0 ? 0 : (int) Math.clamp(step - first, 0, count.length);
        double[] nextMean = actions.clone();
        int[] nextCount = new int[horizon];
        Arrays.fill(nextCount, 1);
        for (int k = 0; k + passed < count.length && k < horizon; k++) {
            int c = count[k + passed];
            for (int j = 0; j < joints; j++) {
                double e = mean[(k + passed) * joints + j];
                nextMean[k * joints + j] =
                        (e * cumulative[c - 1] + actions[k * joints + j] * w[Math.min(c, horizon - 1)])
                                / (cumulative[c - 1] + w[Math.min(c, horizon - 1)]);
            }
            nextCount[k] = Math.min(c + 1, horizon);
        }
        mean = nextMean;
        count = nextCount;
        first = step;
        return mean.clone();
    }

    void clear() {
        mean = new double[0];
        count = new int[0];
    }
}
