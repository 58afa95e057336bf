package org.armature.perceptualinit;

import static org.armature.graph.Ops.argMax;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.equal;
import static org.armature.graph.Ops.like;
import static org.armature.graph.Ops.min;
import static org.armature.graph.Ops.reduceMean;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.LongStream;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Component;

/** CLIP as models and the objective of its training, the second stage of perceptual initialisation. */
final class Towers {
    private static final String IMAGE = "image_features";
    private static final String TEXT = "text_features";
    private static final String SCALE = "logit_scale";

    private Towers() {}

    /** Model {@code clip}: {@code image, text -> image_features, text_features} of length 1, and {@code logit_scale}. */
    @Component(
            service = ModelProvider.class,
            property = {"armature.id=clip", "armature.kind=model"})
    public static final class Both implements ModelProvider {
        @Override
        public String id() {
            return "clip";
        }

        @Override
        public Model create(Config config) {
            ClipConfig c = ClipConfig.of(config);
            Clip clip = new Clip(c);
            return new Model() {
                @Override
                public SequencedMap<String, TensorType> inputs() {
                    SequencedMap<String, TensorType> m = new LinkedHashMap<>();
                    m.put("image", image(c));
                    m.put(
                            "text",
                            new TensorType(
                                    DType.INT64, Shape.named("batch", c.text().context())));
                    return m;
                }

                @Override
                public SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs) {
                    SequencedMap<String, Value> m = new LinkedHashMap<>();
                    m.put(IMAGE, Contrast.unit(clip.image(scope, inputs.get("image"))));
                    m.put(TEXT, Contrast.unit(clip.text(scope, inputs.get("text"))));
                    m.put(SCALE, Clip.scale(scope));
                    return m;
                }
            };
        }
    }

    /** Model {@code clip-visual}: the image tower alone, {@code x -> y [batch, embed]}, parameters {@code visual.*}. */
    @Component(
            service = ModelProvider.class,
            property = {"armature.id=clip-visual", "armature.kind=model"})
    public static final class Visual implements ModelProvider {
        @Override
        public String id() {
            return "clip-visual";
        }

        @Override
        public Model create(Config config) {
            ClipConfig c = ClipConfig.of(config);
            Clip clip = new Clip(c);
            return new Model() {
                @Override
                public SequencedMap<String, TensorType> inputs() {
                    SequencedMap<String, TensorType> m = new LinkedHashMap<>();
                    m.put("x", image(c));
                    return m;
                }

                @Override
                public SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs) {
                    SequencedMap<String, Value> m = new LinkedHashMap<>();
                    m.put("y", clip.image(scope, inputs.get("x")));
                    return m;
                }
            };
        }
    }

    private static TensorType image(ClipConfig c) {
        int side = c.vision().image();
        return new TensorType(DType.FLOAT, Shape.named("batch", c.vision().channels(), side, side));
    }

    /** Objective {@code contrastive}: each image's text among the batch's and the other way round; the scale at most 100. */
    @Component(
            service = Objective.class,
            property = {"armature.id=contrastive", "armature.kind=objective"})
    public static final class Contrastive implements Objective {
        private static final double LARGEST = Math.log(100);

        @Override
        public String id() {
            return "contrastive";
        }

        @Override
        public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config config) {
            Value image = outputs.get(IMAGE);
            Value text = outputs.get(TEXT);
            Value scale = outputs.get(SCALE);
            if (image == null || text == null || scale == null) {
                throw new IllegalArgumentException("objective contrastive needs a model with the outputs " + IMAGE
                        + ", " + TEXT + " and " + SCALE + ", such as clip; this one gives " + outputs.keySet());
            }
            Value logits = Contrast.logits(image, text, min(scale, like(scale, LARGEST)));
            SequencedMap<String, Value> m = new LinkedHashMap<>();
            m.put(LOSS, Contrast.symmetric(logits));
            if (logits.shape().isStatic()) {
                Value own = logits.builder()
                        .longs(LongStream.range(0, logits.shape().dim(0)).toArray());
                m.put("accuracy", reduceMean(cast(equal(argMax(logits, 1, false), own), DType.FLOAT), false, 0));
            }
            return m;
        }
    }
}
