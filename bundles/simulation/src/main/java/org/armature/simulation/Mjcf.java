package org.armature.simulation;

import java.util.List;
import java.util.Locale;
import org.armature.robot.JointLimits;
import org.armature.robot.Pose;

/** Writes the table-top scene as a MuJoCo model. All scenes share one model; a seed only sets its state and colours. */
final class Mjcf {
    /** Clipping planes of the cameras, metres; also what turns a depth buffer into metres. */
    static final double NEAR = 0.02;

    static final double FAR = 6;

    private static final double[] STIFFNESS = {8000, 8000, 6000, 6000, 2500, 2000, 1500};
    private static final double[] FORCE = {200, 200, 150, 150, 60, 60, 60};
    private static final double[] ARMATURE = {0.3, 0.3, 0.2, 0.2, 0.1, 0.1, 0.1};

    private final StringBuilder xml = new StringBuilder();

    private Mjcf() {}

    static String of(long stepNanos) {
        return new Mjcf().scene(stepNanos * 1e-9);
    }

    private String scene(double dt) {
        line("<mujoco model=\"arm7\">");
        line("<compiler angle=\"radian\"/>");
        // Elliptic cones with a high impratio keep what is gripped from creeping out of the fingers.
        line("<option timestep=\"%s\" integrator=\"implicitfast\" cone=\"elliptic\" impratio=\"10\"/>", dt);
        line("<size memory=\"8M\"/>");
        line("<statistic extent=\"1\" center=\"0.4 0 0.2\"/>");
        line("<visual><quality shadowsize=\"0\" offsamples=\"0\"/><global offwidth=\"640\" offheight=\"480\"/>");
        line("<map znear=\"%s\" zfar=\"%s\"/>", NEAR, FAR);
        line("<headlight ambient=\".38 .38 .38\" diffuse=\".22 .22 .22\" specular=\"0 0 0\"/></visual>");
        line("<asset><texture name=\"sky\" type=\"skybox\" builtin=\"gradient\" rgb1=\".87 .89 .92\" rgb2=\".6 .64 .7\""
                + " width=\"128\" height=\"128\"/></asset>");
        line("<worldbody>");
        line("<light directional=\"true\" castshadow=\"false\" pos=\"0 0 2\" dir=\"-.36 .27 -.893\""
                + " diffuse=\".5 .5 .5\" specular=\".08 .08 .08\"/>");
        geom(Stage.TABLE, "table", "friction=\"1 .01 .001\"");
        link(0);
        for (int i = 0; i < Stage.THINGS; i++) {
            thing(i);
        }
        camera(0);
        line("</worldbody>");
        line("<contact><exclude body1=\"left\" body2=\"right\"/></contact>");
        line(
                "<tendon><fixed name=\"grip\"><joint joint=\"left\" coef=\"1\"/><joint joint=\"right\" coef=\"1\"/></fixed>"
                        + "</tendon>");
        line("<equality><joint joint1=\"left\" joint2=\"right\" solref=\".005 1\"/></equality>");
        line("<actuator>");
        for (int j = 0; j < Arm.AXES; j++) {
            line(
                    "<position name=\"joint%d\" joint=\"joint%d\" kp=\"%s\" dampratio=\"1\" forcerange=\"%s %s\"/>",
                    j + 1, j + 1, STIFFNESS[j], -FORCE[j], FORCE[j]);
        }
        line("<position name=\"gripper\" tendon=\"grip\" kp=\"2000\" kv=\"40\" forcerange=\"-30 30\"/>");
        line("</actuator>");
        line("</mujoco>");
        return xml.toString();
    }

    private void link(int frame) {
        if (frame > 0) {
            line(
                    "<body name=\"%s\" %s gravcomp=\"1\">",
                    frame == Arm.HAND ? "hand" : "link" + frame, pose(Arm.offset(frame - 1)));
            if (frame < Arm.HAND) {
                JointLimits limits = Arm.DESCRIPTION.limits();
                line(
                        "<joint name=\"joint%d\" axis=\"0 0 1\" limited=\"true\" range=\"%s %s\" armature=\"%s\""
                                + " damping=\"1\"/>",
                        frame, limits.lower()[frame - 1], limits.upper()[frame - 1], ARMATURE[frame - 1]);
            }
        }
        armParts(frame);
        if (frame < Arm.HAND) {
            link(frame + 1);
        } else {
            finger("left", Arm.LEFT, 1);
            finger("right", Arm.RIGHT, -1);
            camera(Arm.HAND);
        }
        if (frame > 0) {
            line("</body>");
        }
    }

    private void finger(String name, int frame, int side) {
        line("<body name=\"%s\" pos=\"0 0 %s\" gravcomp=\"1\">", name, Arm.FINGER_Z);
        line(
                "<joint name=\"%s\" type=\"slide\" axis=\"0 %d 0\" limited=\"true\" range=\"0 %s\" armature=\".1\""
                        + " damping=\"1\"/>",
                name, side, Arm.OPEN / 2);
        armParts(frame);
        line("</body>");
    }

    private void armParts(int frame) {
        for (Part p : Arm.PARTS) {
            if (p.frame() == frame) {
                geom(p, p.name(), "condim=\"4\" friction=\"1.5 .02 .001\"");
            }
        }
    }

    private void thing(int i) {
        Scene.Kind kind = Scene.SLOTS.get(i);
        line("<body name=\"thing%d\"><freejoint/>", i);
        List<Part> parts = Stage.parts(i);
        // Containers are heavy enough to stay when touched; a ball needs rolling friction to come to rest.
        String contact = switch (kind) {
            case BOWL, TRAY -> "density=\"4000\" condim=\"4\" friction=\"1 .01 .001\"";
            case BALL -> "density=\"800\" condim=\"6\" friction=\"1 .01 .002\"";
            case CUBE, CYLINDER -> "density=\"800\" condim=\"4\" friction=\"1 .01 .001\"";
        };
        for (int k = 0; k < parts.size(); k++) {
            geom(parts.get(k), geomName(i, k), contact);
        }
        line("</body>");
    }

    static String geomName(int thing, int part) {
        return "thing" + thing + "/" + part;
    }

    private void geom(Part p, String name, String contact) {
        StringBuilder size = new StringBuilder();
        for (double s : p.size()) {
            size.append(s).append(' ');
        }
        line(
                "<geom name=\"%s\" type=\"%s\" size=\"%s\" %s rgba=\"%s %s %s 1\" %s/>",
                name,
                p.shape().word,
                size.toString().strip(),
                pose(p.local()),
                (p.rgb() >> 16 & 255) / 255.0,
                (p.rgb() >> 8 & 255) / 255.0,
                (p.rgb() & 255) / 255.0,
                p.solid() ? contact : "contype=\"0\" conaffinity=\"0\"");
    }

    private void camera(int frame) {
        for (Stage.Camera c : Stage.CAMERAS) {
            if (c.frame() == frame) {
                double[] m = c.local().matrix();
                // MuJoCo's cameras look along -z with y up: y and z of the OpenCV axes turned round.
                line(
                        "<camera name=\"%s\" pos=\"%s %s %s\" xyaxes=\"%s %s %s %s %s %s\" fovy=\"%s\"/>",
                        c.name(), m[3], m[7], m[11], m[0], m[4], m[8], -m[1], -m[5], -m[9], c.fovy());
            }
        }
    }

    private static String pose(Pose pose) {
        double[] m = pose.matrix();
        return String.format(
                Locale.ROOT,
                "pos=\"%s %s %s\" xyaxes=\"%s %s %s %s %s %s\"",
                m[3],
                m[7],
                m[11],
                m[0],
                m[4],
                m[8],
                m[1],
                m[5],
                m[9]);
    }

    private void line(String format, Object... args) {
        xml.append(args.length == 0 ? format : String.format(Locale.ROOT, format, args))
                .append('\n');
    }
}
