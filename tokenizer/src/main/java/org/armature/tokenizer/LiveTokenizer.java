package org.armature.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.model.BundledFiles;
import org.armature.model.CheckpointFormat;
import org.armature.model.ConfigReader;
import org.armature.robot.CameraFrame;
import org.armature.robot.ImageTokenizer;
import org.armature.robot.ObservationHub;
import org.armature.show.Figure;
import org.armature.show.FigureSource;
import org.armature.show.WatchedFigures;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * VTP on the robot's cameras. It computes when a policy asks for a frame's latents, or while somebody looks at its figures
 * (a camera's image beside its reconstruction), on one thread of the executor; never otherwise.
 */
@Component(
        service = {ImageTokenizer.class, FigureSource.class},
        configurationPid = "org.armature.tokenizer",
        property = {
            "armature.id=vtp",
            "armature.kind=tokenizer",
            "armature.paper=Towards Scalable Pre-training of Visual Tokenizers for Generation"
        })
@Designate(ocd = LiveTokenizer.Settings.class)
public final class LiveTokenizer implements ImageTokenizer, FigureSource {
    private static final int FRAMES_KEPT = 8;

    /** What can be set. */
    @ObjectClassDefinition(name = "VTP tokenizer")
    public @interface Settings {
        /** Folder with config.json and model.safetensors. */
        @AttributeDefinition(
                description = "Folder of a VTP checkpoint; empty: the small one trained on the table-top scene")
        String checkpoint() default "";

        /** Camera whose reconstruction is shown. */
        @AttributeDefinition(description = "Camera whose image is shown beside its reconstruction")
        String camera() default "front";
    }

    private final ObservationHub hub;
    private final String camera;
    private final Codec codec;
    private final String version;
    private final WatchedFigures<CameraFrame> figures = new WatchedFigures<>("tokenizer", this::draw);
    private final Map<CameraFrame, float[]> kept = new LinkedHashMap<>() {
        @Override
        protected boolean removeEldestEntry(Map.Entry<CameraFrame, float[]> eldest) {
            return size() > FRAMES_KEPT;
        }
    };

    @Activate
    public LiveTokenizer(
            BundleContext context,
            Settings settings,
            @Reference ObservationHub hub,
            @Reference ConfigReader reader,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor)
            throws IOException {
        this.hub = hub;
        camera = settings.camera();
        Path folder = settings.checkpoint().isEmpty() ? demo(context) : Path.of(settings.checkpoint());
        codec = Codec.open(folder, reader, format, executor, CompileOptions.DEFAULT.withThreads(1));
        version = folder.getFileName() + "-" + Files.size(folder.resolve("model.safetensors")) + "-"
                + context.getBundle().getVersion();
    }

    /** The bundle's own checkpoint. */
    static Path demo(BundleContext context) throws IOException {
        return BundledFiles.unpack(
                LiveTokenizer.class, "/demo", context.getDataFile("demo").toPath(), "config.json", "model.safetensors");
    }

    @Override
    public String version() {
        return version;
    }

    @Override
    public int[] latentShape() {
        int side = codec.config().imageSize() / codec.config().patch();
        return new int[] {codec.config().latentChannels(), side, side};
    }

    @Override
    public int imageSize() {
        return codec.config().imageSize();
    }

    @Override
    public synchronized float[] encode(CameraFrame frame) {
        return kept.computeIfAbsent(frame, f -> {
            try (Tensor z = codec.encode(List.of(new Picture(f.height(), f.width(), f.rgb())))) {
                return z.toFloats();
            }
        });
    }

    @Override
    public synchronized byte[] decode(float[] latents) {
        int[] s = latentShape();
        try (Tensor z = Tensor.of(latents, 1, s[0], s[1], s[2])) {
            return codec.decode(z).getFirst().pixels();
        }
    }

    @Override
    public SequencedMap<String, Figure> figures() {
        return figures.of(hub.latest().flatMap(o -> o.camera(camera)));
    }

    private SequencedMap<String, Figure> draw(CameraFrame f) {
        int s = imageSize();
        byte[] original =
                new Picture(f.height(), f.width(), f.rgb()).centreCrop(s).pixels();
        byte[] restored = decode(encode(f));
        double squares = 0;
        for (int i = 0; i < original.length; i++) {
            double d = ((original[i] & 255) - (restored[i] & 255)) / 255.0;
            squares += d * d;
        }
        SequencedMap<String, Figure> now = new LinkedHashMap<>();
        int[] z = latentShape();
        String size = String.format(Locale.ROOT, "%d x %d x %d latents", z[0], z[1], z[2]);
        String quality = String.format(Locale.ROOT, "%.1f dB", -10 * Math.log10(squares / original.length));
        now.put(
                camera + " camera and what its " + size + " say",
                new Figure.Pictures(
                        2,
                        List.of(
                                new Figure.Picture("original", s, s, original),
                                new Figure.Picture("reconstruction, " + quality, s, s, restored))));
        return now;
    }

    @Deactivate
    void stop() {
        figures.close();
        synchronized (this) {
            codec.close();
        }
    }
}
