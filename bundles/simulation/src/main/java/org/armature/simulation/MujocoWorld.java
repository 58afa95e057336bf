package org.armature.simulation;

import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Supplier;
import org.armature.robot.CameraFrame;
import org.armature.robot.Pose;
import org.armature.robot.RobotDescription;
import org.armature.robot.Simulator.Body;
import org.armature.robot.Simulator.Scoring;
import org.armature.robot.Simulator.World;
import org.jspecify.annotations.Nullable;

/**
 * The table-top scene in MuJoCo. One mjData belongs to the stepping thread; rendering has its own and copies snapshots
 * into it, so neither ever waits for the other.
 */
final class MujocoWorld implements World {
    private static final int STATE = 1 | 2 | 4; // time, qpos, qvel: the same bits in every version so far
    private static final int QPOS = 2;

    private final MujocoLibrary library;
    private final Supplier<@Nullable Egl> opengl;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment state = arena.allocate(JAVA_DOUBLE, 1 + Stage.NQ + Stage.NV);
    private final MemorySegment control = arena.allocate(JAVA_DOUBLE, Arm.JOINTS);
    private final double[] qpos = new double[Stage.NQ];
    private final double[] qvel = new double[Stage.NV];
    private final long model;
    private final long data;
    private final int controlBit;
    private final Snapshot snapshot;
    private final Scoring judge;
    private final Painter painter = new Painter();
    private final Object rendering = new Object();
    private @Nullable MujocoRenderer renderer;
    private Scene scene;
    private double time;
    private long steps;
    private volatile boolean closed;

    /** {@code opengl} is asked at the first picture, which is drawn in plain Java where there is none. */
    MujocoWorld(MujocoLibrary library, Supplier<@Nullable Egl> opengl, long seed, long stepNanos) {
        this.library = library;
        this.opengl = opengl;
        controlBit = library.layout("mjSTATE_CTRL");
        scene = Scene.of(seed);
        snapshot = new Snapshot(scene);
        judge = new Judge(this::state);
        model = library.compile(Mjcf.of(stepNanos));
        if (library.stateSize(model, QPOS) != Stage.NQ || library.stateSize(model, controlBit) != Arm.JOINTS) {
            library.freeModel(model);
            arena.close();
            throw new IllegalStateException(
                    "MuJoCo compiled the scene to another number of joints: use mujoco-core 4.0.0");
        }
        data = library.makeData(model);
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
        Native.run(library.known("mj_resetData"), model, data);
        MemorySegment.copy(qpos, 0, state, JAVA_DOUBLE, 0, Stage.NQ);
        Native.run(library.setState, model, data, state.address(), QPOS);
        double[] home = Arm.DESCRIPTION.home();
        MemorySegment.copy(home, 0, control, JAVA_DOUBLE, 0, Arm.JOINTS);
        Native.run(library.setState, model, data, control.address(), controlBit);
        Native.run(library.forward, model, data);
        steps = 0;
        time = 0;
        publish();
    }

    @Override
    public void step(double[] command) {
        checkOpen();
        Commands.check(command);
        MemorySegment.copy(command, 0, control, JAVA_DOUBLE, 0, Arm.JOINTS);
        Native.run(library.setState, model, data, control.address(), controlBit);
        Native.run(library.step, model, data);
        steps++;
        publish();
    }

    private void publish() {
        Native.run(library.getState, model, data, state.address(), STATE);
        double now = state.get(JAVA_DOUBLE, 0);
        if (now < time) {
            // MuJoCo answers a diverged state by starting over at 0.
            throw new IllegalStateException(
                    "the simulation diverged after " + steps + " steps and was reset: use a smaller physics step");
        }
        time = now;
        MemorySegment.copy(state, JAVA_DOUBLE, 8, qpos, 0, Stage.NQ);
        MemorySegment.copy(state, JAVA_DOUBLE, 8L * (1 + Stage.NQ), qvel, 0, Stage.NV);
        snapshot.publish(scene, steps, qpos, qvel);
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
        synchronized (rendering) {
            Snapshot.State now = state();
            Stage stage = new Stage();
            stage.set(now.qpos());
            Pose pose = stage.pose(c.frame(), c.local());
            Egl egl = opengl.get();
            if (egl == null) {
                return painter.draw(
                        camera, stage.bodies(now.scene()), pose, c.intrinsics(width, height), width, height, timeNanos);
            }
            if (renderer == null) {
                renderer = new MujocoRenderer(library, egl, model);
            }
            return renderer.draw(now, c, pose, width, height, timeNanos);
        }
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

    /** Called once the loop has left {@link #step}; waits for a picture being drawn. */
    @Override
    public void close() {
        synchronized (rendering) {
            if (closed) {
                return;
            }
            closed = true;
            if (renderer != null) {
                renderer.close();
            }
            library.freeData(data);
            library.freeModel(model);
            arena.close();
        }
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
