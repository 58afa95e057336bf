package org.armature.tabletop;

import static org.armature.graph.Ops.*;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Component;

/**
 * Cross entropy of the stage, plus the absolute error (smooth below {@code smooth}, 0.02) of the goal of the stage that the
 * demonstrator was in; no other stage's goal is judged.
 */
@Component(
        property = {
            "armature.id=key-poses",
            "armature.kind=objective",
            "armature.paper=Perceiver-Actor: A Multi-Task Transformer for Robotic Manipulation (key poses)"
        })
public final class KeyPoses implements Objective {
    @Override
    public String id() {
        return "key-poses";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config c) {
        for (String name : new String[] {"stage", "goal"}) {
            if (!outputs.containsKey(name) || !batch.containsKey(name)) {
                throw new IllegalArgumentException(
                        "key-poses compares stage and goal of the model and the dataset, but there are "
                                + outputs.keySet() + " and " + batch.keySet());
            }
        }
        Value truth = batch.get("stage");
        Value surprise =
                neg(reduceMean(reduceSum(mul(logSoftmax(outputs.get("stage"), 1), truth), false, 1), false, 0));
        Value said = reduceSum(mul(outputs.get("goal"), unsqueeze(truth, 2)), false, 1);
        Value e = sub(said, batch.get("goal"));
        double smooth = c.number("smooth", 0.02);
        Value goal = reduceMean(sub(sqrt(add(mul(e, e), smooth * smooth)), smooth), false, 0, 1);
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        m.put(LOSS, add(surprise, goal));
        m.put("surprise", surprise);
        m.put("goal", goal);
        return m;
    }
}
