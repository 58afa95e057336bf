package org.armature.tokenizer;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Dim;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.ModelFormat;
import org.jspecify.annotations.Nullable;

/**
 * A network of the user's that Frechet distances are measured with, for FID an Inception exported to {@code .onnx}. It has one
 * input {@code float[B, 3, H, W]}, to which images are resized bilinearly, and its first output is {@code [B, ...]}, one row of
 * features an image.
 */
final class FeatureNetwork implements AutoCloseable {
    private final ModelFormat.Imported model;
    private final Program program;
    private final int height;
    private final int width;
    private final double[] mean;
    private final double[] deviation;

    private FeatureNetwork(
            ModelFormat.Imported model, Program program, int height, int width, double[] mean, double[] deviation) {
        this.model = model;
        this.program = program;
        this.height = height;
        this.width = width;
        this.mean = mean;
        this.deviation = deviation;
    }

    /** Config: {@code features}, the file (none); {@code features_mean}, {@code features_deviation} of levels in [0, 1]. */
    static @Nullable FeatureNetwork open(Config c, ModelFormat format, Executor executor) throws IOException {
        double[] mean = c.numbers("features_mean", widened(Picture.MEAN));
        double[] deviation = c.numbers("features_deviation", widened(Picture.DEVIATION));
        if (mean.length != 3 || deviation.length != 3) {
            throw new IllegalArgumentException("options features_mean and features_deviation: give three numbers");
        }
        if (!c.has("features")) {
            return null;
        }
        Path file = Path.of(c.text("features"));
        ModelFormat.Imported model = format.read(file);
        try {
            List<Value> inputs = model.graph().inputs();
            Shape s = inputs.getFirst().shape();
            if (inputs.size() != 1
                    || s.rank() != 4
                    || inputs.getFirst().dtype() != DType.FLOAT
                    || !fits(s.dims().get(1), 3)) {
                throw new IOException(file + " takes " + inputs + ": features are taken by a network of one input,"
                        + " float[B, 3, H, W]");
            }
            int height = side(s.dims().get(2), file);
            int width = side(s.dims().get(3), file);
            return new FeatureNetwork(model, executor.compile(model.graph()), height, width, mean, deviation);
        } catch (IOException | RuntimeException e) {
            model.close();
            throw e;
        }
    }

    /** Features of images, {@code [N, D]}. */
    float[] of(List<Picture> pictures) {
        try (Tensor x = Tensor.zeros(DType.FLOAT, Shape.of(pictures.size(), 3, height, width))) {
            long at = 0;
            for (Picture p : pictures) {
                float[] levels =
                        p.resize(height, width, Picture.Filter.BILINEAR).levels();
                for (int c = 0; c < 3; c++) {
                    for (int i = 0; i < height * width; i++, at++) {
                        double v = (levels[c * height * width + i] - mean[c]) / deviation[c];
                        x.data().setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at, (float) v);
                    }
                }
            }
            Map<String, Tensor> in = new HashMap<>();
            model.graph()
                    .parameters()
                    .forEach(v -> in.put(v.name(), model.parameters().get(v.name())));
            in.put(model.graph().inputs().getFirst().name(), x);
            Map<String, Tensor> out = program.run(in);
            float[] features =
                    out.get(model.graph().outputs().firstEntry().getKey()).toFloats();
            out.values().forEach(Tensor::close);
            return features;
        }
    }

    private static boolean fits(Dim d, long size) {
        return !d.isKnown() || d.size() == size;
    }

    private static int side(Dim d, Path file) throws IOException {
        if (!d.isKnown()) {
            throw new IOException(file + " takes images of any size: export it with the one it was trained with");
        }
        return Math.toIntExact(d.size());
    }

    private static double[] widened(float[] x) {
        double[] y = new double[x.length];
        for (int i = 0; i < x.length; i++) {
            y[i] = x[i];
        }
        return y;
    }

    @Override
    public void close() {
        program.close();
        model.close();
    }
}
