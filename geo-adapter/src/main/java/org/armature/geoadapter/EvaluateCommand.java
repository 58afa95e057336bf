package org.armature.geoadapter;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.ConfigReader;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code armature evaluate omnivggt DATA}: errors for each mix of modalities, and pictures of the first scenes. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=evaluate")
@Command(
        name = "evaluate",
        description = "Measures a geometry model on scenes with known depth and cameras, and draws what it sees.",
        footer =
                "Depth is compared after the medians of a scene agree; poses between all pairs of a scene; points after"
                        + " scaling by the medians, with the first camera in the true one's place.")
public final class EvaluateCommand implements Callable<Integer> {
    private static final String MODEL = "omnivggt";

    private final BundleContext context;
    private final ConfigReader reader;
    private final CheckpointFormat format;
    private final Executor executor;

    @Parameters(index = "0", paramLabel = "MODEL", description = "omnivggt")
    String model = "";

    @Parameters(
            index = "1",
            paramLabel = "DATA",
            description = "JSON of a data set of views, or of a training with a section dataset")
    Path data = Path.of("");

    @Option(
            names = "--checkpoint",
            paramLabel = "DIR",
            description = "folder with config.json and model.safetensors (the demo's)")
    @Nullable
    Path checkpoint;

    @Option(names = "--scenes", paramLabel = "N", description = "scenes of the test part (${DEFAULT-VALUE})")
    int scenes = 50;

    @Option(names = "--draw", paramLabel = "N", description = "scenes that are drawn (${DEFAULT-VALUE})")
    int drawn = 3;

    @Option(names = "--out", paramLabel = "DIR", description = "folder for the pictures (${DEFAULT-VALUE})")
    Path out = Path.of("runs", "evaluate", MODEL);

    @Option(names = "--json", description = "print one object, and nothing else")
    boolean json;

    @Spec
    @Nullable
    CommandSpec spec;

    @Activate
    public EvaluateCommand(
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
    public Integer call() {
        CommandSpec s = spec;
        if (s == null) {
            throw new IllegalStateException("evaluate runs through picocli");
        }
        CommandLine line = s.commandLine();
        if (!model.equals(MODEL)) {
            throw new ParameterException(line, "there is no evaluation of " + model + ": there is " + MODEL);
        }
        if (scenes < 1) {
            throw new ParameterException(line, "--scenes is " + scenes + ": give 1 or more");
        }
        try {
            evaluate(line.getOut());
            return 0;
        } catch (IOException | IllegalArgumentException e) {
            line.getErr().println(e.getMessage());
            return 1;
        }
    }

    private void evaluate(PrintWriter print) throws IOException {
        Config read = reader.read(data);
        Config section = read.has("dataset") ? read.section("dataset") : read;
        Path folder = checkpoint != null ? checkpoint : LiveGeometry.demo(context);
        try (Dataset test = provider(section.text("type")).open("test", section);
                Estimator estimator = Estimator.open(folder, reader, format, executor, CompileOptions.DEFAULT)) {
            int views = Evaluation.Scene.read(test, 0).views();
            SequencedMap<String, SequencedMap<String, Double>> rows = new LinkedHashMap<>();
            mixes(views)
                    .forEach((name, m) -> rows.put(
                            name,
                            Evaluation.of(estimator, test, scenes, m, true).figures()));
            tell(rows, print);
            Files.createDirectories(out);
            for (int i = 0; i < Math.min(drawn, test.size()); i++) {
                Evaluation.Scene scene = Evaluation.Scene.read(test, i);
                SequencedMap<String, Estimator.Raw> found = new LinkedHashMap<>();
                mixes(views).forEach((name, m) -> found.put(name, Evaluation.run(estimator, scene, m)));
                Drawing.depths(out.resolve("scene-" + i + "-depth.png"), scene, found);
                Drawing.cloud(
                        out.resolve("scene-" + i + "-points"),
                        scene,
                        found.lastEntry().getValue());
            }
            if (!json) {
                print.println("pictures and pages: " + out);
                print.flush();
            }
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

    private void tell(SequencedMap<String, SequencedMap<String, Double>> rows, PrintWriter print) {
        if (json) {
            print.println(rows.entrySet().stream()
                    .map(r -> "\"" + r.getKey() + "\": "
                            + r.getValue().entrySet().stream()
                                    .map(f -> "\"" + f.getKey() + "\": "
                                            + (Double.isFinite(f.getValue()) ? f.getValue() : "null"))
                                    .collect(Collectors.joining(", ", "{", "}")))
                    .collect(Collectors.joining(", ", "{", "}")));
        } else {
            List<String> columns = new ArrayList<>(rows.firstEntry().getValue().keySet());
            print.println("| given | " + String.join(" | ", columns) + " |");
            print.println("|---|" + "---|".repeat(columns.size()));
            rows.forEach((name, f) -> print.println("| " + name + " | "
                    + f.values().stream()
                            .map(v -> String.format(Locale.ROOT, "%.4g", v))
                            .collect(Collectors.joining(" | "))
                    + " |"));
        }
        print.flush();
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
