package org.armature.simulation;

import static org.armature.simulation.Frames.at;

import java.util.ArrayList;
import java.util.List;
import org.armature.robot.Intrinsics;
import org.armature.robot.Pose;
import org.armature.robot.Simulator.Body;

/**
 * The scene's geometry: table, arm, things and cameras, posed by one state vector.
 *
 * <p>State is {@code qpos} = seven angles, two finger slides, then position and quaternion (w, x, y, z) of every thing;
 * {@code qvel} = nine joint speeds, then linear and angular velocity of every thing. Frames are the arm's
 * {@link Arm#FRAMES}, then one for every thing.
 */
final class Stage {
    static final int THINGS = Scene.SLOTS.size();
    static final int NQ = Arm.STATE + 7 * THINGS;
    static final int NV = Arm.STATE + 6 * THINGS;
    /** Height of a container's floor above its origin, metres. */
    static final double FLOOR = 0.006;

    static final Part TABLE =
            new Part("table", 0, at(0.36, 0, -0.02), Part.Shape.BOX, new double[] {0.52, 0.62, 0.02}, 0xB9B2A8, true);

    /**
     * A camera.
     *
     * @param name name
     * @param frame frame that carries it; 0 is the world
     * @param local camera-to-frame, OpenCV axes
     * @param fovy vertical angle of view, degrees
     */
    record Camera(String name, int frame, Pose local, double fovy) {
        /** Intrinsics of an image of this size. */
        Intrinsics intrinsics(int width, int height) {
            double f = height / 2.0 / Math.tan(Math.toRadians(fovy) / 2);
            return new Intrinsics(f, f, width / 2.0, height / 2.0);
        }
    }

    static final List<Camera> CAMERAS = List.of(
            new Camera("front", 0, Frames.lookAt(new double[] {1.16, 0, 0.82}, new double[] {0.46, 0, 0.02}), 44),
            new Camera("wrist", Arm.HAND, wrist(), 70));

    private final Arm arm = new Arm();
    private final double[][] things = new double[THINGS][16];

    static int qpos(int thing) {
        return Arm.STATE + 7 * thing;
    }

    static int qvel(int thing) {
        return Arm.STATE + 6 * thing;
    }

    /** The camera of that name. */
    static Camera camera(String name) {
        return CAMERAS.stream()
                .filter(c -> c.name.equals(name))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no camera \"" + name + "\"; there are "
                        + CAMERAS.stream().map(Camera::name).toList()));
    }

    /** Parts of a thing in its own frame; names and colours are put in by the caller. */
    static List<Part> parts(int thing) {
        int frame = Arm.FRAMES + thing;
        List<Part> p = new ArrayList<>();
        switch (Scene.SLOTS.get(thing)) {
            case CUBE -> p.add(part(frame, Pose.identity(), Part.Shape.BOX, 0.02, 0.02, 0.02));
            case CYLINDER -> p.add(part(frame, Pose.identity(), Part.Shape.CYLINDER, 0.02, 0.025));
            case BALL -> p.add(part(frame, Pose.identity(), Part.Shape.SPHERE, 0.023));
            case BOWL -> {
                p.add(part(frame, at(0, 0, FLOOR / 2), Part.Shape.CYLINDER, 0.058, FLOOR / 2));
                double lean = Math.atan2(0.026, 0.05);
                Pose wall = new Pose(new double[] {
                    Math.cos(lean),
                    0,
                    Math.sin(lean),
                    0.069,
                    0,
                    1,
                    0,
                    0,
                    -Math.sin(lean),
                    0,
                    Math.cos(lean),
                    0.025,
                    0,
                    0,
                    0,
                    1
                });
                for (int i = 0; i < 16; i++) {
                    p.add(part(
                            frame,
                            Frames.aboutZ(i * Math.PI / 8, 0, 0, 0).then(wall),
                            Part.Shape.BOX,
                            0.003,
                            0.0165,
                            0.028));
                }
            }
            case TRAY -> {
                p.add(part(frame, at(0, 0, FLOOR / 2), Part.Shape.BOX, 0.085, 0.065, FLOOR / 2));
                p.add(part(frame, at(0.082, 0, 0.0205), Part.Shape.BOX, 0.003, 0.065, 0.0145));
                p.add(part(frame, at(-0.082, 0, 0.0205), Part.Shape.BOX, 0.003, 0.065, 0.0145));
                p.add(part(frame, at(0, 0.062, 0.0205), Part.Shape.BOX, 0.079, 0.003, 0.0145));
                p.add(part(frame, at(0, -0.062, 0.0205), Part.Shape.BOX, 0.079, 0.003, 0.0145));
            }
        }
        return p;
    }

    /** Every part of a scene, with names and colours. */
    static List<Part> parts(Scene scene) {
        List<Part> all = new ArrayList<>(Arm.PARTS);
        all.addFirst(TABLE);
        for (int i = 0; i < THINGS; i++) {
            Scene.Thing thing = scene.things().get(i);
            List<Part> parts = parts(i);
            for (int k = 0; k < parts.size(); k++) {
                String name = parts.size() == 1 ? thing.name() : thing.name() + "/" + k;
                all.add(parts.get(k).painted(name, thing.rgb()));
            }
        }
        return all;
    }

    /** Poses everything. Allocates nothing. */
    void set(double[] qpos) {
        arm.set(qpos);
        for (int i = 0; i < THINGS; i++) {
            Frames.fromFreeJoint(qpos, qpos(i), things[i]);
        }
    }

    Arm arm() {
        return arm;
    }

    /** World pose of a frame, overwritten by the next {@link #set}. */
    double[] frame(int i) {
        return i < Arm.FRAMES ? arm.frame(i) : things[i - Arm.FRAMES];
    }

    /** World pose of something carried by a frame. */
    Pose pose(int frame, Pose local) {
        double[] m = new double[16];
        Frames.multiply(frame(frame), local.matrix(), m);
        return new Pose(m);
    }

    /** All parts where they are now. */
    List<Body> bodies(Scene scene) {
        return parts(scene).stream()
                .map(p -> new Body(p.name(), p.shape().word, p.size(), p.rgb(), pose(p.frame(), p.local())))
                .toList();
    }

    private static Part part(int frame, Pose local, Part.Shape shape, double... size) {
        return new Part("", frame, local, shape, size, 0, true);
    }

    private static Pose wrist() {
        // Up in the image is the hand's x; the camera leans back so that the finger tips are in view.
        double lean = Math.toRadians(18);
        double c = Math.cos(lean);
        double s = Math.sin(lean);
        return Frames.axes(new double[] {0, 1, 0}, new double[] {-c, 0, -s}, new double[] {-s, 0, c}, 0.07, 0, 0.045);
    }
}
