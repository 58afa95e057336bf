package org.armature.terminator;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.argMax;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.equal;
import static org.armature.graph.Ops.logSoftmax;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.neg;
import static org.armature.graph.Ops.oneHot;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSum;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Objective;
import org.osgi.service.component.annotations.Component;

/**
 * What a Terminator is trained on: cross entropy, the slow neural loss and the regulariser. A model that gives neither of the
 * last two, as every model when it is evaluated, is judged by cross entropy alone. Config: {@code label_smoothing} (0.1),
 * {@code slow_weight} (1), {@code l2_reg} (5e-5).
 */
@Component(property = {"armature.id=terminator", "armature.kind=objective"})
public final class SlowFastObjective implements Objective {
    @Override
    public String id() {
        return "terminator";
    }

    @Override
    public SequencedMap<String, Value> build(Map<String, Value> outputs, Map<String, Value> batch, Config config) {
        double smoothing = config.number("label_smoothing", 0.1);
        double slowWeight = config.number("slow_weight", 1);
        double l2 = config.number("l2_reg", 5e-5);
        Value y = given(outputs, "y", "the model");
        Value label = given(batch, "label", "the dataset");
        SequencedMap<String, Value> m = new LinkedHashMap<>();
        Value loss = crossEntropy(y, label, smoothing);
        m.put(LOSS, loss);
        Value slow = outputs.get(Terminator.SLOW_LOSS);
        Value norms = outputs.get(Terminator.REGULARIZER);
        if (slow != null && norms != null) {
            m.put("cross-entropy", loss);
            m.put("slow-loss", slow);
            m.put(LOSS, add(add(loss, mul(slow, slowWeight)), mul(norms, l2)));
        }
        m.put("accuracy", reduceMean(cast(equal(argMax(y, -1, false), label), DType.FLOAT), false, 0));
        return m;
    }

    private static Value given(Map<String, Value> values, String name, String by) {
        Value v = values.get(name);
        if (v == null) {
            throw new IllegalArgumentException(
                    by + " gives no " + name + ", which the objective terminator needs: it gives " + values.keySet());
        }
        return v;
    }

    /** Mean over the batch of the cross entropy with smoothed labels. */
    static Value crossEntropy(Value logits, Value label, double smoothing) {
        long classes = logits.shape().dim(-1);
        Value target = add(mul(oneHot(label, classes, DType.FLOAT, -1), 1 - smoothing), smoothing / classes);
        return neg(reduceMean(reduceSum(mul(target, logSoftmax(logits, -1)), false, -1), false, 0));
    }
}
