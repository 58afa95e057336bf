package org.armature.tokenizer;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.mul;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Component;

/**
 * Joint pre-training: {@code reconstruction} (0.1) times the L1 distance of decoded and given image, and {@code contrastive} (1)
 * times the symmetric InfoNCE of image and text. A weight of 0 leaves its part out. Of batches whose texts repeat, the
 * contrastive loss cannot fall to zero: an image may not tell equal texts apart.
 */
@Component(
        property = {
            "armature.id=vtp",
            "armature.kind=objective",
            "armature.paper=Towards Scalable Pre-training of Visual Tokenizers for Generation"
        })
public final class JointObjective implements Objective {
    @Override
    public String id() {
        return "vtp";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config config) {
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        Value loss = null;
        double reconstruction = config.number("reconstruction", 0.1);
        if (reconstruction > 0) {
            Value l1 = Losses.l1(
                    named(outputs, "reconstructed_image", "the model", "train_reconstruction"),
                    named(batch, "image", "the dataset", "a dataset of images"));
            m.put("l1", l1);
            loss = mul(l1, reconstruction);
        }
        double contrastive = config.number("contrastive", 1);
        if (contrastive > 0) {
            Value c = Losses.contrastive(named(outputs, "logits_per_image", "the model", "train_clip"));
            m.put("contrastive", c);
            loss = loss == null ? mul(c, contrastive) : add(loss, mul(c, contrastive));
        }
        if (loss == null) {
            throw new IllegalArgumentException(
                    "config keys objective.reconstruction and objective.contrastive are both 0: nothing is learnt");
        }
        m.putFirst(LOSS, loss);
        return m;
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
