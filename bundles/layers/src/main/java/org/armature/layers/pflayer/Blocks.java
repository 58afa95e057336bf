package org.armature.layers.pflayer;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.averagePool;
import static org.armature.graph.Ops.batchNormalization;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.layerNormalization;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.maxPool;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.select;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.sqrt;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.transpose;

import org.armature.graph.Ops;
import org.armature.graph.Scope;
import org.armature.graph.Value;

/** The blocks of Han et al., ICLR 2022: a spatial operation without parameters between two 1 x 1 convolutions or linears. */
final class Blocks {
    /** What the block does in space: convolve, take the maximum, or (hybrid) the maximum, convolving at strides. */
    enum Kind {
        BOTTLENECK,
        MAX,
        EFF;

        static Kind of(String name) {
            return switch (name) {
                case "Bottleneck" -> BOTTLENECK;
                case "MaxBottleneck" -> MAX;
                case "EffBottleneck" -> EFF;
                default ->
                    throw new IllegalArgumentException(
                            "block \"" + name + "\" is not known: choose Bottleneck, MaxBottleneck or EffBottleneck");
            };
        }
    }

    private static final int EXPANSION = 4;
    private static final double BATCH_EPSILON = 1e-5;
    private static final double LAYER_EPSILON = 1e-6;

    private Blocks() {}

    /** {@code x [B, C, H, W] -> [B, 4 planes, H/stride, W/stride]}. */
    static Value bottleneck(Scope p, Value x, Kind kind, int planes, int stride, boolean downsample, boolean training) {
        int out = planes * EXPANSION;
        Value y = relu(convNorm(p.at("reduction_block"), x, planes, 1, 1, training));
        y = space(p.at("conv_block"), y, kind, planes, stride, training);
        y = convNorm(p.at("expansion_block"), y, out, 1, 1, training);
        Value identity = downsample ? convNorm(p.at("downsample"), x, out, 1, stride, training) : x;
        if (!identity.shape().equals(y.shape())) {
            throw new IllegalArgumentException(p.path() + ": the block gives " + y.shape() + " and the shortcut "
                    + identity.shape() + ": the hybrid block needs even sizes at stride 2 (images a multiple of 32)");
        }
        return relu(add(y, identity));
    }

    private static Value space(Scope p, Value x, Kind kind, int planes, int stride, boolean training) {
        return switch (kind) {
            case BOTTLENECK -> relu(convNorm(p, x, planes, 3, stride, training));
            case MAX -> maxPool3(x, stride);
            case EFF ->
                stride == 1
                        ? maxPool3(x, 1)
                        : relu(convNorm(
                                p.at(1),
                                averagePool(
                                        x, new long[] {2, 2}, Ops.Window.of(2).stride(2)),
                                planes,
                                3,
                                1,
                                training));
        };
    }

    static Value maxPool3(Value x, int stride) {
        return maxPool(x, new long[] {3, 3}, Ops.Window.of(2).stride(stride).pad(1));
    }

    /** Convolution without bias ({@code p.0}) and batch norm ({@code p.1}). */
    static Value convNorm(Scope p, Value x, int out, int kernel, int stride, boolean training) {
        Value w = p.at(0).parameter("weight", out, x.shape().dim(1), kernel, kernel);
        Value y = conv(x, w, Value.none(), Ops.Window.of(2).stride(stride).pad(kernel / 2));
        return batchNorm(p.at(1), y, training);
    }

    /** Running statistics, or those of the batch while {@code training}. */
    private static Value batchNorm(Scope p, Value x, boolean training) {
        long c = x.shape().dim(1);
        Value scale = p.parameter("weight", c);
        Value bias = p.parameter("bias", c);
        if (!training) {
            return batchNormalization(
                    x, scale, bias, p.parameter("running_mean", c), p.parameter("running_var", c), BATCH_EPSILON);
        }
        Value centred = sub(x, reduceMean(x, true, 0, 2, 3));
        Value std = sqrt(add(reduceMean(mul(centred, centred), true, 0, 2, 3), BATCH_EPSILON));
        return add(mul(div(centred, std), reshape(scale, c, 1, 1)), reshape(bias, c, 1, 1));
    }

    /** {@code x [B, N, C]}, N a square: linear, GELU, 3 x 3 maximum over the grid, GELU, linear. */
    static Value effLayer(Scope p, Value x, int ratio, int kernel, boolean bias) {
        long n = x.shape().dim(1);
        long c = x.shape().dim(2);
        long side = Math.round(Math.sqrt(n));
        if (side * side != n) {
            throw new IllegalArgumentException(p.path() + ": " + n + " tokens are no square grid");
        }
        Value grid = reshape(transpose(gelu(dense(p.at("qkv"), x, ratio * c, bias)), 0, 2, 1), 0, 0, side, side);
        Value pooled =
                maxPool(grid, new long[] {kernel, kernel}, Ops.Window.of(2).pad(kernel / 2));
        Value tokens = gelu(transpose(reshape(pooled, 0, 0, -1), 0, 2, 1));
        return dense(p.at("proj"), tokens, c, bias);
    }

    private static Value attention(Scope p, Value x, int heads, boolean bias) {
        long c = x.shape().dim(2);
        long n = x.shape().dim(1);
        Value qkv = transpose(reshape(dense(p.at("qkv"), x, 3 * c, bias), 0, n, 3, heads, c / heads), 2, 0, 3, 1, 4);
        Value q = mul(select(qkv, 0, 0), 1 / Math.sqrt((double) c / heads)); // [B, heads, N, C/heads]
        Value weights = softmax(matMul(q, transpose(select(qkv, 0, 1), 0, 1, 3, 2)), -1);
        Value y = reshape(transpose(matMul(weights, select(qkv, 0, 2)), 0, 2, 1, 3), 0, n, c);
        return dense(p.at("proj"), y, c, true);
    }

    /** Pre-norm transformer block; attention when {@code index} is even, the maximum when it is odd. */
    static Value transformer(Scope p, Value x, int index, int heads, double mlpRatio, boolean qkvBias) {
        long c = x.shape().dim(2);
        Value n1 = layerNorm(p.at("norm1"), x);
        Value y = add(
                x,
                index % 2 == 0 ? attention(p.at("attn"), n1, heads, qkvBias) : effLayer(p.at("attn"), n1, 3, 3, true));
        Scope mlp = p.at("mlp");
        Value hidden = gelu(dense(mlp.at("fc1"), layerNorm(p.at("norm2"), y), (long) (c * mlpRatio), true));
        return add(y, dense(mlp.at("fc2"), hidden, c, true));
    }

    static Value layerNorm(Scope p, Value x) {
        long c = x.shape().dim(-1);
        return layerNormalization(x, p.parameter("weight", c), p.parameter("bias", c), -1, LAYER_EPSILON);
    }

    static Value dense(Scope p, Value x, long out, boolean bias) {
        return linear(x, p.parameter("weight", out, x.shape().dim(-1)), bias ? p.parameter("bias", out) : Value.none());
    }
}
