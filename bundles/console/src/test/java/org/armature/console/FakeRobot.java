package org.armature.console;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.armature.robot.CameraFrame;
import org.armature.robot.Control;
import org.armature.robot.Episodes;
import org.armature.robot.Intrinsics;
import org.armature.robot.JointLimits;
import org.armature.robot.LoopMonitor;
import org.armature.robot.Observation;
import org.armature.robot.ObservationHub;
import org.armature.robot.Pose;
import org.armature.robot.Replacement;
import org.armature.robot.RobotClock;
import org.armature.robot.RobotDescription;
import org.armature.robot.Sensor;
import org.armature.robot.Simulator;
import org.armature.show.Figure;

/**
 * A seven-joint arm that waves over a table, computed from the wall clock: everything the dashboard can show, without a
 * framework. A stop freezes it where it is.
 */
final class FakeRobot implements Sources {
    static final int JOINTS = 8;
    private static final double[] LINKS = {0.12, 0.08, 0.2, 0.08, 0.18, 0.08, 0.1};

    final List<Replacement.Swap> swaps = new CopyOnWriteArrayList<>();
    final List<LogLine> lines = new CopyOnWriteArrayList<>();
    final AtomicInteger worldReads = new AtomicInteger();
    volatile String instruction = "put the red cube in the blue bowl";
    volatile LoopMonitor.State state = LoopMonitor.State.RUNNING;
    volatile String reason = "";
    private final long start = System.nanoTime();
    private final AtomicLong frozenAt = new AtomicLong(-1);

    private long now() {
        long frozen = frozenAt.get();
        return frozen >= 0 ? frozen : System.nanoTime() - start + 30_000_000_000L;
    }

    static double[] position(double seconds) {
        double[] q = new double[JOINTS];
        for (int j = 0; j < 7; j++) {
            q[j] = 0.35 * Math.sin(0.5 * seconds + 0.9 * j) + (j % 2 == 1 ? 0.55 : 0);
        }
        q[7] = 0.02 + 0.02 * Math.sin(0.7 * seconds);
        return q;
    }

    @Override
    public Optional<LoopMonitor> monitor() {
        return Optional.of(new LoopMonitor() {
            @Override
            public Stats stats() {
                long ticks = (System.nanoTime() - start) / 1_000_000 + 30_000;
                return new Stats(
                        state,
                        reason,
                        1000,
                        ticks,
                        3,
                        new long[] {58_000, 171_000, 412_000, 1_830_000},
                        ticks / 100,
                        new long[] {
                            (long) (23e6 + 3e6 * Math.sin(ticks / 4e3)), (long) (41e6 + 6e6 * Math.sin(ticks / 1e3))
                        },
                        2,
                        0,
                        new double[JOINTS],
                        14);
            }

            @Override
            public long[] latenessHistogram() {
                return new long[] {0, 12, 310, 5200, 21000, 9400, 1800, 260, 41, 9, 3, 0, 0, 0};
            }

            @Override
            public long[] latenessEdgesNanos() {
                long[] edges = new long[14];
                for (int i = 0; i < edges.length; i++) {
                    edges[i] = 4_000L << i;
                }
                return edges;
            }

            @Override
            public List<Row> rows(long afterTick, int limit, int stride) {
                List<Row> rows = new ArrayList<>();
                for (long t = now() / 1_000_000 / stride * stride; t > afterTick && rows.size() < limit; t -= stride) {
                    rows.addFirst(new Row(t, t * 1_000_000, 60_000, position(t / 1e3 - 0.03), position(t / 1e3), 0, 1));
                }
                return rows;
            }
        });
    }

    @Override
    public Optional<ObservationHub> hub() {
        return Optional.of(new ObservationHub() {
            @Override
            public Optional<Observation> latest() {
                return Optional.of(
                        new Observation(now(), position(now() / 1e9), new double[JOINTS], Map.of(), instruction, 0));
            }

            @Override
            public String instruction() {
                return instruction;
            }

            @Override
            public void instruct(String text) {
                instruction = text;
            }
        });
    }

    @Override
    public Optional<Replacement> replacement() {
        return Optional.of(new Replacement() {
            @Override
            public List<Swap> history() {
                return List.copyOf(swaps);
            }

            @Override
            public String inUse(String kind) {
                return "";
            }

            @Override
            public void record(Swap swap) {
                swaps.add(swap);
            }
        });
    }

    @Override
    public Optional<Episodes> episodes() {
        return Optional.of(new Episodes() {
            @Override
            public Score score() {
                return new Score(14, 13, 7, instruction, 12_000_000_000L);
            }

            @Override
            public void skip() {
                instruction = "put the green cylinder on the yellow plate";
            }
        });
    }

    @Override
    public Optional<Control> control() {
        return Optional.of(new Control() {
            @Override
            public void emergencyStop(String why) {
                frozenAt.set(now());
                reason = why;
                state = LoopMonitor.State.ESTOP;
                log("WARN", "Loop", "Stopped: " + why);
            }

            @Override
            public void arm() {
                if (state == LoopMonitor.State.RUNNING) {
                    throw new IllegalStateException("the robot is armed already");
                }
                frozenAt.set(-1);
                reason = "";
                state = LoopMonitor.State.RUNNING;
                log("INFO", "Loop", "Armed");
            }

            @Override
            public void disarm() {
                state = LoopMonitor.State.IDLE;
            }
        });
    }

    void log(String level, String source, String text) {
        lines.add(new LogLine(lines.size() + 1, System.currentTimeMillis(), level, source, text));
    }

    @Override
    public Optional<RobotClock> clock() {
        return Optional.of(new RobotClock() {
            @Override
            public long nanos() {
                return now();
            }

            @Override
            public double speed() {
                return 1;
            }
        });
    }

    @Override
    public Optional<RobotDescription> robot() {
        double[] high = new double[JOINTS];
        Arrays.fill(high, 2.8);
        double[] low = new double[JOINTS];
        Arrays.fill(low, -2.8);
        List<RobotDescription.Link> links = new ArrayList<>();
        double below = 0.1;
        for (int j = 0; j < 7; j++) {
            double[] axis = j % 2 == 0 ? new double[] {0, 0, 1} : new double[] {0, 1, 0};
            links.add(new RobotDescription.Link(j, lifted(below), axis, false));
            below = LINKS[j];
        }
        links.add(new RobotDescription.Link(-1, lifted(below), new double[] {0, 0, 1}, false));
        return Optional.of(new RobotDescription(
                "arm7",
                List.of("j1", "j2", "j3", "j4", "j5", "j6", "j7", "grip"),
                new JointLimits(low, high, high, high, high),
                new double[JOINTS],
                7,
                links));
    }

    private static Pose lifted(double z) {
        return at(0, 0, z);
    }

    private static Pose at(double x, double y, double z) {
        return new Pose(new double[] {1, 0, 0, x, 0, 1, 0, y, 0, 0, 1, z, 0, 0, 0, 1});
    }

    @Override
    public Optional<Simulator.World> world() {
        return Optional.of(new Simulator.World() {
            @Override
            public RobotDescription robot() {
                return FakeRobot.this.robot().orElseThrow();
            }

            @Override
            public List<String> cameras() {
                return List.of("front");
            }

            @Override
            public void reset(long seed) {}

            @Override
            public void step(double[] command) {}

            @Override
            public void joints(double[] position, double[] velocity) {}

            @Override
            public long steps() {
                return now() / 1_000_000;
            }

            @Override
            public CameraFrame render(String camera, int width, int height, long timeNanos) {
                return frame(camera);
            }

            @Override
            public Simulator.Scoring scoring() {
                throw new IllegalStateException("nobody judges here");
            }

            @Override
            public List<Simulator.Body> bodies() {
                worldReads.incrementAndGet();
                List<Simulator.Body> all = new ArrayList<>(Skeleton.bodies(robot(), position(now() / 1e9)));
                all.add(new Simulator.Body(
                        "table", "box", new double[] {0.5, 0.6, 0.02}, 0xb9a58c, at(0.35, 0, -0.02)));
                all.add(new Simulator.Body("base", "cylinder", new double[] {0.08, 0.05}, 0x5b6570, at(0, 0, 0.05)));
                all.add(new Simulator.Body(
                        "red cube", "box", new double[] {0.025, 0.025, 0.025}, 0xc8372d, at(0.45, -0.2, 0.025)));
                all.add(new Simulator.Body(
                        "green cylinder", "cylinder", new double[] {0.022, 0.035}, 0x3a9a55, at(0.55, 0.05, 0.035)));
                all.add(new Simulator.Body(
                        "yellow ball", "sphere", new double[] {0.028}, 0xd9b62c, at(0.4, 0.12, 0.028)));
                all.add(new Simulator.Body(
                        "blue bowl", "bowl", new double[] {0.08, 0.03}, 0x2d62b8, at(0.5, 0.3, 0.03)));
                return all;
            }

            @Override
            public void close() {}
        });
    }

    @Override
    public List<Sensor> sensors() {
        return List.of(sensor("front"), sensor("wrist"));
    }

    private Sensor sensor(String name) {
        return new Sensor() {
            @Override
            public String name() {
                return name;
            }

            @Override
            public Optional<CameraFrame> latest() {
                return Optional.of(frame(name));
            }
        };
    }

    /** A camera that looks straight down on the table from 0.8 m; a bright square walks across it. */
    CameraFrame frame(String camera) {
        int w = 160;
        int h = 120;
        byte[] rgb = new byte[3 * w * h];
        float[] depth = new float[w * h];
        int mark = (int) (now() / 50_000_000 % 100);
        for (int i = 0; i < w * h; i++) {
            int x = i % w;
            int y = i / w;
            boolean square = Math.abs(x - 30 - mark) < 9 && Math.abs(y - 60) < 9;
            rgb[3 * i] = (byte) (square ? 200 : 150 + x / 4);
            rgb[3 * i + 1] = (byte) (square ? 60 : 140 + y / 4);
            rgb[3 * i + 2] = (byte) (square ? 45 : 120);
            depth[i] = square ? 0.76f : 0.8f;
        }
        Pose down = new Pose(new double[] {0, -1, 0, 0.4, -1, 0, 0, 0, 0, 0, -1, 0.8, 0, 0, 0, 1});
        return new CameraFrame(camera, now(), w, h, rgb, depth, new Intrinsics(140, 140, 80, 60), down);
    }

    @Override
    public List<Module> modules() {
        return List.of(
                new Module("sim", "driver", "", "org.armature.control", "0.1.0", "ACTIVE", 0, true),
                new Module("onnx", "executor", "", "org.armature.compute.onnx", "0.1.0", "ACTIVE", 0, false),
                new Module("segment", "perception", "", "org.armature.perception", "0.1.0", "ACTIVE", 0, true),
                new Module("baseline", "policy", "", "org.armature.perception", "0.1.0", "ACTIVE", 0, true),
                new Module("mujoco", "simulator", "", "org.armature.simulation", "0.1.0", "ACTIVE", 10, false),
                new Module("planar", "simulator", "", "org.armature.simulation", "0.1.0", "ACTIVE", 0, false),
                new Module("", "bundle", "", "com.example.grasp", "1.2.0", "INSTALLED", 0, false));
    }

    @Override
    public List<LogLine> logAfter(long sequence) {
        return lines.stream().filter(l -> l.sequence() > sequence).toList();
    }

    final List<Shown> shown = new CopyOnWriteArrayList<>();

    @Override
    public List<Shown> figures() {
        return shown;
    }

    /** One figure of every kind; the loss grows a point with every call. */
    Shown everyKind() {
        Figure.Picture original = Figure.Picture.of("original", 2, 1, new float[] {0, 1, 0, 1, 0, 1});
        Figure.HeatMap similarity = new Figure.HeatMap(
                "CKA",
                List.of("a1", "a2"),
                List.of("b1", "b2", "b3"),
                new double[] {1, 0.5, Double.NaN, 0, 0.25, 1},
                0,
                1);
        Figure.Scatter kernels = new Figure.Scatter(
                "operations a byte",
                "GFLOP/s",
                true,
                List.of(
                        new Figure.Dot("product: 3 ms", 8, 40, 3),
                        new Figure.Dot("nowhere", Double.NaN, 1, 9),
                        new Figure.Dot("copy: 1 ms", 0.1, 1, 1)),
                List.of(new Figure.Series("roof", new double[] {0.1, 10, 100}, new double[] {1, 100, 100})));
        Figure.Pictures pictures = new Figure.Pictures(2, List.of(original, original));
        Figure.PointCloud cloud =
                new Figure.PointCloud(new float[] {0, 0, 1, 0.5f, 0, 1, Float.NaN, 0, 0}, new byte[9]);
        Figure.Table table = new Figure.Table(List.of("layer", "similarity"), List.of(List.of("a1", "0.5")));
        AtomicInteger calls = new AtomicInteger();
        return new Shown("fake", () -> {
            int n = calls.incrementAndGet();
            double[] x = new double[n];
            double[] y = new double[n];
            for (int i = 0; i < n; i++) {
                x[i] = i;
                y[i] = 1.0 / (1 + i);
            }
            SequencedMap<String, Figure> all = new LinkedHashMap<>();
            all.put("run 1/loss", new Figure.Curves("step", "nats", List.of(new Figure.Series("train", x, y))));
            all.put("similarity", similarity);
            all.put("kernels", kernels);
            all.put("reconstructions", pictures);
            all.put("predicted", cloud);
            all.put("layers", table);
            return all;
        });
    }
}
