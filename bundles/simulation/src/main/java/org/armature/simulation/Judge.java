package org.armature.simulation;

import java.util.function.Supplier;
import org.armature.robot.Simulator.Scoring;

/** Decides from the true state whether a task is done. */
final class Judge implements Scoring {
    private final Supplier<Snapshot.State> state;

    Judge(Supplier<Snapshot.State> state) {
        this.state = state;
    }

    @Override
    public String instruction() {
        return state.get().scene().instruction();
    }

    @Override
    public boolean fulfilled(String instruction) {
        Snapshot.State now = state.get();
        Scene.Task task = now.scene().task(instruction);
        Stage stage = new Stage();
        stage.set(now.qpos());
        double[] object = stage.frame(Arm.FRAMES + task.object());
        double[] within = new double[16];
        Frames.relative(stage.frame(Arm.FRAMES + task.container()), object, within);
        return inside(Scene.SLOTS.get(task.container()), within)
                && atRest(now.qvel(), Stage.qvel(task.object()))
                && !held(stage, now.qpos(), object, Scene.SLOTS.get(task.object()));
    }

    private static boolean inside(Scene.Kind container, double[] p) {
        double x = p[3];
        double y = p[7];
        double z = p[11];
        return container == Scene.Kind.BOWL
                ? Math.hypot(x, y) < 0.068 && z > 0 && z < 0.055
                : Math.abs(x) < 0.079 && Math.abs(y) < 0.059 && z > 0 && z < 0.045;
    }

    private static boolean atRest(double[] qvel, int at) {
        double linear = Math.hypot(Math.hypot(qvel[at], qvel[at + 1]), qvel[at + 2]);
        double angular = Math.hypot(Math.hypot(qvel[at + 3], qvel[at + 4]), qvel[at + 5]);
        return linear < 0.02 && angular < 0.6;
    }

    /** Between the fingers, with no air on either side. */
    private static boolean held(Stage stage, double[] qpos, double[] object, Scene.Kind kind) {
        double[] tool = new double[16];
        double[] p = new double[16];
        stage.arm().tool(tool);
        Frames.relative(tool, object, p);
        double half = kind.radius;
        double opening = qpos[Arm.AXES] + qpos[Arm.AXES + 1];
        return Math.abs(p[3]) < half + Arm.PAD_X
                && Math.abs(p[7]) < Arm.OPEN / 2
                && Math.abs(p[11]) < half + 0.03
                && opening < 2 * half * Math.sqrt(2) + 0.002
                && opening > half;
    }
}
