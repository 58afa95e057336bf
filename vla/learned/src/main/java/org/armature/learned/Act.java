package org.armature.learned;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.exp;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.node;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.select;
import static org.armature.graph.Ops.shape;
import static org.armature.graph.Ops.slice;
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
import org.armature.train.GradientEstimator;
import org.armature.train.Standardisation;
import org.armature.train.TrainableModel;
import org.osgi.service.component.annotations.Component;

/**
 * Action chunking with transformers (Zhao et al. 2023): a conditional variational autoencoder. While it trains, an encoder reads
 * joints and the demonstrated chunk into a latent "style"; a transformer encodes style, joints and camera images, and a second
 * one queries them for each action of the chunk. At run time the style is zero, the prior's mean. Train it with objective
 * {@code act}.
 *
 * <p>{@code state [B, S]}, images {@code [B, 3, H, W]} by their names, and {@code words [B, V]} if V is not 0 (not in the paper:
 * one token more, so that one policy serves several tasks) to {@code actions [B, chunk * A]}. Config: {@code state} S,
 * {@code words} V (0), {@code chunk} [H, A], {@code images}: map of name to [height, width] (none), {@code width} (512),
 * {@code heads} (8), {@code feed_forward} (3200), {@code encoder_layers} (4), {@code decoder_layers} (1), {@code vae_layers} (4),
 * {@code latent} (32). Layers are normalised after the sum, their activation is ReLU, as in the paper. States are standardised
 * by their statistics so far. Parameters are named as LeRobot's.
 *
 * <p>{@code spatial} [N, C] in the configuration adds an input {@code spatial [B, N, C]}, as in model {@code flow}.
 *
 * <p>Other than the paper: images go through five strided convolutions in place of a ResNet-18 trained on ImageNet; there is no
 * dropout.
 */
@Component(
        property = {
            "armature.id=act",
            "armature.kind=model",
            "armature.paper=Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware"
        })
public final class Act implements ModelProvider {
    @Override
    public String id() {
        return "act";
    }

    @Override
    public Model create(Config c) {
        Transformer transformer = Transformer.of(c, 512, 3200);
        return new Network(
                Context.of(c, transformer),
                Chunk.of(c),
                transformer,
                c.integer("decoder_layers", 1),
                c.integer("vae_layers", 4),
                c.integer("latent", 32));
    }

    private record Network(
            Context context, Chunk chunk, Transformer transformer, int decoderLayers, int vaeLayers, int latent)
            implements TrainableModel {
        @Override
        public SequencedMap<String, TensorType> inputs() {
            return context.inputs();
        }

        @Override
        public SequencedMap<String, TensorType> trainingInputs() {
            SequencedMap<String, TensorType> m = inputs();
            m.put("target", new TensorType(DType.FLOAT, Shape.named("batch", chunk.size())));
            return m;
        }

        @Override
        public SequencedMap<String, Value> build(Scope p, Map<String, Value> inputs) {
            Value x = state(p, inputs, false);
            Value none = p.builder().constant(Constant.full(DType.FLOAT, Shape.of(1, 1, latent), 0));
            SequencedMap<String, Value> m = new LinkedHashMap<>();
            m.put("actions", decode(p, x, inputs, node("Expand", none, shape(slice(x, 2, 0, 1)))));
            return m;
        }

        @Override
        public SequencedMap<String, Value> buildForTraining(Scope p, Map<String, Value> inputs) {
            Value x = state(p, inputs, true);
            Value both = encode(p, x, inputs.get("target"));
            Value mean = slice(both, 1, 0, latent);
            Value logVariance = slice(both, 1, latent, 2L * latent);
            Value noise = p.builder().input(GradientEstimator.RANDOM + p.full("style"), mean.shape());
            Value style = add(mean, mul(exp(div(logVariance, 2)), noise));
            SequencedMap<String, Value> m = new LinkedHashMap<>();
            m.put("actions", decode(p, x, inputs, unsqueeze(style, 1)));
            m.put(ActObjective.MEAN, mean);
            m.put(ActObjective.LOG_VARIANCE, logVariance);
            return m;
        }

        /** {@code [B, 1, S]}. */
        private Value state(Scope p, Map<String, Value> inputs, boolean training) {
            return unsqueeze(Standardisation.of(p.at("features"), inputs.get("state"), training), 1);
        }

        /** The posterior's mean and log variance, {@code [B, 2 latent]}. */
        private Value encode(Scope p, Value state, Value target) {
            long d = transformer.width();
            Value joints = projected(p.at("vae_encoder_robot_state_input_proj"), state, d);
            Value demonstrated = projected(
                    p.at("vae_encoder_action_input_proj"), reshape(target, -1, chunk.horizon(), chunk.actions()), d);
            Value cls = node("Expand", p.at("vae_encoder_cls_embed").parameter("weight", 1, d), shape(joints));
            Value x = concat(1, cls, joints, demonstrated);
            Value position = sinusoids(x, positions(chunk.horizon() + 2), d);
            for (int i = 0; i < vaeLayers; i++) {
                x = transformer.encoderLayer(p.at("vae_encoder").at("layers", i), x, position);
            }
            return projected(p.at("vae_encoder_latent_output_proj"), select(x, 1, 0), 2L * latent);
        }

        /** @param style {@code [B, 1, latent]} */
        private Value decode(Scope p, Value state, Map<String, Value> inputs, Value style) {
            long d = transformer.width();
            Value latents = projected(p.at("encoder_latent_input_proj"), style, d);
            Context.Memory memory = context.encode(p, state, inputs, latents);
            Value query = unsqueeze(p.at("decoder_pos_embed").parameter("weight", chunk.horizon(), d), 0);
            Value zero = p.builder().constant(Constant.full(DType.FLOAT, Shape.of(1, chunk.horizon(), d), 0));
            Value x = node("Expand", zero, shape(latents));
            for (int i = 0; i < decoderLayers; i++) {
                x = transformer.decoderLayer(p.at("decoder").at("layers", i), x, query, memory.tokens(), memory.at());
            }
            x = normalised(p.at("decoder").at("norm"), x);
            return reshape(projected(p.at("action_head"), x, chunk.actions()), -1, chunk.size());
        }

        private static double[] positions(long n) {
            double[] at = new double[Math.toIntExact(n)];
            for (int i = 0; i < n; i++) {
                at[i] = i;
            }
            return at;
        }

        /** {@code [1, n, d]}: sines in even, cosines in odd channels (Vaswani et al. 2017). */
        private static Value sinusoids(Value any, double[] at, long d) {
            float[] x = new float[Math.toIntExact(at.length * d)];
            for (int i = 0; i < x.length; i++) {
                x[i] = (float) Context.wave(at[i / (int) d], i % (int) d, d);
            }
            return any.builder().constant(Constant.floats(Shape.of(1, at.length, d), x));
        }
    }
}
