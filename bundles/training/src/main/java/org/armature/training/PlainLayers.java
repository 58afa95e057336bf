package org.armature.training;

import static org.armature.graph.Ops.*;

import java.util.LinkedHashMap;
import java.util.Map;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Scope;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.nn.Layer;
import org.armature.train.GradientEstimator;
import org.armature.train.TrainableModel;

/** The layers everybody has, with PyTorch's parameter names and defaults. Services of the same id come before them. */
final class PlainLayers {
    private PlainLayers() {}

    /** A layer that computes otherwise while the model trains. */
    interface Modal extends Layer {
        Value buildForTraining(Scope scope, Value x, Config config);
    }

    @FunctionalInterface
    private interface Formula {
        Value build(Scope scope, Value x, Config config);
    }

    private record Plain(String id, Formula formula) implements Layer {
        @Override
        public Value build(Scope scope, Value x, Config config) {
            return formula.build(scope, x, config);
        }
    }

    private record TwoWays(String id, Formula formula, Formula training) implements Modal {
        @Override
        public Value build(Scope scope, Value x, Config config) {
            return formula.build(scope, x, config);
        }

        @Override
        public Value buildForTraining(Scope scope, Value x, Config config) {
            return training.build(scope, x, config);
        }
    }

    static Map<String, Layer> all() {
        Map<String, Layer> m = new LinkedHashMap<>();
        for (Layer l : new Layer[] {
            new Plain("conv", PlainLayers::conv),
            new Plain("linear", PlainLayers::fullyConnected),
            new TwoWays("batch-norm", PlainLayers::batchNorm, PlainLayers::batchNormTraining),
            new Plain("layer-norm", PlainLayers::layerNorm),
            new TwoWays("dropout", PlainLayers::noDropout, PlainLayers::dropout),
            new Plain("max-pool", (s, x, c) -> maxPool(x, kernel(c), pool(c))),
            new Plain("average-pool", (s, x, c) -> averagePool(x, kernel(c), pool(c).countIncludePad())),
            new Plain("global-average-pool", (s, x, c) -> globalAveragePool(x)),
            new Plain("flatten", (s, x, c) -> Ops.flatten(x, 1)),
            new Plain("relu", (s, x, c) -> relu(x)),
            new Plain("gelu", (s, x, c) -> gelu(x)),
            new Plain("silu", (s, x, c) -> silu(x)),
            new Plain("selu", (s, x, c) -> selu(x)),
            new Plain("tanh", (s, x, c) -> tanh(x)),
            new Plain("sigmoid", (s, x, c) -> sigmoid(x))
        }) {
            m.put(l.id(), l);
        }
        return m;
    }

    /** {@code channels}, {@code kernel} (3), {@code stride} (1), {@code padding} (0), {@code dilation} (1), {@code groups} (1), {@code bias} (true). */
    private static Value conv(Scope s, Value x, Config c) {
        int out = c.integer("channels");
        int k = c.integer("kernel", 3);
        int groups = c.integer("groups", 1);
        Value weight = s.parameter("weight", out, x.shape().dim(1) / groups, k, k);
        Value bias = c.flag("bias", true) ? s.parameter("bias", out) : Value.none();
        return Ops.conv(
                x,
                weight,
                bias,
                Window.of(2)
                        .stride(c.integer("stride", 1))
                        .pad(c.integer("padding", 0))
                        .dilation(c.integer("dilation", 1))
                        .group(groups));
    }

    /** {@code features}, {@code bias} (true). */
    private static Value fullyConnected(Scope s, Value x, Config c) {
        int out = c.integer("features");
        return Ops.linear(
                x,
                s.parameter("weight", out, x.shape().dim(-1)),
                c.flag("bias", true) ? s.parameter("bias", out) : Value.none());
    }

    private static long[] kernel(Config c) {
        int k = c.integer("kernel", 2);
        return new long[] {k, k};
    }

    private static Window pool(Config c) {
        return Window.of(2).stride(c.integer("stride", c.integer("kernel", 2))).pad(c.integer("padding", 0));
    }

    /** {@code epsilon} (1e-5), {@code momentum} (0.1). */
    private static Value batchNorm(Scope s, Value x, Config c) {
        long n = x.shape().dim(1);
        c.number("momentum", 0.1);
        return batchNormalization(
                x,
                s.parameter("weight", n),
                s.parameter("bias", n),
                s.parameter("running_mean", n),
                s.parameter("running_var", n),
                c.number("epsilon", 1e-5));
    }

    private static Value batchNormTraining(Scope s, Value x, Config c) {
        long n = x.shape().dim(1);
        return batchNormTraining(
                s.builder(),
                x,
                s.parameter("weight", n),
                s.parameter("bias", n),
                s.parameter("running_mean", n),
                s.parameter("running_var", n),
                c.number("epsilon", 1e-5),
                c.number("momentum", 0.1));
    }

    /**
     * Normalises by the batch (Ioffe and Szegedy 2015, algorithm 1) and keeps running statistics.
     *
     * @param mean parameter with the running mean; its new value becomes an output
     * @param variance parameter with the running variance; its new value becomes an output
     * @param momentum share of this batch in the new running statistics
     */
    static Value batchNormTraining(
            Graph.Builder b,
            Value x,
            Value weight,
            Value bias,
            Value mean,
            Value variance,
            double epsilon,
            double momentum) {
        long n = x.shape().dim(1);
        long[] axes = new long[x.rank() - 1];
        long[] channel = new long[x.rank()];
        long count = 1;
        for (int i = 0; i < x.rank(); i++) {
            channel[i] = i == 1 ? n : 1;
            if (i != 1) {
                axes[i == 0 ? 0 : i - 1] = i;
                count *= x.shape().dim(i);
            }
        }
        Value here = reduceMean(x, true, axes);
        Value centred = sub(x, here);
        Value spread = reduceMean(mul(centred, centred), true, axes);
        running(b, mean, here, momentum);
        running(b, variance, mul(spread, count / Math.max(1.0, count - 1.0)), momentum);
        Value unit = div(centred, sqrt(add(spread, epsilon)));
        return add(mul(unit, reshape(weight, channel)), reshape(bias, channel));
    }

    private static void running(Graph.Builder b, Value old, Value now, double momentum) {
        long n = old.shape().dim(0);
        b.output(TrainableModel.UPDATE + old.name(), add(mul(old, 1 - momentum), mul(reshape(now, n), momentum)));
    }

    /** Over the last axis; {@code epsilon} (1e-5). */
    private static Value layerNorm(Scope s, Value x, Config c) {
        long n = x.shape().dim(-1);
        return layerNormalization(x, s.parameter("weight", n), s.parameter("bias", n), -1, c.number("epsilon", 1e-5));
    }

    private static double probability(Config c) {
        double p = c.number("p", 0.5);
        if (p < 0 || p >= 1) {
            throw new IllegalArgumentException("dropout p is " + p + ": give a number from 0 to below 1");
        }
        return p;
    }

    private static Value noDropout(Scope s, Value x, Config c) {
        probability(c);
        return x;
    }

    /** {@code p} (0.5): zeroes where a fresh normal number's distribution function is below p. */
    private static Value dropout(Scope s, Value x, Config c) {
        double p = probability(c);
        Value normal = s.builder().input(GradientEstimator.RANDOM + s.full("dropout"), x.shape());
        Value uniform = mul(add(erf(mul(normal, Math.sqrt(0.5))), 1), 0.5);
        Value kept = cast(greaterOrEqual(uniform, like(uniform, p)), x.dtype());
        return mul(x, mul(kept, 1 / (1 - p)));
    }
}
