package org.armature.learned;

import static org.armature.graph.Ops.abs;
import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.exp;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSum;
import static org.armature.graph.Ops.sub;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Component;

/**
 * ACT's: the L1 distance of {@code actions} and {@code target}, where {@code target_is_pad} (if the dataset says so) counts an
 * action that only repeats an episode's last as nothing, and {@code kl_weight} (10) times the divergence of the style's posterior
 * from a standard normal, summed over the latent. Evaluation has the prior's style and measures L1 alone.
 */
@Component(
        property = {
            "armature.id=act",
            "armature.kind=objective",
            "armature.paper=Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware"
        })
public final class ActObjective implements Objective {
    static final String MEAN = "style_mean";
    static final String LOG_VARIANCE = "style_log_variance";

    @Override
    public String id() {
        return "act";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config c) {
        Chunk.Pair pair = Chunk.Pair.of(id(), outputs, batch);
        Value l1 = Chunk.mean(abs(sub(pair.actions(), pair.target())), batch.get("target_is_pad"));
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        Value mean = outputs.get(MEAN);
        Value logVariance = outputs.get(LOG_VARIANCE);
        double weight = c.number("kl_weight", 10);
        if (mean == null || logVariance == null) {
            m.put(LOSS, l1);
        } else {
            Value each = sub(sub(add(mul(mean, mean), exp(logVariance)), logVariance), 1);
            Value divergence = mul(reduceMean(reduceSum(each, false, 1), false), 0.5);
            m.put(LOSS, add(l1, mul(divergence, weight)));
            m.put("kl", divergence);
        }
        m.put("l1", l1);
        return m;
    }
}
