package org.armature.simulation;

import java.util.Arrays;
import java.util.List;
import org.armature.robot.CameraFrame;
import org.armature.robot.JointLimits;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;
import org.armature.robot.Simulator.Body;
import org.armature.robot.Simulator.Scoring;
import org.armature.robot.Simulator.World;

/**
 * A world of rules instead of forces. Joints follow their targets as first-order lags within the speed limits; finger tips
 * push what stands in their way; an object that both fingers touch is carried until they open; what is let go falls
 * straight down, onto the table, another object, or into a container.
 */
final class PlanarWorld implements World {
    /** Time constant of a joint's answer, seconds: about that of the position servos of the MuJoCo scene. */
    private static final double LAG = 0.02;

    private static final double TIP_RADIUS = 0.008;
    private static final double GRAVITY = 9.81;
    private static final int OBJECTS = 4;

    private final double dt;
    private final double[] qpos = new double[Stage.NQ];
    private final double[] qvel = new double[Stage.NV];
    private final Arm arm = new Arm();
    private final double[] tool = new double[16];
    private final double[] body = new double[16];
    private final double[] grip = new double[16];
    private final double[] push = new double[2];
    private final Painter painter = new Painter();
    private final Snapshot snapshot;
    private final Scoring judge;
    private Scene scene;
    private int held = -1;
    private double heldWidth;
    private long steps;
    private volatile boolean closed;

    PlanarWorld(long seed, long stepNanos) {
        dt = stepNanos * 1e-9;
        scene = Scene.of(seed);
        snapshot = new Snapshot(scene);
        judge = new Judge(this::state);
        reset(seed);
    }

    @Override
    public RobotDescription robot() {
        return Arm.DESCRIPTION;
    }

    @Override
    public List<String> cameras() {
        return Stage.CAMERAS.stream().map(Stage.Camera::name).toList();
    }

    @Override
    public void reset(long seed) {
        checkOpen();
        scene = Scene.of(seed);
        scene.start(qpos);
        Arrays.fill(qvel, 0);
        held = -1;
        steps = 0;
        snapshot.publish(scene, steps, qpos, qvel);
    }

    @Override
    public void step(double[] command) {
        checkOpen();
        Commands.check(command);
        moveArm(command);
        moveGripper(command[Arm.AXES]);
        arm.set(qpos);
        arm.tool(tool);
        if (held >= 0) {
            carry();
        } else {
            tips();
            grasp(command[Arm.AXES]);
        }
        for (int i = 0; i < OBJECTS; i++) {
            if (i != held) {
                fall(i);
            }
        }
        steps++;
        snapshot.publish(scene, steps, qpos, qvel);
    }

    private void moveArm(double[] command) {
        JointLimits limits = Arm.DESCRIPTION.limits();
        for (int j = 0; j < Arm.AXES; j++) {
            double target = Math.clamp(command[j], limits.lower()[j], limits.upper()[j]);
            double v = Math.clamp((target - qpos[j]) / Math.max(LAG, dt), -limits.velocity()[j], limits.velocity()[j]);
            qpos[j] += v * dt;
            qvel[j] = v;
        }
    }

    private void moveGripper(double command) {
        double opening = qpos[Arm.AXES] + qpos[Arm.AXES + 1];
        double fastest = Arm.DESCRIPTION.limits().velocity()[Arm.AXES];
        double v = Math.clamp((Math.clamp(command, 0, Arm.OPEN) - opening) / Math.max(LAG, dt), -fastest, fastest);
        double next = opening + v * dt;
        if (held >= 0) {
            next = Math.max(next, heldWidth);
        }
        for (int f = Arm.AXES; f < Arm.STATE; f++) {
            qpos[f] = next / 2;
            qvel[f] = (next - opening) / dt / 2;
        }
    }

    private void carry() {
        double opening = qpos[Arm.AXES] + qpos[Arm.AXES + 1];
        int at = Stage.qpos(held);
        int v = Stage.qvel(held);
        double x = qpos[at];
        double y = qpos[at + 1];
        double z = qpos[at + 2];
        Frames.multiply(tool, grip, body);
        if (opening > heldWidth + 0.001) {
            // Let go: it falls upright, as it was picked up.
            double yaw = Math.atan2(body[4], body[0]);
            qpos[at + 3] = Math.cos(yaw / 2);
            qpos[at + 4] = 0;
            qpos[at + 5] = 0;
            qpos[at + 6] = Math.sin(yaw / 2);
            Arrays.fill(qvel, v, v + 6, 0);
            held = -1;
            return;
        }
        // The table stops what is carried into it.
        body[11] = Math.max(body[11], Scene.SLOTS.get(held).rest);
        Frames.toFreeJoint(body, qpos, at);
        qvel[v] = (qpos[at] - x) / dt;
        qvel[v + 1] = (qpos[at + 1] - y) / dt;
        qvel[v + 2] = (qpos[at + 2] - z) / dt;
    }

    /** Finger tips push objects aside, horizontally. */
    private void tips() {
        for (int side = 1; side >= -1; side -= 2) {
            double[] finger = arm.frame(side > 0 ? Arm.LEFT : Arm.RIGHT);
            double down = Arm.TOOL_Z - Arm.FINGER_Z + Arm.TIP;
            double y = side * TIP_RADIUS;
            double px = finger[3] + finger[1] * y + finger[2] * down;
            double py = finger[7] + finger[5] * y + finger[6] * down;
            double pz = finger[11] + finger[9] * y + finger[10] * down;
            for (int i = 0; i < OBJECTS; i++) {
                int at = Stage.qpos(i);
                if (Math.abs(pz - qpos[at + 2]) < Scene.SLOTS.get(i).rest
                        && touches(i, px - qpos[at], py - qpos[at + 1])) {
                    qpos[at] += push[0];
                    qpos[at + 1] += push[1];
                }
            }
        }
    }

    /** Whether a tip at {@code (dx, dy)} from object {@code i} is inside it; then {@link #push} frees it. */
    private boolean touches(int i, double dx, double dy) {
        Scene.Kind kind = Scene.SLOTS.get(i);
        if (kind != Scene.Kind.CUBE) {
            double d = Math.hypot(dx, dy);
            double overlap = kind.radius + TIP_RADIUS - d;
            if (overlap <= 0 || d < 1e-9) {
                return false;
            }
            push[0] = -dx / d * overlap;
            push[1] = -dy / d * overlap;
            return true;
        }
        Frames.fromFreeJoint(qpos, Stage.qpos(i), body);
        double x = body[0] * dx + body[4] * dy;
        double y = body[1] * dx + body[5] * dy;
        double overX = kind.radius + TIP_RADIUS - Math.abs(x);
        double overY = kind.radius + TIP_RADIUS - Math.abs(y);
        if (overX <= 0 || overY <= 0) {
            return false;
        }
        double bx = overX < overY ? -Math.copySign(overX, x) : 0;
        double by = overX < overY ? 0 : -Math.copySign(overY, y);
        push[0] = body[0] * bx + body[1] * by;
        push[1] = body[4] * bx + body[5] * by;
        return true;
    }

    /** Takes hold of an object that both fingers touch while they close. */
    private void grasp(double command) {
        double opening = qpos[Arm.AXES] + qpos[Arm.AXES + 1];
        if (command >= opening) {
            return;
        }
        for (int i = 0; i < OBJECTS; i++) {
            Scene.Kind kind = Scene.SLOTS.get(i);
            Frames.fromFreeJoint(qpos, Stage.qpos(i), body);
            Frames.relative(tool, body, grip);
            double half = kind == Scene.Kind.CUBE
                    ? kind.radius * (Math.abs(grip[4]) + Math.abs(grip[5]) + Math.abs(grip[6]))
                    : kind.radius;
            if (opening <= 2 * half + 0.0005
                    && opening > half
                    && Math.abs(grip[3]) < half + Arm.PAD_X / 2
                    && Math.abs(grip[7]) < half
                    && Math.abs(grip[11]) < kind.rest + Arm.TIP) {
                // The pads centre it, as two equal fingers do.
                grip[7] = 0;
                heldWidth = Math.max(opening, 2 * half - 0.001);
                held = i;
                return;
            }
        }
    }

    private void fall(int i) {
        Scene.Kind kind = Scene.SLOTS.get(i);
        int at = Stage.qpos(i);
        int v = Stage.qvel(i) + 2;
        double support = support(i) + kind.rest;
        if (qpos[at + 2] <= support && qvel[v] <= 0) {
            qpos[at + 2] = support;
            qvel[v] = 0;
            return;
        }
        qvel[v] -= GRAVITY * dt;
        qpos[at + 2] += qvel[v] * dt;
        if (qpos[at + 2] <= support) {
            qpos[at + 2] = support;
            qvel[v] = 0;
        }
    }

    /** Height of what is below an object. Walls of containers shift it in or out. */
    private double support(int i) {
        int at = Stage.qpos(i);
        Scene.Kind kind = Scene.SLOTS.get(i);
        double bottom = qpos[at + 2] - kind.rest;
        double height = 0;
        for (int c = OBJECTS; c < Stage.THINGS; c++) {
            boolean bowl = Scene.SLOTS.get(c) == Scene.Kind.BOWL;
            double rim = bowl ? 0.05 : 0.035;
            if (bottom > rim) {
                continue;
            }
            Frames.fromFreeJoint(qpos, Stage.qpos(c), body);
            double dx = qpos[at] - body[3];
            double dy = qpos[at + 1] - body[7];
            double x = body[0] * dx + body[4] * dy;
            double y = body[1] * dx + body[5] * dy;
            double out = Math.hypot(x, y);
            double scale = bowl ? out / 0.082 : Math.max(Math.abs(x) / 0.085, Math.abs(y) / 0.065);
            double gap = kind.radius / (bowl ? 0.082 : 0.065);
            if (scale < 1) {
                double in = Math.min(1, (0.057 - kind.radius) / Math.max(1e-9, out));
                double nx = bowl ? x * in : Math.clamp(x, kind.radius - 0.079, 0.079 - kind.radius);
                double ny = bowl ? y * in : Math.clamp(y, kind.radius - 0.059, 0.059 - kind.radius);
                place(at, nx, ny);
                height = Stage.FLOOR;
            } else if (scale < 1 + gap) {
                place(at, x * (1 + gap) / scale, y * (1 + gap) / scale);
            }
        }
        for (int k = 0; k < OBJECTS; k++) {
            int other = Stage.qpos(k);
            double top = qpos[other + 2] + Scene.SLOTS.get(k).rest;
            if (k != i
                    && k != held
                    && bottom >= top - 0.005
                    && Math.hypot(qpos[at] - qpos[other], qpos[at + 1] - qpos[other + 1]) < kind.radius) {
                height = Math.max(height, top);
            }
        }
        return height;
    }

    /** Moves an object to {@code (x, y)} of the frame in {@link #body}. */
    private void place(int at, double x, double y) {
        qpos[at] = body[3] + body[0] * x + body[1] * y;
        qpos[at + 1] = body[7] + body[4] * x + body[5] * y;
    }

    @Override
    public void joints(double[] position, double[] velocity) {
        checkOpen();
        Commands.joints(qpos, qvel, position, velocity);
    }

    @Override
    public long steps() {
        return snapshot.steps();
    }

    @Override
    public CameraFrame render(String camera, int width, int height, long timeNanos) {
        Commands.checkImage(width, height);
        Stage.Camera c = Stage.camera(camera);
        Snapshot.State now = state();
        Stage stage = new Stage();
        stage.set(now.qpos());
        Pose pose = stage.pose(c.frame(), c.local());
        return painter.draw(
                camera, stage.bodies(now.scene()), pose, c.intrinsics(width, height), width, height, timeNanos);
    }

    @Override
    public Scoring scoring() {
        return judge;
    }

    @Override
    public List<Body> bodies() {
        Snapshot.State now = state();
        Stage stage = new Stage();
        stage.set(now.qpos());
        return stage.bodies(now.scene());
    }

    @Override
    public void close() {
        closed = true;
    }

    private Snapshot.State state() {
        checkOpen();
        return snapshot.read();
    }

    private void checkOpen() {
        if (closed) {
            throw new IllegalStateException("this world is closed: open another");
        }
    }
}
