package org.armature.training;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.sub;

import java.util.List;
import java.util.Map;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Optimizer;
import org.osgi.service.component.annotations.Component;

/**
 * Stochastic gradient descent as PyTorch computes it: {@code g += decay * w; m = momentum * m + g; w -= rate * m}. Config:
 * {@code momentum} (0), {@code nesterov} (false), {@code weight_decay} (0).
 */
@Component(property = {"armature.id=sgd", "armature.kind=optimizer"})
public final class Sgd implements Optimizer {
    @Override
    public String id() {
        return "sgd";
    }

    @Override
    public List<String> slots(Config config) {
        return config.number("momentum", 0) == 0 ? List.of() : List.of("momentum");
    }

    @Override
    public Update update(
            Value parameter, Value gradient, Map<String, Value> slots, Value learningRate, Value step, Config config) {
        double momentum = config.number("momentum", 0);
        double decay = config.number("weight_decay", 0);
        boolean nesterov = config.flag("nesterov", false);
        Value g = decay == 0 ? gradient : add(gradient, mul(parameter, decay));
        Value old = slots.get("momentum");
        if (old == null) {
            return new Update(sub(parameter, mul(g, learningRate)), Map.of());
        }
        // PyTorch starts with m = g; from zeros that is the same formula.
        Value m = add(mul(old, momentum), g);
        Value direction = nesterov ? add(g, mul(m, momentum)) : m;
        return new Update(sub(parameter, mul(direction, learningRate)), Map.of("momentum", m));
    }
}
