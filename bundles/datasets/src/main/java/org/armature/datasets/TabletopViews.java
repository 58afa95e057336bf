package org.armature.datasets;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Config;
import org.armature.robot.CameraFrame;
import org.armature.robot.Intrinsics;
import org.armature.robot.JointLimits;
import org.armature.robot.Pose;
import org.armature.robot.Simulator;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.Draw;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Views of the table-top scene with exact depth and cameras, rendered when first asked for and kept: objects placed anew for
 * each example, the arm somewhere near its home. The first view is the front camera's, the others the wrist camera's, from
 * another arm position each.
 *
 * <p>Without {@code views} an example is one view, of either camera in turn: {@code image: float[3, H, W]},
 * {@code depth: float[H, W]} (metres along the optical axis, 0 unknown), {@code intrinsics: float[3, 3]} (pixels),
 * {@code pose: float[4, 4]} (camera-to-world, metres). With {@code views} S each has an axis S before.
 *
 * <p>Config: {@code engine} (the best there is, or {@code planar}, {@code mujoco}), {@code width}, {@code height} (64),
 * {@code views}, {@code size} (4000), {@code test_size} (256), {@code seed} (1), {@code reach} (0.35), how far each joint is
 * from home at most, rad; {@code mean} and {@code deviation} (0, 1), three numbers by which colours in [0, 1] are normalised.
 */
@Component(property = {"armature.id=tabletop", "armature.kind=dataset"})
public final class TabletopViews implements DatasetProvider {
    private static final Logger LOG = LoggerFactory.getLogger(TabletopViews.class);
    private static final long STEP_NANOS = 2_000_000;
    private static final int SETTLING_STEPS = 250;
    private static final int MOST_PIXELS = 1 << 20;
    private static final List<String> CAMERAS = List.of("front", "wrist");

    private final BundleContext context;

    @Activate
    public TabletopViews(BundleContext context) {
        this.context = context;
    }

    @Override
    public String id() {
        return "tabletop";
    }

    @Override
    public Dataset open(String split, Config config) throws IOException {
        int size = positive(config, "size", 4000);
        int test = positive(config, "test_size", 256);
        Views v = new Views(
                simulator(config.text("engine", "")),
                positive(config, "width", 64),
                positive(config, "height", 64),
                config.integer("views", 0),
                split.equals("test") ? test : size,
                Draw.of(config.wide("seed", 1), split).next(),
                config.number("reach", 0.35),
                triple(config, "mean", 0),
                triple(config, "deviation", 1));
        LOG.info("Rendering {} examples of {} with {}", v.size(), split, v.simulator.engine());
        return v;
    }

    private static int positive(Config c, String key, int otherwise) {
        int n = c.integer(key, otherwise);
        if (n < 1) {
            throw new IllegalArgumentException("config key dataset." + key + " is " + n + ": give 1 or more");
        }
        return n;
    }

    private static double[] triple(Config c, String key, double otherwise) {
        double[] t = c.numbers(key, otherwise, otherwise, otherwise);
        if (t.length != 3) {
            throw new IllegalArgumentException(
                    "config key dataset." + key + " has " + t.length + " numbers: give three");
        }
        return t;
    }

    private Simulator simulator(String engine) throws IOException {
        try {
            return context
                    .getServiceReferences(Simulator.class, engine.isEmpty() ? null : "(engine=" + engine + ")")
                    .stream()
                    .max(ServiceReference::compareTo)
                    .map(context::getService)
                    .orElseThrow(() -> new IOException("there is no simulator " + engine
                            + ": leave dataset.engine out for the one there is, or see what armature doctor says"));
        } catch (InvalidSyntaxException e) {
            throw new IllegalArgumentException(
                    "config key dataset.engine is \"" + engine + "\": give mujoco or planar", e);
        }
    }

    /** The examples. A world belongs to one thread, so there is one that steps and renders. */
    static final class Views implements Dataset {
        private final Simulator simulator;
        private final int width;
        private final int height;
        private final int views;
        private final long seed;
        private final double reach;
        private final double[] mean;
        private final double[] deviation;
        private final AtomicReferenceArray<CameraFrame[]> seen;
        private final ExecutorService renderer;
        private Simulator.World world;

        Views(
                Simulator simulator,
                int width,
                int height,
                int views,
                int size,
                long seed,
                double reach,
                double[] mean,
                double[] deviation) {
            if (views < 0 || (long) width * height > MOST_PIXELS) {
                throw new IllegalArgumentException(
                        "views of " + width + " x " + height + " times " + views + " cannot be rendered: give at most "
                                + MOST_PIXELS + " pixels and no negative number of views");
            }
            this.simulator = simulator;
            this.width = width;
            this.height = height;
            this.views = views;
            this.seed = seed;
            this.reach = reach;
            this.mean = mean;
            this.deviation = deviation;
            seen = new AtomicReferenceArray<>(size);
            renderer = Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().name("tabletop-views").daemon().factory());
            world = on(() -> simulator.open(seed, STEP_NANOS));
        }

        @Override
        public long size() {
            return seen.length();
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            Shape several = views == 0 ? Shape.SCALAR : Shape.of(views);
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("image", new TensorType(DType.FLOAT, several.concat(Shape.of(3, height, width))));
            m.put("depth", new TensorType(DType.FLOAT, several.concat(Shape.of(height, width))));
            m.put("intrinsics", new TensorType(DType.FLOAT, several.concat(Shape.of(3, 3))));
            m.put("pose", new TensorType(DType.FLOAT, several.concat(Shape.of(4, 4))));
            return m;
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            int n = Math.max(1, views);
            for (int i = 0; i < indices.length; i++) {
                CameraFrame[] frames = frames(Objects.checkIndex((int) indices[i], seen.length()));
                for (int s = 0; s < n; s++) {
                    write(frames[s], (long) i * n + s, into);
                }
            }
        }

        private void write(CameraFrame f, long at, Map<String, Tensor> into) {
            int area = width * height;
            var image = into.get("image").data();
            for (int c = 0; c < 3; c++) {
                for (int p = 0; p < area; p++) {
                    double level = (f.rgb()[3 * p + c] & 255) / 255.0;
                    image.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (at * 3 + c) * area + p, (float)
                            ((level - mean[c]) / deviation[c]));
                }
            }
            var depth = into.get("depth").data();
            float[] z = f.depth().orElseThrow();
            for (int p = 0; p < area; p++) {
                depth.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at * area + p, Float.isFinite(z[p]) ? z[p] : 0);
            }
            Intrinsics k = f.intrinsics().orElseThrow();
            double[] matrix = {k.fx(), 0, k.cx(), 0, k.fy(), k.cy(), 0, 0, 1};
            Pose pose = f.pose().orElseThrow();
            for (int j = 0; j < 9; j++) {
                into.get("intrinsics").set(at * 9 + j, matrix[j]);
            }
            for (int j = 0; j < 16; j++) {
                into.get("pose").set(at * 16 + j, pose.matrix()[j]);
            }
        }

        private CameraFrame[] frames(int index) {
            CameraFrame[] frames = seen.get(index);
            if (frames == null) {
                frames = on(() -> render(index));
                seen.set(index, frames);
            }
            return frames;
        }

        private CameraFrame[] render(int index) {
            Draw draw = Draw.of(seed, index);
            world.reset(draw.next());
            CameraFrame[] frames = new CameraFrame[Math.max(1, views)];
            for (int s = 0; s < frames.length; s++) {
                double[] target = somewhere(draw);
                for (int i = 0; i < SETTLING_STEPS; i++) {
                    world.step(target);
                }
                frames[s] = world.render(CAMERAS.get(views == 0 ? index % 2 : Math.min(s, 1)), width, height, 0);
            }
            return frames;
        }

        private double[] somewhere(Draw draw) {
            JointLimits limits = world.robot().limits();
            double[] q = Arrays.copyOf(world.robot().home(), limits.size());
            for (int j = 0; j < q.length; j++) {
                if (j != world.robot().gripper()) {
                    q[j] = Math.clamp(q[j] + reach * (2 * draw.uniform() - 1), limits.lower()[j], limits.upper()[j]);
                }
            }
            return q;
        }

        private <T> T on(Callable<T> work) {
            try {
                return renderer.submit(work).get();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted while a view was rendered", e);
            } catch (ExecutionException e) {
                throw new IllegalStateException(
                        "a view could not be rendered: " + e.getCause().getMessage(), e.getCause());
            }
        }

        @Override
        public void close() {
            on(() -> {
                world.close();
                return true;
            });
            renderer.shutdown();
        }
    }
}
