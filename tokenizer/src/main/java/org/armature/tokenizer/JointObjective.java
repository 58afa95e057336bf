package org.armature.tokenizer;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMean;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Constant;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/**
 * Joint pre-training: the sum of these terms, each with its weight in the configuration; a weight of 0 leaves its term out.
 *
 * <ul>
 *   <li>{@code reconstruction} (0.1): L1 distance of decoded and given image;
 *   <li>{@code perceptual} (0): LPIPS between them, by a VGG16 whose weights come from a file, {@code "weights": [{"file":
 *       "lpips.safetensors", "into": "lpips."}]}; {@code perceptual_channels} are those of its five stages;
 *   <li>{@code adversarial} (0): the decoder's hinge loss against a {@link Discriminator}, whose own is always added;
 *   <li>{@code contrastive} (1): symmetric InfoNCE of image and text. Of batches whose texts repeat it cannot fall to zero: an
 *       image may not tell equal texts apart;
 *   <li>{@code self_supervision} (0): DINO, iBOT and {@code koleo} (0.1), see {@link SelfSupervision#loss}.
 * </ul>
 *
 * <p>Evaluation leaves out what needs a discriminator or a teacher.
 */
@Component(
        property = {
            "armature.id=vtp",
            "armature.kind=objective",
            "armature.paper=Towards Scalable Pre-training of Visual Tokenizers for Generation"
        })
public final class JointObjective implements Objective {
    private static final String LPIPS = "lpips";

    private final boolean training;

    @Activate
    public JointObjective() {
        this(true);
    }

    private JointObjective(boolean training) {
        this.training = training;
    }

    @Override
    public String id() {
        return "vtp";
    }

    @Override
    public boolean trains(String parameter) {
        return !borrows(parameter);
    }

    @Override
    public boolean borrows(String parameter) {
        return parameter.startsWith(LPIPS + ".");
    }

    @Override
    public Task task(Config config) {
        return new Task(new JointObjective(false), config, Long.MAX_VALUE);
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config config) {
        double reconstruction = config.number("reconstruction", 0.1);
        double perceptual = config.number("perceptual", 0);
        double adversarial = training ? config.number("adversarial", 0) : 0;
        double contrastive = config.number("contrastive", 1);
        double selfSupervision = training ? config.number("self_supervision", 0) : 0;
        SequencedMap<String, Value> metrics = new LinkedHashMap<>();
        Terms loss = new Terms();
        if (reconstruction > 0 || perceptual > 0 || adversarial > 0) {
            Value restored = named(outputs, "reconstructed_image", "the model", "train_reconstruction");
            Value image = named(batch, "image", "the dataset", "a dataset of images");
            if (reconstruction > 0) {
                Value l1 = Losses.l1(restored, image);
                metrics.put("l1", l1);
                loss.term(reconstruction, l1);
            }
            if (perceptual > 0) {
                Value distance = perceptual(restored, image, config);
                metrics.put("lpips", distance);
                loss.term(perceptual, distance);
            }
            if (adversarial > 0) {
                Discriminator d = new Discriminator(config.integer("discriminator_width", 64));
                Scope at = image.builder().scope().at("discriminator");
                Value fooled = d.generatorLoss(at, restored);
                Value caught = d.loss(at, image, restored);
                metrics.put("generator", fooled);
                metrics.put("discriminator", caught);
                loss.term(adversarial, fooled);
                loss.term(1, caught);
            }
        }
        if (contrastive > 0) {
            Value c = Losses.contrastive(named(outputs, "logits_per_image", "the model", "train_clip"));
            metrics.put("contrastive", c);
            loss.term(contrastive, c);
        }
        if (selfSupervision > 0) {
            named(outputs, SelfSupervision.TEACHER_CLS, "the model", "train_dinov2");
            long size = named(batch, "image", "the dataset", "a dataset of images")
                    .shape()
                    .dim(0);
            SelfSupervision.loss(outputs, size, config).forEach((name, term) -> {
                metrics.put(name, term);
                loss.term(selfSupervision * (name.equals("koleo") ? config.number("koleo", 0.1) : 1), term);
            });
        }
        metrics.putFirst(LOSS, loss.sum(training));
        return metrics;
    }

    private static final class Terms {
        private Value sum = Value.none();

        void term(double weight, Value term) {
            Value weighted = mul(term, weight);
            sum = sum.isPresent() ? add(sum, weighted) : weighted;
        }

        Value sum(boolean training) {
            if (!sum.isPresent()) {
                throw new IllegalArgumentException(
                        training
                                ? "all weights of the objective vtp are 0: nothing is learnt"
                                : "of the objective vtp nothing is left to evaluate:"
                                        + " give reconstruction, perceptual or contrastive a weight");
            }
            return sum;
        }
    }

    /** LPIPS takes colours in [-1, 1]; images here are normalised as ImageNet's. */
    private static Value perceptual(Value restored, Value image, Config config) {
        Shape perChannel = Shape.of(1, 3, 1, 1);
        float[] scale = new float[3];
        float[] shift = new float[3];
        for (int c = 0; c < 3; c++) {
            scale[c] = (float) (2 * Picture.DEVIATION[c]);
            shift[c] = (float) (2 * Picture.MEAN[c] - 1);
        }
        Value by = image.builder().constant(Constant.floats(perChannel, scale));
        Value plus = image.builder().constant(Constant.floats(perChannel, shift));
        Value distance = Lpips.distance(
                image.builder().scope().at(LPIPS),
                add(mul(restored, by), plus),
                add(mul(image, by), plus),
                config.integers("perceptual_channels", 64, 128, 256, 512, 512));
        return reduceMean(distance, false);
    }

    private static Value named(Map<String, Value> values, String name, String where, String hint) {
        Value v = values.get(name);
        if (v == null) {
            throw new IllegalArgumentException(
                    where + " gives no " + name + ": set " + hint + ", or the objective's weight to 0");
        }
        return v;
    }
}
