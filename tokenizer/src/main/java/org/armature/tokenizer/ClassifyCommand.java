package org.armature.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.armature.compute.Executor;
import org.armature.model.CheckpointFormat;
import org.armature.model.ConfigReader;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.component.annotations.ServiceScope;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code armature classify IMAGE --labels "a cat,a dog"}: which text fits best, with nothing trained for the question. */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=classify")
@Command(name = "classify", description = "Says which of some texts an image shows, by a VTP checkpoint (zero-shot).")
public final class ClassifyCommand extends CodecCommand {
    @Parameters(index = "0", paramLabel = "IMAGE", description = "PNG, JPEG, GIF or BMP")
    @Nullable
    Path image;

    @Option(names = "--labels", paramLabel = "A,B", split = ",", required = true, description = "the texts, by commas")
    List<String> labels = List.of();

    @Option(
            names = "--template",
            paramLabel = "TEXT",
            description = "text around a label, {} in its place; several are averaged ({})")
    List<String> templates = List.of("{}");

    @Option(
            names = "--merges",
            paramLabel = "FILE",
            description = "CLIP's merges (" + VtpModule.MERGES_FILE + " beside the checkpoint)")
    @Nullable
    Path merges;

    @Activate
    public ClassifyCommand(
            @Reference ConfigReader reader,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) List<Executor> executors) {
        super(reader, format, executors);
    }

    @Override
    int call(Codec codec) throws IOException {
        List<String> texts =
                labels.stream().map(String::strip).filter(l -> !l.isEmpty()).toList();
        if (texts.isEmpty()) {
            throw usage("--labels names nothing: give texts by commas, as in --labels \"a cat,a dog\"");
        }
        Path file = merges != null ? merges : given(checkpoint).resolve(VtpModule.MERGES_FILE);
        if (!Files.isRegularFile(file)) {
            throw new IOException(VtpModule.noMerges(file));
        }
        Map<String, Double> found = codec.zeroShot(texts, templates, file).probabilities(Images.read(given(image)));
        List<Map.Entry<String, Double>> best = found.entrySet().stream()
                .sorted(Map.Entry.<String, Double>comparingByValue(Comparator.reverseOrder()))
                .toList();
        if (json) {
            out().println(best.stream()
                    .map(e -> String.format(
                            Locale.ROOT,
                            "\"%s\": %.6f",
                            e.getKey().replace("\\", "\\\\").replace("\"", "\\\""),
                            e.getValue()))
                    .collect(Collectors.joining(", ", "{", "}")));
        } else {
            best.forEach(
                    e -> out().println(String.format(Locale.ROOT, "%6.2f %%  %s", 100 * e.getValue(), e.getKey())));
        }
        out().flush();
        return 0;
    }
}
