package org.armature.datasets;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SequencedMap;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.osgi.service.component.annotations.Component;

/**
 * Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 60,000 training and 10,000 test images of clothes.
 *
 * <p>An example is {@code x: float[1, 28, 28]}, pixels scaled to mean 0 and deviation 1 over the training images, and
 * {@code label: int64[]} from 0 to 9. Config: {@code folder}, where the four idx files are;
 * {@code first}, how many examples of each split to use (all); {@code first_test}, how many of the test split ({@code first});
 * {@code average}, over squares of how many pixels a side to average (1; 2 gives images of 14 x 14).
 */
@Component(
        property = {
            "armature.id=fashion-mnist",
            "armature.kind=dataset",
            "armature.paper=Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms"
        })
public final class FashionMnist implements DatasetProvider {
    static final String FOLDER = "/usr/share/datasets/fashion-mnist";
    private static final int SIDE = 28;
    private static final int PIXELS = SIDE * SIDE;
    private static final int MAX_COUNT = 60_000;
    /** Over the pixels of the training images, in [0, 1]. */
    private static final float MEAN = 0.2860f;

    private static final float DEVIATION = 0.3530f;

    @Override
    public String id() {
        return "fashion-mnist";
    }

    @Override
    public Dataset open(String split, Config config) throws IOException {
        Path folder = Path.of(config.text("folder", FOLDER));
        String stem = switch (split) {
            case "train" -> "train";
            case "test" -> "t10k";
            default ->
                throw new IllegalArgumentException("fashion-mnist has no split " + split + ": it has train and test");
        };
        Idx images = Idx.read(present(folder, stem + "-images-idx3-ubyte.gz"), MAX_COUNT, SIDE, SIDE);
        Idx labels = Idx.read(present(folder, stem + "-labels-idx1-ubyte.gz"), MAX_COUNT);
        if (images.count() != labels.count()) {
            throw new IOException(folder + " has " + images.count() + " images but " + labels.count() + " labels of "
                    + split + ": install dataset-fashion-mnist again");
        }
        int both = config.integer("first", labels.count());
        int test = config.integer("first_test", both);
        int first = split.equals("test") ? test : both;
        if (first < 1 || first > labels.count()) {
            String key = split.equals("test") && config.has("first_test") ? "first_test" : "first";
            throw new IllegalArgumentException("config key dataset." + key + " is " + first
                    + ": give a number from 1 to " + labels.count() + ", the examples of " + split);
        }
        int average = config.integer("average", 1);
        if (average < 1 || SIDE % average != 0) {
            throw new IllegalArgumentException(
                    "config key dataset.average is " + average + ": give a divisor of " + SIDE);
        }
        return new Examples(images.data(), labels.data(), first, average);
    }

    private static Path present(Path folder, String name) throws IOException {
        Path file = folder.resolve(name);
        if (!Files.isReadable(file)) {
            throw new IOException(
                    file + " is not there: get Fashion-MNIST with 'apt-get install dataset-fashion-mnist', or"
                            + " set dataset.folder to where its four .gz files are");
        }
        return file;
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared, never shown
    private record Examples(byte[] images, byte[] labels, int first, int average) implements Dataset {
        private static final float[] SCALED = new float[256];

        static {
            for (int i = 0; i < 256; i++) {
                SCALED[i] = (i / 255f - MEAN) / DEVIATION;
            }
        }

        @Override
        public long size() {
            return first;
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("x", new TensorType(DType.FLOAT, Shape.of(1, SIDE / average, SIDE / average)));
            m.put("label", new TensorType(DType.INT64, Shape.SCALAR));
            return m;
        }

        /** The mean of a square of pixels. */
        private float pixel(int image, int row, int column) {
            float sum = 0;
            for (int y = row * average; y < (row + 1) * average; y++) {
                for (int x = column * average; x < (column + 1) * average; x++) {
                    sum += SCALED[images[image + y * SIDE + x] & 0xFF];
                }
            }
            return sum / (average * average);
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            MemorySegment x = Objects.requireNonNull(into.get("x"), "x").data();
            Tensor label = Objects.requireNonNull(into.get("label"), "label");
            for (int i = 0; i < indices.length; i++) {
                int from = Objects.checkIndex((int) indices[i], first) * PIXELS;
                int side = SIDE / average;
                long to = (long) i * side * side;
                for (int p = 0; p < side * side; p++) {
                    x.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, to + p, pixel(from, p / side, p % side));
                }
                label.setLong(i, labels[(int) indices[i]]);
            }
        }
    }
}
