package org.armature.robot;

import java.util.Optional;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * A source of camera frames: a simulated camera, a RealSense, a video file. Kind {@code sensor}.
 *
 * <p>Implement it for hardware; to feed recorded data, a driver is usually the easier way. {@link #latest()} is called
 * from any thread at up to 50 Hz and must not block for longer than it takes to copy a reference.
 *
 * <p>Laws: the name never changes; frames' times never fall; a frame once returned is never written again.
 */
@ConsumerType
public interface Sensor {
    /** Name of the camera, unique in the runtime. */
    String name();

    /** The newest frame, or empty until the first exposure. */
    Optional<CameraFrame> latest();
}
