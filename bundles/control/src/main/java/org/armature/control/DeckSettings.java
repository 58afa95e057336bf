package org.armature.control;

/**
 * Bounds for modules.
 *
 * @param trialMillis wall time a new module has for its shadow run
 * @param actMillis wall time one answer may take before the policy counts as hanging
 * @param maxBytes bytes one answer or trial may allocate
 * @param stopMillis wall time a leaving module is waited for
 * @param replan share of the horizon that is left when the next chunk is asked for, 0 to 1
 * @param policyHz most answers a robot second
 * @param everyStep ask at each policy step, for temporal ensembling
 */
record DeckSettings(
        long trialMillis,
        long actMillis,
        long maxBytes,
        long stopMillis,
        double replan,
        double policyHz,
        boolean everyStep) {
    static DeckSettings standard() {
        return new DeckSettings(5000, 2000, 1L << 30, 2000, 0.5, 50, false);
    }
}
