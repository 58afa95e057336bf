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
 * Absolute error of the motion (smooth below {@code smooth}, 0.02), as in ACT, plus {@code grounding} (0.1) times the cross
 * entropy of both attentions against the things that the demonstrator was asked for.
 */
@Component(
        property = {
            "armature.id=cloned-motion",
            "armature.kind=objective",
            "armature.paper=Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware"
        })
public final class ClonedMotion implements Objective {
    @Override
    public String id() {
        return "cloned-motion";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config c) {
        for (String name : new String[] {"motion", "object", "container"}) {
            if (!outputs.containsKey(name) || !batch.containsKey(name)) {
                throw new IllegalArgumentException(
                        "cloned-motion compares motion, object and container of the model and"
                                + " the dataset, but there are " + outputs.keySet() + " and " + batch.keySet());
            }
        }
        Value e = sub(outputs.get("motion"), batch.get("motion"));
        double smooth = c.number("smooth", 0.02);
        Value motion = reduceMean(sub(sqrt(add(mul(e, e), smooth * smooth)), smooth), false, 0, 1);
        Value grounding = add(surprise(outputs, batch, "object"), surprise(outputs, batch, "container"));
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        m.put(LOSS, add(motion, mul(grounding, c.number("grounding", 0.1))));
        m.put("motion", motion);
        m.put("grounding", grounding);
        return m;
    }

    private static Value surprise(Map<String, Value> outputs, Map<String, Value> batch, String name) {
        return neg(reduceMean(reduceSum(mul(logSoftmax(outputs.get(name), 1), batch.get(name)), false, 1), false, 0));
    }
}
