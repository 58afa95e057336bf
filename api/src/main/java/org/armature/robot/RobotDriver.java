package org.armature.robot;

import org.osgi.annotation.versioning.ConsumerType;

/**
 * The wire to a robot. Kind {@code driver}.
 *
 * <p>Implement it for a new arm or bus; a controller that can answer UDP needs no driver of its own, see the UDP driver's
 * frame in the guide. {@link #describe()} answers before {@link #connect()} and matches exactly what {@link #read} and
 * {@link #write} carry.
 *
 * <p>{@code connect} and {@code close} are called by a management thread. {@code read} and {@code write} are called by the
 * control loop's thread alone, once a tick each: they neither allocate, lock, log nor throw once connected; a failure is
 * a {@link #status()}.
 *
 * <p>Laws: {@code close} twice is harmless; after {@code close} the robot stands still; {@code read} after
 * {@code write} never returns a time earlier than before.
 */
@ConsumerType
public interface RobotDriver extends AutoCloseable {
    /** Who sets the pace. */
    enum Clock {
        /** The loop keeps its own deadlines. */
        OWN,
        /** The robot does: {@link RobotDriver#read} blocks until its next state packet. */
        ROBOT
    }

    /** How the wire is. */
    enum Status {
        /** Not connected, or closed. */
        DISCONNECTED,
        /** State is fresh. */
        CONNECTED,
        /** State is stale or the last write did not go out. */
        DEGRADED,
        /** The robot reports a fault of its own; a person must look. */
        FAULT
    }

    /** The robot, known without a connection. */
    RobotDescription describe();

    /** Who sets the pace. */
    Clock clock();

    /**
     * Opens the wire.
     *
     * @throws java.io.IOException one sentence: what, where, what to do
     */
    void connect() throws java.io.IOException;

    /**
     * Reads the newest state.
     *
     * @param position {@code [J]} filled with positions, rad or m
     * @param velocity {@code [J]} filled with velocities, rad/s or m/s
     * @return {@link System#nanoTime()} of the reading, or a negative number if nothing new came (arrays untouched)
     */
    long read(double[] position, double[] velocity);

    /**
     * Sends position targets.
     *
     * @param command {@code [J]} rad or m; owned by the caller, read before returning
     */
    void write(double[] command);

    /** How the wire is; read every tick. */
    Status status();

    /** Stops the robot and lets go of the wire. */
    @Override
    void close();
}
