package org.armature.robot;

import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One image of one camera, with whatever else that camera offers. Depth, intrinsics and pose are each optional, as on
 * real robots; readers use what is there.
 *
 * @param camera name, e.g. {@code front} or {@code wrist}
 * @param timeNanos robot time of the exposure
 * @param width W, pixels
 * @param height H, pixels
 * @param rgb {@code [H, W, 3]} uint8, row-major, top row first
 * @param depthOrNull {@code [H, W]} float32 metres along the optical axis (z, not ray length); 0 or NaN where unknown
 * @param intrinsicsOrNull intrinsics at this resolution
 * @param poseOrNull camera-to-world at the time of exposure
 */
public record CameraFrame(
        String camera,
        long timeNanos,
        int width,
        int height,
        byte[] rgb,
        float @Nullable [] depthOrNull,
        @Nullable Intrinsics intrinsicsOrNull,
        @Nullable Pose poseOrNull) {

    /** @throws IllegalArgumentException if an array does not fit the size */
    public CameraFrame {
        if (width <= 0 || height <= 0) {
            throw new IllegalArgumentException("camera " + camera + ": size " + width + " x " + height + " is empty");
        }
        if (rgb.length != 3 * width * height) {
            throw new IllegalArgumentException("camera " + camera + ": rgb has " + rgb.length + " bytes, but " + height
                    + " x " + width + " x 3 needs " + 3 * width * height);
        }
        if (depthOrNull != null && depthOrNull.length != width * height) {
            throw new IllegalArgumentException("camera " + camera + ": depth has " + depthOrNull.length
                    + " values, but " + height + " x " + width + " needs " + width * height);
        }
    }

    /** Metric depth {@code [H, W]}, if this camera measures it. */
    public Optional<float[]> depth() {
        return Optional.ofNullable(depthOrNull);
    }

    /** Intrinsics, if this camera is calibrated. */
    public Optional<Intrinsics> intrinsics() {
        return Optional.ofNullable(intrinsicsOrNull);
    }

    /** Camera-to-world pose, if it is known. */
    public Optional<Pose> pose() {
        return Optional.ofNullable(poseOrNull);
    }
}
