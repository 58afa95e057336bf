package org.armature.datasets;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.armature.model.Config;
import org.armature.robot.CameraFrame;
import org.armature.robot.JointLimits;
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
 * <p>Without {@code views} an example is one view, of either camera in turn; all as {@link FrameViews} says.
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
        Views v = new Views(
                simulator(config.text("engine", "")),
                FrameViews.Format.of(config, 64, 0),
                FrameViews.size(config, split, 4000, 256),
                Draw.of(config.wide("seed", 1), split).next(),
                config.number("reach", 0.35));
        LOG.info("Rendering {} examples of {} with {}", v.size(), split, v.simulator.engine());
        return v;
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
    static final class Views extends FrameViews {
        private final Simulator simulator;
        private final Format format;
        private final long seed;
        private final double reach;
        private final ExecutorService renderer;
        private Simulator.World world;

        Views(Simulator simulator, Format format, int size, long seed, double reach) {
            super(format, size);
            this.simulator = simulator;
            this.format = format;
            this.seed = seed;
            this.reach = reach;
            renderer = Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().name("tabletop-views").daemon().factory());
            world = on(() -> simulator.open(seed, STEP_NANOS));
        }

        @Override
        CameraFrame[] render(int index) {
            return on(() -> rendered(index));
        }

        private CameraFrame[] rendered(int index) {
            Draw draw = Draw.of(seed, index);
            world.reset(draw.next());
            CameraFrame[] frames = new CameraFrame[format.frames()];
            for (int s = 0; s < frames.length; s++) {
                double[] target = somewhere(draw);
                for (int i = 0; i < SETTLING_STEPS; i++) {
                    world.step(target);
                }
                frames[s] = world.render(
                        CAMERAS.get(format.views() == 0 ? index % 2 : Math.min(s, 1)),
                        format.width(),
                        format.height(),
                        0);
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
