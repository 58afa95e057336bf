package org.armature.robot;

/**
 * Pinhole intrinsics in pixels: {@code u = fx * x / z + cx}, {@code v = fy * y / z + cy}, with pixel centres at integers
 * plus one half and no distortion.
 *
 * @param fx focal length along x, pixels, greater than 0
 * @param fy focal length along y, pixels, greater than 0
 * @param cx principal point x, pixels from the image's left edge
 * @param cy principal point y, pixels from the image's top edge
 */
public record Intrinsics(double fx, double fy, double cx, double cy) {
    /** @throws IllegalArgumentException if a focal length is not a positive number */
    public Intrinsics {
        if (!(fx > 0 && fy > 0)) {
            throw new IllegalArgumentException("focal lengths must be positive, but are fx=" + fx + ", fy=" + fy);
        }
    }
}
