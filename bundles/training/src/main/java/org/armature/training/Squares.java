package org.armature.training;

import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.sub;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.stream.LongStream;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Component;

/** Regression: mean of the squared difference of {@code y} and {@code target}. */
@Component(property = {"armature.id=mean-squares", "armature.kind=objective"})
public final class Squares implements Objective {
    @Override
    public String id() {
        return "mean-squares";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config config) {
        Value d = sub(
                named(outputs, config.text("output", "y"), "the model"),
                named(batch, config.text("target", "target"), "the dataset"));
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        m.put(LOSS, reduceMean(mul(d, d), false, LongStream.range(0, d.rank()).toArray()));
        return m;
    }

    static Value named(Map<String, Value> values, String name, String where) {
        Value v = values.get(name);
        if (v == null) {
            throw new IllegalArgumentException(
                    where + " gives no " + name + ", which the objective needs: it gives " + values.keySet());
        }
        return v;
    }
}
