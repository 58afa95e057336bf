package org.armature.geoadapter;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.model.CheckpointFormat;
import org.armature.model.ConfigReader;
import org.armature.robot.CameraFrame;
import org.armature.robot.ObservationHub;
import org.armature.robot.SceneGeometry;
import org.armature.show.Figure;
import org.armature.show.FigureSource;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * OmniVGGT on the robot's cameras, with whatever each of them offers at the moment. It computes when a policy asks, or while
 * somebody looks at its figures (point cloud with the cameras' frusta, depth maps, a table), on one thread of the executor;
 * never otherwise.
 */
@Component(
        service = {SceneGeometry.class, FigureSource.class},
        configurationPid = "org.armature.geoadapter",
        property = {
            "armature.id=omnivggt",
            "armature.kind=geometry",
            "armature.paper=OmniVGGT: Omni-Modality Driven Visual Geometry Grounded Transformer"
        })
@Designate(ocd = LiveGeometry.Settings.class)
public final class LiveGeometry implements SceneGeometry, FigureSource {
    private static final Logger LOG = LoggerFactory.getLogger(LiveGeometry.class);
    private static final List<String> DEMO = List.of("config.json", "model.safetensors");

    /** What can be set. */
    @ObjectClassDefinition(name = "OmniVGGT geometry")
    public @interface Settings {
        /** Folder with config.json and model.safetensors. */
        @AttributeDefinition(
                description = "Folder of an OmniVGGT checkpoint; empty: the small one trained on the table-top scene")
        String checkpoint() default "";

        /** Whether measured depth is published. */
        @AttributeDefinition(
                description =
                        "publish measured depth where a sensor gives some and the network's in its holes, brought to"
                                + " the same scale; false: the network's own everywhere")
        boolean fuse() default true;
    }

    private final ObservationHub hub;
    private final Estimator estimator;
    private final boolean fuse;
    private final ExecutorService shower = Executors.newSingleThreadExecutor(Thread.ofPlatform()
            .name("geometry")
            .daemon()
            .priority(Thread.MIN_PRIORITY)
            .factory());
    private final AtomicBoolean showing = new AtomicBoolean();
    private volatile SequencedMap<String, Figure> figures = new LinkedHashMap<>();
    private long shown = Long.MIN_VALUE;
    private String failure = "";

    @Activate
    public LiveGeometry(
            BundleContext context,
            Settings settings,
            @Reference ObservationHub hub,
            @Reference ConfigReader reader,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor)
            throws IOException {
        this.hub = hub;
        fuse = settings.fuse();
        Path folder = settings.checkpoint().isEmpty() ? demo(context) : Path.of(settings.checkpoint());
        estimator = Estimator.open(folder, reader, format, executor, CompileOptions.DEFAULT.withThreads(1));
    }

    /** The bundle's own checkpoint as files, so that it can be mapped. */
    static Path demo(BundleContext context) throws IOException {
        Path folder = Path.of(context.getDataFile("demo").getPath());
        Files.createDirectories(folder);
        for (String name : DEMO) {
            try (InputStream in = LiveGeometry.class.getResourceAsStream("/demo/" + name)) {
                if (in == null) {
                    throw new IOException("this build of the geo-adapter holds no demo checkpoint: set checkpoint");
                }
                Files.copy(in, folder.resolve(name), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        return folder;
    }

    @Override
    public Estimate estimate(List<CameraFrame> frames) {
        return look(frames).estimate(fuse);
    }

    private synchronized Estimator.Seen look(List<CameraFrame> frames) {
        return estimator.look(frames);
    }

    /** What was computed last; the next is begun on a thread of its own when there are newer frames. */
    @Override
    public SequencedMap<String, Figure> figures() {
        Optional<List<CameraFrame>> frames = hub.latest()
                .map(o -> o.cameras().values().stream()
                        .sorted(Comparator.comparing(CameraFrame::camera))
                        .toList());
        if (frames.isPresent() && !frames.get().isEmpty() && showing.compareAndSet(false, true)) {
            shower.execute(() -> {
                try {
                    show(frames.get());
                } finally {
                    showing.set(false);
                }
            });
        }
        return figures;
    }

    private void show(List<CameraFrame> frames) {
        long newest = frames.stream().mapToLong(CameraFrame::timeNanos).max().orElseThrow();
        if (newest == shown) {
            return;
        }
        shown = newest;
        try {
            long began = System.nanoTime();
            Estimator.Seen seen = look(frames);
            Estimate e = seen.estimate(fuse);
            double millis = (System.nanoTime() - began) / 1e6;
            figures = GeometryFigures.of(e, seen.estimate(false), frames, millis);
            failure = "";
        } catch (RuntimeException e) {
            // Said once: the figures of before stay, and frames that can be used again bring new ones.
            String said = String.valueOf(e.getMessage());
            if (!said.equals(failure)) {
                LOG.warn("No geometry of this frame: {}", said);
            }
            failure = said;
        }
    }

    @Deactivate
    void stop() throws InterruptedException {
        shower.shutdown();
        if (!shower.awaitTermination(30, TimeUnit.SECONDS)) {
            throw new IllegalStateException("the geometry did not end its last frame");
        }
        synchronized (this) {
            estimator.close();
        }
    }
}
