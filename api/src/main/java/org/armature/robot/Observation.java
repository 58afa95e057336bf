package org.armature.robot;

import java.util.Map;
import java.util.Optional;

/**
 * What a policy may know: joints, cameras, the instruction. Nothing of a simulator's hidden state.
 *
 * @param timeNanos robot time of the joint reading; action 0 of a chunk computed from this observation is meant for it
 * @param position {@code [J]} measured joint positions (rad; m for sliding joints)
 * @param velocity {@code [J]} measured joint velocities (rad/s; m/s)
 * @param cameras the latest frame of each camera, by name; a frame's own time may be earlier than {@code timeNanos}
 * @param instruction what the robot is asked to do, in words; empty when nothing is asked
 * @param episode counts the scenes; a policy forgets its state when it changes
 */
public record Observation(
        long timeNanos,
        double[] position,
        double[] velocity,
        Map<String, CameraFrame> cameras,
        String instruction,
        long episode) {

    /** Copies the map so that it cannot change. */
    public Observation {
        cameras = Map.copyOf(cameras);
    }

    /** The latest frame of camera {@code name}, if there is one. */
    public Optional<CameraFrame> camera(String name) {
        return Optional.ofNullable(cameras.get(name));
    }
}
