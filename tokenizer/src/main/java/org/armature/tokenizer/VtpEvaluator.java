package org.armature.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.model.ConfigReader;
import org.armature.model.ModelFormat;
import org.armature.train.Draw;
import org.armature.train.Evaluator;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a tokenizer keeps of the images of a folder. Each is prepared as for encoding and compared with what is decoded from its
 * latents, both in 8 bits: {@code L1} of levels in [0, 1], {@code PSNR} (dB), {@code SSIM}; with option {@code features}
 * {@code rFID}, the Frechet distance of features of given and restored images. If the images lie in a folder for each class,
 * {@code probe} is the accuracy of a ridge classifier on class tokens, fitted to every other image and tested on the rest; and
 * with a text tower and its merges {@code zero-shot} is that of the classes' names.
 *
 * <p>Options: {@code features}, an {@code .onnx} network (see {@link FeatureNetwork}) with {@code features_mean} and
 * {@code features_deviation} (ImageNet's); {@code merges} (beside the checkpoint); {@code templates} ("a photo of a {}.");
 * {@code ridge} (1e-3); {@code seed} (1) of the choice where there are more images than examples. An image that cannot be read is
 * named in the log and left out.
 */
@Component(property = {"armature.id=vtp", "armature.kind=evaluator"})
public final class VtpEvaluator implements Evaluator {
    private static final Logger LOG = LoggerFactory.getLogger(VtpEvaluator.class);
    private static final int BATCH = 8;

    private final BundleContext context;
    private final ConfigReader reader;
    private final CheckpointFormat format;
    private final ModelFormat onnx;
    private final Executor executor;

    @Activate
    public VtpEvaluator(
            BundleContext context,
            @Reference ConfigReader reader,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference(target = "(armature.id=onnx)") ModelFormat onnx,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) Executor executor) {
        this.context = context;
        this.reader = reader;
        this.format = format;
        this.onnx = onnx;
        this.executor = executor;
    }

    @Override
    public String id() {
        return "vtp";
    }

    @Override
    public SequencedMap<String, SequencedMap<String, Double>> evaluate(Request request) throws IOException {
        Config o = request.options();
        List<Path> files = files(request.data(), request.examples(), o.wide("seed", 1));
        Path folder = request.checkpoint().isPresent() ? request.checkpoint().get() : LiveTokenizer.demo(context);
        Path merges =
                Path.of(o.text("merges", folder.resolve(VtpModule.MERGES_FILE).toString()));
        List<String> templates = o.has("templates") ? o.texts("templates") : List.of("a photo of a {}.");
        double ridge = o.number("ridge", 1e-3);
        List<String> classes = classes(request.data(), files);
        try (Codec codec = Codec.open(folder, reader, format, executor, CompileOptions.DEFAULT);
                FeatureNetwork network = FeatureNetwork.open(o, onnx, executor)) {
            Codec.ZeroShot zeroShot = classes.size() > 1 && codec.config().contrastive() && Files.exists(merges)
                    ? codec.zeroShot(
                            classes.stream().map(c -> c.replace('_', ' ')).toList(), templates, merges)
                    : null;
            Sums sums = new Sums(classes.size());
            for (int from = 0; from < files.size(); from += BATCH) {
                request.progress().accept((double) from / files.size());
                List<Picture> given = new ArrayList<>();
                List<Integer> labels = new ArrayList<>();
                for (Path file : files.subList(from, Math.min(files.size(), from + BATCH))) {
                    try {
                        Picture p = Images.read(file);
                        given.add(p);
                        labels.add(
                                classes.indexOf(file.getParent().getFileName().toString()));
                    } catch (IOException e) {
                        LOG.warn("left out: {}", e.getMessage());
                    }
                }
                if (!given.isEmpty()) {
                    measure(given, labels, codec, network, zeroShot, sums, request);
                }
            }
            request.progress().accept(1);
            if (sums.images == 0) {
                throw new IOException("no image in " + request.data() + " can be read");
            }
            SequencedMap<String, SequencedMap<String, Double>> rows = new LinkedHashMap<>();
            rows.put("all", sums.figures(network != null, zeroShot != null, ridge));
            return rows;
        }
    }

    private static void measure(
            List<Picture> pictures,
            List<Integer> labels,
            Codec codec,
            @Nullable FeatureNetwork network,
            Codec.@Nullable ZeroShot zeroShot,
            Sums sums,
            Request request)
            throws IOException {
        int side = codec.config().imageSize();
        List<Picture> given = pictures.stream().map(p -> p.centreCrop(side)).toList();
        List<Picture> restored;
        try (Tensor latents = codec.encode(pictures)) {
            restored = codec.decode(latents);
        }
        if (sums.classes > 1) {
            sums.add(codec.classTokens(given), labels);
        }
        if (network != null) {
            sums.given.add(network.of(given));
            sums.restored.add(network.of(restored));
        }
        for (int i = 0; i < given.size(); i++) {
            float[] a = given.get(i).levels();
            float[] b = restored.get(i).levels();
            sums.l1 += Statistics.l1(a, b);
            sums.squares += Statistics.squares(a, b);
            sums.ssim += Statistics.ssim(a, b, side, side);
            if (zeroShot != null && zeroShot.best(pictures.get(i)) == labels.get(i)) {
                sums.right++;
            }
            if (sums.images < request.drawn()) {
                Images.write(
                        request.out().resolve("image-" + sums.images + ".png"),
                        given.get(i).beside(restored.get(i)));
            }
            sums.images++;
        }
    }

    /** What adds up over the batches. */
    private static final class Sums {
        final int classes;
        final List<float[]> given = new ArrayList<>();
        final List<float[]> restored = new ArrayList<>();
        private final List<float[]> tokens = new ArrayList<>();
        private final List<Integer> labels = new ArrayList<>();
        int images;
        int right;
        double l1;
        double squares;
        double ssim;

        Sums(int classes) {
            this.classes = classes;
        }

        void add(List<float[]> tokens, List<Integer> labels) {
            this.tokens.addAll(tokens);
            this.labels.addAll(labels);
        }

        SequencedMap<String, Double> figures(boolean features, boolean zeroShot, double ridge) {
            SequencedMap<String, Double> f = new LinkedHashMap<>();
            f.put("images", (double) images);
            f.put("L1", l1 / images);
            f.put("PSNR", -10 * Math.log10(squares / images));
            f.put("SSIM", ssim / images);
            if (features) {
                float[] reference = joined(given);
                f.put("rFID", Statistics.frechet(joined(restored), reference, reference.length / images));
            }
            if (classes > 1) {
                f.put("probe", probe(ridge));
            }
            if (zeroShot) {
                f.put("zero-shot", (double) right / images);
            }
            return f;
        }

        /** Fitted to the images of even numbers, tested on the others. */
        private double probe(double ridge) {
            int width = tokens.getFirst().length;
            List<List<float[]>> halves = List.of(new ArrayList<>(), new ArrayList<>());
            List<List<Integer>> theirs = List.of(new ArrayList<>(), new ArrayList<>());
            for (int i = 0; i < tokens.size(); i++) {
                halves.get(i % 2).add(tokens.get(i));
                theirs.get(i % 2).add(labels.get(i));
            }
            return theirs.get(1).isEmpty()
                    ? Double.NaN
                    : Statistics.probe(
                            joined(halves.get(0)),
                            theirs.get(0).stream().mapToLong(l -> l).toArray(),
                            joined(halves.get(1)),
                            theirs.get(1).stream().mapToLong(l -> l).toArray(),
                            width,
                            classes,
                            ridge);
        }

        private static float[] joined(List<float[]> parts) {
            float[] all = new float[parts.stream().mapToInt(p -> p.length).sum()];
            int at = 0;
            for (float[] p : parts) {
                System.arraycopy(p, 0, all, at, p.length);
                at += p.length;
            }
            return all;
        }
    }

    /** Images of a folder and of the folders in it, {@code most} of them at random, in random order. */
    private static List<Path> files(Path folder, int most, long seed) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new IOException(folder + " is no folder: give one of images, or of folders of images, one a class");
        }
        List<Path> all;
        try (Stream<Path> walk = Files.walk(folder, 2)) {
            all = walk.filter(f -> Files.isRegularFile(f) && Images.named(f))
                    .sorted()
                    .toList();
        }
        if (all.isEmpty()) {
            throw new IOException("there is no image in " + folder + ": give PNG, JPEG, GIF or BMP files");
        }
        List<Path> chosen = new ArrayList<>();
        for (long i : Draw.of(seed, "evaluate").permutation(all.size())) {
            if (chosen.size() < most) {
                chosen.add(all.get((int) i));
            }
        }
        return chosen;
    }

    /** Names of the folders that images lie in; none if they lie in the folder itself. */
    private static List<String> classes(Path folder, List<Path> files) {
        TreeSet<String> names = new TreeSet<>();
        for (Path f : files) {
            if (f.getParent().equals(folder)) {
                return List.of();
            }
            names.add(f.getParent().getFileName().toString());
        }
        return List.copyOf(names);
    }
}
