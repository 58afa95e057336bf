package org.armature.robot;

import java.util.List;

/**
 * A robot as its driver describes it, before it is connected.
 *
 * @param name short name, e.g. {@code arm7}
 * @param joints names of the J commanded joints, the gripper last if there is one
 * @param limits what the joints may do
 * @param home {@code [J]} a position from which work starts
 * @param gripper index of the gripper joint (its position is the opening in metres), or -1
 * @param kinematics geometry of the arm for inverse kinematics and drawing; empty when not known
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
    public record Link(int joint, Pose offset, double[] axis, boolean sliding) {}

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
