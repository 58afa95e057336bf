package org.armature.learned;

import static org.armature.graph.Ops.abs;
import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.log;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.neg;
import static org.armature.graph.Ops.reduceMax;
import static org.armature.graph.Ops.reduceSum;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.unsqueeze;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Component;

/**
 * Flow matching: the mean square distance of the velocity at a random time from noise minus actions, where
 * {@code target_is_pad} (if the dataset says so) counts an action that only repeats an episode's last as nothing. If the dataset
 * has {@code near.NAME [B, R, n]}, 1 at places of image NAME or of the points where the first R keypoints should be, else 0,
 * config {@code grounding} (0.1) times their surprise is added: the negative logarithm of what they have there. Evaluation
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
    static final String ATTENDED = "attended.";
    private static final String NEAR = "near.";

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
            Value loss = Chunk.mean(mul(e, e), pad == null ? null : drawn(draws(e, pad), pad));
            double grounding = c.number("grounding", 0.1);
            for (Map.Entry<String, Value> o : outputs.entrySet()) {
                Value near = o.getKey().startsWith(ATTENDED)
                        ? batch.get(NEAR + o.getKey().substring(ATTENDED.length()))
                        : null;
                if (near != null) {
                    Value surprise = surprise(o.getValue(), near);
                    m.put("surprise." + o.getKey().substring(ATTENDED.length()), surprise);
                    loss = add(loss, mul(surprise, grounding));
                }
            }
            m.putFirst(LOSS, loss);
        } else {
            Chunk.Pair pair = Chunk.Pair.of(id(), outputs, batch);
            Value l1 = Chunk.mean(abs(sub(pair.actions(), pair.target())), pad);
            m.put(LOSS, l1);
            m.put("l1", l1);
        }
        return m;
    }

    /** Of {@code shares [B, K, n]} where {@code near [B, R, n]} is 1 somewhere; elsewhere nothing can be known. */
    private static Value surprise(Value shares, Value near) {
        Value there = reduceSum(mul(slice(shares, 1, 0, near.shape().dim(1)), near), false, 2);
        Value counts = reduceMax(near, false, 2);
        Value all = reduceSum(mul(neg(log(add(there, 1e-4))), counts), false, 0, 1);
        return div(all, add(reduceSum(counts, false, 0, 1), 1e-3));
    }

    private static int draws(Value error, Value pad) {
        return Math.toIntExact(error.shape().dim(0) / pad.shape().dim(0));
    }

    /** {@code x [B, N]} as {@code [B * D, N]}, each row D times. */
    static Value drawn(int draws, Value x) {
        return draws == 1
                ? x
                : reshape(
                        concat(1, Collections.nCopies(draws, unsqueeze(x, 1))),
                        -1,
                        x.shape().dim(1));
    }
}
