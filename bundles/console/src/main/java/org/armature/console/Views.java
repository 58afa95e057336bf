package org.armature.console;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.armature.robot.CameraFrame;
import org.armature.robot.Episodes;
import org.armature.robot.LoopMonitor;
import org.armature.robot.Observation;
import org.armature.robot.ObservationHub;
import org.armature.robot.Replacement;
import org.armature.robot.RobotClock;
import org.armature.robot.RobotDescription;
import org.armature.robot.Simulator;
import org.jspecify.annotations.Nullable;

/** The JSON the page and the REST calls speak. Numbers that are not finite become null. */
final class Views {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Sources sources;
    private final Pictures pictures;

    Views(Sources sources, Pictures pictures) {
        this.sources = sources;
        this.pictures = pictures;
    }

    static byte[] json(Object value) {
        try {
            return JSON.writeValueAsBytes(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("a view is no JSON", e);
        }
    }

    /** State of the loop, score and instruction: {@code /api/state}. */
    Map<String, Object> state() {
        Map<String, Object> v = new LinkedHashMap<>();
        Optional<LoopMonitor> monitor = sources.monitor();
        LoopMonitor.@Nullable Stats s = monitor.map(LoopMonitor::stats).orElse(null);
        v.put("state", s == null ? LoopMonitor.State.DISCONNECTED : s.state());
        v.put("reason", s == null ? "no control loop is running: is the control bundle started?" : s.reason());
        if (s != null) {
            v.put("rate_hz", rounded(s.rateHz(), 10));
            v.put("ticks", s.ticks());
            v.put("missed", s.missed());
            v.put("lateness_us", percentiles(s.latenessNanos(), 1e3, "p50", "p99", "p999", "max"));
            v.put("chunks", s.chunks());
            v.put("chunk_age_ms", percentiles(s.chunkAgeNanos(), 1e6, "p50", "p99"));
            v.put("holds", s.holds());
            v.put("faults", s.faults());
            v.put("limited", s.limited());
            v.put("max_command_step", rounded(s.maxCommandStep(), 1e6));
            v.put("histogram", monitor.get().latenessHistogram());
            v.put("histogram_edges_us", scaled(monitor.get().latenessEdgesNanos(), 1e3));
        }
        v.put("speed", sources.clock().map(RobotClock::speed).orElse(1.0));
        v.put("instruction", sources.hub().map(ObservationHub::instruction).orElse(""));
        sources.episodes().map(Episodes::score).ifPresent(score -> v.put("score", score(score)));
        return v;
    }

    private static Map<String, Object> score(Episodes.Score s) {
        Map<String, Object> v = new LinkedHashMap<>();
        v.put("episodes", s.episodes());
        v.put("successes", s.successes());
        v.put("seed", s.seed());
        v.put("elapsed_s", rounded(s.elapsedNanos() / 1e9, 10));
        return v;
    }

    /** What does not move: joints, limits, cameras, bodies. */
    Map<String, Object> scene() {
        Map<String, Object> v = new LinkedHashMap<>();
        Optional<RobotDescription> robot = sources.robot();
        v.put("robot", robot.map(RobotDescription::name).orElse(""));
        v.put("joints", robot.map(RobotDescription::joints).orElse(List.of()));
        v.put("gripper", robot.map(RobotDescription::gripper).orElse(-1));
        v.put("lower", robot.map(r -> rounded(r.limits().lower(), 1e4)).orElse(List.of()));
        v.put("upper", robot.map(r -> rounded(r.limits().upper(), 1e4)).orElse(List.of()));
        v.put("simulated", sources.world().isPresent());
        List<Object> cameras = new ArrayList<>();
        for (CameraFrame frame : pictures.frames().values()) {
            boolean cloud = frame.depthOrNull() != null && frame.intrinsicsOrNull() != null;
            cameras.add(
                    Map.of("name", frame.camera(), "width", frame.width(), "height", frame.height(), "cloud", cloud));
        }
        v.put("cameras", cameras);
        List<Object> bodies = new ArrayList<>();
        for (Simulator.Body body : bodies()) {
            bodies.add(Map.of(
                    "name", body.name(),
                    "shape", body.shape(),
                    "size", rounded(body.size(), 1e5),
                    "rgb", body.rgb()));
        }
        v.put("bodies", bodies);
        return v;
    }

    /** The world's bodies; without a world, the arm as its driver describes it. */
    private List<Simulator.Body> bodies() {
        Optional<Simulator.World> world = sources.world();
        if (world.isPresent()) {
            return world.get().bodies();
        }
        Optional<double[]> position =
                sources.hub().flatMap(ObservationHub::latest).map(Observation::position);
        return sources.robot()
                .map(robot -> Skeleton.bodies(robot, position.orElse(robot.home())))
                .orElse(List.of());
    }

    /** What moves: 12 numbers a body (the upper three rows of its pose, row-major) and the newest rows of the loop. */
    Map<String, Object> frame(List<LoopMonitor.Row> rows) {
        Map<String, Object> v = new LinkedHashMap<>();
        List<Object> poses = new ArrayList<>();
        for (Simulator.Body body : bodies()) {
            double[] m = body.pose().matrix();
            for (int i = 0; i < 12; i++) {
                poses.add(rounded(m[i], 1e4));
            }
        }
        v.put("poses", poses);
        v.put("rows", rows.stream().map(Views::row).toList());
        return v;
    }

    /** {@code [time s, lateness us, position…, command…]}. */
    private static List<@Nullable Double> row(LoopMonitor.Row row) {
        List<@Nullable Double> numbers = new ArrayList<>();
        numbers.add(rounded(row.timeNanos() / 1e9, 1e4));
        numbers.add(rounded(row.latenessNanos() / 1e3, 10));
        numbers.addAll(rounded(row.position(), 1e4));
        numbers.addAll(rounded(row.command(), 1e4));
        return numbers;
    }

    /** The newest ticks after {@code after}, every one, oldest first: {@code /api/rows}. Numbers are as the loop had them. */
    List<LoopMonitor.Row> rows(long after, int limit) {
        return sources.monitor().map(m -> m.rows(after, Math.max(0, limit), 1)).orElse(List.of());
    }

    /** The registry's modules: {@code /api/modules}. */
    List<Sources.Module> modules() {
        return sources.modules();
    }

    /** Every attempt to replace a module, oldest first: {@code /api/swaps}. */
    List<Object> swaps() {
        List<Object> all = new ArrayList<>();
        for (Replacement.Swap s :
                sources.replacement().map(Replacement::history).orElse(List.of())) {
            Map<String, Object> v = new LinkedHashMap<>();
            v.put("time", s.timeMillis());
            v.put("id", s.id());
            v.put("kind", s.kind());
            v.put("version", s.version());
            v.put("ms", rounded(s.millis(), 10));
            v.put("outcome", s.outcome().text());
            v.put("reason", s.reason());
            all.add(v);
        }
        return all;
    }

    private static Map<String, @Nullable Double> percentiles(long[] nanos, double unit, String... names) {
        Map<String, @Nullable Double> v = new LinkedHashMap<>();
        for (int i = 0; i < Math.min(names.length, nanos.length); i++) {
            v.put(names[i], rounded(nanos[i] / unit, 100));
        }
        return v;
    }

    private static List<Double> scaled(long[] values, double unit) {
        List<Double> all = new ArrayList<>();
        for (long value : values) {
            all.add(value / unit);
        }
        return all;
    }

    private static List<@Nullable Double> rounded(double[] values, double precision) {
        List<@Nullable Double> all = new ArrayList<>(values.length);
        for (double value : values) {
            all.add(rounded(value, precision));
        }
        return all;
    }

    private static @Nullable Double rounded(double value, double precision) {
        return Double.isFinite(value) ? (Double) (Math.rint(value * precision) / precision) : null;
    }

    /** The view, or {@code otherwise} when a source was closed while it was read: the next frame has it again. */
    static <T> T attempt(Supplier<T> view, T otherwise) {
        try {
            return view.get();
        } catch (RuntimeException gone) {
            return otherwise;
        }
    }
}
