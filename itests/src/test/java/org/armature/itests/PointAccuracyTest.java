package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Hashtable;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.SceneGeometry;
import org.armature.robot.Simulator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.cm.Configuration;
import org.osgi.service.cm.ConfigurationAdmin;

/**
 * How far the live geometry's points are from the simulator's surfaces, with depth and cameras given: as published and of the
 * network alone; with holes in the depth; with a noisy sensor. Frames are what the robot's cameras give. The truth is
 * rendered beside them, so finely that a pixel's centre lies in the middle of a true pixel: it is not what was given.
 */
@InFramework(configuration = "org.armature.geoadapter:fuse=true")
class PointAccuracyTest {
    private static final long STEP_NANOS = 2_000_000;
    private static final int SCENES = 6;
    private static final int WIDTH = 160;
    private static final int HEIGHT = 120;
    private static final int FINE = 5;

    private final BundleContext bundles;
    private final Simulator.World world;
    private final List<List<CameraFrame>> given = new ArrayList<>();
    private final List<List<CameraFrame>> surfaces = new ArrayList<>();

    PointAccuracyTest(BundleContext bundles, @Service("") Simulator simulator) {
        this.bundles = bundles;
        world = simulator.open(1, STEP_NANOS);
    }

    @BeforeEach
    void look() {
        SceneGeometry.Estimate size = null;
        double[] home = world.robot().home();
        for (int scene = 0; scene < SCENES; scene++) {
            world.reset(100 + scene);
            double[] target = home.clone();
            Random random = new Random(scene);
            for (int j = 0; j < target.length; j++) {
                target[j] += j == world.robot().gripper() ? 0 : 0.3 * (2 * random.nextDouble() - 1);
            }
            for (int i = 0; i < 250; i++) {
                world.step(target);
            }
            List<CameraFrame> frames = render(WIDTH, HEIGHT);
            size = size == null ? geometry(true).estimate(frames) : size;
            given.add(frames);
            surfaces.add(render(FINE * size.width(), FINE * size.height()));
        }
    }

    private List<CameraFrame> render(int width, int height) {
        return world.cameras().stream()
                .map(c -> world.render(c, width, height, 0))
                .toList();
    }

    @AfterEach
    void close() {
        world.close();
    }

    /** The service as configured; the component comes anew when its configuration changes. */
    private SceneGeometry geometry(boolean fuse) {
        try {
            ConfigurationAdmin admin = bundles.getService(bundles.getServiceReference(ConfigurationAdmin.class));
            Configuration configuration = admin.getConfiguration("org.armature.geoadapter", "?");
            configuration.updateIfDifferent(new Hashtable<>(Map.of("fuse", Boolean.toString(fuse))));
            for (int i = 0; i < 500; i++) {
                for (ServiceReference<SceneGeometry> r :
                        bundles.getServiceReferences(SceneGeometry.class, "(fuse=" + fuse + ")")) {
                    SceneGeometry geometry = bundles.getService(r);
                    if (geometry != null) { // it may just be leaving
                        return geometry;
                    }
                }
                Thread.sleep(20);
            }
        } catch (IOException | InvalidSyntaxException | InterruptedException e) {
            throw new IllegalStateException(e);
        }
        throw new IllegalStateException("no geometry with fuse " + fuse + " came");
    }

    /** What a sensor would have made of the frame's depth. */
    private interface Sensor {
        void measure(float[] depth, Random random);
    }

    /** Distances of points to the truth, m, rising: of all pixels, and of those without measured depth. */
    private record Distances(double[] all, double[] holes) {
        static double median(double[] d) {
            return d[d.length / 2];
        }

        static double mean(double[] d) {
            return Arrays.stream(d).average().orElseThrow();
        }

        String said() {
            String s = String.format("median %.1f, mean %.1f mm", 1000 * median(all), 1000 * mean(all));
            return holes.length == 0
                    ? s
                    : s
                            + String.format(
                                    "; in the holes (%.0f %%) median %.1f, mean %.1f mm",
                                    100.0 * holes.length / all.length, 1000 * median(holes), 1000 * mean(holes));
        }
    }

    private Distances distances(String what, boolean fuse, Sensor sensor) {
        SceneGeometry geometry = geometry(fuse);
        List<Double> all = new ArrayList<>();
        List<Double> holes = new ArrayList<>();
        for (int scene = 0; scene < SCENES; scene++) {
            Random random = new Random(scene);
            List<CameraFrame> frames = new ArrayList<>();
            for (CameraFrame f : given.get(scene)) {
                float[] depth = f.depth().orElseThrow().clone();
                sensor.measure(depth, random);
                frames.add(new CameraFrame(
                        f.camera(), 0, WIDTH, HEIGHT, f.rgb(), depth, f.intrinsicsOrNull(), f.poseOrNull()));
            }
            SceneGeometry.Estimate e = geometry.estimate(frames);
            assertTrue(e.metric() && e.world());
            for (int view = 0; view < frames.size(); view++) {
                CameraFrame truth = surfaces.get(scene).get(view);
                for (int i = 0; i < e.width() * e.height(); i++) {
                    int x = i % e.width();
                    int y = i / e.width();
                    double[] p = surface(truth, FINE * x + FINE / 2, FINE * y + FINE / 2);
                    if (p != null) {
                        float[] q = e.views().get(view).points();
                        double d = Math.hypot(Math.hypot(p[0] - q[3 * i], p[1] - q[3 * i + 1]), p[2] - q[3 * i + 2]);
                        all.add(d);
                        int u = (int) ((x + 0.5) * WIDTH / e.width());
                        int v = (int) ((y + 0.5) * HEIGHT / e.height());
                        float measured = frames.get(view).depth().orElseThrow()[v * WIDTH + u];
                        if (!(measured > 0)) {
                            holes.add(d);
                        }
                    }
                }
            }
        }
        Distances d = new Distances(sorted(all), sorted(holes));
        System.out.printf("%s, %s: %s%n", what, fuse ? "published" : "the network alone", d.said());
        return d;
    }

    private static double[] sorted(List<Double> d) {
        return d.stream().mapToDouble(x -> x).sorted().toArray();
    }

    /** Where the centre of that pixel sees a surface; null where there is none. */
    private static double[] surface(CameraFrame f, int u, int v) {
        double z = f.depth().orElseThrow()[v * f.width() + u];
        Intrinsics k = f.intrinsics().orElseThrow();
        return z > 0
                ? f.pose().orElseThrow().transform((u + 0.5 - k.cx()) / k.fx() * z, (v + 0.5 - k.cy()) / k.fy() * z, z)
                : null;
    }

    @Test
    void withDepthAndCamerasThePointsAreWithinFiveMillimetresOfTheSurfaces() {
        Distances published = distances("exact depth", true, (depth, random) -> {});
        Distances network = distances("exact depth", false, (depth, random) -> {});
        assertTrue(Distances.median(published.all) < 0.005, published.said());
        assertTrue(Distances.median(published.all) > 1e-5, "the truth is not what was given");
        assertTrue(Distances.median(network.all) > Distances.median(published.all), network.said());
    }

    @Test
    void holesAreFilledBetterThanTheNetworkAloneWouldAndSpoilNothingElse() {
        Sensor holes = (depth, random) -> {
            for (int n = 0; n < 12; n++) {
                int w = 15 + random.nextInt(20);
                int h = 15 + random.nextInt(20);
                int left = random.nextInt(WIDTH - w);
                int top = random.nextInt(HEIGHT - h);
                for (int y = top; y < top + h; y++) {
                    Arrays.fill(depth, y * WIDTH + left, y * WIDTH + left + w, 0);
                }
            }
        };
        Distances published = distances("depth with holes", true, holes);
        Distances network = distances("depth with holes", false, holes);
        assertEquals(network.holes.length, published.holes.length);
        assertTrue(published.holes.length > published.all.length / 5);
        assertTrue(Distances.median(published.all) < 0.005, published.said());
        assertTrue(Distances.mean(published.holes) < Distances.mean(network.holes), published.said());
    }

    @Test
    void ofANoisySensorThePointsAreAsGoodAsTheSensor() {
        double deviation = 0.004;
        Sensor noisy = (depth, random) -> {
            for (int i = 0; i < depth.length; i++) {
                depth[i] = random.nextInt(50) == 0 ? 0 : (float) (depth[i] + deviation * random.nextGaussian());
            }
        };
        Distances published = distances("depth with 4 mm of noise, 2 % missing", true, noisy);
        Distances network = distances("depth with 4 mm of noise, 2 % missing", false, noisy);
        assertTrue(Distances.mean(published.holes) < Distances.mean(network.holes), published.said());
        assertTrue(Distances.median(published.all) < 0.005, published.said());
        assertTrue(Distances.median(published.all) > 0.5 * deviation, "noise that was given is not hidden");
    }
}
