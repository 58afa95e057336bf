package org.armature.robot;

import java.util.List;
import org.osgi.annotation.versioning.ProviderType;

/** What the control loop is doing, for the console, the summary and tests. Any thread; reading never disturbs the loop. */
@ProviderType
public interface LoopMonitor {
    /** The loop's state machine. Only a person leaves FAULT and ESTOP. */
    enum State {
        /** No robot. */
        DISCONNECTED,
        /** A robot, not armed. */
        IDLE,
        /** Armed, no chunk yet: holds position. */
        ARMED,
        /** Following chunks. */
        RUNNING,
        /** Out of chunks: decelerated to a stop, waiting for a policy. */
        HOLDING,
        /** A watchdog fired; holds until a person clears it. */
        FAULT,
        /** Stopped by a person; holds until a person re-arms. */
        ESTOP
    }

    /**
     * Everything counted since the loop started.
     *
     * @param state state now
     * @param reason why it is in that state, one sentence; empty when running
     * @param rateHz the loop's rate, ticks a robot second
     * @param ticks ticks done
     * @param missed ticks late by more than one period
     * @param latenessNanos p50, p99, p99.9 and max of wake-up minus deadline
     * @param chunks chunks accepted
     * @param chunkAgeNanos p50 and p99 of robot time between an observation and its chunk's acceptance
     * @param holds times it fell into HOLDING
     * @param faults times it fell into FAULT
     * @param maxCommandStep {@code [J]} greatest difference between two commands that followed each other, rad or m
     * @param limited ticks in which the safety filter changed the command
     */
    record Stats(
            State state,
            String reason,
            double rateHz,
            long ticks,
            long missed,
            long[] latenessNanos,
            long chunks,
            long[] chunkAgeNanos,
            long holds,
            long faults,
            double[] maxCommandStep,
            long limited) {}

    /**
     * One recorded tick.
     *
     * @param tick number of the tick
     * @param timeNanos robot time
     * @param latenessNanos wake-up minus deadline
     * @param position {@code [J]} measured
     * @param command {@code [J]} sent
     * @param flags what the safety filter did
     * @param chunk number of the chunk followed, or -1
     */
    record Row(
            long tick,
            long timeNanos,
            long latenessNanos,
            double[] position,
            double[] command,
            int flags,
            long chunk) {}

    /** Counters and percentiles now. */
    Stats stats();

    /** Lateness histogram: counts in {@link #latenessEdgesNanos()} buckets. */
    long[] latenessHistogram();

    /** Upper edges of the buckets, nanoseconds; the last bucket is open. */
    long[] latenessEdgesNanos();

    /** The newest rows after tick {@code afterTick}, oldest first, at most {@code limit}, every {@code stride}-th. */
    List<Row> rows(long afterTick, int limit, int stride);
}
