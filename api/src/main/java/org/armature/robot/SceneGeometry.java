package org.armature.robot;

import java.util.List;
import org.osgi.annotation.versioning.ConsumerType;

/**
 * Turns the cameras' frames into geometry: where things are, where the cameras are, and tokens of it for a policy. Kind
 * {@code geometry}. Any frame may lack depth, intrinsics or pose; what is there is used. Replaced like any service.
 *
 * <p>Any thread; one estimate is computed at a time. Laws: the order of the frames is kept; a modality that is missing is no
 * error; the same frames give the same estimate.
 */
@ConsumerType
public interface SceneGeometry {
    /**
     * Geometry of one scene.
     *
     * @param frames views of it at one time, at least one
     */
    Estimate estimate(List<CameraFrame> frames);

    /**
     * What was found.
     *
     * @param width W of the maps, pixels
     * @param height H of the maps, pixels
     * @param views one a frame, in their order
     * @param metric whether lengths are metres (some frame had depth, or two had poses); else the mean distance of the points
     *     from the first camera is about one
     * @param world whether points and poses are in the world frame; else in that of the first view
     * @param tokens {@code [views, P, C]} spatial tokens, row-major
     * @param tokenWidth C
     */
    record Estimate(
            int width, int height, List<View> views, boolean metric, boolean world, float[] tokens, int tokenWidth) {}

    /**
     * One view's part.
     *
     * @param camera name of the camera
     * @param pose camera-to-world: the given one, else the estimated one
     * @param intrinsics at {@code W x H}: the given ones, else the estimated ones
     * @param depth {@code [H, W]} along the optical axis
     * @param confidence {@code [H, W]} at least 1
     * @param points {@code [H, W, 3]} where the pixels' centres see a surface
     * @param rgb {@code [H, W, 3]} the image as it was looked at
     */
    record View(
            String camera,
            Pose pose,
            Intrinsics intrinsics,
            float[] depth,
            float[] confidence,
            float[] points,
            byte[] rgb) {}
}
