package org.armature.training;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.and;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.greater;
import static org.armature.graph.Ops.like;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceL2;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.where;

import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Optimizer;
import org.osgi.service.component.annotations.Component;

/**
 * LAMB (You et al. 2020, algorithm 2): Adam's direction with weight decay, scaled for each tensor by the norm of the
 * parameter over the norm of the direction (1 if either is 0). Config: {@code betas} (0.9, 0.999), {@code epsilon} (1e-6),
 * {@code weight_decay} (0.01, on matrices and kernels only).
 */
@Component(
        property = {
            "armature.id=lamb",
            "armature.kind=optimizer",
            "armature.paper=Large Batch Optimization for Deep Learning: Training BERT in 76 minutes"
        })
public final class Lamb implements Optimizer {
    @Override
    public String id() {
        return "lamb";
    }

    @Override
    public List<String> slots(Config config) {
        return List.of("m", "v");
    }

    @Override
    public Update update(
            Value parameter, Value gradient, Map<String, Value> slots, Value learningRate, Value step, Config config) {
        AdamW.Moments a = AdamW.Moments.of(gradient, slots, step, config, 1e-6);
        double decay = parameter.rank() > 1 ? config.number("weight_decay", 0.01) : 0;
        config.number("weight_decay", 0);
        Value direction = decay == 0 ? a.direction() : add(a.direction(), mul(parameter, decay));
        Value size = norm(parameter);
        Value length = norm(direction);
        Value both = and(greater(size, like(size, 0)), greater(length, like(length, 0)));
        // The divisor is made safe before it is used: where() would let an infinity through its derivative.
        Value trust = where(both, div(size, where(both, length, like(length, 1))), like(size, 1));
        return new Update(sub(parameter, mul(direction, mul(trust, learningRate))), a.slots());
    }

    private static Value norm(Value x) {
        return reduceL2(x, false, LongStream.range(0, x.rank()).toArray());
    }
}
