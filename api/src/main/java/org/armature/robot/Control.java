package org.armature.robot;

import org.osgi.annotation.versioning.ProviderType;

/**
 * A person's hand on the loop: console, command line and tests. Every call returns at once and works while policies hang;
 * none touches a lock of the loop.
 */
@ProviderType
public interface Control {
    /** Stops the robot within one tick and keeps it stopped. */
    void emergencyStop(String reason);

    /**
     * Leaves ESTOP, FAULT or IDLE and arms again.
     *
     * @throws IllegalStateException one sentence, if the robot cannot be armed (no driver, driver fault)
     */
    void arm();

    /** Holds position and lets go: IDLE. */
    void disarm();
}
