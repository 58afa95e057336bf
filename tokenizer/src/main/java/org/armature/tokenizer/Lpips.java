package org.armature.tokenizer;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.maxPool;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceL2;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.stopGradient;
import static org.armature.graph.Ops.sub;

import java.util.ArrayList;
import java.util.List;
import org.armature.graph.Ops.Window;
import org.armature.graph.Scope;
import org.armature.graph.Value;

/**
 * Learned perceptual distance (Zhang et al. 2018) on the five stages of VGG16. Images {@code [B, 3, H, W]} in [-1, 1]; the
 * distance is {@code [B, 1, 1, 1]}. The network's weights are fixed.
 */
final class Lpips {
    /** Convolutions of each stage, by their index in VGG16's feature list. */
    private static final int[][] STAGES = {{0, 2}, {5, 7}, {10, 12, 14}, {17, 19, 21}, {24, 26, 28}};

    private Lpips() {}

    static Value distance(Scope p, Value input, Value target, long[] channels) {
        if (channels.length != STAGES.length) {
            throw new IllegalArgumentException(
                    "config key channels has " + channels.length + " entries: VGG16 has " + STAGES.length + " stages");
        }
        List<Value> a = stages(p, input, channels);
        List<Value> b = stages(p, target, channels);
        List<Value> parts = new ArrayList<>();
        for (int i = 0; i < STAGES.length; i++) {
            Value d = sub(unit(a.get(i)), unit(b.get(i)));
            Value weight = fixed(p.at("lin" + i).at("model.1"), 1, channels[i]);
            parts.add(reduceMean(conv(mul(d, d), weight, Value.none(), Window.of(2)), true, 2, 3));
        }
        return parts.stream().reduce((x, y) -> add(x, y)).orElseThrow();
    }

    private static List<Value> stages(Scope p, Value image, long[] channels) {
        Scope s = p.at("scaling_layer");
        Value x = div(
                sub(image, stopGradient(s.parameter("shift", 1, 3, 1, 1))),
                stopGradient(s.parameter("scale", 1, 3, 1, 1)));
        List<Value> maps = new ArrayList<>();
        for (int i = 0; i < STAGES.length; i++) {
            if (i > 0) {
                x = maxPool(x, new long[] {2, 2}, Window.of(2).stride(2));
            }
            for (int layer : STAGES[i]) {
                Scope c = p.at("net").at("slice" + (i + 1), layer);
                Value weight = stopGradient(
                        c.parameter("weight", channels[i], x.shape().dim(1), 3, 3));
                x = relu(conv(
                        x,
                        weight,
                        stopGradient(c.parameter("bias", channels[i])),
                        Window.of(2).pad(1)));
            }
            maps.add(x);
        }
        return maps;
    }

    private static Value fixed(Scope p, long outputs, long inputs) {
        return stopGradient(p.parameter("weight", outputs, inputs, 1, 1));
    }

    private static Value unit(Value x) {
        return div(x, add(reduceL2(x, true, 1), 1e-10));
    }
}
