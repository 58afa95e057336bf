package org.armature.control;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;
import org.armature.robot.ObservationHub;
import org.armature.robot.Sensor;

/** Joins the loop's newest row and the cameras' newest frames. Frames of the scene before are not shown. */
final class Hub implements ObservationHub {
    private final LoopRecord record;
    private final List<Sensor> sensors = new CopyOnWriteArrayList<>();
    private volatile String instruction;
    private volatile Scene scene = new Scene(0, 0);

    private record Scene(long episode, long sinceNanos) {}

    Hub(LoopRecord record, String instruction) {
        this.record = record;
        this.instruction = instruction;
    }

    void add(Sensor sensor) {
        sensors.add(sensor);
    }

    void remove(Sensor sensor) {
        sensors.remove(sensor);
    }

    /** A new scene stands since this robot time. */
    void nextEpisode(long sinceNanos) {
        scene = new Scene(scene.episode + 1, sinceNanos);
    }

    long episode() {
        return scene.episode;
    }

    /** Robot time since which the scene stands. */
    long sceneSinceNanos() {
        return scene.sinceNanos;
    }

    /** Whether every camera has shown the scene of {@code observation}. */
    boolean complete(Observation observation) {
        return observation.cameras().size() >= sensors.size();
    }

    @Override
    public Optional<Observation> latest() {
        Scene current = scene;
        Ring.State state = record.ring().state();
        if (state == null) {
            return Optional.empty();
        }
        Map<String, CameraFrame> frames = HashMap.newHashMap(sensors.size());
        for (Sensor sensor : sensors) {
            sensor.latest().filter(f -> f.timeNanos() >= current.sinceNanos).ifPresent(f -> frames.put(f.camera(), f));
        }
        return Optional.of(new Observation(
                state.timeNanos(), state.position(), state.velocity(), frames, instruction, current.episode));
    }

    @Override
    public String instruction() {
        return instruction;
    }

    @Override
    public void instruct(String newInstruction) {
        instruction = newInstruction;
    }
}
