package org.armature.commands.evaluate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.armature.commands.Caller;
import org.armature.commands.Settings;
import org.armature.model.Config;
import org.armature.train.Evaluator;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code armature evaluate MODEL DATA}: a table of figures, and pictures, by the model's {@link Evaluator}. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=evaluate")
@Command(name = "evaluate", description = "Measures a trained model on data, and draws what it does.")
public final class EvaluateCommand implements Callable<Integer> {
    private final List<Evaluator> evaluators;

    @Parameters(index = "0", paramLabel = "MODEL", description = "kind of model: omnivggt, vtp")
    String model = "";

    @Parameters(
            index = "1",
            paramLabel = "DATA",
            description =
                    "omnivggt: JSON of a data set of views, or of a training with a section dataset; vtp: a folder"
                            + " of images, in a folder for each class if there are classes")
    Path data = Path.of("");

    @Option(
            names = "--checkpoint",
            paramLabel = "DIR",
            description = "folder with config.json and model.safetensors (the demo's)")
    @Nullable
    Path checkpoint;

    @Option(names = "--examples", paramLabel = "N", description = "how many at most (${DEFAULT-VALUE})")
    int examples = 50;

    @Option(names = "--draw", paramLabel = "N", description = "how many are drawn (${DEFAULT-VALUE})")
    int drawn = 3;

    @Option(names = "--out", paramLabel = "DIR", description = "folder for the pictures (runs/evaluate/MODEL)")
    @Nullable
    Path out;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "vtp: features=net.onnx for rFID, merges=FILE for zero-shot accuracy")
    Map<String, String> settings = Map.of();

    @Option(names = "--json", description = "print one object, and nothing else")
    boolean json;

    @Spec
    @Nullable
    CommandSpec spec;

    @Activate
    public EvaluateCommand(@Reference(policyOption = ReferencePolicyOption.GREEDY) List<Evaluator> evaluators) {
        this.evaluators = List.copyOf(evaluators);
    }

    @Override
    public Integer call() {
        CommandSpec s = spec;
        if (s == null) {
            throw new IllegalStateException("evaluate runs through picocli");
        }
        if (examples < 1) {
            throw new ParameterException(s.commandLine(), "--examples is " + examples + ": give 1 or more");
        }
        PrintWriter print = s.commandLine().getOut();
        PrintWriter error = s.commandLine().getErr();
        try {
            Evaluator evaluator = evaluators.stream()
                    .filter(e -> e.id().equals(model))
                    .findFirst()
                    .orElseThrow(() -> new IllegalArgumentException("there is no evaluation of " + model
                            + ": there are "
                            + evaluators.stream().map(Evaluator::id).sorted().toList()));
            Path folder = Caller.resolve(out != null ? out : Path.of("runs", "evaluate", model));
            Files.createDirectories(folder);
            Config options = Config.of(Settings.of(settings));
            SequencedMap<String, SequencedMap<String, Double>> rows = evaluator.evaluate(new Evaluator.Request(
                    Caller.resolve(data),
                    Optional.ofNullable(checkpoint).map(Caller::resolve),
                    examples,
                    drawn,
                    folder,
                    options,
                    share -> progress(error, share)));
            options.rejectUnknown();
            if (json) {
                print.println(object(rows));
            } else {
                table(rows, print);
                print.println("pictures: " + folder);
            }
            print.flush();
            return 0;
        } catch (IllegalArgumentException e) {
            throw new ParameterException(s.commandLine(), String.valueOf(e.getMessage()), e);
        } catch (IOException e) {
            error.println(e.getMessage());
            return 1;
        }
    }

    private void progress(PrintWriter error, double share) {
        if (!json) {
            error.print(share < 1 ? String.format(Locale.ROOT, "\r%3.0f %%", 100 * share) : "\r     \r");
            error.flush();
        }
    }

    private static void table(SequencedMap<String, SequencedMap<String, Double>> rows, PrintWriter print) {
        print.println("| | " + String.join(" | ", rows.firstEntry().getValue().keySet()) + " |");
        print.println("|---|" + "---|".repeat(rows.firstEntry().getValue().size()));
        rows.forEach((name, figures) -> print.println("| " + name + " | "
                + figures.values().stream()
                        .map(v -> Double.isNaN(v) ? "" : String.format(Locale.ROOT, "%.4g", v))
                        .collect(Collectors.joining(" | "))
                + " |"));
    }

    private static String object(SequencedMap<String, SequencedMap<String, Double>> rows) {
        ObjectMapper mapper = new ObjectMapper();
        ObjectNode all = mapper.createObjectNode();
        rows.forEach((name, figures) -> {
            ObjectNode row = all.putObject(name);
            figures.forEach((k, v) -> {
                if (Double.isFinite(v)) {
                    row.put(k, v);
                } else {
                    row.putNull(k);
                }
            });
        });
        try {
            return mapper.writeValueAsString(all);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
