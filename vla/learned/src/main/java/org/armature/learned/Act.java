package org.armature.learned;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.exp;
import static org.armature.graph.Ops.layerNormalization;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.node;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.select;
import static org.armature.graph.Ops.shape;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.unsqueeze;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Ops.Window;
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
        SequencedMap<String, long[]> images = new LinkedHashMap<>();
        Config sizes = c.section("images");
        for (String name : sizes.asMap().keySet()) {
            long[] size = sizes.integers(name);
            if (size.length != 2 || size[0] < 32 || size[1] < 32) {
                throw new IllegalArgumentException(
                        "config key images." + name + ": give [height, width], both 32 or more");
            }
            images.put(name, size);
        }
        long[] chunk = c.integers("chunk");
        if (chunk.length != 2 || chunk[0] < 1 || chunk[1] < 1) {
            throw new IllegalArgumentException("config key chunk must be [horizon, actions], both above 0");
        }
        Network n = new Network(
                c.integer("state"),
                c.integer("words", 0),
                images,
                chunk[0],
                chunk[1],
                new Transformer(c.integer("width", 512), c.integer("heads", 8), c.integer("feed_forward", 3200)),
                c.integer("encoder_layers", 4),
                c.integer("decoder_layers", 1),
                c.integer("vae_layers", 4),
                c.integer("latent", 32));
        if (n.transformer.width % n.transformer.heads != 0 || n.transformer.width % 4 != 0) {
            throw new IllegalArgumentException("config key width is " + n.transformer.width + " and heads "
                    + n.transformer.heads + ": give a width that is a multiple of heads and of 4");
        }
        return n;
    }

    private record Network(
            int state,
            int words,
            SequencedMap<String, long[]> images,
            long horizon,
            long actions,
            Transformer transformer,
            int encoderLayers,
            int decoderLayers,
            int vaeLayers,
            int latent)
            implements TrainableModel {
        @Override
        public SequencedMap<String, TensorType> inputs() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("state", new TensorType(DType.FLOAT, Shape.named("batch", state)));
            if (words > 0) {
                m.put("words", new TensorType(DType.FLOAT, Shape.named("batch", words)));
            }
            images.forEach((name, size) ->
                    m.put(name, new TensorType(DType.FLOAT, Shape.named("batch", 3, size[0], size[1]))));
            return m;
        }

        @Override
        public SequencedMap<String, TensorType> trainingInputs() {
            SequencedMap<String, TensorType> m = inputs();
            m.put("target", new TensorType(DType.FLOAT, Shape.named("batch", horizon * actions)));
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
            long d = transformer.width;
            Value joints = projected(p.at("vae_encoder_robot_state_input_proj"), state, d);
            Value chunk = projected(p.at("vae_encoder_action_input_proj"), reshape(target, -1, horizon, actions), d);
            Value cls = node("Expand", p.at("vae_encoder_cls_embed").parameter("weight", 1, d), shape(joints));
            Value x = concat(1, cls, joints, chunk);
            Value position = sinusoids(x, positions(horizon + 2), d);
            for (int i = 0; i < vaeLayers; i++) {
                x = transformer.encoderLayer(p.at("vae_encoder").at("layers", i), x, position);
            }
            return projected(p.at("vae_encoder_latent_output_proj"), select(x, 1, 0), 2L * latent);
        }

        /** @param style {@code [B, 1, latent]} */
        private Value decode(Scope p, Value state, Map<String, Value> inputs, Value style) {
            long d = transformer.width;
            List<Value> tokens = new ArrayList<>();
            tokens.add(projected(p.at("encoder_latent_input_proj"), style, d));
            tokens.add(projected(p.at("encoder_robot_state_input_proj"), state, d));
            if (words > 0) {
                tokens.add(projected(p.at("encoder_words_input_proj"), unsqueeze(inputs.get("words"), 1), d));
            }
            long n = tokens.size();
            List<Value> position = new ArrayList<>();
            position.add(unsqueeze(p.at("encoder_1d_feature_pos_embed").parameter("weight", n, d), 0));
            for (String name : images.keySet()) {
                Value map = backbone(p.at("backbone"), inputs.get(name));
                long h = map.shape().dim(2);
                long w = map.shape().dim(3);
                tokens.add(transpose(reshape(map, 0, d, h * w), 0, 2, 1));
                position.add(grid(state, h, w, d));
            }
            Value memory = concat(1, tokens);
            Value at = concat(1, position);
            for (int i = 0; i < encoderLayers; i++) {
                memory = transformer.encoderLayer(p.at("encoder").at("layers", i), memory, at);
            }
            Value query = unsqueeze(p.at("decoder_pos_embed").parameter("weight", horizon, d), 0);
            Value zero = p.builder().constant(Constant.full(DType.FLOAT, Shape.of(1, horizon, d), 0));
            Value x = node("Expand", zero, shape(tokens.getFirst()));
            for (int i = 0; i < decoderLayers; i++) {
                x = transformer.decoderLayer(p.at("decoder").at("layers", i), x, query, memory, at);
            }
            x = Transformer.normalised(p.at("decoder").at("norm"), x);
            return reshape(projected(p.at("action_head"), x, actions), -1, horizon * actions);
        }

        /** {@code [B, 3, H, W] -> [B, width, H / 32, W / 32]}, rounded up; shared by the cameras. */
        private Value backbone(Scope p, Value image) {
            int layers = 5;
            Value x = image;
            for (int i = 0; i < layers; i++) {
                long out = i == layers - 1 ? transformer.width : Math.max(16, transformer.width >> layers - 1 - i);
                Scope layer = p.at("conv", i);
                x = conv(
                        x,
                        layer.parameter("weight", out, x.shape().dim(1), 3, 3),
                        layer.parameter("bias", out),
                        Window.of(2).stride(2).pad(1));
                x = i == layers - 1 ? x : relu(x);
            }
            return x;
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
                x[i] = (float) wave(at[i / (int) d], i % (int) d, d);
            }
            return any.builder().constant(Constant.floats(Shape.of(1, at.length, d), x));
        }

        /** {@code [1, h w, d]}: the row's sinusoids, then the column's, over 2 pi (Carion et al. 2020). */
        private static Value grid(Value any, long h, long w, long d) {
            float[] x = new float[Math.toIntExact(h * w * d)];
            int half = (int) d / 2;
            for (int i = 0; i < x.length; i++) {
                int channel = i % (int) d;
                long cell = i / d;
                double at = channel < half ? (cell / w + 1.0) / h : (cell % w + 1.0) / w;
                x[i] = (float) wave(2 * Math.PI * at, channel % half, half);
            }
            return any.builder().constant(Constant.floats(Shape.of(1, h * w, d), x));
        }

        private static double wave(double at, int channel, long d) {
            double angle = at / Math.pow(10_000, (double) (channel / 2 * 2) / d);
            return channel % 2 == 0 ? Math.sin(angle) : Math.cos(angle);
        }
    }

    private static Value projected(Scope p, Value x, long out) {
        return linear(x, p.parameter("weight", out, x.shape().dim(-1)), p.parameter("bias", out));
    }

    /** Layers as PyTorch's, normalised after the sum; positions are added to queries and keys of every layer. */
    private record Transformer(int width, int heads, int feedForward) {
        Value encoderLayer(Scope p, Value x, Value position) {
            Value at = add(x, position);
            Value y = normalised(p.at("norm1"), add(x, attention(p.at("self_attn"), at, at, x)));
            return normalised(p.at("norm2"), add(y, fed(p, y)));
        }

        Value decoderLayer(Scope p, Value x, Value query, Value memory, Value position) {
            Value at = add(x, query);
            Value y = normalised(p.at("norm1"), add(x, attention(p.at("self_attn"), at, at, x)));
            Value seen = attention(p.at("multihead_attn"), add(y, query), add(memory, position), memory);
            y = normalised(p.at("norm2"), add(y, seen));
            return normalised(p.at("norm3"), add(y, fed(p, y)));
        }

        private Value fed(Scope p, Value x) {
            return projected(p.at("linear2"), relu(projected(p.at("linear1"), x, feedForward)), width);
        }

        private Value attention(Scope p, Value query, Value key, Value value) {
            Value weight = p.parameter("in_proj_weight", 3L * width, width);
            Value bias = p.parameter("in_proj_bias", 3L * width);
            Value q = split(query, weight, bias, 0);
            Value k = split(key, weight, bias, 1);
            Value v = split(value, weight, bias, 2);
            Value scores = div(matMul(q, transpose(k, 0, 1, 3, 2)), Math.sqrt((double) width / heads));
            Value mixed = transpose(matMul(softmax(scores, 3), v), 0, 2, 1, 3);
            return projected(p.at("out_proj"), reshape(mixed, 0, query.shape().dim(1), width), width);
        }

        /** {@code [B, heads, N, width / heads]} by the projection's {@code part}: 0 queries, 1 keys, 2 values. */
        private Value split(Value x, Value weight, Value bias, long part) {
            Value y = linear(
                    x,
                    slice(weight, 0, part * width, (part + 1) * width),
                    slice(bias, 0, part * width, (part + 1) * width));
            return transpose(reshape(y, 0, x.shape().dim(1), heads, width / heads), 0, 2, 1, 3);
        }

        static Value normalised(Scope p, Value x) {
            long d = x.shape().dim(-1);
            return layerNormalization(x, p.parameter("weight", d), p.parameter("bias", d), -1, 1e-5);
        }
    }
}
