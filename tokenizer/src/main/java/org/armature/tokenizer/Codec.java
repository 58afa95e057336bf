package org.armature.tokenizer;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.ConfigReader;

/**
 * A VTP checkpoint ready to use: {@code config.json} beside {@code model.safetensors} (or its sharded index), as the official
 * files lie. Programs are compiled when first needed and kept; used by one thread at a time.
 */
final class Codec implements AutoCloseable {
    private static final List<String> WEIGHTS = List.of("model.safetensors", "model.safetensors.index.json");

    private final Path folder;
    private final VtpConfig config;
    private final Vtp vtp;
    private final Checkpoint weights;
    private final Executor executor;
    private final CompileOptions options;
    private final Map<String, Program> programs = new HashMap<>();

    private Codec(Path folder, VtpConfig config, Checkpoint weights, Executor executor, CompileOptions options) {
        this.options = options;
        this.folder = folder;
        this.config = config;
        this.vtp = new Vtp(config);
        this.weights = weights;
        this.executor = executor;
    }

    /**
     * Opens a checkpoint.
     *
     * @throws IOException naming what is missing, and the tensor whose type or shape does not fit the configuration
     */
    static Codec open(
            Path folder, ConfigReader reader, CheckpointFormat format, Executor executor, CompileOptions options)
            throws IOException {
        Path file = WEIGHTS.stream()
                .map(folder::resolve)
                .filter(Files::isRegularFile)
                .findFirst()
                .orElseThrow(() -> new IOException("there is no VTP checkpoint in " + folder + ": give a folder with "
                        + "config.json and model.safetensors, as published or as armature train writes it"));
        Config read = reader.read(folder.resolve("config.json"));
        VtpConfig config;
        try {
            config = VtpConfig.of(read);
            read.rejectUnknown();
        } catch (IllegalArgumentException e) {
            throw new IOException(folder.resolve("config.json") + ": " + e.getMessage(), e);
        }
        Checkpoint weights = format.open(file);
        String periods = "trunk.rope_embed.periods";
        return new Codec(
                folder,
                weights.has(periods) ? config.withPeriods(weights.type(periods).dtype()) : config,
                weights,
                executor,
                options);
    }

    VtpConfig config() {
        return config;
    }

    /** {@code [B, 3, S, S] -> [B, C, S/patch, S/patch]}, with the official preparation; the caller's to close. */
    Tensor encode(List<Picture> pictures) {
        int s = config.imageSize();
        try (Tensor images =
                images(pictures.stream().map(p -> p.centreCrop(s).normalized()).toList(), s)) {
            Program p = programs.computeIfAbsent("encode", k -> {
                Graph.Builder b = Graph.builder("vtp_encode");
                Value image = b.input("image", DType.FLOAT, Shape.named("batch", 3, s, s));
                return compile(b.output("latents", vtp.encode(b.scope(), image)));
            });
            return run(p, Map.of("image", images)).get("latents");
        }
    }

    /**
     * {@code [B, C, h, w] -> } pictures of {@code h patch} by {@code w patch}.
     *
     * @throws IllegalArgumentException if the channels are not the bottleneck's
     */
    List<Picture> decode(Tensor latents) {
        Shape s = latents.shape();
        if (s.rank() != 4 || s.dim(1) != config.latentChannels()) {
            throw new IllegalArgumentException("latents are " + latents.type() + ", this checkpoint decodes float[B, "
                    + config.latentChannels() + ", h, w]");
        }
        String key = "decode " + s.dim(2) + " " + s.dim(3);
        Program p = programs.computeIfAbsent(key, k -> {
            Graph.Builder b = Graph.builder("vtp_decode");
            Value z = b.input("latents", DType.FLOAT, Shape.named("batch", s.dim(1), s.dim(2), s.dim(3)));
            return compile(b.output("image", vtp.decode(b.scope(), z)));
        });
        try (Tensor image = run(p, Map.of("latents", latents)).get("image")) {
            int h = Math.toIntExact(image.shape().dim(2));
            int w = Math.toIntExact(image.shape().dim(3));
            float[] all = image.toFloats();
            List<Picture> out = new ArrayList<>();
            for (int i = 0; i < s.dim(0); i++) {
                out.add(Picture.ofNormalized(all, i * 3 * h * w, h, w));
            }
            return out;
        }
    }

    /** Class tokens {@code [width]} of pictures of the model's size. */
    List<float[]> classTokens(List<Picture> pictures) {
        int s = config.imageSize();
        try (Tensor images = images(pictures.stream().map(Picture::normalized).toList(), s)) {
            Program p = programs.computeIfAbsent("class tokens", k -> {
                Graph.Builder b = Graph.builder("vtp_class");
                Value image = b.input("image", DType.FLOAT, Shape.named("batch", 3, s, s));
                return compile(b.output(
                        "feature",
                        vtp.tokens(b.scope().at("trunk"), image, Value.none()).cls()));
            });
            float[] all = floats(run(p, Map.of("image", images)));
            int width = all.length / pictures.size();
            List<float[]> out = new ArrayList<>();
            for (int i = 0; i < pictures.size(); i++) {
                out.add(Arrays.copyOfRange(all, i * width, (i + 1) * width));
            }
            return out;
        }
    }

    /**
     * Zero-shot classification into {@code labels}.
     *
     * @param templates texts with {@code {}} in the label's place; a label's feature is the normalised mean over them
     */
    ZeroShot zeroShot(List<String> labels, List<String> templates, Path merges) throws IOException {
        if (!config.contrastive()) {
            throw new IOException(
                    "the checkpoint in " + folder + " has no text tower: classify needs one with train_clip");
        }
        ClipTokenizer tokenizer = ClipTokenizer.open(merges);
        List<float[]> features = labels.stream()
                .map(label -> text(
                        tokenizer,
                        templates.stream().map(t -> t.replace("{}", label)).toList()))
                .toList();
        return new ZeroShot(labels, features);
    }

    /** Labels by their texts' features, which are computed once. */
    final class ZeroShot {
        private final List<String> labels;
        private final List<float[]> features;

        private ZeroShot(List<String> labels, List<float[]> features) {
            this.labels = labels;
            this.features = features;
        }

        /** 100 times the cosine of image and text feature, the scale of the official evaluation, by label. */
        private double[] logits(Picture picture) {
            int s = config.imageSize();
            float[] image;
            try (Tensor x =
                    images(List.of(picture.resize(s, s, Picture.Filter.BILINEAR).normalized()), s)) {
                Program p = programs.computeIfAbsent("image", k -> {
                    Graph.Builder b = Graph.builder("vtp_image");
                    Value in = b.input("image", DType.FLOAT, Shape.named("batch", 3, s, s));
                    return compile(b.output("feature", Vtp.normalize(vtp.imageFeature(b.scope(), in))));
                });
                image = floats(run(p, Map.of("image", x)));
            }
            double[] logits = new double[labels.size()];
            for (int i = 0; i < logits.length; i++) {
                for (int j = 0; j < image.length; j++) {
                    logits[i] += 100.0 * image[j] * features.get(i)[j];
                }
            }
            return logits;
        }

        /** Which label is most like the picture. */
        int best(Picture picture) {
            double[] logits = logits(picture);
            int best = 0;
            for (int i = 1; i < logits.length; i++) {
                best = logits[i] > logits[best] ? i : best;
            }
            return best;
        }

        /** Softmax over the labels. */
        SequencedMap<String, Double> probabilities(Picture picture) {
            double[] logits = logits(picture);
            double most = Arrays.stream(logits).max().orElseThrow();
            double sum = Arrays.stream(logits).map(l -> Math.exp(l - most)).sum();
            SequencedMap<String, Double> out = new LinkedHashMap<>();
            for (int i = 0; i < logits.length; i++) {
                out.put(labels.get(i), Math.exp(logits[i] - most) / sum);
            }
            return out;
        }
    }

    /** The normalised mean of the normalised features of several texts. */
    private float[] text(ClipTokenizer tokenizer, List<String> texts) {
        int context = config.text().context();
        Program p = programs.computeIfAbsent("text", k -> {
            Graph.Builder b = Graph.builder("vtp_text");
            Value in = b.input("text", DType.INT64, Shape.named("texts", context));
            return compile(b.output("feature", Vtp.normalize(vtp.textFeature(b.scope(), in))));
        });
        float[] all;
        try (Tensor ids = Tensor.zeros(DType.INT64, Shape.of(texts.size(), context))) {
            for (int i = 0; i < texts.size(); i++) {
                long[] row = tokenizer.encode(texts.get(i), context);
                for (int j = 0; j < context; j++) {
                    ids.setLong((long) i * context + j, row[j]);
                }
            }
            all = floats(run(p, Map.of("text", ids)));
        }
        float[] mean = new float[all.length / texts.size()];
        double squares = 0;
        for (int j = 0; j < mean.length; j++) {
            for (int i = 0; i < texts.size(); i++) {
                mean[j] += all[i * mean.length + j];
            }
            squares += (double) mean[j] * mean[j];
        }
        for (int j = 0; j < mean.length; j++) {
            mean[j] /= (float) Math.sqrt(squares);
        }
        return mean;
    }

    private static float[] floats(SequencedMap<String, Tensor> out) {
        try (Tensor t = out.get("feature")) {
            return t.toFloats();
        }
    }

    private static Tensor images(List<float[]> pixels, int side) {
        Tensor t = Tensor.zeros(DType.FLOAT, Shape.of(pixels.size(), 3, side, side));
        long one = 3L * side * side * Float.BYTES;
        for (int i = 0; i < pixels.size(); i++) {
            t.data().asSlice(i * one, one).copyFrom(MemorySegment.ofArray(pixels.get(i)));
        }
        return t;
    }

    private Program compile(Graph.Builder b) {
        Graph g = b.build();
        for (Value v : g.parameters()) {
            if (!weights.has(v.name()) || !weights.type(v.name()).equals(v.type())) {
                throw new IllegalArgumentException("the checkpoint in " + folder
                        + (weights.has(v.name())
                                ? " has " + v.name() + " as " + weights.type(v.name())
                                : " lacks " + v.name())
                        + ", config.json asks for " + v.type() + ": they do not belong together");
            }
        }
        return executor.compile(g, options);
    }

    private SequencedMap<String, Tensor> run(Program p, Map<String, Tensor> inputs) {
        Map<String, Tensor> all = new HashMap<>(inputs);
        p.inputs().keySet().stream().filter(n -> !inputs.containsKey(n)).forEach(n -> all.put(n, weights.get(n)));
        return p.run(all);
    }

    @Override
    public void close() {
        programs.values().forEach(Program::close);
        weights.close();
    }
}
