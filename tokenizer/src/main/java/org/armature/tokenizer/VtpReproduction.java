package org.armature.tokenizer;

import static org.armature.graph.Ops.linear;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
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
import org.armature.model.ModelProvider;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.Draw;
import org.armature.train.Reproduction;
import org.armature.train.Trainer;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/**
 * VTP's claim in miniature: a tokenizer that also learns from captions has latents that say more about the image, and that a
 * generator can use. Fashion-MNIST, patch 7, latents {@code [8, 4, 4]}; the arms differ in the objective only. A small
 * convolutional network, trained apart, judges samples: its accuracy on the class asked for, and the Frechet distance of its
 * features.
 */
@Component(property = {"armature.id=vtp", "armature.kind=reproduction"})
public final class VtpReproduction implements Reproduction {
    private static final String PLAIN = "reconstruction only";
    private static final String JOINT = "with captions";
    private static final String PROBE = "probe accuracy";
    private static final String SAMPLES = "class accuracy of samples";
    private static final int SIDE = 28;
    private static final int AREA = SIDE * SIDE;
    private static final int CLASSES = 10;
    private static final int CHANNELS = 8;
    private static final int LATENT = CHANNELS * 4 * 4;
    private static final int FEATURES = 64;
    private static final int TRAINING_IMAGES = 20_000;
    private static final int STEPS = 500;
    private static final int FLOW_STEPS = 800;
    private static final int FLOW_BATCH = 256;
    private static final int EULER_STEPS = 25;
    private static final int SAMPLED = 3_000;
    private static final int BATCH = 500;
    private static final double MEAN = 0.2860;
    private static final double DEVIATION = 0.3530;
    private static final List<String> CAPTIONS = List.of(
            "a t-shirt",
            "trousers",
            "a pullover",
            "a dress",
            "a coat",
            "a sandal",
            "a shirt",
            "a sneaker",
            "a bag",
            "an ankle boot");

    private final Trainer trainer;
    private final DatasetProvider images;
    private final ModelProvider sequential;
    private final CheckpointFormat format;
    private final Executor executor;

    @Activate
    public VtpReproduction(
            @Reference Trainer trainer,
            @Reference(target = "(armature.id=captioned-images)") DatasetProvider images,
            @Reference(target = "(armature.id=sequential)") ModelProvider sequential,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor) {
        this.trainer = trainer;
        this.images = images;
        this.sequential = sequential;
        this.format = format;
        this.executor = executor;
    }

    @Override
    public String id() {
        return "vtp";
    }

    @Override
    public String title() {
        return "A tokenizer of Fashion-MNIST (8 x 4 x 4 latents), " + STEPS
                + " steps: L1 reconstruction only, against 0.1 L1 and contrast with captions.";
    }

    @Override
    public List<String> arms() {
        return List.of(PLAIN, JOINT);
    }

    @Override
    public List<Claim> claims() {
        return List.of(
                new Claim("captions raise the probe accuracy", f -> f.mean(JOINT, PROBE) - f.mean(PLAIN, PROBE)),
                new Claim(
                        "captions raise the class accuracy of samples",
                        f -> f.mean(JOINT, SAMPLES) - f.mean(PLAIN, SAMPLES)),
                new Claim(
                        "reconstruction L1 with captions is within 25 % of reconstruction only",
                        f -> 1.25 * f.mean(PLAIN, "L1") - f.mean(JOINT, "L1")));
    }

    @Override
    public Map<String, Double> measure(String arm, long seed, Run run) throws IOException {
        Path judge = run.trained(trainer, judgeConfig(seed), run.shared().resolve("judge"), "judge", 0, 0.25);
        Config vtp = vtpConfig(arm.equals(JOINT));
        Path tokenizer = run.trained(
                trainer, tokenizerConfig(arm, seed), run.folder().resolve("tokenizer"), "tokenizer", 0.25, 0.55);
        try (Network judging = network(judgeGraph(FEATURES), judge);
                Network encoding = network(encoder(vtp), tokenizer);
                Network decoding = network(decoder(vtp), tokenizer);
                Dataset train = images.open("train", Config.of(data()));
                Dataset test = images.open("test", Config.of(data()))) {
            Encoded known = encode(encoding, train, run);
            Encoded unseen = encode(encoding, test, run);
            Scale scale = Scale.of(known.latents);
            float[] normalized = scale.apply(known.latents);
            Map<String, Double> figures = new LinkedHashMap<>();
            figures.put(
                    PROBE,
                    Statistics.probe(
                            normalized,
                            known.labels,
                            scale.apply(unseen.latents),
                            unseen.labels,
                            LATENT,
                            CLASSES,
                            1e-4));

            float[] truth = levels(unseen.images);
            float[] restored = levels(
                    decoding.run("latents", unseen.latents, CHANNELS, 4, 4).get("image"));
            float[] reference = judge(judging, truth).get("features");
            figures.put("L1", Statistics.l1(truth, restored));
            figures.put("PSNR", Statistics.psnr(truth, restored));
            figures.put("rFD", Statistics.frechet(judge(judging, restored).get("features"), reference, FEATURES));

            float[] samples = scale.invert(sample(normalized, known.labels, seed, run));
            Map<String, float[]> judged = judge(
                    judging,
                    levels(decoding.run("latents", samples, CHANNELS, 4, 4).get("image")));
            figures.put("gFD", Statistics.frechet(judged.get("features"), reference, FEATURES));
            figures.put(SAMPLES, accuracy(judged.get("y")));
            return figures;
        }
    }

    private static double accuracy(float[] logits) {
        int right = 0;
        for (int i = 0; i < SAMPLED; i++) {
            int best = 0;
            for (int c = 1; c < CLASSES; c++) {
                best = logits[i * CLASSES + c] > logits[i * CLASSES + best] ? c : best;
            }
            right += best == i % CLASSES ? 1 : 0;
        }
        return (double) right / SAMPLED;
    }

    /** A part of a configuration, in the order written. */
    private static Map<String, Object> section(Object... keysAndValues) {
        Map<String, Object> m = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            m.put((String) keysAndValues[i], keysAndValues[i + 1]);
        }
        return m;
    }

    private static Map<String, Object> judgeConfig(long seed) {
        return section(
                "seed", seed,
                "dataset", section("type", "fashion-mnist"),
                "model", section("type", "sequential", "input", List.of(1, SIDE, SIDE), "layers", judgeLayers(true)),
                "optimizer", section("type", "adamw"),
                "schedule", section("type", "cosine", "rate", 3e-3),
                "batch", 128,
                "epochs", 2);
    }

    private static List<Map<String, Object>> judgeLayers(boolean classifier) {
        List<Map<String, Object>> layers = new ArrayList<>(List.of(
                section("type", "conv", "channels", 16, "kernel", 3, "padding", 1),
                section("type", "max-pool"),
                section("type", "relu"),
                section("type", "conv", "channels", 32, "kernel", 3, "padding", 1),
                section("type", "max-pool"),
                section("type", "relu"),
                section("type", "flatten"),
                section("type", "linear", "features", FEATURES),
                section("type", "relu")));
        if (classifier) {
            layers.add(section("type", "linear", "features", CLASSES));
        }
        return layers;
    }

    /** {@code features}, what the last layer sees, and {@code y}. */
    private Graph judgeGraph(int features) {
        Graph.Builder b = Graph.builder("judge");
        Value x = b.input("x", DType.FLOAT, Shape.named("batch", 1, SIDE, SIDE));
        Config body = Config.of(section("input", List.of(1, SIDE, SIDE), "layers", judgeLayers(false)));
        Value f = sequential.create(body).build(b.scope(), Map.of("x", x)).get("y");
        String head = Integer.toString(judgeLayers(false).size());
        Value y = linear(
                f,
                b.scope().at(head).parameter("weight", CLASSES, features),
                b.scope().at(head).parameter("bias", CLASSES));
        return b.output("features", f).output("y", y).build();
    }

    private static Map<String, Object> data() {
        return section(
                "type", "captioned-images",
                "of", section("type", "fashion-mnist"),
                "mean", MEAN,
                "deviation", DEVIATION,
                "captions", CAPTIONS,
                "limit", TRAINING_IMAGES);
    }

    private static Map<String, Object> tokenizerConfig(String arm, long seed) {
        boolean joint = arm.equals(JOINT);
        Map<String, Object> model = new LinkedHashMap<>(vtpConfig(joint).asMap());
        model.put("type", "vtp");
        return section(
                "seed",
                seed,
                "dataset",
                data(),
                "model",
                model,
                "objective",
                section("type", "vtp", "reconstruction", joint ? 0.1 : 1.0, "contrastive", joint ? 1.0 : 0.0),
                "initializer",
                section("type", "vtp"),
                "optimizer",
                section("type", "adamw", "weight_decay", 0.01),
                "schedule",
                section("type", "cosine", "rate", 1.5e-3, "warm_up", 50),
                "clip",
                1.0,
                "batch",
                96,
                "test_batch",
                BATCH,
                "evaluate_every",
                STEPS,
                "steps",
                STEPS);
    }

    private static Config vtpConfig(boolean joint) {
        List<long[]> texts = CaptionedImages.numbered(CAPTIONS);
        long end = texts.stream().flatMapToLong(LongStream::of).max().orElseThrow();
        Map<String, Object> c = new LinkedHashMap<>(section(
                "image_size", SIDE,
                "vision_patch_size", 7,
                "vision_embed_dim", 64,
                "vision_depth", 3,
                "vision_num_heads", 4,
                "vision_feature_bottleneck", CHANNELS,
                "decoder_embed_dim", 64,
                "decoder_depth", 2,
                "decoder_num_heads", 4,
                "rope_dtype", "fp32"));
        c.put("train_clip", joint);
        c.put("text_context_length", texts.getFirst().length);
        c.put("text_vocab_size", end + 1);
        c.put("text_embed_dim", 32);
        c.put("text_num_heads", 2);
        c.put("text_depth", 1);
        return Config.of(c);
    }

    private static Graph encoder(Config c) {
        Graph.Builder b = Graph.builder("encode");
        Value image = b.input("image", DType.FLOAT, Shape.named("batch", 3, SIDE, SIDE));
        return b.output("latents", new Vtp(VtpConfig.of(c)).encode(b.scope(), image))
                .build();
    }

    private static Graph decoder(Config c) {
        Graph.Builder b = Graph.builder("decode");
        Value z = b.input("latents", DType.FLOAT, Shape.named("batch", CHANNELS, 4, 4));
        return b.output("image", new Vtp(VtpConfig.of(c)).decode(b.scope(), z)).build();
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared, never shown
    private record Encoded(float[] images, float[] latents, long[] labels) {}

    private static Encoded encode(Network encoder, Dataset data, Run run) throws IOException {
        int n = Math.toIntExact(data.size());
        float[] images = new float[n * 3 * AREA];
        long[] labels = new long[n];
        for (int from = 0; from < n; from += BATCH) {
            stopped(run);
            long[] indices = LongStream.range(from, Math.min(n, from + BATCH)).toArray();
            Map<String, Tensor> batch = data.batch(indices);
            float[] x = batch.get("image").toFloats();
            System.arraycopy(x, 0, images, from * 3 * AREA, x.length);
            System.arraycopy(batch.get("label").toLongs(), 0, labels, from, indices.length);
            batch.values().forEach(Tensor::close);
        }
        return new Encoded(images, encoder.run("image", images, 3, SIDE, SIDE).get("latents"), labels);
    }

    /** Grey levels in [0, 1], {@code [N, 28, 28]}, of images normalised as ImageNet's. */
    private static float[] levels(float[] images) {
        float[] out = new float[images.length / 3];
        for (int i = 0; i < out.length; i++) {
            int at = i / AREA * 3 * AREA + i % AREA;
            double sum = 0;
            for (int c = 0; c < 3; c++) {
                sum += images[at + c * AREA] * Picture.DEVIATION[c] + Picture.MEAN[c];
            }
            out[i] = (float) Math.clamp(sum / 3, 0, 1);
        }
        return out;
    }

    private static Map<String, float[]> judge(Network judge, float[] levels) {
        float[] x = new float[levels.length];
        for (int i = 0; i < x.length; i++) {
            x[i] = (float) ((levels[i] - MEAN) / DEVIATION);
        }
        return judge.run("x", x, 1, SIDE, SIDE);
    }

    /** {@value #SAMPLED} latents of the classes in turn, from a flow trained on the given ones: {@code [N, D]}, normalised. */
    private float[] sample(float[] latents, long[] labels, long seed, Run run) throws IOException {
        Path file = run.folder().resolve("latents.safetensors");
        try (Tensor z = Tensor.of(latents, labels.length, LATENT);
                Tensor label = Tensor.of(labels, labels.length)) {
            format.write(file, Map.of("z", z, "label", label), Map.of());
        }
        int inputs = LATENT + 1 + CLASSES;
        List<Map<String, Object>> layers = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            layers.add(section("type", "linear", "features", 256));
            layers.add(section("type", "silu"));
        }
        layers.add(section("type", "linear", "features", LATENT));
        Map<String, Object> model = section("type", "sequential", "input", List.of(inputs), "layers", layers);
        Path flow = run.trained(
                trainer,
                section(
                        "seed", seed,
                        "dataset",
                                section(
                                        "type",
                                        "latent-flow",
                                        "latents",
                                        file.toString(),
                                        "classes",
                                        CLASSES,
                                        "draws",
                                        FLOW_STEPS * FLOW_BATCH,
                                        "seed",
                                        seed),
                        "model", model,
                        "objective", section("type", "mean-squares"),
                        "optimizer", section("type", "adamw"),
                        "schedule", section("type", "cosine", "rate", 2e-3),
                        "batch", FLOW_BATCH,
                        "evaluate_every", FLOW_STEPS,
                        "steps", FLOW_STEPS),
                run.folder().resolve("flow"),
                "latent flow",
                0.65,
                0.95);
        Map<String, Object> body = new LinkedHashMap<>(model);
        body.remove("type");
        try (Network velocity = network(sequential.create(Config.of(body)).graph("flow"), flow);
                Tensor x = Tensor.zeros(DType.FLOAT, Shape.of(SAMPLED, inputs))) {
            Draw draw = Draw.of(seed, "samples");
            float[] z = new float[SAMPLED * LATENT];
            for (int i = 0; i < z.length; i++) {
                z[i] = (float) draw.normal();
            }
            for (int step = 0; step < EULER_STEPS; step++) {
                for (int i = 0; i < SAMPLED; i++) {
                    for (int j = 0; j < LATENT; j++) {
                        x.set((long) i * inputs + j, z[i * LATENT + j]);
                    }
                    LatentFlow.condition(
                            x, (long) i * inputs + LATENT, (double) step / EULER_STEPS, i % CLASSES, CLASSES);
                }
                float[] v = velocity.run("x", x.toFloats(), inputs).get("y");
                for (int i = 0; i < z.length; i++) {
                    z[i] += v[i] / EULER_STEPS;
                }
            }
            return z;
        }
    }

    /** Mean and deviation of each latent channel, as the official latents are normalised by. */
    @SuppressWarnings("ArrayRecordComponent") // never compared, never shown
    private record Scale(double[] mean, double[] deviation) {
        static Scale of(float[] latents) {
            double[] mean = new double[CHANNELS];
            double[] squares = new double[CHANNELS];
            double n = (double) latents.length / CHANNELS;
            for (int i = 0; i < latents.length; i++) {
                mean[channel(i)] += latents[i] / n;
                squares[channel(i)] += (double) latents[i] * latents[i] / n;
            }
            double[] deviation = new double[CHANNELS];
            for (int c = 0; c < CHANNELS; c++) {
                deviation[c] = Math.sqrt(Math.max(1e-12, squares[c] - mean[c] * mean[c]));
            }
            return new Scale(mean, deviation);
        }

        private static int channel(int i) {
            return i % LATENT / (LATENT / CHANNELS);
        }

        float[] apply(float[] z) {
            float[] out = new float[z.length];
            for (int i = 0; i < z.length; i++) {
                out[i] = (float) ((z[i] - mean[channel(i)]) / deviation[channel(i)]);
            }
            return out;
        }

        float[] invert(float[] z) {
            float[] out = new float[z.length];
            for (int i = 0; i < z.length; i++) {
                out[i] = (float) (z[i] * deviation[channel(i)] + mean[channel(i)]);
            }
            return out;
        }
    }

    private Network network(Graph graph, Path file) throws IOException {
        return new Network(executor.compile(graph), format.open(file));
    }

    /** A trained network that takes one input and is run in batches. */
    private record Network(Program program, Checkpoint weights) implements AutoCloseable {
        Map<String, float[]> run(String input, float[] values, long... example) {
            long one = LongStream.of(example).reduce(1, Math::multiplyExact);
            int n = Math.toIntExact(values.length / one);
            Map<String, Tensor> in = new HashMap<>();
            program.inputs().keySet().stream().filter(k -> !k.equals(input)).forEach(k -> in.put(k, weights.get(k)));
            Map<String, float[]> out = new HashMap<>();
            for (int from = 0; from < n; from += BATCH) {
                int to = Math.min(n, from + BATCH);
                float[] part = Arrays.copyOfRange(values, Math.toIntExact(from * one), Math.toIntExact(to * one));
                try (Tensor x = Tensor.of(
                        part,
                        LongStream.concat(LongStream.of(to - from), LongStream.of(example))
                                .toArray())) {
                    in.put(input, x);
                    int begin = from;
                    program.run(in).forEach((name, t) -> {
                        float[] y = t.toFloats();
                        int width = Math.toIntExact(t.size() / t.shape().dim(0));
                        System.arraycopy(
                                y, 0, out.computeIfAbsent(name, k -> new float[n * width]), begin * width, y.length);
                        t.close();
                    });
                }
            }
            return out;
        }

        @Override
        public void close() {
            program.close();
            weights.close();
        }
    }

    private static void stopped(Run run) throws IOException {
        if (run.stopped()) {
            throw new IOException("stopped: go on with --resume");
        }
    }
}
