package org.armature.simulation;

import static org.armature.simulation.Frames.aboutX;
import static org.armature.simulation.Frames.aboutZ;
import static org.armature.simulation.Frames.at;

import java.util.ArrayList;
import java.util.List;
import org.armature.robot.JointLimits;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDescription.Link;

/**
 * A seven-joint arm with a parallel gripper in the proportions of a Franka Research 3, drawn from primitives: kinematics,
 * limits and shape, shared by both engines.
 *
 * <p>Commands and measurements are {@code [8]}: seven angles in rad, and the gripper's opening in metres (0 shut, 0.08
 * open). Inside an engine the opening is two finger slides of half its length, so {@code qpos} begins with nine numbers.
 *
 * <p>The tool centre point lies between the finger pads: its z axis points out of the hand, its y axis is the direction
 * in which the fingers open.
 */
final class Arm {
    /** Revolute joints. */
    static final int AXES = 7;
    /** Commanded joints: the axes and the gripper. */
    static final int JOINTS = 8;
    /** Numbers of qpos and of qvel that belong to the arm. */
    static final int STATE = 9;
    /** Frames: the base, seven links, the hand, two fingers. */
    static final int FRAMES = 11;

    static final int HAND = 8;
    static final int LEFT = 9;
    static final int RIGHT = 10;
    /** Widest opening of the gripper, metres. */
    static final double OPEN = 0.08;
    /** From the hand's frame to the fingers' and to the tool centre point along z, metres. */
    static final double FINGER_Z = 0.0584;

    static final double TOOL_Z = 0.1034;
    /** Half width of a finger pad along the tool's x, metres. */
    static final double PAD_X = 0.01;
    /** From the tool centre point down to the finger tips, metres. */
    static final double TIP = 0.0086;

    private static final double RIGHT_ANGLE = Math.PI / 2;
    private static final List<Pose> OFFSETS = List.of(
            at(0, 0, 0.333),
            aboutX(-RIGHT_ANGLE, 0, 0, 0),
            aboutX(RIGHT_ANGLE, 0, -0.316, 0),
            aboutX(RIGHT_ANGLE, 0.0825, 0, 0),
            aboutX(-RIGHT_ANGLE, -0.0825, 0.384, 0),
            aboutX(RIGHT_ANGLE, 0, 0, 0),
            aboutX(RIGHT_ANGLE, 0.088, 0, 0),
            aboutZ(-Math.PI / 4, 0, 0, 0.107));

    static final RobotDescription DESCRIPTION = describe();
    static final List<Part> PARTS = parts();

    private final double[][] frames = new double[FRAMES][16];
    private final double[] joint = new double[16];
    private final double[] turned = new double[16];

    Arm() {
        frames[0] = Pose.identity().matrix().clone();
        joint[10] = 1;
        joint[15] = 1;
    }

    /** Pose of frame {@code i + 1} in frame {@code i} when its joint is at 0: seven joints, then the hand. */
    static Pose offset(int i) {
        return OFFSETS.get(i);
    }

    /** Computes all frames for {@code qpos}, of which only the first nine numbers count. Allocates nothing. */
    void set(double[] qpos) {
        for (int i = 0; i < AXES; i++) {
            double c = Math.cos(qpos[i]);
            double s = Math.sin(qpos[i]);
            joint[0] = c;
            joint[1] = -s;
            joint[4] = s;
            joint[5] = c;
            Frames.multiply(OFFSETS.get(i).matrix(), joint, turned);
            Frames.multiply(frames[i], turned, frames[i + 1]);
        }
        Frames.multiply(frames[AXES], OFFSETS.get(AXES).matrix(), frames[HAND]);
        slide(frames[LEFT], qpos[AXES]);
        slide(frames[RIGHT], -qpos[AXES + 1]);
    }

    private void slide(double[] finger, double y) {
        System.arraycopy(frames[HAND], 0, finger, 0, 16);
        for (int i = 0; i < 12; i += 4) {
            finger[i + 3] += finger[i + 1] * y + finger[i + 2] * FINGER_Z;
        }
    }

    /** Pose of a frame, 4 x 4 row-major; overwritten by the next {@link #set}. */
    double[] frame(int i) {
        return frames[i];
    }

    /** Writes the tool centre point's pose into {@code out [16]}. */
    void tool(double[] out) {
        System.arraycopy(frames[HAND], 0, out, 0, 16);
        for (int i = 0; i < 12; i += 4) {
            out[i + 3] += out[i + 2] * TOOL_Z;
        }
    }

    private static RobotDescription describe() {
        double[] z = {0, 0, 1};
        List<Link> chain = new ArrayList<>();
        for (int i = 0; i < AXES; i++) {
            chain.add(new Link(i, OFFSETS.get(i), z, false));
        }
        chain.add(new Link(-1, OFFSETS.get(AXES).then(at(0, 0, TOOL_Z)), z, false));
        JointLimits limits = new JointLimits(
                new double[] {-2.8, -1.7, -2.8, -3.0, -2.8, 0.0, -2.8, 0},
                new double[] {2.8, 1.7, 2.8, -0.1, 2.8, 3.7, 2.8, OPEN},
                new double[] {2.175, 2.175, 2.175, 2.175, 2.6, 2.6, 2.6, 0.2},
                new double[] {15, 7.5, 10, 12.5, 15, 20, 20, 4},
                new double[] {7500, 3750, 5000, 6250, 7500, 10000, 10000, 400});
        return new RobotDescription(
                "arm7",
                List.of("joint1", "joint2", "joint3", "joint4", "joint5", "joint6", "joint7", "gripper"),
                limits,
                new double[] {0, -Math.PI / 4, 0, -3 * Math.PI / 4, 0, Math.PI / 2, Math.PI / 4, OPEN},
                AXES,
                chain);
    }

    private static List<Part> parts() {
        int white = 0xE6E8EA;
        int grey = 0x5B6168;
        int dark = 0x2B2F33;
        List<Part> p = new ArrayList<>();
        p.add(rod("arm/base", 0, 0.08, 0, 0, 0, 0, 0, 0.03, grey, Part.Shape.CYLINDER));
        p.add(rod("arm/column", 0, 0.062, 0, 0, 0.03, 0, 0, 0.2, white, Part.Shape.CYLINDER));
        p.add(rod("arm/shoulder", 1, 0.06, 0, 0, -0.13, 0, 0, 0, white, Part.Shape.CAPSULE));
        p.add(rod("arm/shoulder joint", 2, 0.058, 0, 0, -0.07, 0, 0, 0.07, grey, Part.Shape.CYLINDER));
        p.add(rod("arm/upper arm", 2, 0.055, 0, 0, 0, 0, -0.2, 0, white, Part.Shape.CAPSULE));
        p.add(rod("arm/elbow", 3, 0.054, 0, 0, -0.1, 0, 0, 0, white, Part.Shape.CAPSULE));
        p.add(rod("arm/elbow link", 3, 0.05, 0, 0, 0, 0.0825, 0, 0, white, Part.Shape.CAPSULE));
        p.add(rod("arm/elbow joint", 4, 0.052, 0, 0, -0.065, 0, 0, 0.065, grey, Part.Shape.CYLINDER));
        p.add(rod("arm/forearm link", 4, 0.05, 0, 0, 0, -0.0825, 0.1, 0, white, Part.Shape.CAPSULE));
        p.add(rod("arm/forearm", 5, 0.048, 0, 0, -0.28, 0, 0, 0, white, Part.Shape.CAPSULE));
        p.add(rod("arm/wrist joint", 6, 0.048, 0, 0, -0.06, 0, 0, 0.06, grey, Part.Shape.CYLINDER));
        p.add(rod("arm/wrist", 6, 0.044, 0, 0, 0, 0.088, 0, 0, white, Part.Shape.CAPSULE));
        p.add(rod("arm/flange", 7, 0.042, 0, 0, 0, 0, 0, 0.107, grey, Part.Shape.CYLINDER));
        p.add(box("arm/hand", HAND, 0, 0, 0.03, 0.03, 0.095, 0.03, white, true));
        p.add(box("arm/wrist camera", HAND, 0.045, 0, 0.02, 0.012, 0.03, 0.012, dark, false));
        for (int side = 1; side >= -1; side -= 2) {
            int frame = side > 0 ? LEFT : RIGHT;
            String name = side > 0 ? "arm/left " : "arm/right ";
            p.add(box(name + "carriage", frame, 0, side * 0.011, 0.008, 0.011, 0.011, 0.008, grey, false));
            p.add(box(name + "finger", frame, 0, side * 0.006, 0.0296, PAD_X, 0.006, 0.024, dark, true));
        }
        return List.copyOf(p);
    }

    private static Part rod(
            String name,
            int frame,
            double r,
            double ax,
            double ay,
            double az,
            double bx,
            double by,
            double bz,
            int rgb,
            Part.Shape shape) {
        double[] a = {ax, ay, az};
        double[] b = {bx, by, bz};
        double half = Math.sqrt(Math.pow(bx - ax, 2) + Math.pow(by - ay, 2) + Math.pow(bz - az, 2)) / 2;
        return new Part(name, frame, Frames.along(a, b), shape, new double[] {r, half}, rgb, false);
    }

    private static Part box(
            String name,
            int frame,
            double x,
            double y,
            double z,
            double hx,
            double hy,
            double hz,
            int rgb,
            boolean solid) {
        return new Part(name, frame, at(x, y, z), Part.Shape.BOX, new double[] {hx, hy, hz}, rgb, solid);
    }
}
