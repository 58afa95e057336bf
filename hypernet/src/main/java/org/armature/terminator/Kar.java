package org.armature.terminator;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.sign;
import static org.armature.graph.Ops.sub;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.train.Optimizer;
import org.osgi.service.component.annotations.Component;

/**
 * The sign of the gradient and of its running averages, all of one size:
 * {@code p - rate (sign g + sum_k sign m_k)}, where the averages have not seen this gradient yet;
 * then {@code m_k = b_k m_k + (1 - b_k) g}. No weight decay. Config: {@code betas}.
 */
abstract class Kar implements Optimizer {
    private final String id;
    private final double[] betas;

    Kar(String id, double... betas) {
        this.id = id;
        this.betas = betas;
    }

    /** With one average, beta 0.95. */
    @Component(
            service = Optimizer.class,
            property = {"armature.id=kar2", "armature.kind=optimizer"})
    public static final class Kar2 extends Kar {
        public Kar2() {
            super("kar2", 0.95);
        }
    }

    /** With two averages, betas 0.5 and 0.95. */
    @Component(
            service = Optimizer.class,
            property = {"armature.id=kar3", "armature.kind=optimizer"})
    public static final class Kar3 extends Kar {
        public Kar3() {
            super("kar3", 0.5, 0.95);
        }
    }

    static Kar of(String id) {
        return switch (id) {
            case "kar2" -> new Kar2();
            case "kar3" -> new Kar3();
            default ->
                throw new IllegalArgumentException("config key optimizer is \"" + id + "\": there are kar2 and kar3");
        };
    }

    @Override
    public String id() {
        return id;
    }

    private double[] betas(Config config) {
        double[] b = config.numbers("betas", betas);
        if (b.length != betas.length) {
            throw new IllegalArgumentException(
                    "config key betas has " + b.length + " numbers: " + id + " keeps " + betas.length + " averages");
        }
        return b;
    }

    @Override
    public List<String> slots(Config config) {
        List<String> names = new ArrayList<>();
        for (int k = 1; k <= betas(config).length; k++) {
            names.add("m" + k);
        }
        return names;
    }

    @Override
    public Update update(
            Value parameter, Value gradient, Map<String, Value> slots, Value learningRate, Value step, Config config) {
        double[] b = betas(config);
        Value direction = sign(gradient);
        Map<String, Value> next = new LinkedHashMap<>();
        for (int k = 1; k <= b.length; k++) {
            Value m = slots.get("m" + k);
            direction = add(direction, sign(m));
            next.put("m" + k, add(mul(m, b[k - 1]), mul(gradient, 1 - b[k - 1])));
        }
        return new Update(sub(parameter, mul(direction, learningRate)), next);
    }
}
