package org.armature.tokenizer;

import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.model.Config;
import org.armature.nn.Initializer;
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Component;

/**
 * Weights of a VTP model to be trained from scratch: matrices normal with variance {@code 1 / fan_in}, tokens and embeddings
 * 0.02, scales of norms and gains of weight-normalised layers one, biases zero, {@code logit_scale} ln(1 / 0.07), rotary periods {@code 100^(2 j / (d/2))}.
 */
@Component(
        property = {
            "armature.id=vtp",
            "armature.kind=initializer",
            "armature.paper=Towards Scalable Pre-training of Visual Tokenizers for Generation"
        })
public final class VtpInitializer implements Initializer {
    private static final double EMBEDDING = 0.02;
    private static final double PERIOD_BASE = 100;

    @Override
    public String id() {
        return "vtp";
    }

    @Override
    public void initialize(Map<String, Tensor> parameters, Config config, long seed) {
        // A teacher begins as its student.
        parameters.forEach((name, t) -> initialize(
                name,
                t,
                Draw.of(
                        seed,
                        name.startsWith(SelfSupervision.PREFIX)
                                ? name.substring(SelfSupervision.PREFIX.length())
                                : name)));
    }

    private static void initialize(String name, Tensor t, Draw draw) {
        long n = t.size();
        if (name.endsWith("rope_embed.periods")) {
            for (long j = 0; j < n; j++) {
                t.set(j, StrictMath.pow(PERIOD_BASE, (double) j / n));
            }
        } else if (name.endsWith("logit_scale")) {
            fill(t, StrictMath.log(1 / 0.07));
        } else if (name.endsWith("last_layer.weight_g")) {
            fill(t, 1);
        } else if (name.endsWith("_token") || name.contains("embedding")) {
            draw.normal(t, 0, EMBEDDING);
        } else if (t.shape().rank() > 1) {
            draw.normal(t, 0, Math.sqrt((double) t.shape().dim(0) / n));
        } else {
            fill(t, name.endsWith("weight") ? 1 : 0);
        }
    }

    private static void fill(Tensor t, double value) {
        for (long i = 0; i < t.size(); i++) {
            t.set(i, value);
        }
    }
}
