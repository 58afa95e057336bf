package org.armature.tokenizer;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.model.Config;
import org.armature.train.Dataset;
import org.armature.train.DatasetProvider;
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Reference;

/**
 * What a class-conditional flow over latents is trained on (rectified flow, as VTP's generation test): {@code x}, a point on the
 * line from noise to a latent, its time and its class one-hot, {@code float[D + 1 + C]}; {@code target}, the velocity
 * {@code latent - noise}, {@code float[D]}. Times are log-normal: sigmoid of a normal number.
 *
 * <p>Config: {@code latents}, a safetensors file with {@code z: float[N, D]} and {@code label: int64[N]}; {@code classes};
 * {@code draws}, examples there are, each with noise and time of its own; {@code seed}.
 */
@Component(property = {"armature.id=latent-flow", "armature.kind=dataset"})
public final class LatentFlow implements DatasetProvider {
    private final CheckpointFormat format;

    @Activate
    public LatentFlow(@Reference(target = "(armature.id=safetensors)") CheckpointFormat format) {
        this.format = format;
    }

    @Override
    public String id() {
        return "latent-flow";
    }

    @Override
    public Dataset open(String split, Config config) throws IOException {
        Path file = Path.of(config.text("latents"));
        int classes = config.integer("classes");
        int draws = config.integer("draws");
        long seed = config.wide("seed", 1);
        try (Checkpoint c = format.open(file)) {
            Tensor z = c.get("z");
            return new Draws(
                    z.toFloats(),
                    c.get("label").toLongs(),
                    Math.toIntExact(z.shape().dim(1)),
                    classes,
                    split.equals("train") ? draws : Math.min(draws, 2000),
                    Draw.of(seed, split).next());
        }
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared, never shown
    private record Draws(float[] z, long[] labels, int width, int classes, long size, long seed) implements Dataset {
        @Override
        public SequencedMap<String, TensorType> example() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("x", new TensorType(DType.FLOAT, Shape.of(width + 1 + classes)));
            m.put("target", new TensorType(DType.FLOAT, Shape.of(width)));
            return m;
        }

        @Override
        public void read(long[] indices, Map<String, Tensor> into) {
            Tensor x = into.get("x");
            Tensor target = into.get("target");
            long row = width + 1L + classes;
            for (int i = 0; i < indices.length; i++) {
                Draw draw = Draw.of(seed, indices[i]);
                int example = (int) draw.below(labels.length);
                double t = 1 / (1 + StrictMath.exp(-draw.normal()));
                for (int j = 0; j < width; j++) {
                    double noise = draw.normal();
                    double latent = z[example * width + j];
                    x.set(i * row + j, (1 - t) * noise + t * latent);
                    target.set((long) i * width + j, latent - noise);
                }
                condition(x, i * row + width, t, labels[example], classes);
            }
        }
    }

    /** Writes time and class behind a point. */
    static void condition(Tensor x, long at, double time, long label, int classes) {
        x.set(at, time);
        for (int c = 0; c < classes; c++) {
            x.set(at + 1 + c, c == label ? 1 : 0);
        }
    }
}
