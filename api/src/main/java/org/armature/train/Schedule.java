package org.armature.train;

/** The learning rate over a run. */
@FunctionalInterface
public interface Schedule {
    /**
     * The rate of a step.
     *
     * @param step from 0
     * @param steps of the whole run
     */
    double at(long step, long steps);

    static Schedule constant(double rate) {
        return (step, steps) -> rate;
    }

    /** From {@code rate} to {@code last} along half a cosine (Loshchilov and Hutter 2017, eq. 5, without restarts). */
    static Schedule cosine(double rate, double last) {
        return (step, steps) -> last + 0.5 * (rate - last) * (1 + StrictMath.cos(Math.PI * step / Math.max(1, steps)));
    }

    /** Times {@code factor} after every {@code every} steps. */
    static Schedule steps(double rate, double factor, long every) {
        return (step, steps) -> rate * StrictMath.pow(factor, step / every);
    }

    /** A straight line from 0 over the first {@code warm} steps, then this schedule for the rest. */
    default Schedule afterWarmUp(long warm) {
        return (step, steps) -> step < warm
                ? at(0, Math.max(1, steps - warm)) * (step + 1) / warm
                : at(step - warm, Math.max(1, steps - warm));
    }
}
