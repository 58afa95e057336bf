package org.armature.compute.onnx;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.erf;
import static org.armature.graph.Ops.hardSigmoid;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reciprocal;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sqrt;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.transpose;

import java.util.stream.LongStream;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Rewriter;
import org.armature.graph.Value;

/**
 * Writes what gradient graphs have, and large layer normalisations of any, in the forms that ONNX Runtime 1.29 is fastest at on a CPU. What the forward and the
 * backward part then have in common becomes one node by its own search for common subexpressions. CPU time of one thread on
 * an AVX2 machine, measured before choosing:
 *
 * <ul>
 *   <li>{@code A' B} of {@code [1576, 384]} and {@code [1576, 1536]}: 40 ms with a transposed side, 28 ms as a plain product
 *       plus 0.7 ms for transposing the narrower factor.
 *   <li>Layer normalisation of {@code [1576, 384]}: 4.0 ms by its kernel, 1.3 ms by reductions, which leave the normalised
 *       values to the backward part (AVX-512: 4.2 and 2.0 ms).
 *   <li>GELU of {@code [1576, 1536]}: 4.0 ms by its kernel, 2.2 ms more than its derivative takes when that has made the
 *       distribution function anyway.
 *   <li>The way back of a ReLU of {@code [8, 64, 56, 56]} (AVX-512): 4.3 ms as comparison and choice, 2.4 ms as a slope of
 *       0 or 1 and a product.
 * </ul>
 */
final class GradientKernels {
    private static final long LONG = 256;
    private static final long WIDE = 32;
    private static final long MUCH = 1 << 16;
    private static final double STEEP = 3e38;

    private GradientKernels() {}

    static Graph chosen(Graph graph) {
        return Rewriter.rewrite(
                graph,
                (n, r) -> n.output().dtype() == DType.FLOAT
                        && switch (n.type()) {
                            case "Gemm" -> product(n, r);
                            case "LayerNormalization" -> layerNormalization(n, r);
                            case "Gelu" -> gelu(n, r);
                            case "Where" -> reluSlope(n, r);
                            default -> false;
                        });
    }

    /** {@code A' B}, both long and narrow, as a product of the transposed narrower one. */
    private static boolean product(Node n, Rewriter r) {
        boolean plain = n.integer("transA", 0) != 0
                && n.integer("transB", 0) == 0
                && n.real("alpha", 1) == 1
                && !n.input(2).isPresent();
        if (!plain || !n.input(0).shape().isStatic() || !n.input(1).shape().isStatic()) {
            return false;
        }
        long length = n.input(0).shape().dim(0);
        long rows = n.input(0).shape().dim(1);
        long columns = n.input(1).shape().dim(1);
        if (length < LONG || Math.min(rows, columns) < WIDE) {
            return false;
        }
        Value a = r.get(n.input(0));
        Value b = r.get(n.input(1));
        r.replace(n.output(), rows <= columns ? matMul(transposed(a), b) : transpose(matMul(transposed(b), a), 1, 0));
        return true;
    }

    /** With an axis more, or the runtime would put the transposition back into the product. */
    private static Value transposed(Value x) {
        long rows = x.shape().dim(0);
        long columns = x.shape().dim(1);
        return reshape(transpose(reshape(x, 1, rows, columns), 2, 0, 1), columns, rows);
    }

    /** Where mean and inverse deviation are asked for, and over the last axis of much data. */
    private static boolean layerNormalization(Node n, Rewriter r) {
        boolean large = n.input(0).shape().isStatic()
                && n.input(0).shape().size() >= MUCH
                && n.input(0).shape().axis(n.integer("axis", -1)) == n.input(0).rank() - 1;
        if (n.outputs().size() < 3 && !large) {
            return false;
        }
        Value x = r.get(n.input(0));
        long[] axes = LongStream.range(x.shape().axis(n.integer("axis", -1)), x.rank())
                .toArray();
        Value mean = reduceMean(x, true, axes);
        Value centred = sub(x, mean);
        Value variance = reduceMean(mul(centred, centred), true, axes);
        Value inverse = reciprocal(sqrt(add(variance, n.real("epsilon", 1e-5f))));
        Value y = mul(mul(centred, inverse), r.get(n.input(1)));
        r.replace(n.outputs().get(0), n.input(2).isPresent() ? add(y, r.get(n.input(2))) : y);
        if (n.outputs().size() > 1) {
            r.replace(n.outputs().get(1), mean);
        }
        if (n.outputs().size() > 2) {
            r.replace(n.outputs().get(2), inverse);
        }
        return true;
    }

    /**
     * {@code y > 0 ? dy : 0} of a {@code y = relu(x)}, whose slope is {@code min(1, y STEEP)}: between 0 and 1 only for
     * numbers below the normal ones. An infinite cotangent of {@code y = 0} becomes NaN.
     */
    private static boolean reluSlope(Node n, Rewriter r) {
        Graph g = r.source();
        Value y = g.producer(n.input(0))
                .filter(c -> c.is("Greater") && isZero(c.input(1)))
                .map(c -> c.input(0))
                .filter(v -> g.producer(v).filter(m -> m.is("Relu")).isPresent())
                .orElse(Value.none());
        boolean slope = y.isPresent()
                && isZero(n.input(2))
                && y.shape().equals(n.input(1).shape());
        if (slope) {
            r.replace(n.output(), mul(r.get(n.input(1)), hardSigmoid(r.get(y), STEEP, 0)));
        }
        return slope;
    }

    private static boolean isZero(Value v) {
        return v.constant().filter(c -> c.shape().size() == 1 && c.get(0) == 0).isPresent();
    }

    /** {@code x Phi(x)} where something else needs {@code erf(x / sqrt 2)}. */
    private static boolean gelu(Node n, Rewriter r) {
        Graph g = r.source();
        boolean shared = n.text("approximate", "none").equals("none")
                && g.consumers(n.input(0)).stream()
                        .filter(m -> m.is("Mul"))
                        .anyMatch(m -> g.consumers(m.output()).stream().anyMatch(e -> e.is("Erf")));
        if (shared) {
            Value x = r.get(n.input(0));
            r.replace(n.output(), mul(x, hardSigmoid(erf(mul(x, Math.sqrt(0.5))), 0.5, 0.5)));
        }
        return shared;
    }
}
