package org.armature.passes;

import static org.armature.graph.Ops.*;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import org.armature.compute.GraphPass;
import org.armature.graph.Attribute;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Op;
import org.armature.graph.Ops;
import org.armature.graph.Rewriter;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;

/**
 * Recognises what ONNX Runtime has one kernel for: layer normalisation, GELU, scaled and transposed matrix products, and
 * attention. Differentiate before fusing; only graphs of FLOAT gain. The result runs on executors that know the
 * {@code com.microsoft} operators.
 */
@Component(property = {"armature.id=fuse", "armature.kind=pass"})
public final class Fuse implements GraphPass {
    @Override
    public String id() {
        return "fuse";
    }

    @Override
    public Graph apply(Graph graph) {
        Graph g = Match.untilStable(graph, (n, r) -> layerNormalization(n, r) || gelu(n, r));
        Graph attention = Match.untilStable(g, Fuse::attention);
        return Match.untilStable(attention, Fuse::matMul);
    }

    private static boolean isFloat(Node n) {
        return n.output().dtype() == DType.FLOAT;
    }

    // ---- layer normalisation: (x - mean) / sqrt(var + eps) * scale + bias
    // ---------------------------------------------

    private static boolean layerNormalization(Node n, Rewriter r) {
        if (!n.is("Add") || !isFloat(n) || r.source().opset() < 17) {
            return false;
        }
        Graph g = r.source();
        for (int side = 0; side < 2; side++) {
            Value bias = n.input(1 - side);
            Optional<Node> scaled = Match.made(g, n.input(side), "Mul");
            if (scaled.isEmpty()) {
                continue;
            }
            for (int factor = 0; factor < 2; factor++) {
                Optional<Normalized> u = normalized(g, scaled.get().input(factor));
                Value scale = scaled.get().input(1 - factor);
                if (u.isPresent() && fits(scale, u.get()) && fits(bias, u.get())) {
                    Normalized m = u.get();
                    r.replace(
                            n.output(),
                            Ops.layerNormalization(r.get(m.x), r.get(scale), r.get(bias), m.axis, m.epsilon));
                    return true;
                }
            }
        }
        return false;
    }

    /** {@code x} normalised over the axes from {@code axis} on. */
    private record Normalized(Value x, int axis, double epsilon) {}

    private static boolean fits(Value scale, Normalized m) {
        return scale.shape().equals(m.x.shape().slice(m.axis, m.x.rank()));
    }

    private static Optional<Normalized> normalized(Graph g, Value u) {
        Node div = Match.made(g, u, "Div").orElse(null);
        if (div == null) {
            return Optional.empty();
        }
        Node centred = Match.made(g, div.input(0), "Sub").orElse(null);
        Node root = Match.made(g, div.input(1), "Sqrt").orElse(null);
        Node sum = root == null ? null : Match.made(g, root.input(0), "Add").orElse(null);
        if (centred == null || sum == null) {
            return Optional.empty();
        }
        Optional<Double> epsilon = Match.scalar(sum.input(1));
        Node variance = Match.made(g, sum.input(0), "ReduceMean").orElse(null);
        Node mean = Match.made(g, centred.input(1), "ReduceMean").orElse(null);
        if (epsilon.isEmpty() || variance == null || mean == null || mean.input(0) != centred.input(0)) {
            return Optional.empty();
        }
        Optional<Node> square = g.producer(variance.input(0))
                .filter(s -> (s.is("Mul") && s.input(0) == div.input(0) && s.input(1) == div.input(0))
                        || (s.is("Pow") && s.input(0) == div.input(0) && Match.isScalar(s.input(1), 2)));
        long[] axes = axes(mean);
        int rank = mean.input(0).rank();
        boolean trailing = axes.length > 0
                && Arrays.equals(
                        axes, LongStream.range(rank - axes.length, rank).toArray());
        boolean kept = mean.integer("keepdims", 1) != 0 && variance.integer("keepdims", 1) != 0;
        return square.isPresent() && trailing && kept && Arrays.equals(axes, axes(variance))
                ? Optional.of(new Normalized(centred.input(0), rank - axes.length, epsilon.get()))
                : Optional.empty();
    }

    private static long[] axes(Node reduce) {
        long[] given = reduce.input(1).isPresent()
                ? Match.longs(reduce.input(1)).orElse(new long[0])
                : reduce.integers("axes");
        int rank = reduce.input(0).rank();
        return Arrays.stream(given).map(a -> a < 0 ? a + rank : a).sorted().toArray();
    }

    // ---- x Phi(x) = 0.5 x (1 + erf(x / sqrt 2)), the factors in any order
    // ---------------------------------------------

    private static boolean gelu(Node n, Rewriter r) {
        if (!n.is("Mul") || !isFloat(n)) {
            return false;
        }
        Graph g = r.source();
        for (int side = 0; side < 2; side++) {
            Value a = n.input(side);
            Value b = n.input(1 - side);
            // (x * (1 + erf)) * 0.5, (0.5 x) * (1 + erf), x * (0.5 (1 + erf))
            Optional<Value> x = Match.first(
                    () -> Match.isScalar(b, 0.5) ? product(g, a).flatMap(p -> erfSum(g, p[0], p[1])) : Optional.empty(),
                    () -> half(g, a).flatMap(h -> erfSum(g, h, b)),
                    () -> half(g, b).flatMap(h -> erfSum(g, a, h)));
            if (x.isPresent()) {
                Value in = r.get(x.get());
                r.replace(
                        n.output(),
                        g.opset() >= 20
                                ? Ops.gelu(in)
                                : r.builder()
                                        .node(new Op(Op.MICROSOFT, "Gelu"), List.of(in), Map.of(), 1)
                                        .getFirst());
                return true;
            }
        }
        return false;
    }

    private static Optional<Value[]> product(Graph g, Value v) {
        return Match.made(g, v, "Mul").map(m -> new Value[] {m.input(0), m.input(1)});
    }

    /** {@code h} if {@code v} is half of it. */
    private static Optional<Value> half(Graph g, Value v) {
        return Match.first(
                () -> Match.made(g, v, "Mul")
                        .filter(m -> Match.isScalar(m.input(1), 0.5))
                        .map(m -> m.input(0)),
                () -> Match.made(g, v, "Mul")
                        .filter(m -> Match.isScalar(m.input(0), 0.5))
                        .map(m -> m.input(1)),
                () -> Match.made(g, v, "Div")
                        .filter(m -> Match.isScalar(m.input(1), 2))
                        .map(m -> m.input(0)));
    }

    /** {@code x} if one of two values is x and the other 1 + erf(x / sqrt 2). */
    private static Optional<Value> erfSum(Graph g, Value a, Value b) {
        return Match.first(() -> isErfSum(g, b, a), () -> isErfSum(g, a, b));
    }

    private static Optional<Value> isErfSum(Graph g, Value sum, Value x) {
        Node add = Match.made(g, sum, "Add").orElse(null);
        if (add == null) {
            return Optional.empty();
        }
        Value inner = Match.isScalar(add.input(1), 1)
                ? add.input(0)
                : Match.isScalar(add.input(0), 1) ? add.input(1) : Value.none();
        Optional<Node> scaled = Match.made(g, inner, "Erf")
                .flatMap(e -> g.producer(e.input(0)))
                .filter(s -> s.input(0) == x)
                .filter(s -> (s.is("Div") && Match.isScalar(s.input(1), Math.sqrt(2)))
                        || (s.is("Mul") && Match.isScalar(s.input(1), Math.sqrt(0.5))));
        return scaled.map(s -> x);
    }

    // ---- softmax(q k' s + bias) v
    // ------------------------------------------------------------------------------------

    private static boolean attention(Node n, Rewriter r) {
        if (!n.is("MatMul")
                || !isFloat(n)
                || n.output().rank() != 4
                || !n.output().shape().isStatic()) {
            return false;
        }
        Graph g = r.source();
        Value v = n.input(1);
        Node softmax = Match.made(g, n.input(0), "Softmax").orElse(null);
        if (softmax == null
                || g.opset() < 13
                || !isLast(softmax)
                || !Match.single(g, softmax.output())
                || v.rank() != 4) {
            return false;
        }
        Value scores = softmax.input(0);
        Value bias = Value.none();
        Node add = Match.made(g, scores, "Add").orElse(null);
        if (add != null && Match.single(g, scores)) {
            bias = add.input(1);
            scores = add.input(0);
            if (bias.rank() != 4) {
                return false;
            }
        }
        double scale = 1;
        Node scaling = g.producer(scores)
                .filter(s -> s.is("Mul") || s.is("Div"))
                .filter(s -> Match.scalar(s.input(1)).isPresent())
                .orElse(null);
        if (scaling != null) {
            double s = Match.scalar(scaling.input(1)).orElseThrow();
            scale = scaling.is("Mul") ? s : 1 / s;
            scores = scaling.input(0);
        }
        Node product = Match.made(g, scores, "MatMul")
                .filter(m -> Match.single(g, m.output()))
                .orElse(null);
        Node keys = product == null
                ? null
                : Match.made(g, product.input(1), "Transpose").orElse(null);
        if (keys == null || !swapsLast(keys) || !sameHeads(product.input(0), keys.input(0), v)) {
            return false;
        }
        r.replace(n.output(), multiHead(r, product.input(0), keys.input(0), v, bias, scale));
        return true;
    }

    private static boolean isLast(Node softmax) {
        long axis = softmax.integer("axis", -1);
        return axis == -1 || axis == softmax.output().rank() - 1;
    }

    private static boolean sameHeads(Value q, Value k, Value v) {
        return q.rank() == 4
                && k.rank() == 4
                && q.shape().slice(0, 2).equals(k.shape().slice(0, 2))
                && q.shape().slice(0, 2).equals(v.shape().slice(0, 2))
                && k.shape().dim(2) == v.shape().dim(2)
                && q.shape().dim(3) == k.shape().dim(3)
                && q.shape().dim(3) == v.shape().dim(3);
    }

    /** The fused operator takes {@code [B, S, N H]} and gives the same. */
    private static Value multiHead(Rewriter r, Value q, Value k, Value v, Value bias, double scale) {
        Value none = Value.none();
        Shape s = q.shape();
        List<Value> in = bias.isPresent()
                ? List.of(rows(r.get(q)), rows(r.get(k)), rows(r.get(v)), none, none, r.get(bias))
                : List.of(rows(r.get(q)), rows(r.get(k)), rows(r.get(v)));
        Value y = r.builder()
                .node(
                        new Op(Op.MICROSOFT, "MultiHeadAttention"),
                        in,
                        attributes("num_heads", s.dim(1), "scale", scale),
                        1)
                .getFirst();
        return transpose(reshape(y, s.dim(0), s.dim(2), s.dim(1), s.dim(3)), 0, 2, 1, 3);
    }

    /** {@code [B, N, S, H] -> [B, S, N H]}. */
    private static Value rows(Value x) {
        Shape s = x.shape();
        return reshape(transpose(x, 0, 2, 1, 3), s.dim(0), s.dim(2), s.dim(1) * s.dim(3));
    }

    // ---- products with transposed sides and a factor
    // -----------------------------------------------------------------

    private static boolean matMul(Node n, Rewriter r) {
        return scaledMatMul(n, r) || transposedMatMul(n, r);
    }

    private static boolean transposedMatMul(Node n, Rewriter r) {
        if (!isProduct(n)) {
            return false;
        }
        Graph g = r.source();
        Node a = transposed(g, n.input(0));
        Node b = transposed(g, n.input(1));
        if (a == null && b == null) {
            return false;
        }
        long ta = n.integer("transA", 0) ^ (a == null ? 0 : 1);
        long tb = n.integer("transB", 0) ^ (b == null ? 0 : 1);
        Value left = r.get(a == null ? n.input(0) : a.input(0));
        Value right = r.get(b == null ? n.input(1) : b.input(0));
        r.replace(n.output(), fused(r, left, right, n.real("alpha", 1), ta, tb));
        return true;
    }

    private static boolean scaledMatMul(Node n, Rewriter r) {
        if (!(n.is("Mul") || n.is("Div")) || !isFloat(n)) {
            return false;
        }
        Graph g = r.source();
        Optional<Double> s = Match.scalar(n.input(1))
                .filter(f -> n.input(1).rank() <= n.input(0).rank());
        Node m = g.producer(n.input(0))
                .filter(p -> isProduct(p) && Match.single(g, p.output()))
                .orElse(null);
        if (s.isEmpty() || m == null) {
            return false;
        }
        float alpha = (float) (m.real("alpha", 1) * (n.is("Mul") ? s.get() : 1 / s.get()));
        r.replace(
                n.output(),
                fused(r, r.get(m.input(0)), r.get(m.input(1)), alpha, m.integer("transA", 0), m.integer("transB", 0)));
        return true;
    }

    private static boolean isProduct(Node n) {
        boolean known = n.is("MatMul") || n.op().equals(new Op(Op.MICROSOFT, "FusedMatMul"));
        return known && isFloat(n) && n.input(0).rank() >= 2 && n.input(1).rank() >= 2;
    }

    private static @Nullable Node transposed(Graph g, Value v) {
        return Match.made(g, v, "Transpose").filter(Fuse::swapsLast).orElse(null);
    }

    private static boolean swapsLast(Node transpose) {
        int rank = transpose.input(0).rank();
        long[] perm = transpose.integers(
                "perm", LongStream.range(0, rank).map(i -> rank - 1 - i).toArray());
        long[] swap = LongStream.range(0, rank).toArray();
        if (rank < 2) {
            return false;
        }
        swap[rank - 1] = rank - 2;
        swap[rank - 2] = rank - 1;
        return Arrays.equals(perm, swap);
    }

    private static Value fused(Rewriter r, Value a, Value b, float alpha, long ta, long tb) {
        Map<String, Attribute> at = attributes("alpha", alpha, "transA", ta, "transB", tb);
        return r.builder()
                .node(new Op(Op.MICROSOFT, "FusedMatMul"), List.of(a, b), at, 1)
                .getFirst();
    }
}
