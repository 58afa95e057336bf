package org.armature.training.guidance;

import static org.armature.graph.Ops.transpose;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.armature.graph.Node;
import org.armature.graph.Value;
import org.jspecify.annotations.Nullable;

/**
 * Finds the activations guidance compares: what comes out of convolutions, linear layers, global pools and layer
 * normalisations, in the order they are computed, before what follows them (activation, batch normalisation).
 */
final class Taps {
    /** Kinds of layers that are seen, for messages. */
    static final String SEEN = "convolution, linear layer, global average pool, layer normalisation";

    /** An activation, the batch first, and the place of the layer that made it. */
    record Tap(String name, Value value) {}

    private Taps() {}

    /**
     * The activations that nodes make.
     *
     * @param batch number of examples; an activation with another axis of that size has it moved to the front, one without or
     *     with several is left out
     */
    static List<Tap> find(List<Node> nodes, long batch) {
        Map<Value, Value> parameters = new IdentityHashMap<>();
        Map<Value, Node> producers = new IdentityHashMap<>();
        nodes.forEach(n -> n.outputs().forEach(v -> producers.put(v, n)));
        List<Tap> taps = new ArrayList<>();
        for (Node n : nodes) {
            Value weight = switch (n.type()) {
                case "Conv", "Gemm", "LayerNormalization" -> parameter(n.input(1), producers, parameters);
                case "MatMul" -> {
                    Value w = parameter(n.input(1), producers, parameters);
                    yield w != null && w.rank() == 2 ? w : null;
                }
                default -> null;
            };
            boolean pool = n.type().equals("GlobalAveragePool");
            // PyTorch's attention has no layer for its packed projection, only for what comes out of it.
            if (!pool && (weight == null || weight.name().endsWith("in_proj_weight"))) {
                continue;
            }
            Value out = n.type().equals("MatMul") ? biased(n.output(), nodes, producers, parameters) : n.output();
            String name = pool ? n.name() : place(weight.name());
            Value first = batchFirst(out, batch);
            if (first != null) {
                taps.add(new Tap(name, first));
            }
        }
        return taps;
    }

    private static String place(String weight) {
        int dot = weight.lastIndexOf('.');
        return dot < 0 ? weight : weight.substring(0, dot);
    }

    /** The sum with the bias, where one follows. */
    private static Value biased(Value product, List<Node> nodes, Map<Value, Node> producers, Map<Value, Value> known) {
        for (Node n : nodes) {
            if (n.type().equals("Add") && n.inputs().stream().anyMatch(v -> v == product)) {
                Value other = n.input(0) == product ? n.input(1) : n.input(0);
                Value p = parameter(other, producers, known);
                if (p != null && p.rank() == 1) {
                    return n.output();
                }
            }
        }
        return product;
    }

    /** The parameter a value is, perhaps transposed or reshaped; of weights made of several the first. */
    private static @Nullable Value parameter(Value v, Map<Value, Node> producers, Map<Value, Value> known) {
        if (!v.isPresent() || v.constant().isPresent()) {
            return null;
        }
        Node n = producers.get(v);
        if (n == null) {
            return v.builder().parameters().contains(v) ? v : null;
        }
        return Set.of("Transpose", "Reshape", "Cast").contains(n.type())
                ? known.computeIfAbsent(v, k -> parameter(n.input(0), producers, known))
                : null;
    }

    private static @Nullable Value batchFirst(Value v, long batch) {
        if (v.rank() == 0) {
            return null;
        }
        if (v.shape().at(0).is(batch)) {
            return v;
        }
        int[] fits = IntStream.range(1, v.rank())
                .filter(i -> v.shape().at(i).is(batch))
                .toArray();
        if (fits.length != 1) {
            return null;
        }
        long[] perm = new long[v.rank()];
        Arrays.setAll(perm, i -> i);
        perm[0] = fits[0];
        perm[fits[0]] = 0;
        return transpose(v, perm);
    }
}
