package org.armature.learned;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.ConfigReader;
import org.armature.model.ModelFormat;
import org.armature.model.ModelProvider;
import org.armature.model.Parameters;
import org.armature.robot.PolicyFiles;
import org.armature.train.GradientEstimator;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/**
 * Networks from files: {@code "onnx": "policy.onnx"} made anywhere, or {@code "model"} (as in a training configuration) with
 * its {@code "checkpoint"}. {@code "inputs"} names for each input of the network the observation's {@code key}, with
 * {@code vocabulary} for texts and {@code mean} and {@code deviation} for arrays; {@code "output"} names the result,
 * {@code "chunk"} [H, A], {@code "scale"}, {@code "offset"}, {@code "low"}, {@code "high"}. Inputs called {@code random.*} are
 * drawn for each request from {@code "seed"} (0).
 */
@Component
public final class NetworkFiles implements PolicyFiles {
    /** Parameters of a network that may be compiled twice. */
    private static final long SMALL = 1 << 20;

    private static final int LARGEST_BATCH = 32;

    /** Models by id. */
    @FunctionalInterface
    interface Models {
        ModelProvider find(String id);
    }

    private final Models models;
    private final Executor executor;
    private final CheckpointFormat checkpoints;
    private final ModelFormat onnx;
    private final ConfigReader reader;

    /** Over what reads and runs networks. */
    @Activate
    public NetworkFiles(
            BundleContext context,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat checkpoints,
            @Reference(target = "(armature.id=onnx)") ModelFormat onnx,
            @Reference ConfigReader reader) {
        this(id -> find(context, id), executor, checkpoints, onnx, reader);
    }

    NetworkFiles(
            Models models, Executor executor, CheckpointFormat checkpoints, ModelFormat onnx, ConfigReader reader) {
        this.models = models;
        this.executor = executor;
        this.checkpoints = checkpoints;
        this.onnx = onnx;
        this.reader = reader;
    }

    private static ModelProvider find(BundleContext context, String id) {
        try {
            for (ServiceReference<ModelProvider> r : context.getServiceReferences(ModelProvider.class, null)) {
                ModelProvider p = id.equals(r.getProperty("armature.id")) ? context.getService(r) : null;
                if (p != null) {
                    return p;
                }
            }
        } catch (InvalidSyntaxException e) {
            throw new IllegalStateException(e);
        }
        throw new IllegalArgumentException("there is no model '" + id + "': 'armature modules' lists what is there");
    }

    @Override
    public Opened open(Path json) throws IOException {
        Path file = json.toAbsolutePath();
        Config c = reader.read(file);
        Graph graph;
        Parameters weights;
        if (c.has("onnx")) {
            ModelFormat.Imported imported = onnx.read(file.resolveSibling(c.text("onnx")));
            graph = imported.graph();
            weights = imported.parameters();
        } else {
            Config model = c.section("model");
            graph = models.find(model.text("type")).create(model).graph("policy");
            weights = checkpoints.open(file.resolveSibling(c.text("checkpoint")));
        }
        try {
            return open(file, c, graph, weights);
        } catch (IllegalArgumentException e) {
            weights.close();
            throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
        }
    }

    private Opened open(Path file, Config c, Graph graph, Parameters weights) {
        Config inputs = c.section("inputs");
        Map<String, NetworkEndpoint.Source> sources = new LinkedHashMap<>();
        Map<String, Object> spec = new LinkedHashMap<>();
        int largest = LARGEST_BATCH;
        for (Value v : graph.inputs()) {
            if (v.dtype() != DType.FLOAT || v.shape().rank() < 1) {
                throw new IllegalArgumentException("input " + v.name() + " of the network is " + v.type()
                        + ": only float inputs with a batch axis can be fed");
            }
            if (v.name().startsWith(GradientEstimator.RANDOM)) {
                continue;
            }
            if (!inputs.has(v.name())) {
                throw new IllegalArgumentException("inputs does not say where the network's " + v.name()
                        + " comes from: add {\"" + v.name() + "\": {\"key\": \"observation/...\"}}");
            }
            Config i = inputs.section(v.name());
            Words words = i.has("vocabulary") ? new Words(i.texts("vocabulary")) : null;
            Shape shape = v.shape().slice(1, v.shape().rank());
            if (!shape.isStatic()
                    || words != null
                            && !shape.equals(Shape.of(words.vocabulary().size()))) {
                throw new IllegalArgumentException("input " + v.name() + " of the network is " + v.type()
                        + (words == null
                                ? ": sizes besides the batch must be fixed"
                                : ", but the vocabulary has "
                                        + words.vocabulary().size() + " words"));
            }
            NetworkEndpoint.Source s = new NetworkEndpoint.Source(
                    i.text("key"),
                    words,
                    fitting(i, "mean", shape.size(), 0),
                    fitting(i, "deviation", shape.size(), 1));
            sources.put(v.name(), s);
            spec.put(s.key(), words == null ? "float" + shape : "text of " + words.vocabulary());
            if (v.shape().at(0).isKnown()) {
                largest = Math.toIntExact(Math.min(largest, v.shape().dim(0)));
            }
        }
        if (largest != LARGEST_BATCH && largest != 1) {
            throw new IllegalArgumentException(
                    "the network takes batches of " + largest + " only: export it with a batch of 1 or a free one");
        }
        long[] chunk = c.integers("chunk");
        String output = c.text("output", graph.outputs().firstEntry().getKey());
        Value out = graph.outputs().get(output);
        if (out == null || chunk.length != 2) {
            throw new IllegalArgumentException("output must be one of the network's "
                    + graph.outputs().keySet() + " and chunk [horizon, actions]");
        }
        Shape given = out.shape().slice(1, out.shape().rank());
        if (given.isStatic() && given.size() != chunk[0] * chunk[1]) {
            throw new IllegalArgumentException("output " + output + " is " + out.type() + ", but chunk says " + chunk[0]
                    + " actions of " + chunk[1] + " numbers");
        }
        NetworkEndpoint.Result result = new NetworkEndpoint.Result(
                output,
                Math.toIntExact(chunk[0]),
                Math.toIntExact(chunk[1]),
                fitting(c, "scale", chunk[1], 1),
                fitting(c, "offset", chunk[1], 0),
                c.number("low", Double.NEGATIVE_INFINITY),
                c.number("high", Double.POSITIVE_INFINITY));
        Map<String, Object> metadata = new LinkedHashMap<>();
        metadata.put("name", c.text("id", file.getFileName().toString().replaceFirst("\\.json$", "")));
        metadata.put("action_horizon", chunk[0]);
        metadata.put("action_dim", chunk[1]);
        if (c.has("control_hz")) {
            metadata.put("control_hz", c.number("control_hz"));
        }
        metadata.put("observation_spec", spec);
        int threads = c.integer("threads", 1);
        long seed = c.wide("seed", 0);
        c.text("notes", "");
        c.rejectUnknown();
        CompileOptions options = CompileOptions.DEFAULT.withThreads(threads).freeze(weights.forGraph(graph));
        Program program = executor.compile(graph, options);
        for (Map.Entry<String, TensorType> e : program.outputs().entrySet()) {
            if (e.getKey().equals(output) && e.getValue().dtype() != DType.FLOAT) {
                program.close();
                throw new IllegalArgumentException("output " + output + " is " + e.getValue() + ": it must be float");
            }
        }
        return new NetworkEndpoint(program, single(graph, options), weights, sources, result, metadata, largest, seed);
    }

    /** For a batch of one, where such a second program costs little and its sizes are all known. */
    private @Nullable Program single(Graph graph, CompileOptions options) {
        long parameters =
                graph.parameters().stream().mapToLong(p -> p.shape().size()).sum();
        if (parameters > SMALL) {
            return null;
        }
        Map<String, Long> ones = new LinkedHashMap<>();
        graph.symbols().forEach(s -> ones.put(s, 1L));
        Graph one = graph.bind(ones);
        return one.outputs().values().stream().allMatch(v -> v.shape().isStatic())
                ? executor.compile(one, options)
                : null;
    }

    private static double[] fitting(Config c, String key, long size, double otherwise) {
        double[] v = c.numbers(key, otherwise);
        if (v.length != 1 && v.length != size) {
            throw new IllegalArgumentException(key + " has " + v.length + " numbers: give one, or " + size);
        }
        return v;
    }
}
