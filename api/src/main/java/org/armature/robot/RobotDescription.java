package org.armature.robot;

import java.util.List;

/**
 * A robot as its driver describes it, before it is connected.
 *
 * <p>The control bundle registers the description of the driver in use as a service of this class with
 * {@code armature.kind=robot} and {@code armature.id} = its name, before policies are asked to act, and replaces it when
 * a driver with another description takes over: policies and planners take it as an ordinary reference.
 *
 * <p>The tool frame is the last link not moved by the gripper joint (a fixed one if need be): origin between the
 * fingertips, where a small object is held; +z out of the gripper, the way it approaches; the fingers open along y.
 *
 * @param name short name, e.g. {@code arm7}
 * @param joints names of the J commanded joints, the gripper last if there is one
 * @param limits what the joints may do
 * @param home {@code [J]} a position from which work starts
 * @param gripper index of the gripper joint (its position is the opening in metres), or -1
 * @param kinematics geometry of the arm from the base to the tool frame, for inverse kinematics and drawing; empty when
 *     not known
 */
public record RobotDescription(
        String name, List<String> joints, JointLimits limits, double[] home, int gripper, List<Link> kinematics) {

    /**
     * One link of a serial chain from the base, root first.
     *
     * @param joint index into {@link RobotDescription#joints()} of the joint that moves this link, or -1 if fixed
     * @param offset pose of the joint's frame in the parent link's frame, at position 0
     * @param axis {@code [3]} unit axis in the joint's frame
     * @param sliding true for a prismatic joint
     */
    public record Link(int joint, Pose offset, double[] axis, boolean sliding) {
        /** How the joint at {@code position} (radians, or metres of a sliding one) moves this link within the joint's frame. */
        public Pose motion(double position) {
            return sliding
                    ? Pose.translation(axis[0] * position, axis[1] * position, axis[2] * position)
                    : Pose.rotation(axis, position);
        }
    }

    /** @throws IllegalArgumentException if sizes do not fit */
    public RobotDescription {
        joints = List.copyOf(joints);
        kinematics = List.copyOf(kinematics);
        if (limits.size() != joints.size() || home.length != joints.size()) {
            throw new IllegalArgumentException("robot " + name + " has " + joints.size() + " joints, but limits of "
                    + limits.size() + " and a home position of " + home.length);
        }
        if (gripper < -1 || gripper >= joints.size()) {
            throw new IllegalArgumentException("robot " + name + ": gripper index " + gripper + " is no joint");
        }
    }
}
