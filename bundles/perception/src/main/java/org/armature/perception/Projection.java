package org.armature.perception;

import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;

/**
 * A calibrated pinhole camera in the world: pixels with depth to world points and back.
 *
 * @param intrinsics pixels; centres at integers plus one half
 * @param pose camera-to-world; the camera looks along +z, x right, y down
 */
record Projection(Intrinsics intrinsics, Pose pose) {
    /** The world point, metres, seen at image coordinates {@code (u, v)} at depth {@code z} metres along the optical axis. */
    double[] unproject(double u, double v, double z) {
        return pose.transform(
                (u - intrinsics.cx()) / intrinsics.fx() * z, (v - intrinsics.cy()) / intrinsics.fy() * z, z);
    }

    /** {@code u, v} in pixels and depth in metres of a world point; depth is not positive behind the camera. */
    double[] project(double x, double y, double z) {
        double[] m = pose.matrix();
        double dx = x - m[3];
        double dy = y - m[7];
        double dz = z - m[11];
        double cx = m[0] * dx + m[4] * dy + m[8] * dz;
        double cy = m[1] * dx + m[5] * dy + m[9] * dz;
        double cz = m[2] * dx + m[6] * dy + m[10] * dz;
        return new double[] {
            intrinsics.fx() * cx / cz + intrinsics.cx(), intrinsics.fy() * cy / cz + intrinsics.cy(), cz
        };
    }
}
