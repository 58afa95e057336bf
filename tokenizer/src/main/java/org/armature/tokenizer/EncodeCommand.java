package org.armature.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.armature.compute.Executor;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.model.Checkpoint;
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

/**
 * {@code armature encode IMAGE|FOLDER}: latents as safetensors, {@code latents} float {@code [1, C, h, w]} a file. Of a folder
 * every image is encoded, in batches, while the next are read; those whose latents are there already are left alone, so a run
 * that was stopped goes on. Beside them {@value #STATISTICS} holds {@code mean} and {@code std} {@code [1, C, 1, 1]}, by
 * which a generator normalises.
 */
@Component(service = Callable.class, scope = ServiceScope.PROTOTYPE, property = "armature.command=encode")
@Command(
        name = "encode",
        description = "Encodes an image, or every image of a folder, into latents of a VTP checkpoint.")
public final class EncodeCommand extends CodecCommand {
    static final String STATISTICS = "statistics.safetensors";
    private static final String ENDING = ".safetensors";
    private static final Duration BETWEEN_LINES = Duration.ofMillis(500);

    @Parameters(index = "0", paramLabel = "IMAGE", description = "an image, or a folder of images and folders")
    @Nullable
    Path from;

    @Option(
            names = "--out",
            paramLabel = "PATH",
            description = "the latents' file or folder (IMAGE.safetensors, FOLDER.latents)")
    @Nullable
    Path to;

    @Option(
            names = "--batch",
            paramLabel = "N",
            defaultValue = "8",
            description = "images at a time (${DEFAULT-VALUE})")
    int batch = 8;

    @Option(names = "--strict", description = "exit code 1 if an image could not be read")
    boolean strict;

    private long lastLine;

    @Activate
    public EncodeCommand(
            @Reference ConfigReader reader,
            @Reference(target = "(armature.id=safetensors)") CheckpointFormat format,
            @Reference(policyOption = ReferencePolicyOption.GREEDY) List<Executor> executors) {
        super(reader, format, executors);
    }

    /** An image, where its latents go, and its pixels, or why there are none. */
    private record Loaded(
            Path image, Path latents, @Nullable Picture picture, String reason) {}

    @Override
    int call(Codec codec) throws IOException {
        Path source = given(from);
        if (batch < 1) {
            throw usage("--batch is " + batch + ": give 1 or more");
        }
        if (Files.isDirectory(source)) {
            return folder(codec, source, to != null ? to : beside(source, ".latents"));
        }
        if (!Files.isRegularFile(source)) {
            throw usage(source + " is not there: give an image or a folder of images");
        }
        Path target = to != null ? to : beside(source, ENDING);
        try (Tensor z = codec.encode(List.of(Images.read(source)))) {
            format().write(target, Map.of("latents", z), Map.of());
            if (json) {
                out().println("{\"encoded\": 1, \"latents\": " + quoted(target) + ", \"shape\": "
                        + z.shape().dims() + "}");
            } else {
                out().println(target + ": latents " + z.type());
            }
            out().flush();
        }
        return 0;
    }

    private int folder(Codec codec, Path source, Path target) throws IOException {
        List<Path> images;
        try (Stream<Path> all = Files.walk(source)) {
            images = all.filter(Files::isRegularFile)
                    .filter(Images::named)
                    .sorted()
                    .toList();
        }
        if (images.isEmpty()) {
            throw usage("there is no image below " + source + ": give a folder with PNG, JPEG, GIF or BMP files");
        }
        Files.createDirectories(target);
        SequencedMap<Path, Path> todo = new LinkedHashMap<>();
        for (Path i : images) {
            Path latents = target.resolve(source.relativize(i) + ENDING);
            if (!Files.exists(latents)) {
                todo.put(i, latents);
            }
        }
        int there = images.size() - todo.size();
        List<Loaded> broken = new ArrayList<>();
        int encoded = encode(codec, List.copyOf(todo.entrySet()), broken);
        statistics(images, source, target);
        broken.forEach(b -> err().println(b.reason()));
        err().flush();
        if (json) {
            out().println("{\"encoded\": " + encoded + ", \"there\": " + there + ", \"broken\": ["
                    + String.join(
                            ", ", broken.stream().map(b -> quoted(b.image())).toList()) + "], \"latents\": "
                    + quoted(target) + "}");
        } else {
            out().println(encoded + " encoded, " + (there > 0 ? there + " there already, " : "") + broken.size()
                    + " broken; " + target);
        }
        out().flush();
        return strict && !broken.isEmpty() ? 1 : 0;
    }

    private int encode(Codec codec, List<Map.Entry<Path, Path>> todo, List<Loaded> broken) throws IOException {
        int encoded = 0;
        long began = System.nanoTime();
        try (ExecutorService reader = Executors.newSingleThreadExecutor(
                Thread.ofPlatform().name("images").daemon().factory())) {
            Future<List<Loaded>> next = reader.submit(() -> load(todo, 0));
            for (int at = 0; at < todo.size(); at += batch) {
                List<Loaded> now = get(next);
                int following = at + batch;
                next = reader.submit(() -> load(todo, following));
                List<Loaded> good =
                        now.stream().filter(l -> l.picture() != null).toList();
                now.stream().filter(l -> l.picture() == null).forEach(broken::add);
                if (!good.isEmpty()) {
                    try (Tensor z = codec.encode(
                            good.stream().map(l -> given(l.picture())).toList())) {
                        for (int i = 0; i < good.size(); i++) {
                            save(good.get(i).latents(), z, i);
                        }
                    }
                }
                encoded += good.size();
                progress(Math.min(following, todo.size()), todo.size(), began);
            }
        }
        return encoded;
    }

    private List<Loaded> load(List<Map.Entry<Path, Path>> todo, int at) {
        List<Loaded> out = new ArrayList<>();
        for (Map.Entry<Path, Path> e : todo.subList(Math.min(at, todo.size()), Math.min(at + batch, todo.size()))) {
            try {
                out.add(new Loaded(e.getKey(), e.getValue(), Images.read(e.getKey()), ""));
            } catch (IOException x) {
                out.add(new Loaded(e.getKey(), e.getValue(), null, String.valueOf(x.getMessage())));
            }
        }
        return out;
    }

    private static <T> T get(Future<T> f) throws IOException {
        try {
            return f.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted: the same command goes on where it stopped", e);
        } catch (ExecutionException e) {
            throw new IOException("images could not be read: " + e.getCause().getMessage(), e);
        }
    }

    /** The {@code i}-th of a batch as a file of its own. */
    private void save(Path file, Tensor latents, int i) throws IOException {
        Files.createDirectories(file.toAbsolutePath().getParent());
        format().write(file, Map.of("latents", latents.slice(i, i + 1)), Map.of());
    }

    /** Mean and deviation of each channel over all latents there are. */
    private void statistics(List<Path> images, Path source, Path target) throws IOException {
        double[] sum = {};
        double[] squares = {};
        long count = 0;
        for (Path i : images) {
            Path file = target.resolve(source.relativize(i) + ENDING);
            if (!Files.exists(file)) {
                continue;
            }
            try (Checkpoint c = format().open(file)) {
                Tensor z = c.get("latents");
                int channels = (int) z.shape().dim(1);
                int area = (int) (z.size() / channels);
                sum = sum.length == 0 ? new double[channels] : sum;
                squares = squares.length == 0 ? new double[channels] : squares;
                float[] v = z.toFloats();
                for (int k = 0; k < v.length; k++) {
                    sum[k / area] += v[k];
                    squares[k / area] += (double) v[k] * v[k];
                }
                count += area;
            }
        }
        if (count == 0) {
            return;
        }
        Shape shape = Shape.of(1, sum.length, 1, 1);
        double[] mean = new double[sum.length];
        double[] deviation = new double[sum.length];
        for (int c = 0; c < mean.length; c++) {
            mean[c] = sum[c] / count;
            deviation[c] = Math.sqrt(Math.max(0, squares[c] / count - mean[c] * mean[c]));
        }
        try (Tensor m = Tensor.of(DType.FLOAT, shape, mean);
                Tensor d = Tensor.of(DType.FLOAT, shape, deviation)) {
            format().write(target.resolve(STATISTICS), Map.of("mean", m, "std", d), Map.of());
        }
    }

    private void progress(int done, int all, long began) {
        long now = System.nanoTime();
        if (json || (now - lastLine < BETWEEN_LINES.toNanos() && done < all)) {
            return;
        }
        lastLine = now;
        Duration left = Duration.ofNanos((now - began) / Math.max(1, done) * (all - done));
        err().print(String.format(
                Locale.ROOT, "\r%d/%d images  %d:%02d left  ", done, all, left.toMinutes(), left.toSecondsPart()));
        err().print(done == all ? System.lineSeparator() : "");
        err().flush();
    }

    private static Path beside(Path p, String ending) {
        return p.resolveSibling(p.getFileName() + ending);
    }

    private static String quoted(Path p) {
        return "\"" + p.toString().replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }
}
