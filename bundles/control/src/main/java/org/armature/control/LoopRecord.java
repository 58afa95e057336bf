package org.armature.control;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.armature.robot.LoopMonitor;

/** Everything counted since the start, across robots. The loop writes, anyone reads. */
final class LoopRecord implements LoopMonitor {
    private static final VarHandle DOUBLE = MethodHandles.arrayElementVarHandle(double[].class);
    private static final int ROWS = 1 << 15;

    final double rateHz;
    private final Buckets lateness = new Buckets();
    private final Buckets ages = new Buckets();
    private final AtomicLong chunks = new AtomicLong();
    private final AtomicLong faults = new AtomicLong();
    private volatile Ring ring = new Ring(1, 1);
    private volatile double[] maxStep = new double[0];
    private volatile State state = State.DISCONNECTED;
    private volatile String reason = "no driver has come yet";
    private volatile long firstMotionNanos;
    private final AtomicLong ticks = new AtomicLong();
    private final AtomicLong missed = new AtomicLong();
    private final AtomicLong holds = new AtomicLong();
    private final AtomicLong limited = new AtomicLong();

    LoopRecord(double rateHz) {
        this.rateHz = rateHz;
    }

    /** A robot of this many joints is next; the counters go on. */
    void attach(int joints) {
        if (ring.joints != joints || maxStep.length != joints) {
            ring = new Ring(ROWS, joints);
            maxStep = new double[joints];
        }
    }

    Ring ring() {
        return ring;
    }

    /** Loop thread: number of the tick that is being done. */
    long tick() {
        return ticks.getPlain();
    }

    /** Loop thread, once a tick. */
    void ticked(long late, long skipped, boolean filtered) {
        lateness.add(late);
        if (skipped > 0) {
            missed.setOpaque(missed.getPlain() + skipped);
        }
        if (filtered) {
            limited.setOpaque(limited.getPlain() + 1);
        }
        ticks.setRelease(ticks.getPlain() + 1);
    }

    /** Loop thread. */
    void stepped(int joint, double step) {
        double[] max = maxStep;
        if (step > max[joint]) {
            DOUBLE.setOpaque(max, joint, step);
        }
    }

    void state(State next, String why) {
        if (next == State.HOLDING && state != State.HOLDING) {
            holds.setOpaque(holds.getPlain() + 1);
        }
        if (next == State.FAULT && state != State.FAULT) {
            faults.incrementAndGet();
        }
        reason = why;
        state = next;
        if (next == State.RUNNING && firstMotionNanos == 0) {
            firstMotionNanos = System.nanoTime();
        }
    }

    State state() {
        return state;
    }

    String reason() {
        return reason;
    }

    /** {@link System#nanoTime()} of the first tick in RUNNING, or 0. */
    long firstMotionNanos() {
        return firstMotionNanos;
    }

    /** A chunk was accepted. */
    synchronized void accepted(long ageNanos) {
        chunks.incrementAndGet();
        ages.add(ageNanos);
    }

    @Override
    public Stats stats() {
        long[] late = lateness.percentiles(0.5, 0.99, 0.999);
        double[] steps = maxStep;
        double[] copy = new double[steps.length];
        for (int j = 0; j < copy.length; j++) {
            copy[j] = (double) DOUBLE.getOpaque(steps, j);
        }
        return new Stats(
                state,
                state == State.RUNNING ? "" : reason,
                rateHz,
                ticks.getAcquire(),
                missed.getOpaque(),
                new long[] {late[0], late[1], late[2], lateness.max()},
                chunks.get(),
                ages.percentiles(0.5, 0.99),
                holds.getOpaque(),
                faults.get(),
                copy,
                limited.getOpaque());
    }

    @Override
    public long[] latenessHistogram() {
        return lateness.counts();
    }

    @Override
    public long[] latenessEdgesNanos() {
        return Buckets.edges();
    }

    @Override
    public List<Row> rows(long afterTick, int limit, int stride) {
        return ring.rows(afterTick, limit, stride);
    }
}
