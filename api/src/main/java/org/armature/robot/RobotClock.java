package org.armature.robot;

import org.osgi.annotation.versioning.ProviderType;

/**
 * Robot time: the only clock chunks, observations and schedules speak of.
 *
 * <p>Provided by the control loop; monotonic, never set back, starts near zero when the loop starts. At {@code --speed 4}
 * it gains four seconds a second. Any thread may read it; reading neither blocks nor allocates.
 */
@ProviderType
public interface RobotClock {
    /** Robot time now, in nanoseconds. */
    long nanos();

    /** Robot seconds per wall-clock second; 1 on real hardware. */
    double speed();
}
