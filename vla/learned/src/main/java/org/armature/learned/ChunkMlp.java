package org.armature.learned;

import static org.armature.graph.Ops.*;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.Model;
import org.armature.model.ModelProvider;
import org.armature.train.Standardisation;
import org.armature.train.TrainableModel;
import org.osgi.service.component.annotations.Component;

/**
 * Behaviour cloning with action chunks: {@code state [N, S]} and {@code words [N, V]} in, {@code actions [N, H * A]} out, as
 * the sum of a linear law for each word and a small network. Proportional controllers, which most scripted experts are, are
 * linear in differences of positions; the law goes on outside the demonstrations, where a network alone does what it likes.
 *
 * <p>Config: {@code state} S, {@code words} V, {@code chunk} [H, A], {@code width} (256), {@code depth} (2),
 * {@code differences}: list of [from, to, n] for the features {@code state[from..from+n) - state[to..to+n)}, {@code keep}:
 * indices of the state taken as they are (all, if neither is given). Features are standardised by their mean and variance
 * over the training batches so far, which are kept as {@code features.*}.
 */
@Component(
        property = {
            "armature.id=chunk-mlp",
            "armature.kind=model",
            "armature.paper=Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware (action chunks)"
        })
public final class ChunkMlp implements ModelProvider {
    @Override
    public String id() {
        return "chunk-mlp";
    }

    @Override
    public Model create(Config c) {
        int state = c.integer("state");
        List<long[]> differences = new ArrayList<>();
        if (c.has("differences")) {
            for (Object d : c.list("differences")) {
                long[] t = d instanceof List<?> l && l.size() == 3 && l.stream().allMatch(Number.class::isInstance)
                        ? l.stream().mapToLong(n -> ((Number) n).longValue()).toArray()
                        : new long[] {-1, 0, 0};
                if (t[0] < 0 || t[1] < 0 || t[2] < 1 || Math.max(t[0], t[1]) + t[2] > state) {
                    throw new IllegalArgumentException("config key differences has " + d
                            + ": give [from, to, n] with from + n and to + n at most state = " + state);
                }
                differences.add(t);
            }
        }
        long[] keep = c.has("keep") ? c.integers("keep") : new long[0];
        return new Network(
                state,
                c.integer("words"),
                Chunk.of(c),
                c.integer("width", 256),
                c.integer("depth", 2),
                differences,
                keep);
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Network(
            int state, int words, Chunk chunk, int width, int depth, List<long[]> differences, long[] keep)
            implements TrainableModel {
        @Override
        public SequencedMap<String, TensorType> inputs() {
            SequencedMap<String, TensorType> m = new LinkedHashMap<>();
            m.put("state", new TensorType(DType.FLOAT, Shape.named("batch", state)));
            m.put("words", new TensorType(DType.FLOAT, Shape.named("batch", words)));
            return m;
        }

        @Override
        public SequencedMap<String, Value> build(Scope scope, Map<String, Value> inputs) {
            return actions(scope, inputs, false);
        }

        @Override
        public SequencedMap<String, Value> buildForTraining(Scope scope, Map<String, Value> inputs) {
            return actions(scope, inputs, true);
        }

        private SequencedMap<String, Value> actions(Scope scope, Map<String, Value> inputs, boolean training) {
            Value word = given(inputs, "words");
            Value x = Standardisation.of(scope.at("features"), features(given(inputs, "state")), training);
            long f = x.shape().dim(1);
            long out = chunk.size();
            // The linear law of an instruction is the sum of its words' laws: [N, V, 1] * [N, 1, F] -> [N, V * F].
            Value pairs = reshape(mul(unsqueeze(word, 2), unsqueeze(x, 1)), -1, words * f);
            Value y = linear(concat(1, pairs, word), scope.at("law"), out);
            Value h = concat(1, x, word);
            for (int i = 0; i < depth; i++) {
                h = gelu(linear(h, scope.at("network", i), width));
            }
            SequencedMap<String, Value> m = new LinkedHashMap<>();
            m.put("actions", add(y, linear(h, scope.at("network", depth), out)));
            return m;
        }

        private Value features(Value s) {
            if (differences.isEmpty() && keep.length == 0) {
                return s;
            }
            List<Value> parts = new ArrayList<>();
            for (long[] d : differences) {
                parts.add(sub(slice(s, 1, d[0], d[0] + d[2]), slice(s, 1, d[1], d[1] + d[2])));
            }
            for (long k : keep) {
                parts.add(slice(s, 1, k, k + 1));
            }
            return parts.size() == 1 ? parts.getFirst() : concat(1, parts);
        }

        private static Value linear(Value x, Scope s, long out) {
            return org.armature.graph.Ops.linear(
                    x, s.parameter("weight", out, x.shape().dim(1)), s.parameter("bias", out));
        }

        private static Value given(Map<String, Value> inputs, String name) {
            Value v = inputs.get(name);
            if (v == null) {
                throw new IllegalArgumentException("model chunk-mlp takes " + name + ", not only " + inputs.keySet());
            }
            return v;
        }
    }
}
