package org.armature.terminator;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceL2;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSum;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.tile;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.train.TrainableModel;

/**
 * Terminator (Zhang 2024): an image classifier without residual connections, attention or affine normalisation.
 * {@code x [batch, C, S, S] -> y [batch, classes]}; while it trains also the slow neural loss and the regulariser that go
 * with it.
 */
final class Terminator implements TrainableModel {
    static final String SLOW_LOSS = "slow_loss";
    static final String REGULARIZER = "regularizer";
    private static final double SLOW_WEIGHT = 1e-6;

    private final TerminatorConfig c;

    Terminator(TerminatorConfig config) {
        this.c = config;
    }

    @Override
    public SequencedMap<String, TensorType> inputs() {
        SequencedMap<String, TensorType> m = new LinkedHashMap<>();
        int channels = c.blocks().getFirst().in();
        m.put("x", new TensorType(DType.FLOAT, Shape.named("batch", channels, c.size(), c.size())));
        return m;
    }

    @Override
    public SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs) {
        Norms.Mode mode = c.runningStatistics() ? Norms.Mode.RECALL : Norms.Mode.BATCH;
        SequencedMap<String, Value> out = new LinkedHashMap<>();
        out.put("y", new Pass(scope, mode, false).run(inputs.get("x")));
        return out;
    }

    @Override
    public SequencedMap<String, Value> buildForTraining(Scope scope, Map<String, Value> inputs) {
        Pass pass = new Pass(scope, c.runningStatistics() ? Norms.Mode.LEARN : Norms.Mode.BATCH, true);
        SequencedMap<String, Value> out = new LinkedHashMap<>();
        out.put("y", pass.run(inputs.get("x")));
        out.put(SLOW_LOSS, SlowLoss.TILE.of(pass.kernels, factors()));
        out.put(REGULARIZER, pass.regularizer());
        return out;
    }

    List<Integer> factors() {
        return c.blocks().stream().map(TerminatorConfig.Block::factor).toList();
    }

    /** How the global kernels of two blocks are compared: a training signal for slow nets that needs no label. */
    enum SlowLoss {
        /** The earlier kernel repeated along channels to the size of the later one; the author's later revision. */
        TILE,
        /** Both summed over channels. */
        CHANNEL_SUM;

        String id() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** Sum over all pairs of the mean squared difference; a scalar. */
        Value of(List<Value> kernels, List<Integer> factors) {
            Value total = null;
            for (int i = 1; i < kernels.size(); i++) {
                for (int j = 0; j < i; j++) {
                    long times = 1;
                    for (int k = j; k < i; k++) {
                        times *= factors.get(k);
                    }
                    Value d = this == TILE
                            ? sub(tile(kernels.get(j), 1, times, 1, 1), kernels.get(i))
                            : sub(reduceSum(kernels.get(j), true, 1), reduceSum(kernels.get(i), true, 1));
                    Value mean = reduceMean(mul(d, d), false);
                    total = total == null ? mean : add(total, mean);
                }
            }
            return total == null ? kernels.getFirst().builder().scalar(DType.FLOAT, 0) : total;
        }
    }

    /** One way through the network. */
    final class Pass {
        final List<Value> kernels = new ArrayList<>();
        final List<Value> outputs = new ArrayList<>();
        final SequencedMap<String, Value> probes = new LinkedHashMap<>();
        private final Scope scope;
        private final Norms.Mode mode;
        private final boolean training;

        Pass(Scope scope, Norms.Mode mode, boolean training) {
            this.scope = scope;
            this.mode = mode;
            this.training = training;
        }

        Value run(Value image) {
            check(image);
            Value x = image;
            for (int i = 0; i < c.blocks().size(); i++) {
                TerminatorConfig.Block b = c.blocks().get(i);
                List<Value> earlier = new ArrayList<>();
                for (int e = 1; e <= b.earlier(); e++) {
                    earlier.add(outputs.get(i - 1 - e));
                }
                Scope at = scope.at("blocks", i);
                String name = "block." + i;
                Sfne block = new Sfne(at, b, mode, (what, v) -> probes.put(name + "." + what, v));
                Sfne.Encoded done = block.build(x, earlier, at.parameter("bias", 1));
                x = training ? Dropout.channels(at, done.out(), b.dropout()) : done.out();
                outputs.add(x);
                kernels.add(done.kernel());
            }
            Scope head = scope.at("out_layer");
            Value pooled = reduceMean(x, false, 2, 3);
            return linear(pooled, head.parameter("weight", c.classes(), c.last()), head.parameter("bias", c.classes()));
        }

        /**
         * Sum of the norms of the block parameters outside slow nets and gates, and a millionth of those of the 2-d weights
         * inside slow nets. The official code selects by name; so do we.
         */
        Value regularizer() {
            Value fast = null;
            Value slow = null;
            for (Value v : scope.builder().parameters()) {
                if (!v.name().startsWith(scope.full("blocks."))) {
                    continue;
                }
                Value norm = reshape(reduceL2(v, false), Shape.SCALAR);
                boolean kernel = v.name().contains("Kernel");
                if (v.name().contains("fast") && !kernel) {
                    fast = fast == null ? norm : add(fast, norm);
                } else if (v.name().contains("slow_net")
                        && kernel
                        && v.rank() == 4
                        && v.name().endsWith(".weight")) {
                    slow = slow == null ? norm : add(slow, norm);
                }
            }
            if (fast == null || slow == null) {
                throw new IllegalStateException("a Terminator without blocks");
            }
            return add(fast, mul(slow, SLOW_WEIGHT));
        }

        private void check(Value image) {
            Shape s = image.shape();
            if (s.rank() != 4 || !s.at(2).is(c.size()) || !s.at(3).is(c.size())) {
                throw new IllegalArgumentException("global hyper-kernel is " + c.size() + "x" + c.size() + ", image is "
                        + s + ": resize the images, or set image_size");
            }
            int channels = c.blocks().getFirst().in();
            if (!s.at(1).is(channels)) {
                throw new IllegalArgumentException(
                        "the first block takes " + channels + " channels, image is " + s + ": set in_channel");
            }
        }
    }
}
