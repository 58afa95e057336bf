package org.armature.learned;

import static org.armature.graph.Ops.abs;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.sub;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Component;

/**
 * Flow matching: the mean square distance of the velocity at a random time from noise minus actions, where
 * {@code target_is_pad} (if the dataset says so) counts an action that only repeats an episode's last as nothing. Evaluation
 * samples, and measures the L1 distance of {@code actions} and {@code target}.
 */
@Component(
        property = {
            "armature.id=flow",
            "armature.kind=objective",
            "armature.paper=pi0: A Vision-Language-Action Flow Model for General Robot Control"
        })
public final class FlowObjective implements Objective {
    static final String VELOCITY = "velocity";
    static final String TARGET = "velocity_target";

    @Override
    public String id() {
        return "flow";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config c) {
        Value pad = batch.get("target_is_pad");
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        Value velocity = outputs.get(VELOCITY);
        Value target = outputs.get(TARGET);
        if (velocity != null && target != null) {
            Value e = sub(velocity, target);
            m.put(LOSS, Chunk.mean(mul(e, e), pad));
        } else {
            Chunk.Pair pair = Chunk.Pair.of(id(), outputs, batch);
            Value l1 = Chunk.mean(abs(sub(pair.actions(), pair.target())), pad);
            m.put(LOSS, l1);
            m.put("l1", l1);
        }
        return m;
    }
}
