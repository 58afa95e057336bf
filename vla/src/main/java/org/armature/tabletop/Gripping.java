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
 * What {@link GripModel} says against the demonstrator's own: cross entropy of whether the place is where it would take hold; where
 * it is, the distance from there in units of 3 cm, smooth below 1 mm, and half the squared error of the heading.
 */
@Component(
        property = {
            "armature.id=gripping",
            "armature.kind=objective",
            "armature.paper=PointNet: Deep Learning on Point Sets for 3D Classification and Segmentation"
        })
public final class Gripping implements Objective {
    private static final double SMOOTH = 1e-3 / GripModel.LENGTH;

    @Override
    public String id() {
        return "gripping";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config c) {
        if (!outputs.containsKey("fits") || !batch.containsKey("grip_target")) {
            throw new IllegalArgumentException("gripping compares fits and grip of the model with grip_target of the"
                    + " dataset, but there are " + outputs.keySet() + " and " + batch.keySet());
        }
        Value target = batch.get("grip_target");
        Value right = slice(target, 1, 5, 6);
        Value fits = outputs.get("fits");
        Value surprise = reduceMean(sub(softplus(fits), mul(fits, right)), false, 0, 1);
        Value mistaken = reduceMean(abs(sub(right, cast(greater(fits, like(fits, 0)), fits.dtype()))), false, 0, 1);
        Value count = add(reduceSum(right, false, 0, 1), 1e-3);
        Value e = sub(outputs.get("grip"), slice(target, 1, 0, 5));
        Value place = slice(e, 1, 0, 3);
        Value distance = sub(sqrt(add(reduceSum(mul(place, place), true, 1), SMOOTH * SMOOTH)), SMOOTH);
        Value off = div(reduceSum(mul(distance, right), false, 0, 1), count);
        Value turn = slice(e, 1, 3, 5);
        Value heading = div(reduceSum(mul(reduceSum(mul(turn, turn), true, 1), right), false, 0, 1), count);
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        m.put(LOSS, add(add(surprise, off), mul(heading, 0.5)));
        m.put("surprise", surprise);
        m.put("mistaken", mistaken);
        m.put("grip_m", mul(off, GripModel.LENGTH));
        m.put("heading", heading);
        return m;
    }
}
