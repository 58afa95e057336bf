package org.armature.commands.bench;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.layerNormalization;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.squeeze;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.transposeLast;

import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import org.armature.graph.Attribute;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Op;
import org.armature.graph.Ops.Window;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * One named piece of work, with the names, shapes and parameters that PyTorch users know.
 *
 * @param name e.g. {@code vit-block-train}
 * @param input shape of {@code x}, 32-bit floats
 * @param flop of one forward, counted as two a multiplication in products and convolutions only
 * @param training forward, and backward to {@code x} and every parameter from a given cotangent of {@code y}; without an
 *     optimiser. Otherwise forward alone, with parameters that do not change
 * @param model makes {@code y} of {@code x}
 */
record Workload(String name, Shape input, double flop, boolean training, BiFunction<Scope, Value, Value> model) {
    static final List<Workload> ALL = List.of(
            transformer("vit-block-infer", 8, 197, 384, 6, false, false),
            transformer("vit-block-train", 8, 197, 384, 6, false, true),
            transformer("gpt2-block-train", 4, 256, 768, 12, true, true),
            new Workload(
                    "conv3x3-train",
                    Shape.of(8, 64, 56, 56),
                    2.0 * 8 * 64 * 64 * 9 * 56 * 56,
                    true,
                    (s, x) -> convolution(s, x, 64, 3, 1, true)),
            new Workload(
                    "convnext-block-train",
                    Shape.of(8, 96, 56, 56),
                    2.0 * 8 * 56 * 56 * 96 * (49 + 8 * 96),
                    true,
                    Workload::convNextBlock),
            new Workload(
                    "resnet-block-train",
                    Shape.of(8, 64, 56, 56),
                    2 * 2.0 * 8 * 64 * 64 * 9 * 56 * 56,
                    true,
                    Workload::residualBlock),
            new Workload(
                    "policy-mlp-infer",
                    Shape.of(1, 39),
                    2.0 * (39 * 256 + 256 * 256 + 256 * 20),
                    false,
                    Workload::policy));

    private static Workload transformer(
            String name, long batch, long tokens, long width, int heads, boolean causal, boolean training) {
        double flop = 2.0 * batch * tokens * width * width * 12 + 4.0 * batch * tokens * tokens * width;
        return new Workload(
                name, Shape.of(batch, tokens, width), flop, training, (s, x) -> transformerBlock(s, x, heads, causal));
    }

    /** What one run computes, in words. */
    String measures() {
        return training ? "forward and backward" : "forward";
    }

    /** Floating-point operations of one run; backward counts as two forwards. */
    double gflop() {
        return flop * (training ? 3 : 1) / 1e9;
    }

    /** {@code x -> y}, and what else a training forward gives. */
    Graph graph() {
        Graph.Builder b = Graph.builder(name);
        Value x = b.input("x", input);
        b.output("y", model.apply(b.scope(), x));
        return b.build();
    }

    private static Value linearLayer(Scope s, Value x, long out) {
        return linear(x, s.parameter("weight", out, x.shape().dim(-1)), s.parameter("bias", out));
    }

    private static Value norm(Scope s, Value x, double epsilon) {
        long n = x.shape().dim(-1);
        return layerNormalization(x, s.parameter("weight", n), s.parameter("bias", n), -1, epsilon);
    }

    /** {@code x = x + attn(n1(x)); x + f2(gelu(f1(n2(x))))}, {@code x [B, N, D]}. */
    private static Value transformerBlock(Scope s, Value x, int heads, boolean causal) {
        Value mixed = add(x, attention(s.at("attn"), norm(s.at("n1"), x, 1e-5), heads, causal));
        Value wide = linearLayer(
                s.at("f1"), norm(s.at("n2"), mixed, 1e-5), 4 * x.shape().dim(2));
        return add(mixed, linearLayer(s.at("f2"), gelu(wide), x.shape().dim(2)));
    }

    /** Softmax(Q K' / sqrt(d)) V over heads. */
    private static Value attention(Scope s, Value x, int heads, boolean causal) {
        long batch = x.shape().dim(0);
        long tokens = x.shape().dim(1);
        long width = x.shape().dim(2);
        Value apart = reshape(linearLayer(s.at("qkv"), x, 3 * width), batch, tokens, 3, heads, width / heads);
        List<Value> qkv = split(transpose(apart, 2, 0, 3, 1, 4), 0, 1, 1, 1).stream()
                .map(v -> squeeze(v, 0))
                .toList();
        Value scores = mul(matMul(qkv.get(0), transposeLast(qkv.get(1))), 1 / Math.sqrt(width / (double) heads));
        Value masked = causal ? add(scores, s.builder().constant(causal(tokens))) : scores;
        Value y = matMul(softmax(masked, -1), qkv.get(2));
        return linearLayer(s.at("proj"), reshape(transpose(y, 0, 2, 1, 3), batch, tokens, width), width);
    }

    /** {@code [1, 1, N, N]}: nothing where the key is not after the query, minus infinity elsewhere. */
    private static Constant causal(long tokens) {
        double[] mask = new double[Math.toIntExact(tokens * tokens)];
        for (int query = 0; query < tokens; query++) {
            for (int key = query + 1; key < tokens; key++) {
                mask[(int) (query * tokens) + key] = Double.NEGATIVE_INFINITY;
            }
        }
        return Constant.of(DType.FLOAT, Shape.of(1, 1, tokens, tokens), mask);
    }

    private static Value convolution(Scope s, Value x, long out, int kernel, long groups, boolean bias) {
        Value weight = s.parameter("weight", out, x.shape().dim(1) / groups, kernel, kernel);
        return conv(
                x,
                weight,
                bias ? s.parameter("bias", out) : Value.none(),
                Window.of(2).pad(kernel / 2).group(groups));
    }

    /** Depthwise 7x7, layer norm over channels, two 1x1 convolutions as products (Liu et al. 2022, figure 4). */
    private static Value convNextBlock(Scope s, Value x) {
        long c = x.shape().dim(1);
        Value rows = transpose(convolution(s.at("dw"), x, c, 7, c, true), 0, 2, 3, 1);
        Value wide = gelu(linearLayer(s.at("p1"), norm(s.at("n"), rows, 1e-6), 4 * c));
        return add(x, transpose(linearLayer(s.at("p2"), wide, c), 0, 3, 1, 2));
    }

    /** {@code relu(x + b2(c2(relu(b1(c1(x))))))}. */
    private static Value residualBlock(Scope s, Value x) {
        long c = x.shape().dim(1);
        Value inner = relu(batchNorm(s.at("b1"), convolution(s.at("c1"), x, c, 3, 1, false)));
        return relu(add(x, batchNorm(s.at("b2"), convolution(s.at("c2"), inner, c, 3, 1, false))));
    }

    /** By the batch's statistics; the running ones are outputs {@code next.*}. */
    private static Value batchNorm(Scope s, Value x) {
        long c = x.shape().dim(1);
        List<Value> in = List.of(
                x,
                s.parameter("weight", c),
                s.parameter("bias", c),
                s.parameter("running_mean", c),
                s.parameter("running_var", c));
        List<Value> y = s.builder()
                .node(
                        Op.of("BatchNormalization"),
                        in,
                        Map.of("training_mode", Attribute.of(1L), "momentum", Attribute.of(0.9f)),
                        3);
        s.builder().output("next." + s.full("running_mean"), y.get(1));
        s.builder().output("next." + s.full("running_var"), y.get(2));
        return y.getFirst();
    }

    private static Value policy(Scope s, Value x) {
        Value h = relu(linearLayer(s.at(0), x, 256));
        Value g = relu(linearLayer(s.at(2), h, 256));
        return linearLayer(s.at(4), g, 20);
    }
}
