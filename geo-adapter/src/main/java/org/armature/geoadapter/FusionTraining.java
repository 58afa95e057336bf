package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.train.TrainableModel;

/**
 * A network as it is trained, on a data set of views ({@code image [S, 3, H, W]}, {@code depth [S, H, W]} metres, 0 unknown,
 * {@code intrinsics [S, 3, 3]}, {@code pose [S, 4, 4]} camera to world). While it trains, each scene keeps what {@link Fusion}
 * draws; when it is evaluated, twice: with everything, and, under {@link #RGB}, with images only.
 */
record FusionTraining(Network network, Fusion fusion) implements TrainableModel {
    /** Prefix of the outputs that were computed from images alone. */
    static final String RGB = "rgb.";

    @Override
    public SequencedMap<String, TensorType> inputs() {
        Shape s = network.images();
        SequencedMap<String, TensorType> in = new LinkedHashMap<>();
        in.put("image", new TensorType(DType.FLOAT, s));
        in.put("depth", new TensorType(DType.FLOAT, Shape.of(s.dim(0), s.dim(1), s.dim(3), s.dim(4))));
        in.put("intrinsics", new TensorType(DType.FLOAT, Shape.of(s.dim(0), s.dim(1), 3, 3)));
        in.put("pose", new TensorType(DType.FLOAT, Shape.of(s.dim(0), s.dim(1), 4, 4)));
        return in;
    }

    @Override
    public SequencedMap<String, Value> buildForTraining(Scope scope, Map<String, Value> inputs) {
        if (!fusion.fuses()) {
            return alone(scope, inputs);
        }
        Shape s = inputs.get("image").shape();
        return with(scope, inputs, fusion.draw(scope.builder(), (int) s.dim(0), (int) s.dim(1)));
    }

    @Override
    public SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs) {
        SequencedMap<String, Value> rgb = alone(scope, inputs);
        SequencedMap<String, Value> out = new LinkedHashMap<>();
        if (fusion.fuses()) {
            Shape one = Shape.of(1, inputs.get("image").shape().dim(1));
            Value all = scope.builder().constant(Constant.full(DType.FLOAT, one, 1));
            out.putAll(with(scope, inputs, new Fusion.Draw(all, all)));
        } else {
            out.putAll(rgb);
        }
        rgb.forEach((k, v) -> out.put(RGB + k, v));
        return out;
    }

    private SequencedMap<String, Value> alone(Scope scope, Map<String, Value> inputs) {
        return network.build(scope, new Views(inputs.get("image"), Map.of(), Modalities.RGB));
    }

    private SequencedMap<String, Value> with(Scope scope, Map<String, Value> inputs, Fusion.Draw draw) {
        Map<String, Value> known = new LinkedHashMap<>();
        known.put("extrinsics", extrinsics(inputs.get("pose")));
        known.put("intrinsics", inputs.get("intrinsics"));
        known.put("depth", unsqueeze(inputs.get("depth"), -1));
        known.put("mask", valid(inputs.get("depth")));
        known.put(Views.CAMERAS, draw.cameras());
        known.put(Views.DEPTHS, draw.depths());
        int[] all = Fusion.all((int) inputs.get("image").shape().dim(1));
        return network.build(scope, new Views(inputs.get("image"), known, new Modalities(all, all)));
    }

    /** World to camera {@code [..., 3, 4]} of camera to world {@code [..., 4, 4]}. */
    static Value extrinsics(Value pose) {
        return Cameras.inverse(slice(pose, -2, 0, 3));
    }

    /** 1 where depth is known. */
    static Value valid(Value depth) {
        return cast(greater(depth, like(depth, 0)), DType.FLOAT);
    }
}
