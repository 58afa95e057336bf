package org.armature.robot;

import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/**
 * How modules came and went: every attempt to replace a policy, a perception module or a driver, with its outcome and the
 * reason, and which of them the robot follows. Provided by the control bundle; the launcher reports files that never became
 * a bundle through {@link #record}.
 */
@ProviderType
public interface Replacement {
    /** What became of an attempt. */
    enum Outcome {
        /** The new module works. */
        CUT_OVER("cut-over"),
        /** The new module was not taken; the old one goes on. */
        REFUSED("refused"),
        /** The new module was taken, misbehaved, and the old one is back. */
        ROLLED_BACK("rolled-back");

        private final String text;

        Outcome(String text) {
            this.text = text;
        }

        /** As the summary spells it. */
        public String text() {
            return text;
        }
    }

    /**
     * One attempt.
     *
     * @param timeMillis wall-clock time, milliseconds since the epoch
     * @param id the module's {@code armature.id}, or the file's name when it never became a module
     * @param kind its {@code armature.kind}; empty when unknown
     * @param version the bundle's version; empty when unknown
     * @param millis from the service's appearance to the outcome
     * @param outcome what became of it
     * @param reason one sentence
     */
    record Swap(
            long timeMillis, String id, String kind, String version, double millis, Outcome outcome, String reason) {}

    /** Every attempt since the start, oldest first. */
    List<Swap> history();

    /**
     * Which module the robot follows now.
     *
     * @param kind {@code policy}, {@code perception} or {@code driver}
     * @return its {@code armature.id}; empty when there is none, or modules of this kind are not replaced while the robot
     *     moves
     */
    String inUse(String kind);

    /** Adds an attempt that failed before a service appeared (not a bundle, not signed, does not resolve). */
    void record(Swap swap);
}
