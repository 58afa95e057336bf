package org.armature.commands.init;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.stream.Stream;
import org.armature.commands.Caller;
import org.armature.commands.Settings;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.ConfigReader;
import org.armature.model.ModelFormat;
import org.armature.model.ModelProvider;
import org.armature.model.Parameters;
import org.armature.nn.Initializer;
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
import picocli.CommandLine.Spec;

/**
 * {@code armature init MODEL --with ID}. MODEL is a model file, whose other weights stay as they are, or a configuration (of a
 * model, or of a training with a section {@code model}), whose other weights are initialised with {@code --rest}. Weights are
 * written through the output file's memory map: a model may be larger than memory.
 */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=init")
@Command(
        name = "init",
        description =
                "Initialises the weights of an .onnx model or a model configuration, and says which were written.")
public final class InitCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final List<Initializer> initializers;
    private final List<ModelProvider> providers;
    private final List<ModelFormat> formats;
    private final CheckpointFormat checkpoints;
    private final ConfigReader reader;

    @picocli.CommandLine.Parameters(
            index = "0",
            paramLabel = "MODEL",
            description = "model.onnx, or a JSON configuration")
    Path model = Path.of("");

    @Option(names = "--with", paramLabel = "ID", required = true, description = "an initializer, e.g. logah")
    String with = "";

    @Option(names = "--checkpoint", paramLabel = "FILE", description = "weights of a hypernetwork, safetensors")
    @Nullable
    Path checkpoint;

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "a key of the initializer's configuration")
    Map<String, String> settings = Map.of();

    @Option(
            names = "--rest",
            paramLabel = "ID",
            description = "the initializer of a configuration's other weights (${DEFAULT-VALUE})")
    String rest = "he";

    @Option(names = "--out", paramLabel = "FILE", description = "where to write (MODEL-init beside MODEL)")
    @Nullable
    Path out;

    @Option(names = "--seed", paramLabel = "N", description = "seed of everything drawn (${DEFAULT-VALUE})")
    long seed = 1;

    @Option(names = "--json", description = "print one object, and nothing else")
    boolean json;

    @Spec
    @Nullable
    CommandSpec spec;

    @Activate
    public InitCommand(
            @Reference(policyOption = ReferencePolicyOption.GREEDY) List<Initializer> initializers,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) List<ModelProvider> providers,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) List<ModelFormat> formats,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat checkpoints,
            @Reference ConfigReader reader) {
        this.initializers = List.copyOf(initializers);
        this.providers = List.copyOf(providers);
        this.formats = List.copyOf(formats);
        this.checkpoints = checkpoints;
        this.reader = reader;
    }

    /** What was done: names of all parameters and of those written, numbers of elements, seconds. */
    private record Done(Path file, List<String> all, Set<String> written, long elements, long total, double seconds) {
        List<String> kept() {
            List<String> k = new ArrayList<>(all);
            k.removeAll(written);
            return k;
        }
    }

    @Override
    public Integer call() {
        CommandSpec s = spec;
        if (s == null) {
            throw new IllegalStateException("init runs through picocli");
        }
        Path from = Caller.resolve(model);
        try {
            Initializer chosen = find(initializers, Initializer::id, with, "initializer");
            Config config = Config.of(configuration());
            Done d = from.getFileName().toString().endsWith(".json")
                    ? configured(from, chosen, config)
                    : stored(from, chosen, config);
            config.rejectUnknown();
            report(d, s.commandLine().getOut());
            return 0;
        } catch (IllegalArgumentException e) {
            throw new ParameterException(s.commandLine(), String.valueOf(e.getMessage()), e);
        } catch (IOException e) {
            s.commandLine().getErr().println(e.getMessage());
            return 1;
        }
    }

    private Map<String, Object> configuration() {
        Map<String, Object> m = Settings.of(settings);
        if (checkpoint != null) {
            m.put("checkpoint", Caller.resolve(checkpoint).toString());
        }
        return m;
    }

    private Done configured(Path from, Initializer chosen, Config config) throws IOException {
        Config whole = reader.read(from);
        Config c = whole.has("model") ? whole.section("model") : whole;
        Graph graph = find(providers, ModelProvider::id, c.text("type", "sequential"), "model")
                .create(c)
                .graph("init");
        Map<String, TensorType> types = new LinkedHashMap<>();
        graph.parameters().forEach(v -> types.put(v.name(), v.type()));
        Path file = target(from, ".safetensors");
        try (CheckpointFormat.Draft draft = checkpoints.create(file, types, Map.of("format", "pt"))) {
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            draft.names().forEach(n -> tensors.put(n, draft.get(n)));
            long began = System.nanoTime();
            Set<String> written = chosen.initialize(graph, tensors, config, seed);
            double seconds = (System.nanoTime() - began) / 1e9;
            Map<String, Tensor> others = new LinkedHashMap<>(tensors);
            others.keySet().removeAll(written);
            if (!others.isEmpty()) {
                find(initializers, Initializer::id, rest, "initializer")
                        .initialize(graph, others, Config.empty(), seed);
            }
            draft.commit();
            return done(file, graph, written, seconds);
        }
    }

    private Done stored(Path from, Initializer chosen, Config config) throws IOException {
        if (!Files.isRegularFile(from)) {
            throw new IOException(from + " is no file: give a model or a configuration");
        }
        ModelFormat format = formats.stream()
                .filter(f -> f.reads(from))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(from + " is in no known format: known are .json and "
                        + formats.stream().map(ModelFormat::id).toList()));
        try (ModelFormat.Imported in = format.read(from)) {
            Graph graph = in.graph();
            Map<String, Tensor> tensors = new LinkedHashMap<>();
            graph.parameters()
                    .forEach(v ->
                            tensors.put(v.name(), in.parameters().get(v.name()).copy()));
            try (Parameters copies = Parameters.of(tensors)) {
                long began = System.nanoTime();
                Set<String> written = chosen.initialize(graph, tensors, config, seed);
                double seconds = (System.nanoTime() - began) / 1e9;
                Path file = target(from, ".onnx");
                format.write(file, graph, copies);
                return done(file, graph, written, seconds);
            }
        }
    }

    private Path target(Path from, String ending) {
        if (out != null) {
            return Caller.resolve(out);
        }
        String name = from.getFileName().toString();
        return from.resolveSibling(name.substring(0, name.lastIndexOf('.')) + "-init" + ending);
    }

    private static Done done(Path file, Graph graph, Set<String> written, double seconds) {
        List<String> all = graph.parameters().stream().map(Value::name).toList();
        long elements = 0;
        long total = 0;
        for (Value v : graph.parameters()) {
            long n = v.shape().size();
            total += n;
            elements += written.contains(v.name()) ? n : 0;
        }
        Set<String> ordered = new LinkedHashSet<>(all);
        ordered.retainAll(written);
        return new Done(file, all, ordered, elements, total, seconds);
    }

    private void report(Done d, PrintWriter print) throws IOException {
        if (json) {
            ObjectNode o = JSON.createObjectNode();
            o.put("file", d.file.toString());
            o.put("initializer", with);
            o.set("written", JSON.valueToTree(d.written));
            o.set("kept", JSON.valueToTree(d.kept()));
            o.put("elements", d.elements);
            o.put("total_elements", d.total);
            o.put("seconds", d.seconds);
            o.put("peak_bytes", peak());
            print.println(JSON.writeValueAsString(o));
        } else {
            print.printf(
                    Locale.ROOT,
                    "%s wrote %d of %d parameters (%,d of %,d numbers) in %.1f s, %,.0f a second; peak memory %.2f GiB%n",
                    with,
                    d.written.size(),
                    d.all.size(),
                    d.elements,
                    d.total,
                    d.seconds,
                    d.elements / Math.max(d.seconds, 1e-9),
                    peak() / (double) (1L << 30));
            d.written.forEach(n -> print.println("  written  " + n));
            d.kept().forEach(n -> print.println("  kept     " + n));
            print.println(d.file);
        }
        print.flush();
    }

    /** The largest memory this process has had, mapped files included; 0 where the system does not say. */
    private static long peak() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.isReadable(status)) {
            return 0;
        }
        try (Stream<String> lines = Files.lines(status)) {
            return lines.filter(l -> l.startsWith("VmHWM:"))
                    .mapToLong(l -> Long.parseLong(l.replaceAll("\\D", "")) << 10)
                    .findFirst()
                    .orElse(0);
        }
    }

    private static <T> T find(List<T> services, Function<T, String> id, String wanted, String what) {
        List<String> ids = services.stream().map(id).sorted().toList();
        return services.stream()
                .filter(x -> id.apply(x).equals(wanted))
                .findFirst()
                .orElseThrow(() -> {
                    String near = Config.nearest(wanted, ids);
                    return new IllegalArgumentException("there is no " + what + " " + wanted + ": "
                            + (near == null ? "there are " + ids : "did you mean " + near + "?"));
                });
    }
}
