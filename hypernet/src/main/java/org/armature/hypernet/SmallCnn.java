package org.armature.hypernet;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.batchNormalization;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.maxPool;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.relu;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops.Window;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;

/** A small convolutional network with one of everything GHN-3 tells apart: a pool, a depth-wise convolution, a shortcut. */
record SmallCnn(int channels, int classes, int image) implements Model {
    static SmallCnn of(Config c) {
        return new SmallCnn(c.integer("channels"), c.integer("num_classes", 10), c.integer("image_size", 32));
    }

    @Override
    public SequencedMap<String, TensorType> inputs() {
        SequencedMap<String, TensorType> m = new LinkedHashMap<>();
        m.put("x", new TensorType(DType.FLOAT, Shape.named("batch", 3, image, image)));
        return m;
    }

    @Override
    public SequencedMap<String, Value> build(Scope p, Map<String, Value> inputs) {
        int c = channels;
        Value stem = relu(conv(
                inputs.get("x"),
                p.at("stem").parameter("weight", c, 3, 5, 5),
                Value.none(),
                Window.of(2).pad(2)));
        Value x = maxPool(stem, new long[] {3, 3}, Window.of(2).stride(2).pad(1));
        Scope b = p.at("b1");
        Value y = conv(
                x,
                b.at("conv").parameter("weight", c, c, 3, 3),
                Value.none(),
                Window.of(2).pad(1));
        y = relu(standardised(b.at("bn"), y));
        Scope dw = b.at("dw");
        y = conv(
                y,
                dw.parameter("weight", c, 1, 3, 3),
                dw.parameter("bias", c),
                Window.of(2).pad(1).group(c));
        x = relu(add(y, x));
        Scope wide = p.at("wide");
        x = relu(conv(x, wide.parameter("weight", 3L * c, c, 1, 1), wide.parameter("bias", 3L * c), Window.of(2)));
        Scope fc = p.at("fc");
        SequencedMap<String, Value> out = new LinkedHashMap<>();
        Value mean = reduceMean(x, false, 2, 3);
        out.put("y", linear(mean, fc.parameter("weight", classes, 3L * c), fc.parameter("bias", classes)));
        return out;
    }

    private Value standardised(Scope p, Value x) {
        Graph.Builder b = x.builder();
        Value zero = b.constant(Constant.full(DType.FLOAT, Shape.of(channels), 0));
        Value one = b.constant(Constant.full(DType.FLOAT, Shape.of(channels), 1));
        return batchNormalization(x, p.parameter("weight", channels), p.parameter("bias", channels), zero, one, 1e-5);
    }
}
