package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.ArrayList;
import java.util.List;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;

/**
 * Camera tokens to cameras, refined in several iterations of the same weights. No derivative flows from one iteration to the
 * one before.
 */
record CameraHead(
        int width, Block block, int trunkDepth, int iterations, String translation, String quaternion, String focal) {
    private static final double MODULATED_EPSILON = 1e-6;

    /** Defaults are the official model's. */
    static CameraHead of(Config c, int width) {
        return new CameraHead(
                c.integer("dim_in", width),
                Block.of(c, 16, false),
                c.integer("trunk_depth", 4),
                c.integer("num_iterations", 4),
                c.text("trans_act", "linear"),
                c.text("quat_act", "linear"),
                c.text("fl_act", "relu"));
    }

    /** The last aggregated tokens {@code [B, S, P, 2C]} to a pose encoding {@code [B, S, 9]} per iteration. */
    List<Value> build(Scope p, Value tokens) {
        long b = tokens.shape().dim(0);
        long s = tokens.shape().dim(1);
        Value camera = reshape(slice(tokens, 2, 0, 1), b, s, width);
        Value x = Block.norm(p.at("token_norm"), camera, Block.EPSILON);
        Value ones = x.builder().constant(Constant.full(DType.FLOAT, Shape.of(width), 1));
        Value plain = layerNormalization(x, ones, Value.none(), -1, MODULATED_EPSILON);
        Value pose = expand(p.parameter("empty_pose_tokens", 1, 1, 9), b, s, 9);
        List<Value> found = new ArrayList<>();
        for (int i = 0; i < iterations; i++) {
            Value e = Block.dense(p.at("embed_pose"), pose, width, true);
            List<Value> m =
                    split(Block.dense(p.at("poseLN_modulation.1"), silu(e), 3L * width, true), -1, width, width, width);
            Value y = add(mul(m.get(2), add(mul(plain, add(m.get(1), 1)), m.get(0))), x); // gate, scale, shift
            for (int j = 0; j < trunkDepth; j++) {
                y = block.build(p.at("trunk", j), y, null);
            }
            Value hidden = gelu(Block.dense(
                    p.at("pose_branch.fc1"), Block.norm(p.at("trunk_norm"), y, Block.EPSILON), width / 2, true));
            Value delta = Block.dense(p.at("pose_branch.fc2"), hidden, 9, true);
            Value sum = i == 0 ? delta : add(pose, delta);
            found.add(activate(sum));
            pose = stopGradient(sum);
        }
        return found;
    }

    private Value activate(Value pose) {
        List<Value> v = split(pose, -1, 3, 4, 2);
        return concat(
                -1,
                Activation.of("trans_act", translation).apply(v.get(0)),
                Activation.of("quat_act", quaternion).apply(v.get(1)),
                Activation.of("fl_act", focal).apply(v.get(2)));
    }
}
