package org.armature.terminator;

import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.model.Config;
import org.armature.nn.Initializer;
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Component;

/**
 * Terminator's initialisation. The first layers of slow nets get frequencies {@code 2 pi omega_0 gamma}, gamma from a Gamma
 * distribution of shape {@code alpha / (i + 1)}; the last layer of a slow net is scaled by {@code 1 / sqrt(points)} here and
 * only here (the official code does it in the first forward and, because it does not save that it has, again after loading).
 * Config: {@code omega_0} (2000, the official value; smaller ones give smoother kernels), {@code alpha} (6).
 */
@Component(
        service = Initializer.class,
        property = {"armature.id=terminator", "armature.kind=initializer"})
public final class TerminatorInitializer implements Initializer {
    @Override
    public String id() {
        return "terminator";
    }

    @Override
    public void initialize(Map<String, Tensor> parameters, Config config, long seed) {
        double omega = config.number("omega_0", 2000);
        double alpha = config.number("alpha", 6);
        if (!(omega > 0) || !(alpha > 0)) {
            throw new IllegalArgumentException(
                    "config keys omega_0 and alpha are " + omega + " and " + alpha + ": give numbers above 0");
        }
        parameters.forEach((name, t) -> {
            if (t.dtype().isFloating()) {
                fill(parameters, name, t, omega, alpha, Draw.of(seed, name));
            }
        });
    }

    private static void fill(Map<String, Tensor> all, String name, Tensor t, double omega, double alpha, Draw draw) {
        boolean weight = name.endsWith(".weight");
        Tensor of = weight ? t : all.getOrDefault(name.replaceFirst("bias$", "weight"), t);
        double in = Math.max(1, (double) of.size() / of.shape().dim(0));
        if (name.contains(".filters.")) {
            if (!weight) {
                constant(t, 0);
                return;
            }
            int i = Integer.parseInt(name.replaceFirst(".*\\.filters\\.(\\d+)\\..*", "$1"));
            for (long k = 0; k < t.size(); k++) {
                double base = (2 * draw.uniform() - 1) / Math.sqrt(in);
                t.set(k, base * 2 * Math.PI * omega * gamma(draw, alpha / (i + 1)));
            }
        } else if (name.contains(".Kernel.linears.") || name.contains(".fast_linears_x.")) {
            if (weight) {
                draw.uniform(t, -Math.sqrt(3 / in), Math.sqrt(3 / in));
            } else {
                constant(t, 1);
            }
        } else if (name.contains(".output_linear.")) {
            double bound = Math.sqrt(3 / in) / (weight ? Math.sqrt(points(all, name)) : 1);
            if (weight) {
                draw.uniform(t, -bound, bound);
            } else {
                constant(t, 0);
            }
        } else if (name.contains("bottleneck_layer") || name.startsWith("out_layer")) {
            if (weight) {
                draw.normal(t, 0, Math.sqrt(2 / in));
            } else {
                constant(t, 0);
            }
        } else if (name.endsWith("running_var")) {
            constant(t, 1);
        } else if (name.contains("running_") || t.size() == 1 || name.contains("bias_p")) {
            constant(t, 0);
        } else {
            draw.uniform(t, -1 / Math.sqrt(in), 1 / Math.sqrt(in));
        }
    }

    /** How many coordinates the slow net of an output layer is asked at: its place map has one entry each. */
    private static double points(Map<String, Tensor> all, String name) {
        String net = name.substring(0, name.indexOf("output_linear"));
        Tensor place = all.getOrDefault(net + "bias_p", all.get(net + "bias_pk"));
        return place == null ? 1 : place.size();
    }

    private static void constant(Tensor t, double v) {
        for (long i = 0; i < t.size(); i++) {
            t.set(i, v);
        }
    }

    /** A Gamma number of rate 1 (Marsaglia and Tsang 2000). */
    static double gamma(Draw draw, double shape) {
        if (shape < 1) {
            return gamma(draw, shape + 1) * StrictMath.pow(1 - draw.uniform(), 1 / shape);
        }
        double d = shape - 1 / 3.0;
        double c = 1 / Math.sqrt(9 * d);
        while (true) {
            double x = draw.normal();
            double v = Math.pow(1 + c * x, 3);
            if (v > 0 && StrictMath.log(1 - draw.uniform()) < 0.5 * x * x + d - d * v + d * StrictMath.log(v)) {
                return d * v;
            }
        }
    }
}
