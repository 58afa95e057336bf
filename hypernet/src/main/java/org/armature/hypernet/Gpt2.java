package org.armature.hypernet;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.gather;
import static org.armature.graph.Ops.geluTanh;
import static org.armature.graph.Ops.layerNormalization;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.softmax;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.transposeLast;

import java.util.LinkedHashMap;
import java.util.List;
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
import org.osgi.service.component.annotations.Component;

/**
 * GPT-2 (Radford et al. 2019), parameters named and stored as in Hugging Face's checkpoints: matrices of the blocks are
 * {@code [in, out]}. {@code tokens INT64 [batch, length] -> y [batch, length, vocabulary]}. A head that shares its weight with
 * the token embedding has it as {@code lm_head.weight}.
 */
record Gpt2(int vocabulary, int positions, int width, int layers, int heads, boolean tied, long length)
        implements Model {
    private static final double EPSILON = 1e-5;

    /** Model {@code gpt2}, keys as Hugging Face's; {@code length} of the sequences (n_positions). */
    @Component(property = {"armature.id=gpt2", "armature.kind=model"})
    public static final class Provider implements ModelProvider {
        @Override
        public String id() {
            return "gpt2";
        }

        @Override
        public Model create(Config config) {
            return of(config);
        }
    }

    static Gpt2 of(Config c) {
        c.has("bos_token_id");
        c.has("eos_token_id");
        int positions = c.integer("n_positions", 1024);
        return new Gpt2(
                c.integer("vocab_size", 50257),
                positions,
                c.integer("n_embd", 768),
                c.integer("n_layer", 12),
                c.integer("n_head", 12),
                c.flag("tie_word_embeddings", true),
                c.wide("length", positions));
    }

    Gpt2 {
        if (heads < 1 || width % heads != 0) {
            throw new IllegalArgumentException("config key n_embd is " + width + ", which is no multiple of n_head "
                    + heads + ": change one of them");
        }
        if (length < 1 || length > positions) {
            throw new IllegalArgumentException(
                    "config key length is " + length + ": give a number from 1 to n_positions, " + positions);
        }
    }

    @Override
    public SequencedMap<String, TensorType> inputs() {
        SequencedMap<String, TensorType> m = new LinkedHashMap<>();
        m.put("tokens", new TensorType(DType.INT64, Shape.named("batch", length)));
        return m;
    }

    @Override
    public SequencedMap<String, Value> build(Scope p, Map<String, Value> inputs) {
        Scope t = p.at("transformer");
        Value table = tied
                ? p.at("lm_head").parameter("weight", vocabulary, width)
                : t.at("wte").parameter("weight", vocabulary, width);
        Value places = t.at("wpe").parameter("weight", positions, width);
        Value x =
                add(gather(table, inputs.get("tokens"), 0), length == positions ? places : slice(places, 0, 0, length));
        for (int i = 0; i < layers; i++) {
            Scope h = t.at("h", i);
            x = add(x, attention(h.at("attn"), norm(h.at("ln_1"), x)));
            Value hidden = geluTanh(product(h.at("mlp.c_fc"), norm(h.at("ln_2"), x), 4L * width));
            x = add(x, product(h.at("mlp.c_proj"), hidden, width));
        }
        x = norm(t.at("ln_f"), x);
        SequencedMap<String, Value> out = new LinkedHashMap<>();
        out.put("y", linear(x, p.at("lm_head").parameter("weight", vocabulary, width), Value.none()));
        return out;
    }

    private Value attention(Scope p, Value x) {
        long d = width / heads;
        List<Value> part = split(product(p.at("c_attn"), x, 3L * width), 2, width, width, width).stream()
                .map(v -> transpose(reshape(v, 0, 0, heads, d), 0, 2, 1, 3))
                .toList();
        Value scores = matMul(mul(part.get(0), 1 / Math.sqrt(d)), transposeLast(part.get(1)));
        int n = (int) length;
        float[] mask = new float[n * n];
        for (int i = 0; i < mask.length; i++) {
            mask[i] = i % n > i / n ? Float.NEGATIVE_INFINITY : 0;
        }
        scores = add(scores, x.builder().constant(Constant.floats(Shape.of(n, n), mask)));
        Value mixed = transpose(matMul(softmax(scores, -1), part.get(2)), 0, 2, 1, 3);
        return product(p.at("c_proj"), reshape(mixed, 0, 0, width), width);
    }

    /** Hugging Face's {@code Conv1D}. */
    private static Value product(Scope p, Value x, long out) {
        return add(matMul(x, p.parameter("weight", x.shape().dim(-1), out)), p.parameter("bias", out));
    }

    private Value norm(Scope p, Value x) {
        return layerNormalization(x, p.parameter("weight", width), p.parameter("bias", width), -1, EPSILON);
    }
}
