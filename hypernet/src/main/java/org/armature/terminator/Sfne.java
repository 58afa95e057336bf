package org.armature.terminator;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sigmoid;
import static org.armature.graph.Ops.tile;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.armature.graph.Ops.Window;
import org.armature.graph.Scope;
import org.armature.graph.Value;
import org.armature.terminator.TerminatorConfig.Block;
import org.armature.terminator.TerminatorConfig.Slow;

/**
 * The slow-fast neural encoding block (paper, section 3.3 and figure 3): ten branches made of the input and hyper-kernels,
 * concatenated and reduced. {@code x [N, C, S, S] -> [N, f C, S, S]}.
 */
final class Sfne {
    /** Kernels from this size on are convolved by Fourier transform. */
    static final int FOURIER_FROM = 15;

    private final Scope p;
    private final Block c;
    private final Norms.Mode mode;
    private final BiConsumer<String, Value> probe;

    /**
     * A block.
     *
     * @param p its place, above {@code fast_multi_branch}
     * @param probe is told of intermediate results by the official modules' names
     */
    Sfne(Scope p, Block config, Norms.Mode mode, BiConsumer<String, Value> probe) {
        this.p = p.at("fast_multi_branch");
        this.c = config;
        this.mode = mode;
        this.probe = probe;
    }

    /**
     * What a block gives.
     *
     * @param out before dropout
     * @param kernel the global hyper-kernel {@code [1, C, S, S]}, which the slow neural loss compares between blocks
     */
    record Encoded(Value out, Value kernel) {}

    /** {@code earlier}: outputs of the second and third block before, as many as the configuration mixes in. */
    Encoded build(Value x, List<Value> earlier, Value bias) {
        int s = c.size();
        Value kernel = SlowNet.global(p.at("slow_net_g"), c.global(), c.in(), s);
        Value z = mul(x, kernel);
        Value first = seen("Fast_Kernel_rgu", recurrentGate(p.at("Fast_Kernel_rgu"), x));
        Value second = seen("Fast_Kernel_rgu_2", recurrentGate(p.at("Fast_Kernel_rgu_2"), z));
        Value fast = Norms.instance(add(second, first));
        Value mix = Norms.instance(pointwise(p.at("channel_mixer_mlp"), x, c.in()));
        Value hci = Norms.instance(seen("channel_mixer_hci", channelInteraction(x)));
        Value out = matMul(z, fast);
        Value outX = matMul(z, mix);
        Value outHci = matMul(z, hci);
        Value gated = mul(sigmoid(out), out);
        Value hyper = seen("hyper_interact", hyperInteraction(x, out));
        Value local1 = local(1, x, hci);
        Value local2 = local(2, hci, x);
        Value local3 = local(3, mix, x);
        Value local4 = local(4, x, mix);

        List<Value> branches = new ArrayList<>(List.of(out, local2));
        if (!earlier.isEmpty()) {
            branches.add(repeated(earlier.getFirst()));
        }
        branches.addAll(List.of(fast, outX, local1, gated, local3, outHci, local4));
        if (earlier.size() > 1) {
            branches.add(repeated(earlier.get(1)));
        }
        branches.add(hyper);
        Value reduced = seen("bottleneck_layer", pointwise(p.at("bottleneck_layer"), concat(1, branches), c.out()));
        Value normal = seen("g_ibs", Norms.mixed(p.at("g_ibs"), reduced, mode));
        return new Encoded(add(gelu(normal), bias), kernel);
    }

    /** Two mixers of the input multiplied, standardised, gated: {@code W_y (GELU(IN(k W_q v)) + P)}. */
    static Value recurrentGate(Scope p, Value u) {
        int channels = (int) u.shape().dim(1);
        Value k = pointwise(p.at("fast_linear_k"), u, channels);
        Value v = pointwise(p.at("fast_linear_v"), u, channels);
        Value q = gelu(Norms.instance(mul(k, pointwise(p.at("fast_linear_q"), v, channels))));
        Value place = p.parameter("bias_p", 1, 1, u.shape().dim(2), u.shape().dim(3));
        return pointwise(p.at("fast_linear_y"), add(q, place), channels);
    }

    /** {@code x sigmoid(kernel m^2)}, m the spatial means: the channel-wise hyper-kernel. */
    private Value channelInteraction(Value x) {
        Value kernel = SlowNet.overChannels(p.at("channel_mixer_hci.slow_net_gc"), c.channel(), c.in());
        seen("kernel_hci", kernel);
        return interact(x, kernel);
    }

    static Value interact(Value x, Value kernel) {
        Value m = reduceMean(x, true, 2, 3);
        Value gate = mul(reshape(kernel, 1, x.shape().dim(1), 1, 1), mul(m, m));
        return mul(x, sigmoid(gate));
    }

    private Value hyperInteraction(Value x, Value out) {
        Scope at = p.at("hyper_interact");
        Value kc = seen("kernel_hi_channel", SlowNet.overChannels(at.at("slow_net_gc_hi"), c.hyperChannel(), c.in()));
        Value ks = seen("kernel_hi_spatial", SlowNet.global(at.at("slow_net_gs_hi"), c.hyperSpatial(), 1, c.size()));
        Value m = reduceMean(out, true, 2, 3);
        Value s = reduceMean(out, true, 1);
        Value gate = mul(mul(ks, mul(s, s)), mul(reshape(kc, 1, c.in(), 1, 1), mul(m, m)));
        return mul(x, sigmoid(gate));
    }

    /** {@code GELU(BN(W (kernel of source * target))) + b_i}, the convolution depth-wise, zero-padded. */
    private Value local(int i, Value source, Value target) {
        int k = (int) c.local()[i - 1];
        Scope net = p.at("slow_net_l" + i);
        Value kernel = seen("slow_net_l" + i, localKernel(net, c.context(), source, k, mode));
        Scope at = p.at("local_interact_conv_" + i);
        Value mixed = pointwise(at.at("channel_mixer"), depthwise(target, kernel), c.in());
        Value active = seen("local_interact_conv_" + i, gelu(Norms.batch(at.at("bn"), mixed, mode)));
        return add(active, p.parameter("bias" + i, 1));
    }

    /** The kernel a batch makes for itself, {@code [C, 1, k, k]}; remembered statistics make it a constant. */
    static Value localKernel(Scope net, Slow size, Value source, int k, Norms.Mode mode) {
        int channels = (int) source.shape().dim(1);
        Value context = mode == Norms.Mode.RECALL
                ? net.parameter("running_context", channels, (long) k * k)
                : SlowNet.context(source, k);
        if (mode == Norms.Mode.LEARN) {
            Norms.remember(net, "running_context", context);
        }
        return SlowNet.local(net, size, channels, k, context);
    }

    /** {@code x [N, C, H, W], kernel [C, 1, k, k]}, k odd, zero-padded to the same size. */
    static Value depthwise(Value x, Value kernel) {
        long k = kernel.shape().dim(2);
        if (k >= FOURIER_FROM) {
            return Fourier.depthwise(x, kernel);
        }
        return conv(
                x, kernel, Value.none(), Window.of(2).pad(k / 2).group(x.shape().dim(1)));
    }

    private Value repeated(Value before) {
        return tile(before, 1, c.in() / before.shape().dim(1), 1, 1);
    }

    static Value pointwise(Scope p, Value x, long out) {
        Value weight = p.parameter("weight", out, x.shape().dim(1), 1, 1);
        return conv(x, weight, p.parameter("bias", out), Window.of(2));
    }

    private Value seen(String name, Value v) {
        probe.accept(name, v);
        return v;
    }
}
