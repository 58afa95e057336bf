package org.armature.geoadapter;

import java.util.Map;
import org.armature.compute.Tensor;
import org.armature.graph.Shape;
import org.armature.model.Config;
import org.armature.nn.Initializer;
import org.armature.train.Draw;
import org.osgi.service.component.annotations.Component;

/**
 * Weights to train from scratch: matrices and kernels uniform within {@code 1 / sqrt(fan_in)}, biases zero, scales of norms
 * one, special tokens normal with deviation 1e-6, tables of positions 0.02. The camera adapters and the depth placeholder are
 * zero, so that at first neither modality is heard; the depth convolution is not. Config: {@code layer_scale} (0.01), what
 * the branches of the aggregator and the camera head begin with; those of the patch embedding begin with 1.
 */
@Component(
        property = {
            "armature.id=omnivggt",
            "armature.kind=initializer",
            "armature.paper=OmniVGGT: Omni-Modality Driven Visual Geometry Grounded Transformer"
        })
public final class GeometryInitializer implements Initializer {
    @Override
    public String id() {
        return "omnivggt";
    }

    @Override
    public void initialize(Map<String, Tensor> parameters, Config config, long seed) {
        double layerScale = config.number("layer_scale", 0.01);
        parameters.forEach((name, t) -> initialize(name, t, layerScale, Draw.of(seed, name)));
    }

    private static void initialize(String name, Tensor t, double layerScale, Draw draw) {
        if (name.contains("camera_adapters.") || name.endsWith("depth_placeholder") || name.endsWith("pose_tokens")) {
            fill(t, 0);
        } else if (name.endsWith("camera_token") || name.endsWith("aggregator.register_token")) {
            draw.normal(t, 0, 1e-6);
        } else if (name.endsWith("_token") || name.endsWith("_tokens") || name.endsWith("pos_embed")) {
            draw.normal(t, 0, 0.02);
        } else if (name.endsWith("gamma")) {
            fill(t, name.contains("patch_embed") ? 1 : layerScale);
        } else if (t.shape().rank() == 1) {
            fill(t, name.endsWith("weight") ? 1 : 0);
        } else {
            Shape s = t.shape();
            double bound = Math.sqrt((double) s.dim(0) / s.size());
            draw.uniform(t, -bound, bound);
        }
    }

    private static void fill(Tensor t, double value) {
        for (long i = 0; i < t.size(); i++) {
            t.set(i, value);
        }
    }
}
