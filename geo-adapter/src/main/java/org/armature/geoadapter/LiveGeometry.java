package org.armature.geoadapter;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.model.BundledFiles;
import org.armature.model.CheckpointFormat;
import org.armature.model.ConfigReader;
import org.armature.robot.CameraFrame;
import org.armature.robot.ObservationHub;
import org.armature.robot.SceneGeometry;
import org.armature.show.Figure;
import org.armature.show.FigureSource;
import org.armature.show.WatchedFigures;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

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

    /** Where the robot's latest frames are; without a robot there are no figures. */
    @Reference(
            cardinality = ReferenceCardinality.OPTIONAL,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    @SuppressWarnings("NullAway.Init")
    volatile @Nullable ObservationHub hub;

    private final Estimator estimator;
    private final boolean fuse;
    private final WatchedFigures<List<CameraFrame>> figures = new WatchedFigures<>("geometry", this::draw);

    @Activate
    public LiveGeometry(
            BundleContext context,
            Settings settings,
            @Reference ConfigReader reader,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor)
            throws IOException {
        fuse = settings.fuse();
        Path folder = settings.checkpoint().isEmpty() ? demo(context) : Path.of(settings.checkpoint());
        estimator = Estimator.open(folder, reader, format, executor, CompileOptions.DEFAULT.withThreads(1));
    }

    /** The bundle's own checkpoint. */
    static Path demo(BundleContext context) throws IOException {
        return BundledFiles.unpack(
                LiveGeometry.class, "/demo", context.getDataFile("demo").toPath(), "config.json", "model.safetensors");
    }

    @Override
    public Estimate estimate(List<CameraFrame> frames) {
        return look(frames).estimate(fuse);
    }

    private synchronized Estimator.Seen look(List<CameraFrame> frames) {
        return estimator.look(frames);
    }

    @Override
    public SequencedMap<String, Figure> figures() {
        ObservationHub robot = hub;
        return figures.of(Optional.ofNullable(robot)
                .flatMap(ObservationHub::latest)
                .map(o -> o.cameras().values().stream()
                        .sorted(Comparator.comparing(CameraFrame::camera))
                        .toList())
                .filter(frames -> !frames.isEmpty()));
    }

    private SequencedMap<String, Figure> draw(List<CameraFrame> frames) {
        long began = System.nanoTime();
        Estimator.Seen seen = look(frames);
        Estimate e = seen.estimate(fuse);
        double millis = (System.nanoTime() - began) / 1e6;
        return GeometryFigures.of(e, seen.estimate(false), frames, millis);
    }

    @Deactivate
    void stop() {
        figures.close();
        synchronized (this) {
            estimator.close();
        }
    }
}
