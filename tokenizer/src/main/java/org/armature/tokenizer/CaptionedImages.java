package org.armature.tokenizer;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeSet;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/**
 * Labelled images as VTP is trained on: {@code image: float[3, H, W]}, normalised with ImageNet's mean and deviation,
 * {@code text: int64[L]}, the caption of its label, and {@code label}.
 *
 * <p>Config: {@code of}, the dataset, with {@code x: float[1 or 3, H, W]} and {@code label}; {@code mean} and
 * {@code deviation} that its pixels were scaled with (0, 1); {@code captions}, a text a label; {@code limit} (all), training
 * images used. Captions become numbers by words, from 1 in alphabetical order; the end is the largest number, as in CLIP.
 */
@Component(property = {"armature.id=captioned-images", "armature.kind=dataset"})
public final class CaptionedImages implements DatasetProvider {
    private final BundleContext context;

    @Activate
    public CaptionedImages(BundleContext context) {
        this.context = context;
    }

    @Override
    public String id() {
        return "captioned-images";
    }

    @Override
    public Dataset open(String split, Config config) throws IOException {
        Config of = config.section("of");
        double mean = config.number("mean", 0);
        double deviation = config.number("deviation", 1);
        List<long[]> captions = numbered(config.texts("captions"));
        long limit = config.wide("limit", Long.MAX_VALUE);
        Dataset images = Datasets.of(context, of.text("type"), id()).open(split, of);
        long size = split.equals("train") ? Math.min(limit, images.size()) : images.size();
        return new Captioned(images, size, captions, mean, deviation);
    }

    /** Each caption as numbers of its words and the end, padded with 0 to the longest. */
    static List<long[]> numbered(List<String> captions) {
        List<List<String>> words = captions.stream()
                .map(c -> List.of(c.toLowerCase(Locale.ROOT).strip().split("[\\s/-]+")))
                .toList();
        TreeSet<String> all = new TreeSet<>();
        words.forEach(all::addAll);
        List<String> sorted = List.copyOf(all);
        int length = words.stream().mapToInt(List::size).max().orElse(0) + 1;
        return words.stream()
                .map(w -> {
                    long[] ids = new long[length];
                    for (int i = 0; i < w.size(); i++) {
                        ids[i] = sorted.indexOf(w.get(i)) + 1L;
                    }
                    ids[w.size()] = sorted.size() + 1L;
                    return ids;
                })
                .toList();
    }

    private record Captioned(Dataset images, long size, List<long[]> captions, double mean, double deviation)
            implements Dataset {
        Captioned {
            TensorType x = images.example().get("x");
            if (x == null || x.shape().rank() != 3 || !images.example().containsKey("label")) {
                throw new IllegalArgumentException("the dataset gives " + images.example()
                        + ": captioned-images needs x: float[1 or 3, H, W] and label");
            }
        }

        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            Shape s = images.example().get("x").shape();
            m.put("image", new TensorType(DType.FLOAT, Shape.of(3, s.dim(1), s.dim(2))));
            m.put("text", new TensorType(DType.INT64, Shape.of(captions.getFirst().length)));
            m.put("label", new TensorType(DType.INT64, Shape.SCALAR));
            return m;
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            Map<String, Tensor> batch = images.batch(indices);
            Tensor x = batch.get("x");
            Tensor label = batch.get("label");
            long area = x.shape().dim(2) * x.shape().dim(3);
            long channels = x.shape().dim(1);
            MemorySegment from = x.data();
            MemorySegment to = into.get("image").data();
            for (int i = 0; i < indices.length; i++) {
                for (int c = 0; c < 3; c++) {
                    long source = (i * channels + c % channels) * area;
                    long target = (i * 3L + c) * area;
                    for (long p = 0; p < area; p++) {
                        double level = from.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, source + p) * deviation + mean;
                        to.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, target + p, (float)
                                ((level - Picture.MEAN[c]) / Picture.DEVIATION[c]));
                    }
                }
                long l = label.getLong(i);
                into.get("label").setLong(i, l);
                long[] ids = captions.get((int) l);
                for (int j = 0; j < ids.length; j++) {
                    into.get("text").setLong((long) i * ids.length + j, ids[j]);
                }
            }
            batch.values().forEach(Tensor::close);
        }

        @Override
        public void close() {
            images.close();
        }
    }
}
