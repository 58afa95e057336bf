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
 * How far {@link EyesModel}'s two places are from where the demonstrator closed and opened the fingers (absolute error, smooth
 * below 5 mm, in units of 10 cm, and a tenth of that of the heading), and {@code grounding} (0.1) times the surprise that
 * attention lies near there: within 4.5 cm of the one, 9 cm of the other, horizontally.
 */
@Component(
        property = {
            "armature.id=pointing",
            "armature.kind=objective",
            "armature.paper=Deep Hough Voting for 3D Object Detection in Point Clouds"
        })
public final class Pointing implements Objective {
    private static final double[] NEAR = {0.045, 0.09};

    @Override
    public String id() {
        return "pointing";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config c) {
        for (String name : new String[] {"grasp", "place"}) {
            if (!outputs.containsKey(name) || !batch.containsKey(name + "_target")) {
                throw new IllegalArgumentException(
                        "pointing compares grasp and place of the model with grasp_target and"
                                + " place_target of the dataset, but there are " + outputs.keySet() + " and "
                                + batch.keySet());
            }
        }
        double grounding = c.number("grounding", 0.1);
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        Value heading = null;
        Value[] metres = new Value[2];
        Value[] surprise = new Value[2];
        for (int role = 0; role < 2; role++) {
            String name = role == 0 ? "grasp" : "place";
            Value target = batch.get(name + "_target");
            // [N, K, .]: each of K instructions
            Value known = slice(target, 2, 5, 6);
            Value count = add(reduceSum(known, false, 0, 1, 2), 1e-3);
            Value there = slice(target, 2, 0, 3);
            Value e = mul(sub(slice(outputs.get(name), 2, 0, 3), there), known);
            Value distance = sqrt(add(reduceSum(mul(e, e), false, 2), 2.5e-5));
            metres[role] = div(reduceSum(sub(distance, 0.005), false, 0, 1), count);
            if (role == 0) {
                Value t = mul(sub(slice(outputs.get(name), 2, 3, 5), slice(target, 2, 3, 5)), known);
                heading = div(reduceSum(sqrt(add(mul(t, t), 1e-4)), false, 0, 1, 2), count);
            }
            Value d = sub(unsqueeze(slice(batch.get("places"), 2, 0, 2), 1), unsqueeze(slice(there, 2, 0, 2), 2));
            Value near = where(
                    less(reduceSum(mul(d, d), false, 3), like(d, NEAR[role] * NEAR[role])), like(d, 1), like(d, 0));
            Value p = mul(softmax(outputs.get(name + "_scores"), 2), mul(near, unsqueeze(batch.get("seen"), 1)));
            Value inside = add(reduceSum(p, true, 2), 1e-4);
            surprise[role] = div(reduceSum(mul(neg(log(inside)), known), false, 0, 1, 2), count);
        }
        m.put(
                LOSS,
                add(
                        add(mul(add(metres[0], metres[1]), 10), mul(heading, 0.1)),
                        mul(add(surprise[0], surprise[1]), grounding)));
        m.put("grasp_m", metres[0]);
        m.put("place_m", metres[1]);
        m.put("heading", heading);
        m.put("grasp_surprise", surprise[0]);
        m.put("place_surprise", surprise[1]);
        return m;
    }
}
