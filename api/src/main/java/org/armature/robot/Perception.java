package org.armature.robot;

import java.util.List;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Finds things in images. Kind {@code perception}.
 *
 * <p>Policies reference it with the target {@code (armature.gate=true)}: the control bundle's, which hands each call to the
 * module in use, so that a module is tried on the last real frames before a policy meets it and is replaced when it fails.
 *
 * <p>Called by policies on their own thread. Laws: detections are ordered by falling score; positions are in the world
 * frame and only given when depth, intrinsics and pose allow it; an unknown word is no detection, not an exception.
 */
@ConsumerType
public interface Perception {
    /**
     * Everything in the frame that fits the words, e.g. {@code red cube} or {@code blue bowl}.
     *
     * @param frame RGB with depth, intrinsics and camera-to-world pose
     * @param words colour and noun; the noun may be missing
     */
    List<Detection> detect(CameraFrame frame, String words);

    /**
     * A thing seen.
     *
     * @param label colour and shape as recognised
     * @param score 0 to 1
     * @param centre {@code [3]} centre of the visible surface's bounding box, world frame, metres
     * @param halfExtents {@code [3]} half size of that box along the world axes, metres
     * @param yaw rotation of its longer horizontal side about world z, rad, in [-pi/2, pi/2)
     * @param box {@code [4]} left, top, right, bottom in pixels
     */
    record Detection(String label, double score, double[] centre, double[] halfExtents, double yaw, int[] box) {}
}
