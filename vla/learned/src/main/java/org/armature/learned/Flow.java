package org.armature.learned;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.cos;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.erf;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.pow;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.silu;
import static org.armature.graph.Ops.sin;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.transposeLast;
import static org.armature.graph.Ops.unsqueeze;
import static org.armature.learned.Transformer.normalised;
import static org.armature.learned.Transformer.projected;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.robot.RealTimeChunking;
import org.armature.train.GradientEstimator;
import org.armature.train.Standardisation;
import org.armature.train.TrainableModel;
import org.osgi.service.component.annotations.Component;

/**
 * A vision-language-action policy by flow matching (pi0, Black et al. 2024; SmolVLA, Shukor et al. 2025), small: an encoder reads
 * joints, words, camera images and spatial tokens; an action expert looks at its memory and says in which direction a chunk that is
 * still noisy must move. Time runs from 1 (noise) to 0 (actions). It samples: where demonstrations do one thing or another it does
 * one of them, not their mean. Train it with objective {@code flow}.
 *
 * <p>Inputs as model {@code act}'s, and {@code spatial [B, N, C]} if config {@code spatial} [N, C] is given (OmniVGGT's tokens of
 * the current views), and {@code points [B, N, 7]} if config {@code points} N is ({@link Context} says what they are);
 * {@code random.noise [B, H * A]}, standard normal. With {@code real_time_chunking} also {@code old [B, H * A]}, what is left of the
 * last chunk, padded with zeros, and {@code old_weights [B, H]}, its weights ({@link RealTimeChunking#prefixWeights}): the new
 * chunk goes on from it (Black et al. 2025). Output {@code actions [B, H * A]}.
 *
 * <p>Config: {@code state}, {@code words} (0), {@code chunk} [H, A], {@code images}, {@code spatial}, {@code keypoints},
 * {@code points}, {@code width} (256), {@code heads} (8), {@code feed_forward} (1024), {@code encoder_layers} (4),
 * {@code expert_layers} (4), {@code steps} (10: of Euler's method), {@code draws} (1: times and noises that an example is trained
 * with each time it is seen), {@code real_time_chunking} (false), {@code guidance} (10: the bound of its weight). States and actions are
 * standardised by their statistics so far.
 */
@Component(
        property = {
            "armature.id=flow",
            "armature.kind=model",
            "armature.paper=pi0: A Vision-Language-Action Flow Model for General Robot Control"
        })
public final class Flow implements ModelProvider {
    /** Shortest and longest period of the time's sinusoids. */
    private static final double FASTEST = 4e-3;

    private static final double SLOWEST = 4;

    @Override
    public String id() {
        return "flow";
    }

    @Override
    public Model create(Config c) {
        Transformer transformer = Transformer.of(c, 256, 1024);
        int steps = c.integer("steps", 10);
        if (steps < 1) {
            throw new IllegalArgumentException("config key steps is " + steps + ": give 1 or more");
        }
        int draws = c.integer("draws", 1);
        if (draws < 1) {
            throw new IllegalArgumentException("config key draws is " + draws + ": give 1 or more");
        }
        return new Network(
                Context.of(c, transformer),
                Chunk.of(c),
                transformer,
                c.integer("expert_layers", 4),
                steps,
                draws,
                c.flag("real_time_chunking", false),
                c.number("guidance", 10));
    }

    private record Network(
            Context context,
            Chunk chunk,
            Transformer transformer,
            int expertLayers,
            int steps,
            int draws,
            boolean chunking,
            double guidance)
            implements TrainableModel {
        @Override
        public SequencedMap<String, TensorType> inputs() {
            SequencedMap<String, TensorType> m = context.inputs();
            if (chunking) {
                m.put("old", new TensorType(DType.FLOAT, Shape.named("batch", chunk.size())));
                m.put("old_weights", new TensorType(DType.FLOAT, Shape.named("batch", chunk.horizon())));
            }
            return m;
        }

        @Override
        public SequencedMap<String, TensorType> trainingInputs() {
            SequencedMap<String, TensorType> m = context.inputs();
            m.put("target", new TensorType(DType.FLOAT, Shape.named("batch", chunk.size())));
            return m;
        }

        @Override
        public SequencedMap<String, Value> build(Scope p, Map<String, Value> inputs) {
            Context.Memory memory = see(p, inputs, false);
            Value x = noise(p, inputs);
            for (int k = 0; k < steps; k++) {
                double t = 1 - (double) k / steps;
                Value v =
                        velocity(p, memory, x, p.builder().constant(Constant.full(DType.FLOAT, Shape.of(1, 1), t)), 1);
                if (chunking) {
                    v = guided(p, inputs, x, v, t);
                }
                x = sub(x, div(v, steps));
            }
            SequencedMap<String, Value> m = new LinkedHashMap<>();
            m.put("actions", Standardisation.inverse(p.at("targets"), x));
            return m;
        }

        /** Outputs the velocity at a random time, what it should be, and what keypoints attend to. */
        @Override
        public SequencedMap<String, Value> buildForTraining(Scope p, Map<String, Value> inputs) {
            Context.Memory memory = see(p, inputs, true);
            Value target = FlowObjective.drawn(draws, Standardisation.of(p.at("targets"), inputs.get("target"), true));
            Value noise = p.builder().input(GradientEstimator.RANDOM + p.full("noise"), target.shape());
            Value t = time(p.builder()
                    .input(
                            GradientEstimator.RANDOM + p.full("time"),
                            target.shape().with(1, 1)));
            Value x = add(mul(t, noise), mul(sub(1.0, t), target));
            SequencedMap<String, Value> m = new LinkedHashMap<>();
            m.put(FlowObjective.VELOCITY, velocity(p, memory, x, t, draws));
            m.put(FlowObjective.TARGET, sub(noise, target));
            memory.attended().forEach((name, shares) -> m.put(FlowObjective.ATTENDED + name, shares));
            return m;
        }

        /** Distributed as 0.999 Beta(1.5, 1) + 0.001, from standard normal numbers: the noisy end is seen more often. */
        private static Value time(Value normal) {
            Value uniform = div(add(erf(div(normal, Math.sqrt(2))), 1), 2);
            return add(mul(pow(uniform, 1 / 1.5), 0.999), 0.001);
        }

        private Value noise(Scope p, Map<String, Value> inputs) {
            Shape like = inputs.get("state").shape().with(1, chunk.size());
            return p.builder().input(GradientEstimator.RANDOM + p.full("noise"), like);
        }

        private Context.Memory see(Scope p, Map<String, Value> inputs, boolean training) {
            Value state = Standardisation.of(p.at("features"), inputs.get("state"), training);
            return context.encode(p, unsqueeze(state, 1), inputs);
        }

        /**
         * The action expert.
         *
         * @param x {@code [B * D, H * A]} noisy actions, standardised
         * @param t {@code [B * D or 1, 1]}
         * @param draws D for each of the memory's B
         * @return {@code [B * D, H * A]}, noise minus actions
         */
        private Value velocity(Scope p, Context.Memory memory, Value x, Value t, int draws) {
            long d = transformer.width();
            Value actions = projected(p.at("action_in_proj"), reshape(x, -1, chunk.horizon(), chunk.actions()), d);
            // One linear map of actions and time side by side; the time is the same for the whole chunk, and may be for
            // the batch.
            Scope mix = p.at("action_time_mlp_in");
            Value weight = mix.parameter("weight", d, 2 * d);
            Value h = add(
                    linear(actions, slice(weight, 1, 0, d), mix.parameter("bias", d)),
                    unsqueeze(matMul(waves(t, d), transposeLast(slice(weight, 1, d, 2 * d))), 1));
            h = projected(p.at("action_time_mlp_out"), silu(h), d);
            h = add(h, unsqueeze(p.at("action_pos_embed").parameter("weight", chunk.horizon(), d), 0));
            for (int i = 0; i < expertLayers; i++) {
                h = layer(p.at("expert").at("layers", i), h, memory, draws);
            }
            h = normalised(p.at("expert").at("norm"), h);
            return reshape(projected(p.at("action_out_proj"), h, chunk.actions()), -1, chunk.size());
        }

        /** Normalised before each part: the actions among themselves, what is seen, two linear maps. */
        private Value layer(Scope p, Value x, Context.Memory memory, int draws) {
            Value a = normalised(p.at("norm1"), x);
            Value h = add(x, transformer.attention(p.at("self_attn"), a, a, a));
            Value keys = add(memory.tokens(), memory.at());
            long d = transformer.width();
            // all draws of an example look at the same memory
            Value asked = reshape(normalised(p.at("norm2"), h), -1, draws * chunk.horizon(), d);
            Value seen = transformer.attention(p.at("multihead_attn"), asked, keys, memory.tokens());
            h = add(h, reshape(seen, -1, chunk.horizon(), d));
            Value f = gelu(projected(p.at("linear1"), normalised(p.at("norm3"), h), transformer.feedForward()));
            return add(h, projected(p.at("linear2"), f, d));
        }

        /** {@code [B, 1]} to {@code [B, d]}: sines and cosines of periods from {@value FASTEST} to {@value SLOWEST}. */
        private static Value waves(Value t, long d) {
            float[] rate = new float[Math.toIntExact(d / 2)];
            for (int i = 0; i < rate.length; i++) {
                double along = rate.length == 1 ? 0 : (double) i / (rate.length - 1);
                rate[i] = (float) (2 * Math.PI / (FASTEST * Math.pow(SLOWEST / FASTEST, along)));
            }
            Value angle = mul(t, t.builder().constant(Constant.floats(Shape.of(1, rate.length), rate)));
            return concat(1, sin(angle), cos(angle));
        }

        /** {@link RealTimeChunking#guide} with the identity in place of the Jacobian. */
        private Value guided(Scope p, Map<String, Value> inputs, Value x, Value v, double t) {
            Value old = Standardisation.of(p.at("targets"), inputs.get("old"), false);
            Value error = reshape(sub(old, sub(x, mul(v, t))), -1, chunk.horizon(), chunk.actions());
            Value weighted = reshape(mul(error, unsqueeze(inputs.get("old_weights"), 2)), -1, chunk.size());
            return sub(v, mul(weighted, RealTimeChunking.lambda(t, guidance)));
        }
    }
}
