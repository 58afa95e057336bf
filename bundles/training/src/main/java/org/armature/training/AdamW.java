package org.armature.training;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.pow;
import static org.armature.graph.Ops.sqrt;
import static org.armature.graph.Ops.sub;

import java.util.List;
import java.util.Map;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Optimizer;
import org.osgi.service.component.annotations.Component;

/**
 * Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2). Config: {@code betas} (0.9, 0.999),
 * {@code epsilon} (1e-8), {@code weight_decay} (0.01, on matrices and kernels only).
 */
@Component(
        property = {
            "armature.id=adamw",
            "armature.kind=optimizer",
            "armature.paper=Decoupled Weight Decay Regularization"
        })
public final class AdamW implements Optimizer {
    @Override
    public String id() {
        return "adamw";
    }

    @Override
    public List<String> slots(Config config) {
        return List.of("m", "v");
    }

    @Override
    public Update update(
            Value parameter, Value gradient, Map<String, Value> slots, Value learningRate, Value step, Config config) {
        Moments a = Moments.of(gradient, slots, step, config, 1e-8);
        double decay = parameter.rank() > 1 ? config.number("weight_decay", 0.01) : 0;
        config.number("weight_decay", 0);
        Value kept = decay == 0 ? parameter : sub(parameter, mul(parameter, mul(learningRate, decay)));
        return new Update(sub(kept, mul(a.direction, learningRate)), a.slots());
    }

    /** Adam's moments without bias and the direction they give; LAMB takes the same. */
    record Moments(Value m, Value v, Value direction) {
        static Moments of(Value g, Map<String, Value> slots, Value step, Config config, double smallest) {
            double[] betas = config.numbers("betas", 0.9, 0.999);
            if (betas.length != 2) {
                throw new IllegalArgumentException("config key betas has " + betas.length + " numbers: give two");
            }
            double epsilon = config.number("epsilon", smallest);
            Value m = add(mul(slots.get("m"), betas[0]), mul(g, 1 - betas[0]));
            Value v = add(mul(slots.get("v"), betas[1]), mul(mul(g, g), 1 - betas[1]));
            Value unbiased = div(m, correction(step, betas[0]));
            Value spread = sqrt(div(v, correction(step, betas[1])));
            return new Moments(m, v, div(unbiased, add(spread, epsilon)));
        }

        private static Value correction(Value step, double beta) {
            return sub(1.0, pow(step.builder().scalar(step.dtype(), beta), step));
        }

        Map<String, Value> slots() {
            return Map.of("m", m, "v", v);
        }
    }
}
