package org.armature.training;

import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.model.Config;
import org.armature.nn.Initializer;
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Component;

/**
 * What PyTorch's linear and convolutional layers begin with: matrices, kernels and the biases beside them uniform within
 * {@code 1 / sqrt(fan_in)}; ones for the scales and variances of norms, zeros for the rest.
 */
@Component(property = {"armature.id=torch", "armature.kind=initializer"})
public final class TorchInitializer implements Initializer {
    @Override
    public String id() {
        return "torch";
    }

    @Override
    public void initialize(Map<String, Tensor> parameters, Config config, long seed) {
        parameters.forEach((name, t) -> {
            if (!t.dtype().isFloating()) {
                return;
            }
            Tensor weight = parameters.getOrDefault(name.replaceFirst("bias$", "weight"), t);
            if (weight.shape().rank() > 1) {
                double fanIn =
                        Math.max(1, (double) weight.size() / weight.shape().dim(0));
                double bound = 1 / Math.sqrt(fanIn);
                Draw.of(seed, name).uniform(t, -bound, bound);
            } else {
                double value = name.endsWith("weight") || name.endsWith("running_var") ? 1 : 0;
                for (long i = 0; i < t.size(); i++) {
                    t.set(i, value);
                }
            }
        });
    }
}
