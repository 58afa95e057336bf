package org.armature.robot;

import java.util.Optional;
import org.osgi.annotation.versioning.ProviderType;

/**
 * Where the latest readings meet: latest frame wins, every observation is immutable and time-stamped.
 *
 * <p>Provided by the control bundle. Any thread; never blocks the control loop.
 */
@ProviderType
public interface ObservationHub {
    /** The latest observation, or empty until a driver is connected. */
    Optional<Observation> latest();

    /** What the robot is asked to do, in words. */
    String instruction();

    /** Asks the robot for something else; policies see it in their next observation. */
    void instruct(String instruction);
}
