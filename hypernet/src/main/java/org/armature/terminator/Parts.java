package org.armature.terminator;

import static org.armature.graph.Ops.mul;

import java.util.List;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.nn.Layer;
import org.armature.terminator.TerminatorConfig.Slow;
import org.osgi.service.component.annotations.Component;

/**
 * Terminator's parts as layers any model configuration can name. All take and give {@code [N, C, H, W]}, the size fixed; those
 * with hyper-kernels read {@code hidden} and {@code layers} of their slow net.
 */
abstract class Parts implements Layer {
    private final String id;

    Parts(String id) {
        this.id = id;
    }

    @Override
    public String id() {
        return id;
    }

    /** Checks that the image is there and of a known size. */
    static Shape image(String id, Value x) {
        Shape s = x.shape();
        if (s.rank() != 4
                || !s.at(1).isKnown()
                || !s.at(2).isKnown()
                || !s.at(3).isKnown()) {
            throw new IllegalArgumentException(
                    "layer " + id + " takes images [batch, channels, height, width] of a known size, not " + s);
        }
        return s;
    }

    static long square(String id, Value x) {
        Shape s = image(id, x);
        if (s.dim(2) != s.dim(3)) {
            throw new IllegalArgumentException(
                    "layer " + id + " has a square hyper-kernel, image is " + s + ": crop or pad it to a square");
        }
        return s.dim(2);
    }

    static Slow slow(Config c, int hidden) {
        return new Slow(c.integer("hidden", hidden), c.integer("layers", 2));
    }

    /** {@code x * kernel}, the kernel as large as the image: the HyperZZW operator's first, global product. */
    @Component(
            service = Layer.class,
            property = {"armature.id=hyperzzw-global", "armature.kind=layer"})
    public static final class Global extends Parts {
        public Global() {
            super("hyperzzw-global");
        }

        @Override
        public Value build(Scope scope, Value x, Config config) {
            int side = (int) square(id(), x);
            int channels = (int) x.shape().dim(1);
            return mul(x, SlowNet.global(scope.at("slow_net_g"), slow(config, 64), channels, side));
        }
    }

    /** A depth-wise convolution whose {@code kernel x kernel} taps the batch makes itself. */
    @Component(
            service = Layer.class,
            property = {"armature.id=hyperzzw-local", "armature.kind=layer"})
    public static final class Local extends Parts {
        public Local() {
            super("hyperzzw-local");
        }

        @Override
        public Value build(Scope scope, Value x, Config config) {
            image(id(), x);
            int k = config.integer("kernel", 7);
            if (k < 1 || k % 2 == 0) {
                throw new IllegalArgumentException(
                        "config key kernel is " + k + ": local kernels have an odd size, so that they have a centre");
            }
            Scope net = scope.at("slow_net_l");
            return Sfne.depthwise(x, Sfne.localKernel(net, slow(config, 32), x, k, Norms.Mode.BATCH));
        }
    }

    /** The recurrent gated unit: {@code W_y (GELU(IN(W_k x * W_q W_v x)) + P)}. */
    @Component(
            service = Layer.class,
            property = {"armature.id=hyperzzw-gate", "armature.kind=layer"})
    public static final class Gate extends Parts {
        public Gate() {
            super("hyperzzw-gate");
        }

        @Override
        public Value build(Scope scope, Value x, Config config) {
            image(id(), x);
            return Sfne.recurrentGate(scope, x);
        }
    }

    /** {@code IN(x sigmoid(kernel m^2))}, m the spatial means, the kernel made over the channels. */
    @Component(
            service = Layer.class,
            property = {"armature.id=hyper-channel", "armature.kind=layer"})
    public static final class Channel extends Parts {
        public Channel() {
            super("hyper-channel");
        }

        @Override
        public Value build(Scope scope, Value x, Config config) {
            int channels = (int) image(id(), x).dim(1);
            Value kernel = SlowNet.overChannels(scope.at("slow_net_gc"), slow(config, 32), channels);
            return Norms.instance(Sfne.interact(x, kernel));
        }
    }

    /** Standardisation by batch and by instance in turn, over twelve groups of channels, without scale and shift. */
    @Component(
            service = Layer.class,
            property = {"armature.id=g-ibs", "armature.kind=layer"})
    public static final class Mixed extends Parts {
        public Mixed() {
            super("g-ibs");
        }

        @Override
        public Value build(Scope scope, Value x, Config config) {
            long channels = image(id(), x).dim(1);
            if (channels % Norms.GROUPS != 0) {
                throw new IllegalArgumentException("layer g-ibs is given " + channels
                        + " channels: it needs a multiple of " + Norms.GROUPS + ", the number of its groups");
            }
            return Norms.mixed(scope, x, Norms.Mode.BATCH);
        }
    }

    /** A whole slow-fast block; {@code factor} (2), {@code kernels} (3, 9, 5, 7), {@code hidden} of the global slow net. */
    @Component(
            service = Layer.class,
            property = {"armature.id=sfne", "armature.kind=layer"})
    public static final class Block extends Parts {
        public Block() {
            super("sfne");
        }

        @Override
        public Value build(Scope scope, Value x, Config config) {
            int side = (int) square(id(), x);
            int channels = (int) x.shape().dim(1);
            int factor = config.integer("factor", 2);
            long[] kernels = config.integers("kernels", 3, 9, 5, 7);
            if (channels * factor % Norms.GROUPS != 0 || kernels.length != 4) {
                throw new IllegalArgumentException("layer sfne gives " + channels * factor + " channels from "
                        + kernels.length + " local kernels: it needs a multiple of " + Norms.GROUPS + " from four");
            }
            TerminatorConfig.Block b = new TerminatorConfig.Block(
                    channels,
                    factor,
                    side,
                    slow(config, 64),
                    new Slow(32, 2),
                    new Slow(32, 2),
                    new Slow(16, 2),
                    new Slow(64, 2),
                    kernels,
                    0,
                    0,
                    0);
            Sfne block = new Sfne(scope, b, Norms.Mode.BATCH, (name, v) -> {});
            return block.build(x, List.of(), scope.parameter("bias", 1)).out();
        }
    }
}
