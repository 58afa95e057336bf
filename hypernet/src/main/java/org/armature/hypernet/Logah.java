package org.armature.hypernet;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.ConfigReader;
import org.armature.model.Parameters;
import org.armature.nn.Initializer;
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a network's weights with a graph hypernetwork's checkpoint. What no node of the network's graph stands for keeps the
 * values it has.
 *
 * <p>Config: {@code checkpoint}, a safetensors file with the official names (its sizes are read from its tensors; a
 * {@code config.json} beside it with the official keys says what shapes do not: {@code num_classes}, {@code max_shape},
 * {@code weight_norm}; a section {@code ghn} comes before it); {@code ve_cutoff} (50); {@code attention} auto, hidden or node; {@code normalisation} std, fan_in or
 * fan_in_depth; {@code initializer_range} (0.02); {@code predict_class_layers} (true). In place of a checkpoint
 * {@code random} with {@code size}, {@code max_width} and {@code language} draws a hypernetwork, for measuring;
 * {@code complete} computes the decoder's unread rows too, as the official code does.
 */
@Component(
        service = Initializer.class,
        property = {
            "armature.id=logah",
            "armature.kind=initializer",
            "armature.paper=LoGAH: Predicting 774-Million-Parameter Transformers using Graph HyperNetworks with 1/100"
                    + " Parameters"
        })
public final class Logah implements Initializer {
    private static final Logger LOG = LoggerFactory.getLogger(Logah.class);

    private final Executor executor;
    private final CheckpointFormat format;
    private final ConfigReader reader;

    @Activate
    public Logah(
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference ConfigReader reader) {
        this.executor = executor;
        this.format = format;
        this.reader = reader;
    }

    @Override
    public String id() {
        return "logah";
    }

    @Override
    public void initialize(Map<String, Tensor> parameters, Config config, long seed) {
        throw new IllegalArgumentException(
                "initializer logah looks at the network's graph, which is not given here: use armature init or train");
    }

    @Override
    public Set<String> initialize(Graph graph, Map<String, Tensor> parameters, Config config, long seed) {
        Map<String, Long> one = new LinkedHashMap<>();
        graph.symbols().forEach(s -> one.put(s, 1L));
        NodeGraph net = Tracer.trace(graph.bind(one), Tracer.Attention.of(config.text("attention", "auto")));
        try (Hypernetwork h = hypernetwork(config, seed)) {
            Ghn ghn = new Ghn(
                    h.config,
                    config.integer("ve_cutoff", 50),
                    config.flag("predict_class_layers", true),
                    scaling(config, h.config, net));
            Map<String, Tensor> floats = new LinkedHashMap<>(parameters);
            floats.values().removeIf(t -> !t.dtype().isFloating());
            Predictor p = new Predictor(ghn, executor, config.flag("complete", false));
            return new LinkedHashSet<>(p.predict(
                    net, h.weights, floats, seed, (name, done, all) -> LOG.debug("{} of {}: {}", done, all, name)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Scaling scaling(Config config, GhnConfig c, NodeGraph net) {
        long branches = net.nodes().stream()
                .filter(n -> n.name().contains("attn.c_proj.weight") || n.name().contains("o_proj.weight"))
                .count();
        return new Scaling(
                Scaling.Matrices.of(config.text("normalisation", c.language() ? "std" : "fan_in")),
                config.number("initializer_range", 0.02),
                (int) Math.max(1, branches));
    }

    /** A hypernetwork and its weights. */
    private record Hypernetwork(GhnConfig config, Parameters weights) implements AutoCloseable {
        @Override
        public void close() {
            weights.close();
        }
    }

    private Hypernetwork hypernetwork(Config config, long seed) throws IOException {
        if (config.flag("random", false)) {
            GhnConfig c = GhnConfig.named(
                    config.text("size", "tiny"),
                    config.flag("language", true),
                    config.integer("num_classes", 10),
                    config.wide("max_width", 2048));
            return new Hypernetwork(c, random(c, seed));
        }
        if (!config.has("checkpoint")) {
            throw new IllegalArgumentException(
                    "initializer logah needs a hypernetwork's checkpoint: give its safetensors file"
                            + " (armature init --checkpoint FILE; the authors' .pt files are converted as hypernet/README.md shows)");
        }
        Path file = Path.of(config.text("checkpoint"));
        if (!file.getFileName().toString().endsWith(".safetensors")) {
            throw new IllegalArgumentException(
                    file + " is no safetensors file, and pickled ones are not read because they can"
                            + " run code: convert it as hypernet/README.md shows");
        }
        Parameters c = Checkpoints.named(format.open(file));
        try {
            Path beside = file.resolveSibling("config.json");
            Config said = config.has("ghn")
                    ? config.section("ghn")
                    : Files.exists(beside) ? reader.read(beside) : Config.empty();
            return new Hypernetwork(Checkpoints.sizes(c, said, file.toString()), c);
        } catch (IOException | RuntimeException e) {
            c.close();
            throw e;
        }
    }

    private static Parameters random(GhnConfig c, long seed) {
        Map<String, Tensor> all = new LinkedHashMap<>();
        Checkpoints.parameters(c).forEach((name, type) -> all.put(name, Tensor.zeros(type)));
        Checkpoints.fresh(all, c.hidden(), c.lowRank(), Draw.of(seed, "logah").next());
        return Parameters.of(all);
    }
}
