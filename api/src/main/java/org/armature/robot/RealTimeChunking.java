package org.armature.robot;

/**
 * The arithmetic of real-time chunking (Black et al. 2025): a flow or diffusion policy writes its new chunk as an
 * inpainting of the part of the old chunk that is not executed yet. For policies that denoise; the control loop uses the
 * prefix weights alone to join chunks of policies that do not.
 *
 * <p>Time runs from t = 1 (noise) to t = 0 (actions), as in openpi; {@code tau = 1 - t}.
 */
public final class RealTimeChunking {
    private RealTimeChunking() {}

    /** How the weights fall between the executed prefix and the free rest. */
    public enum Weights {
        /** 1 on the prefix, 0 after it. */
        ZEROS,
        /** 1 up to the end of the overlap. */
        ONES,
        /** Falls in a straight line. */
        LINEAR,
        /** {@code lin * (e^lin - 1) / (e - 1)}: falls faster. */
        EXP
    }

    /** How the error at the clean action is carried back to the noisy one. */
    @FunctionalInterface
    public interface Jacobian {
        /** The identity: what the published implementations compute, no backward pass needed. */
        Jacobian IDENTITY = (error, t) -> error;

        /**
         * {@code J^T error} with {@code J = d x1 / d x_t}; the full form, for a policy that can differentiate itself.
         *
         * @param error {@code [H * A]}
         * @param t time of the denoising step
         */
        double[] transposeTimes(double[] error, double t);
    }

    /**
     * Prefix weights W.
     *
     * @param delay d, steps that will have been executed when the new chunk arrives
     * @param end first step that is free of the old chunk
     * @param horizon H
     * @return {@code [H]}: 1 for k &lt; d, 0 for k &gt;= end
     */
    public static double[] prefixWeights(int delay, int end, int horizon, Weights weights) {
        if (delay < 0 || horizon <= 0) {
            throw new IllegalArgumentException(
                    "prefix weights need delay >= 0 and horizon > 0, not " + delay + ", " + horizon);
        }
        double[] w = new double[horizon];
        int between = Math.max(0, end - delay);
        for (int k = 0; k < horizon; k++) {
            double line = 1 - (k - delay + 1.0) / (between + 1.0);
            w[k] = k < delay
                    ? 1
                    : k >= end
                            ? 0
                            : switch (weights) {
                                case ZEROS -> 0;
                                case ONES -> 1;
                                case LINEAR -> line;
                                case EXP -> line * Math.expm1(line) / (Math.E - 1);
                            };
        }
        return w;
    }

    /**
     * One guided denoising velocity {@code v' = v - lambda * J^T ((y - x1) * W)} with {@code x1 = x - t v}.
     *
     * @param x {@code [H * A]} noisy actions at time t
     * @param v {@code [H * A]} the policy's velocity there
     * @param old {@code [H * A]} rest of the old chunk, padded with zeros
     * @param weights {@code [H]}
     * @param actions A
     * @param t in (0, 1]
     * @param lambdaMax bound of lambda, 10 in the paper
     * @return {@code [H * A]} a new array
     */
    public static double[] guide(
            double[] x,
            double[] v,
            double[] old,
            double[] weights,
            int actions,
            double t,
            double lambdaMax,
            Jacobian jacobian) {
        double[] error = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            error[i] = (old[i] - (x[i] - t * v[i])) * weights[i / actions];
        }
        double[] g = jacobian.transposeTimes(error, t);
        double lambda = lambda(t, lambdaMax);
        double[] guided = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            guided[i] = v[i] - lambda * g[i];
        }
        return guided;
    }

    /** {@code min((1-tau)/tau * ((1-tau)^2 + tau^2)/(1-tau)^2, lambdaMax)}; the bound where that is no number. */
    public static double lambda(double t, double lambdaMax) {
        double tau = 1 - t;
        double lambda = t / tau * (t * t + tau * tau) / (t * t);
        return Double.isFinite(lambda) ? Math.min(lambda, lambdaMax) : lambdaMax;
    }
}
