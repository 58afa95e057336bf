package org.armature.training;

import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.model.Config;
import org.armature.nn.Initializer;
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Component;

/**
 * Normal with variance {@code gain^2 / fan_in} for matrices and kernels (He et al. 2015, eq. 10), ones for the scales and
 * variances of norms, zeros for the rest. Config: {@code gain} (sqrt 2, for ReLU).
 */
@Component(
        property = {
            "armature.id=he",
            "armature.kind=initializer",
            "armature.paper=Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet Classification"
        })
public final class HeInitializer implements Initializer {
    @Override
    public String id() {
        return "he";
    }

    @Override
    public void initialize(Map<String, Tensor> parameters, Config config, long seed) {
        double gain = config.number("gain", Math.sqrt(2));
        parameters.forEach((name, t) -> {
            if (!t.dtype().isFloating()) {
                return;
            }
            if (t.shape().rank() > 1) {
                double fanIn = Math.max(1, (double) t.size() / t.shape().dim(0));
                Draw.of(seed, name).normal(t, 0, gain / Math.sqrt(fanIn));
            } else {
                double value = name.endsWith("weight") || name.endsWith("running_var") ? 1 : 0;
                for (long i = 0; i < t.size(); i++) {
                    t.set(i, value);
                }
            }
        });
    }
}
