package org.armature.tokenizer;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.Draw;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/**
 * Another dataset's images with random crops of them beside (multi-crop, Caron et al. 2021), for self-supervision: what it
 * gives, and {@code global_crops: float[G, 3, H, W]}, {@code local_crops: float[L, 3, h, h]}, {@code masked: int64[G, m]}, the
 * patches to mask in each global crop, ascending. Crops are resized bilinearly and turned over left to right half of the time;
 * their colours are stretched and shifted by up to {@code jitter}, in the image's own units.
 *
 * <p>Config: {@code of}, a dataset with {@code image: float[3, H, W]}; {@code global} (2), {@code local} (4),
 * {@code local_size}, pixels; {@code patch}, pixels; {@code masked} (0.3), the share of patches; {@code global_area} (0.4 to 1)
 * and {@code local_area} (0.05 to 0.4), shares of the image; {@code jitter} (0.2); {@code draws} (16): how many different sets of
 * crops there are of a training image, which is so many examples; {@code seed} (1).
 */
@Component(property = {"armature.id=crops", "armature.kind=dataset"})
public final class Crops implements DatasetProvider {
    static final String GLOBAL = "global_crops";
    static final String LOCAL = "local_crops";
    static final String MASKED = "masked";

    private final BundleContext context;

    @Activate
    public Crops(BundleContext context) {
        this.context = context;
    }

    @Override
    public String id() {
        return "crops";
    }

    @Override
    public Dataset open(String split, Config config) throws IOException {
        Config of = config.section("of");
        boolean training = split.equals("train");
        Dataset images = Datasets.of(context, of.text("type"), id()).open(split, of);
        return new Cropped(
                images,
                Plan.of(config),
                training ? config.integer("draws", 16) : 1,
                Draw.of(config.wide("seed", 1), split).next());
    }

    /** How crops are made. Areas are shares of the image's. */
    record Plan(
            int global,
            int local,
            int localSize,
            int patch,
            double masked,
            double[] globalArea,
            double[] localArea,
            double jitter) {
        static Plan of(Config c) {
            Plan p = new Plan(
                    c.integer("global", 2),
                    c.integer("local", 4),
                    c.integer("local_size"),
                    c.integer("patch"),
                    c.number("masked", 0.3),
                    c.numbers("global_area", 0.4, 1),
                    c.numbers("local_area", 0.05, 0.4),
                    c.number("jitter", 0.2));
            if (p.global < 1 || p.local < 1) {
                throw new IllegalArgumentException("config keys dataset.global and dataset.local: give 1 or more");
            }
            if (p.localSize < p.patch || p.patch < 1 || p.localSize % p.patch != 0) {
                throw new IllegalArgumentException("config key dataset.local_size is " + p.localSize
                        + ": give a multiple of the patch of " + p.patch);
            }
            area(p.globalArea, "global_area");
            area(p.localArea, "local_area");
            return p;
        }

        private static void area(double[] range, String key) {
            if (range.length != 2 || !(range[0] > 0 && range[0] <= range[1] && range[1] <= 1)) {
                throw new IllegalArgumentException("config key dataset." + key + " is " + Arrays.toString(range)
                        + ": give two shares of the image, e.g. [0.05, 0.4]");
            }
        }
    }

    /** Which part of an image a crop is, pixels; and what is done to it. */
    private record Cut(double x, double y, double width, double height, boolean flipped, float gain, float shift) {
        private static final double ASPECT = 4.0 / 3;

        static Cut draw(Draw draw, double[] area, double jitter, long w, long h) {
            double share = area[0] + (area[1] - area[0]) * draw.uniform();
            double aspect = Math.exp((2 * draw.uniform() - 1) * Math.log(ASPECT));
            double width = Math.min(w, Math.sqrt(share * w * h * aspect));
            double height = Math.min(h, Math.sqrt(share * w * h / aspect));
            return new Cut(
                    (w - width) * draw.uniform(),
                    (h - height) * draw.uniform(),
                    width,
                    height,
                    draw.uniform() < 0.5,
                    (float) (1 + jitter * (2 * draw.uniform() - 1)),
                    (float) (jitter * (2 * draw.uniform() - 1)));
        }

        /** Samples the part of {@code from [3, h, w]} at {@code start} into {@code to [3, rows, columns]}. */
        void sample(
                MemorySegment from, long start, long h, long w, MemorySegment to, long end, long rows, long columns) {
            for (int c = 0; c < 3; c++) {
                for (long i = 0; i < rows; i++) {
                    double v = Math.clamp(y + (i + 0.5) * height / rows - 0.5, 0, h - 1.0);
                    for (long j = 0; j < columns; j++) {
                        long k = flipped ? columns - 1 - j : j;
                        double u = Math.clamp(x + (k + 0.5) * width / columns - 0.5, 0, w - 1.0);
                        float level = bilinear(from, start + c * h * w, h, w, v, u);
                        to.setAtIndex(
                                ValueLayout.JAVA_FLOAT_UNALIGNED,
                                end + (c * rows + i) * columns + j,
                                level * gain + shift);
                    }
                }
            }
        }

        private static float bilinear(MemorySegment from, long start, long h, long w, double v, double u) {
            long i = (long) v;
            long j = (long) u;
            float a = (float) (v - i);
            float b = (float) (u - j);
            long below = Math.min(i + 1, h - 1);
            long right = Math.min(j + 1, w - 1);
            return (1 - a) * ((1 - b) * at(from, start + i * w + j) + b * at(from, start + i * w + right))
                    + a * ((1 - b) * at(from, start + below * w + j) + b * at(from, start + below * w + right));
        }

        private static float at(MemorySegment from, long index) {
            return from.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index);
        }
    }

    static final class Cropped implements Dataset {
        private final Dataset images;
        private final Plan plan;
        private final int draws;
        private final long seed;
        private final long height;
        private final long width;
        private final int patches;
        private final int masked;

        Cropped(Dataset images, Plan plan, int draws, long seed) {
            TensorType image = images.example().get("image");
            if (image == null || image.shape().rank() != 3 || image.shape().dim(0) != 3) {
                throw new IllegalArgumentException(
                        "the dataset gives " + images.example() + ": crops needs image: float[3, H, W]");
            }
            this.images = images;
            this.plan = plan;
            this.draws = draws;
            this.seed = seed;
            height = image.shape().dim(1);
            width = image.shape().dim(2);
            if (height % plan.patch != 0 || width % plan.patch != 0) {
                throw new IllegalArgumentException("config key dataset.patch is " + plan.patch + ", but images are "
                        + height + " by " + width + " pixels: give a divisor of both");
            }
            patches = Math.toIntExact(height / plan.patch * (width / plan.patch));
            masked = Math.clamp(Math.round(plan.masked * patches), 1, patches);
        }

        @Override
        public long size() {
            return images.size() * draws;
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>(images.example());
            m.put(GLOBAL, new TensorType(DType.FLOAT, Shape.of(plan.global, 3, height, width)));
            m.put(LOCAL, new TensorType(DType.FLOAT, Shape.of(plan.local, 3, plan.localSize, plan.localSize)));
            m.put(MASKED, new TensorType(DType.INT64, Shape.of(plan.global, masked)));
            return m;
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            images.read(Arrays.stream(indices).map(i -> i % images.size()).toArray(), into);
            MemorySegment from = into.get("image").data();
            for (int i = 0; i < indices.length; i++) {
                Draw draw = Draw.of(seed, indices[i]);
                long start = i * 3 * height * width;
                cut(draw, plan.globalArea, from, start, into.get(GLOBAL), i, plan.global, height, width);
                cut(draw, plan.localArea, from, start, into.get(LOCAL), i, plan.local, plan.localSize, plan.localSize);
                Tensor masks = into.get(MASKED);
                for (int g = 0; g < plan.global; g++) {
                    long[] chosen = Arrays.copyOf(draw.permutation(patches), masked);
                    Arrays.sort(chosen);
                    for (int k = 0; k < masked; k++) {
                        masks.setLong(((long) i * plan.global + g) * masked + k, chosen[k]);
                    }
                }
            }
        }

        private void cut(
                Draw draw,
                double[] area,
                MemorySegment from,
                long start,
                Tensor to,
                int example,
                int n,
                long rows,
                long columns) {
            for (int k = 0; k < n; k++) {
                Cut.draw(draw, area, plan.jitter, width, height)
                        .sample(
                                from,
                                start,
                                height,
                                width,
                                to.data(),
                                ((long) example * n + k) * 3 * rows * columns,
                                rows,
                                columns);
            }
        }

        @Override
        public void close() {
            images.close();
        }
    }
}
