package org.armature.geoadapter;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.ConfigReader;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.Evaluator;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/**
 * Errors on scenes with known depth and cameras, a row for each mix of what is given, and pictures of the first scenes. Depth is
 * compared after the medians of a scene agree; poses between all pairs of a scene; points after scaling by the medians, with
 * the first camera in the true one's place.
 */
@Component(property = {"armature.id=omnivggt", "armature.kind=evaluator"})
public final class GeometryEvaluator implements Evaluator {
    private final BundleContext context;
    private final ConfigReader reader;
    private final CheckpointFormat format;
    private final Executor executor;

    @Activate
    public GeometryEvaluator(
            BundleContext context,
            @Reference ConfigReader reader,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor) {
        this.context = context;
        this.reader = reader;
        this.format = format;
        this.executor = executor;
    }

    @Override
    public String id() {
        return "omnivggt";
    }

    @Override
    public SequencedMap<String, SequencedMap<String, Double>> evaluate(Request request) throws IOException {
        Config read = reader.read(request.data());
        Config section = read.has("dataset") ? read.section("dataset") : read;
        Path folder = request.checkpoint().isPresent() ? request.checkpoint().get() : LiveGeometry.demo(context);
        try (Dataset test = provider(section.text("type")).open("test", section);
                Estimator estimator = Estimator.open(folder, reader, format, executor, CompileOptions.DEFAULT)) {
            int views = Evaluation.Scene.read(test, 0).views();
            SequencedMap<String, Modalities> mixes = mixes(views);
            SequencedMap<String, SequencedMap<String, Double>> rows = new LinkedHashMap<>();
            for (Map.Entry<String, Modalities> mix : mixes.entrySet()) {
                request.progress().accept((double) rows.size() / mixes.size());
                rows.put(
                        mix.getKey(),
                        Evaluation.of(estimator, test, request.examples(), mix.getValue(), true)
                                .figures());
            }
            for (int i = 0; i < Math.min(request.drawn(), test.size()); i++) {
                Evaluation.Scene scene = Evaluation.Scene.read(test, i);
                SequencedMap<String, Estimator.Raw> found = new LinkedHashMap<>();
                mixes.forEach((name, m) -> found.put(name, Evaluation.run(estimator, scene, m)));
                Drawing.depths(request.out().resolve("scene-" + i + "-depth.png"), scene, found);
                Drawing.cloud(
                        request.out().resolve("scene-" + i + "-points"),
                        scene,
                        found.lastEntry().getValue());
            }
            request.progress().accept(1);
            return rows;
        }
    }

    /** What is given, from nothing to everything. */
    static SequencedMap<String, Modalities> mixes(int views) {
        int[] all = Fusion.all(views);
        int[] none = {};
        SequencedMap<String, Modalities> m = new LinkedHashMap<>();
        m.put("images", Modalities.RGB);
        m.put("+ depth of one view", new Modalities(none, new int[] {0}));
        m.put("+ depth", new Modalities(none, all));
        m.put("+ cameras", new Modalities(all, none));
        m.put("+ depth and cameras", new Modalities(all, all));
        return m;
    }

    private DatasetProvider provider(String id) throws IOException {
        try {
            return context.getServiceReferences(DatasetProvider.class, "(armature.id=" + id + ")").stream()
                    .max(ServiceReference::compareTo)
                    .map(context::getService)
                    .orElseThrow(() -> new IOException("there is no dataset " + id + ": see armature modules"));
        } catch (InvalidSyntaxException e) {
            throw new IOException("there is no dataset " + id + ": see armature modules", e);
        }
    }
}
