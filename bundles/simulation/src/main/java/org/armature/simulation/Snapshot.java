package org.armature.simulation;

import java.lang.invoke.VarHandle;

/**
 * The newest state, handed from the stepping thread to all others by a sequence lock: writing never waits, a reader that
 * met a writer tries again.
 */
final class Snapshot {
    /**
     * A state as readers get it.
     *
     * @param scene what lies on the table
     * @param steps steps since the last reset
     * @param qpos {@code [NQ]}
     * @param qvel {@code [NV]}
     */
    record State(Scene scene, long steps, double[] qpos, double[] qvel) {}

    private final double[] qpos = new double[Stage.NQ];
    private final double[] qvel = new double[Stage.NV];
    private Scene scene;
    private long steps;
    private volatile int version;

    Snapshot(Scene scene) {
        this.scene = scene;
    }

    /** Publishes copies of {@code newQpos} and {@code newQvel}. One writer; allocates nothing. */
    @SuppressWarnings("NonAtomicVolatileUpdate") // there is one writer
    void publish(Scene newScene, long newSteps, double[] newQpos, double[] newQvel) {
        version++;
        VarHandle.fullFence();
        scene = newScene;
        steps = newSteps;
        System.arraycopy(newQpos, 0, qpos, 0, Stage.NQ);
        System.arraycopy(newQvel, 0, qvel, 0, Stage.NV);
        VarHandle.releaseFence();
        version++;
    }

    /** A copy of the newest state. */
    State read() {
        double[] q = new double[Stage.NQ];
        double[] v = new double[Stage.NV];
        while (true) {
            int before = version;
            if ((before & 1) == 0) {
                Scene s = scene;
                long n = steps;
                System.arraycopy(qpos, 0, q, 0, Stage.NQ);
                System.arraycopy(qvel, 0, v, 0, Stage.NV);
                VarHandle.acquireFence();
                if (version == before) {
                    return new State(s, n, q, v);
                }
            }
            Thread.onSpinWait();
        }
    }

    /** Steps since the last reset, without copying. */
    long steps() {
        return read().steps;
    }
}
