package org.armature.lerobot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.lang.annotation.Annotation;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.armature.robot.CameraFrame;
import org.armature.robot.Episodes;
import org.armature.robot.JointLimits;
import org.armature.robot.LoopMonitor;
import org.armature.robot.Observation;
import org.armature.robot.ObservationHub;
import org.armature.robot.RobotClock;
import org.armature.robot.RobotDescription;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A recorder beside a robot that moves as the test says, ten frames a second of robot time. */
class RecorderTest {
    private static final long FRAME = 100_000_000L;

    @TempDir
    private Path folder;

    private final AtomicInteger looks = new AtomicInteger();
    private volatile long now;
    private volatile long episode = 1;
    private volatile Map<String, CameraFrame> cameras = Map.of();
    private volatile Episodes.Score score = new Episodes.Score(0, 0, 7, "", 0);

    @SuppressWarnings("BadAnnotationImplementation") // read once, never compared
    private record TenFramesASecond(String folder, boolean images) implements Recorder.Settings {
        @Override
        public int fps() {
            return 10;
        }

        @Override
        public boolean failures() {
            return true;
        }

        @Override
        public Class<? extends Annotation> annotationType() {
            return Recorder.Settings.class;
        }
    }

    private Recorder recorder() {
        return recorder(false);
    }

    private Recorder recorder(boolean images) {
        ObservationHub hub = new ObservationHub() {
            @Override
            public Optional<Observation> latest() {
                looks.incrementAndGet();
                double[] at = {now / 1e9};
                return Optional.of(new Observation(now, at, new double[] {1}, cameras, "wave", episode));
            }

            @Override
            public String instruction() {
                return "wave";
            }

            @Override
            public void instruct(String instruction) {}
        };
        LoopMonitor monitor = new LoopMonitor() {
            @Override
            public Stats stats() {
                return new Stats(State.RUNNING, "", 1000, 0, 0, new long[4], 0, new long[2], 0, 0, new double[] {0}, 0);
            }

            @Override
            public long[] latenessHistogram() {
                return new long[0];
            }

            @Override
            public long[] latenessEdgesNanos() {
                return new long[0];
            }

            @Override
            public List<Row> rows(long afterTick, int limit, int stride) {
                double[] at = {now / 1e9};
                return List.of(new Row(now / 1_000_000, now, 0, at, at, 0, 1));
            }
        };
        Episodes episodes = new Episodes() {
            @Override
            public Score score() {
                return score;
            }

            @Override
            public void skip() {}
        };
        RobotClock clock = new RobotClock() {
            @Override
            public long nanos() {
                return now;
            }

            @Override
            public double speed() {
                return 100;
            }
        };
        JointLimits limits = new JointLimits(
                new double[] {-9}, new double[] {9}, new double[] {9}, new double[] {9}, new double[] {9});
        RobotDescription robot = new RobotDescription("one", List.of("a"), limits, new double[] {0}, -1, List.of());
        return new Recorder(
                new TenFramesASecond(folder.resolve("d").toString(), images), hub, monitor, episodes, clock, robot);
    }

    /** Lets frames pass, each until the recorder has looked at it. */
    private void frames(int count) {
        for (int i = 0; i < count; i++) {
            now += FRAME;
            looked();
        }
    }

    private void looked() {
        int before = looks.get();
        assertTimeoutPreemptively(Duration.ofSeconds(20), () -> {
            while (looks.get() < before + 2) {
                Thread.sleep(1);
            }
        });
    }

    private void judged(boolean fulfilled) {
        score = new Episodes.Score(score.episodes() + 1, score.successes() + (fulfilled ? 1 : 0), score.seed(), "", 0);
        looked();
    }

    private LeRobotDataset recorded() throws Exception {
        LeRobotDataset d = LeRobotDataset.open(folder.resolve("d"));
        assertEquals(List.of(), d.check());
        return d;
    }

    private static List<Long> lengths(LeRobotDataset d) {
        return d.episodes().stream().map(LeRobotDataset.Episode::length).toList();
    }

    /** The next scene is placed only when the arm is home again; whoever stops before has the episode all the same. */
    @Test
    void anEpisodeEndsWhenItIsJudged() throws Exception {
        Recorder r = recorder();
        looked();
        frames(8);
        judged(true);
        r.close();
        LeRobotDataset d = recorded();
        assertEquals(List.of(9L), lengths(d));
        try (Table t = Table.open(d.file(d.episodes().getFirst()))) {
            double[] success = new double[9];
            success[8] = 1;
            assertArrayEquals(success, d.numbers(t, "next.success"));
            assertArrayEquals(success, d.numbers(t, "next.done"));
        }
    }

    /** The way home is no part of any demonstration. */
    @Test
    void betweenEpisodesNothingIsRecorded() throws Exception {
        Recorder r = recorder();
        looked();
        frames(8);
        judged(false);
        frames(20);
        episode = 2;
        frames(6);
        judged(true);
        frames(3);
        r.close();
        LeRobotDataset d = recorded();
        assertEquals(List.of(9L, 6L), lengths(d));
        try (Table t = Table.open(d.file(d.episodes().getFirst()))) {
            assertEquals(1, Arrays.stream(d.numbers(t, "next.success")).sum());
        }
    }

    private static Map<String, CameraFrame> pictures(String... names) {
        Map<String, CameraFrame> m = new HashMap<>();
        for (String name : names) {
            m.put(name, new CameraFrame(name, 0, 6, 4, new byte[3 * 24], null, null, null));
        }
        return m;
    }

    /** In a new scene the cameras' pictures come one after the other; what they lack stops nothing. */
    @Test
    void anEpisodeBeginsWhenEveryCameraHasAPicture() throws Exception {
        cameras = pictures("front");
        Recorder r = recorder(true);
        looked();
        cameras = pictures("front", "wrist");
        frames(10);
        judged(true);
        cameras = Map.of();
        episode = 2;
        frames(2);
        cameras = pictures("wrist");
        frames(2);
        cameras = pictures("front", "wrist");
        looked();
        frames(5);
        judged(true);
        r.close();
        LeRobotDataset d = recorded();
        assertEquals(List.of(9L, 6L), lengths(d));
        try (Table t = Table.open(d.file(d.episodes().getFirst()))) {
            assertEquals(
                    15,
                    Objects.requireNonNull(LeRobotDataset.images(t, "observation.images.front")
                                    .bytes())
                            .length);
            assertEquals(
                    15,
                    Objects.requireNonNull(LeRobotDataset.images(t, "observation.images.wrist")
                                    .bytes())
                            .length);
        }
    }

    @Test
    void anEpisodeThatIsNotOverWhenTheRobotStopsIsDropped() throws Exception {
        Recorder r = recorder();
        looked();
        frames(8);
        judged(true);
        episode = 2;
        frames(8);
        r.close();
        assertEquals(List.of(9L), lengths(recorded()));
    }
}
