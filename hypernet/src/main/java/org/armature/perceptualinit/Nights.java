package org.armature.perceptualinit;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import javax.imageio.ImageIO;
import org.armature.compute.Tensor;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.osgi.service.component.annotations.Component;

/**
 * Triplets laid out as NIGHTS is (Fu et al. 2023), which the user supplies: {@code data.csv} whose columns by position are id,
 * ..., right vote (2), reference (4), left (5) and right path (6), and by name {@code votes} and {@code split}. Rows of fewer
 * than {@code min_votes} (6) votes are left out. Config: {@code folder}; {@code image_size} (224), to which images are resized
 * (bicubic, antialiased) and scaled with CLIP's mean and deviation. Split {@code test} is the file's own.
 */
@Component(property = {"armature.id=nights", "armature.kind=dataset"})
public final class Nights implements DatasetProvider {
    private static final float[] MEAN = {0.48145466f, 0.4578275f, 0.40821073f};
    private static final float[] DEVIATION = {0.26862954f, 0.26130258f, 0.27577711f};
    private static final int COLUMNS = 7;
    private static final long MAX_PIXELS = 1L << 26;

    @Override
    public String id() {
        return "nights";
    }

    private record Row(int line, Path reference, Path left, Path right, double vote) {}

    @Override
    public Dataset open(String split, Config config) throws IOException {
        Path folder = Path.of(config.text("folder"));
        int size = config.integer("image_size", 224);
        List<Row> rows = rows(folder, split, config.integer("min_votes", 6));
        if (rows.isEmpty()) {
            throw new IOException(folder.resolve("data.csv") + " has no row of split " + split
                    + " with enough votes: check the column split, or lower min_votes");
        }
        return new Dataset() {
            @Override
            public long size() {
                return rows.size();
            }

            @Override
            public SequencedMap<String, TensorType> example() {
                return Triplets.example(Shape.of(3, size, size));
            }

            @Override
            public void read(long[] indices, Map<String, Tensor> into) {
                for (int i = 0; i < indices.length; i++) {
                    Row r = rows.get(Math.toIntExact(indices[i]));
                    image(r, r.reference, size, into.get(Triplets.REFERENCE), i);
                    image(r, r.left, size, into.get(Triplets.LEFT), i);
                    image(r, r.right, size, into.get(Triplets.RIGHT), i);
                    into.get(Triplets.VOTE).set(i, r.vote);
                }
            }
        };
    }

    private static List<Row> rows(Path folder, String split, int least) throws IOException {
        Path file = folder.resolve("data.csv");
        if (!Files.isRegularFile(file)) {
            throw new IOException(file + " is not there: set dataset.folder to where NIGHTS was unpacked");
        }
        List<String> lines = Files.readAllLines(file);
        List<String> head =
                lines.isEmpty() ? List.of() : List.of(lines.getFirst().split(",", -1));
        int votes = head.indexOf("votes");
        int splits = head.indexOf("split");
        if (head.size() < COLUMNS || votes < 0 || splits < 0) {
            throw new IOException(file + " has the columns " + head + ": it needs at least " + COLUMNS
                    + ", votes and split among them");
        }
        List<Row> rows = new ArrayList<>();
        for (int i = 1; i < lines.size(); i++) {
            String[] f = lines.get(i).split(",", -1);
            if (f.length < head.size()) {
                continue;
            }
            try {
                double vote = Double.parseDouble(f[2]);
                if (!(vote >= 0 && vote <= 1)) {
                    throw new IOException(
                            file + " line " + (i + 1) + " has the vote " + f[2] + ": a share from 0 to 1 is needed");
                }
                if (f[splits].equals(split) && Double.parseDouble(f[votes]) >= least) {
                    Row r = new Row(i + 1, folder.resolve(f[4]), folder.resolve(f[5]), folder.resolve(f[6]), vote);
                    if (r.reference.equals(r.left) && r.reference.equals(r.right)) {
                        throw new IOException(file + " line " + (i + 1) + " names one image three times");
                    }
                    rows.add(r);
                }
            } catch (NumberFormatException e) {
                throw new IOException(file + " line " + (i + 1) + " has a number that is none: " + e.getMessage(), e);
            }
        }
        return rows;
    }

    private static void image(Row row, Path file, int size, Tensor into, int at) {
        try {
            BufferedImage image = Files.isRegularFile(file) ? ImageIO.read(file.toFile()) : null;
            if (image == null || (long) image.getWidth() * image.getHeight() > MAX_PIXELS) {
                throw new IOException(file + " of line " + row.line + " is missing, no image, or too large");
            }
            float[] rgb = resized(image, size);
            long plane = (long) size * size;
            for (int c = 0; c < 3; c++) {
                for (int p = 0; p < plane; p++) {
                    float v = (rgb[(int) (c * plane + p)] - MEAN[c]) / DEVIATION[c];
                    into.set((at * 3L + c) * plane + p, v);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** {@code [3, size, size]} from 0 to 1. */
    static float[] resized(BufferedImage image, int size) {
        int w = image.getWidth();
        int h = image.getHeight();
        float[] columns = weights(w, size);
        float[] rows = weights(h, size);
        float[] out = new float[3 * size * size];
        for (int c = 0; c < 3; c++) {
            float[] narrow = new float[h * size];
            for (int y = 0; y < h; y++) {
                for (int x = 0; x < w; x++) {
                    float v = (image.getRGB(x, y) >> (16 - 8 * c) & 0xff) / 255f;
                    for (int j = 0; j < size; j++) {
                        float k = columns[j * w + x];
                        if (k != 0) {
                            narrow[y * size + j] += k * v;
                        }
                    }
                }
            }
            for (int i = 0; i < size; i++) {
                for (int y = 0; y < h; y++) {
                    float k = rows[i * h + y];
                    if (k != 0) {
                        for (int j = 0; j < size; j++) {
                            out[(c * size + i) * size + j] += k * narrow[y * size + j];
                        }
                    }
                }
            }
        }
        for (int i = 0; i < out.length; i++) {
            out[i] = Math.clamp(out[i], 0f, 1f);
        }
        return out;
    }

    /** {@code [to, from]}: Catmull-Rom's cubic (a = -1/2), widened where it shrinks, as Pillow resizes. */
    static float[] weights(int from, int to) {
        float[] m = new float[to * from];
        double scale = (double) from / to;
        double wide = Math.max(1, scale);
        for (int i = 0; i < to; i++) {
            double centre = (i + 0.5) * scale;
            int low = (int) Math.max(0, Math.floor(centre - 2 * wide));
            int high = (int) Math.min(from, Math.ceil(centre + 2 * wide));
            double sum = 0;
            for (int j = low; j < high; j++) {
                sum += cubic((j + 0.5 - centre) / wide);
            }
            for (int j = low; j < high; j++) {
                m[i * from + j] = (float) (cubic((j + 0.5 - centre) / wide) / sum);
            }
        }
        return m;
    }

    private static double cubic(double x) {
        double t = Math.abs(x);
        return t < 1 ? (1.5 * t - 2.5) * t * t + 1 : t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0;
    }
}
