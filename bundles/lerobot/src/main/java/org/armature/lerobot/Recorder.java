package org.armature.lerobot;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.locks.LockSupport;
import javax.imageio.ImageIO;
import org.armature.lerobot.Info.Feature;
import org.armature.robot.CameraFrame;
import org.armature.robot.Episodes;
import org.armature.robot.LoopMonitor;
import org.armature.robot.Observation;
import org.armature.robot.ObservationHub;
import org.armature.robot.RobotClock;
import org.armature.robot.RobotDescription;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.ConfigurationPolicy;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Records what the running robot sees and does as a LeRobot dataset, an episode a scene. Reads what the loop publishes and
 * never waits for it nor makes it wait.
 *
 * <p>Features: {@code observation.state} and {@code observation.velocity} {@code [J]}, {@code action} {@code [J]} (the
 * position command sent), {@code observation.images.CAMERA}, {@code next.done} and {@code next.success} (true in the last
 * frame of an episode that was fulfilled).
 */
@Component(
        service = Recorder.class,
        immediate = true,
        configurationPid = "org.armature.recorder",
        configurationPolicy = ConfigurationPolicy.REQUIRE)
public final class Recorder {
    private static final Logger LOG = LoggerFactory.getLogger("armature.recorder");
    private static final int SHORTEST = 5;
    private static final long JOIN_MILLIS = 20_000;

    /** Settings, PID {@code org.armature.recorder}. */
    public @interface Settings {
        /** Where the dataset goes; a new folder. */
        String folder();

        /** Frames a robot second. */
        int fps() default 10;

        /** Whether cameras are recorded. */
        boolean images() default true;

        /** Whether episodes that were not fulfilled are kept. */
        boolean failures() default true;
    }

    private final Settings settings;
    private final ObservationHub hub;
    private final LoopMonitor monitor;
    private final Episodes episodes;
    private final RobotClock clock;
    private final RobotDescription robot;
    private final Thread thread = new Thread(this::run, "recorder");
    private volatile boolean stopped;
    private @Nullable DatasetWriter writer;
    private Object @Nullable [] last;
    private long episode = -1;
    /** Whether this episode has a frame. */
    private boolean begun;

    private long due;
    private TreeSet<String> cameras = new TreeSet<>();
    private Episodes.Score before;
    private String task = "";

    /** Begins to record. */
    @Activate
    public Recorder(
            Settings settings,
            @Reference ObservationHub hub,
            @Reference LoopMonitor monitor,
            @Reference Episodes episodes,
            @Reference RobotClock clock,
            @Reference RobotDescription robot) {
        if (settings.folder() == null || settings.folder().isBlank()) {
            throw new IllegalArgumentException("org.armature.recorder needs folder: where the dataset goes");
        }
        this.settings = settings;
        this.hub = hub;
        this.monitor = monitor;
        this.episodes = episodes;
        this.clock = clock;
        this.robot = robot;
        before = episodes.score();
        thread.setDaemon(true);
        thread.start();
    }

    /** Ends the dataset; an episode that is not over is dropped. */
    @Deactivate
    void close() throws InterruptedException {
        stopped = true;
        LockSupport.unpark(thread);
        thread.join(JOIN_MILLIS);
    }

    private void run() {
        try {
            while (!stopped) {
                hub.latest().ifPresent(this::see);
                LockSupport.parkNanos((long) (1e9 / settings.fps() / clock.speed() / 4));
            }
            if (over()) {
                end();
            }
            if (writer != null) {
                writer.close();
                LOG.info("{} episodes recorded in {}", writer.episodes(), settings.folder());
            }
        } catch (IOException | RuntimeException e) {
            LOG.error("nothing is recorded any more", e);
        }
    }

    private void see(Observation seen) {
        try {
            if (seen.episode() != episode) {
                end();
                episode = seen.episode();
                begun = false;
                before = episodes.score();
            } else if (over()) {
                // The arm goes home now, and then comes the next scene.
                end();
                return;
            }
            if ((begun && seen.timeNanos() < due) || monitor.stats().state() != LoopMonitor.State.RUNNING) {
                return;
            }
            List<LoopMonitor.Row> rows = monitor.rows(-1, 1, 1);
            if (rows.isEmpty() || !complete(seen)) {
                return;
            }
            DatasetWriter w = writer;
            if (w == null) {
                w = new DatasetWriter(Path.of(settings.folder()), settings.fps(), robot.name(), features(seen));
                writer = w;
            }
            if (!begun) {
                begun = true;
                due = seen.timeNanos();
            }
            task = seen.instruction();
            flush(w);
            last = frame(seen, rows.getLast().command());
            due += 1_000_000_000L / settings.fps();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /**
     * Whether every camera has a picture: in a new scene they come one after the other. Which cameras there are is known once two
     * looks in a row, a frame apart, saw the same ones.
     */
    private boolean complete(Observation seen) {
        if (!settings.images()) {
            return true;
        }
        if (writer == null) {
            if (seen.timeNanos() < due) {
                return false;
            }
            Set<String> now = seen.cameras().keySet();
            boolean again = !now.isEmpty() && now.equals(cameras);
            cameras = new TreeSet<>(now);
            due = seen.timeNanos() + 1_000_000_000L / settings.fps();
            return again;
        }
        return seen.cameras().keySet().containsAll(cameras);
    }

    private void flush(DatasetWriter w) {
        Object[] l = last;
        if (l != null) {
            w.add(l);
            last = null;
        }
    }

    /** Whether this episode was judged. */
    private boolean over() {
        return episodes.score().episodes() > before.episodes();
    }

    private void end() throws IOException {
        DatasetWriter w = writer;
        Object[] l = last;
        if (w == null || l == null) {
            return;
        }
        boolean fulfilled = episodes.score().successes() > before.successes();
        l[3] = true;
        l[4] = fulfilled;
        flush(w);
        if (w.pending() < SHORTEST || (!fulfilled && !settings.failures())) {
            w.discard();
        } else {
            w.endEpisode(task);
        }
    }

    private Map<String, Feature> features(Observation seen) {
        Map<String, Feature> f = new LinkedHashMap<>();
        int j = seen.position().length;
        f.put("observation.state", new Feature("float32", List.of(j), robot.joints()));
        f.put("observation.velocity", new Feature("float32", List.of(j), robot.joints()));
        f.put("action", new Feature("float32", List.of(j), robot.joints()));
        f.put("next.done", new Feature("bool", List.of(1), List.of()));
        f.put("next.success", new Feature("bool", List.of(1), List.of()));
        for (String camera : cameras) {
            CameraFrame c = Objects.requireNonNull(seen.cameras().get(camera));
            f.put(
                    "observation.images." + camera,
                    new Feature("image", List.of(c.height(), c.width(), 3), List.of("height", "width", "channels")));
        }
        return f;
    }

    private Object[] frame(Observation seen, double[] command) throws IOException {
        Object[] row = new Object[5 + cameras.size()];
        row[0] = floats(seen.position());
        row[1] = floats(seen.velocity());
        row[2] = floats(command);
        row[3] = false;
        row[4] = false;
        int i = 5;
        for (String camera : cameras) {
            row[i++] = png(Objects.requireNonNull(seen.cameras().get(camera)));
        }
        return row;
    }

    private static float[] floats(double[] d) {
        float[] f = new float[d.length];
        for (int i = 0; i < d.length; i++) {
            f[i] = (float) d[i];
        }
        return f;
    }

    /** A frame as PNG. */
    static byte[] png(CameraFrame c) throws IOException {
        BufferedImage image = new BufferedImage(c.width(), c.height(), BufferedImage.TYPE_INT_RGB);
        int[] pixels = new int[c.width() * c.height()];
        for (int i = 0; i < pixels.length; i++) {
            pixels[i] = (c.rgb()[3 * i] & 255) << 16 | (c.rgb()[3 * i + 1] & 255) << 8 | c.rgb()[3 * i + 2] & 255;
        }
        image.setRGB(0, 0, c.width(), c.height(), pixels, 0, c.width());
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ImageIO.write(image, "png", out);
        return out.toByteArray();
    }
}
