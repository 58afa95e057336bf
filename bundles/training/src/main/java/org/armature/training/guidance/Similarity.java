package org.armature.training.guidance;

import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceL2;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSum;
import static org.armature.graph.Ops.reduceSumSquare;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sqrt;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.transposeLast;

import java.util.Arrays;
import java.util.IdentityHashMap;
import java.util.Locale;
import java.util.Map;
import org.armature.graph.DType;
import org.armature.graph.Value;

/**
 * How alike two layers represent the same batch, and the loss {@code 1 - similarity} that guidance makes small
 * (Subramaniam et al. 2025, section 3). Activations are {@code [n, ...]}, computed in float32 whatever their type: Gram
 * matrices overflow half precision.
 */
enum Similarity {
    /** Linear centred kernel alignment of the flattened examples, the biased estimator (Kornblith et al. 2019, eq. 3). */
    CKA,
    /** Pearson correlation of the two cosine-similarity matrices, all n * n entries. */
    RSA,
    /** {@link #CKA} of each position of {@code [n, T, d]}; the loss is the sum over positions. */
    TOKEN;

    /** Examples in a batch: of fewer no similarity is known. */
    static final int FEWEST = 4;

    static Similarity of(String name) {
        return switch (name) {
            case "cka" -> CKA;
            case "rsa" -> RSA;
            case "token" -> TOKEN;
            default ->
                throw new IllegalArgumentException(
                        "config key metric is \"" + name + "\": there are cka, rsa and token");
        };
    }

    String id() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The loss of one pair of layers, a scalar. */
    Value loss(Value guide, Value target, Kernels kernels) {
        check(guide, target);
        return switch (this) {
            case CKA -> sub(1, cka(guide, target, kernels));
            case RSA -> sub(1, rsa(guide, target, kernels));
            case TOKEN -> reduceSum(sub(1, perToken(guide, target)), false);
        };
    }

    /** The similarity of one pair, a scalar; of {@link #TOKEN} the mean over positions. */
    Value similarity(Value guide, Value target, Kernels kernels) {
        check(guide, target);
        return switch (this) {
            case CKA -> cka(guide, target, kernels);
            case RSA -> rsa(guide, target, kernels);
            case TOKEN -> reduceMean(perToken(guide, target), false);
        };
    }

    private void check(Value guide, Value target) {
        long n = target.shape().dim(0);
        if (guide.shape().dim(0) != n) {
            throw new IllegalArgumentException("guide layer " + guide + " and target layer " + target
                    + " hold different batches: feed both networks the same examples");
        }
        if (n < FEWEST) {
            throw new IllegalArgumentException("guidance compares the examples of a batch, and " + n
                    + " are too few: use a batch of " + FEWEST + " or more");
        }
        if (this == TOKEN
                && (guide.rank() != 3
                        || target.rank() != 3
                        || guide.shape().dim(1) != target.shape().dim(1))) {
            throw new IllegalArgumentException("metric token needs layers [batch, positions, features] of equally many"
                    + " positions, not " + guide + " and " + target + ": use cka");
        }
    }

    /**
     * {@code <Kc, Lc> / (|Kc| |Lc|)}. Over features {@code |Xc^T Yc|^2} is the same number and cheaper when both layers are
     * narrower than the batch.
     */
    private static Value cka(Value x, Value y, Kernels kernels) {
        long n = x.shape().dim(0);
        long p = x.shape().size() / n;
        long q = y.shape().size() / n;
        if (p * q + p * p + q * q < n * (p + q)) {
            Value a = kernels.centred(x);
            Value b = kernels.centred(y);
            Value cross = reduceSumSquare(matMul(transpose(a, 1, 0), b), false);
            return div(div(cross, kernels.featureNorm(x)), kernels.featureNorm(y));
        }
        Value cross = reduceSum(mul(kernels.gram(x), kernels.gram(y)), false);
        return div(div(cross, kernels.norm(x)), kernels.norm(y));
    }

    private static Value rsa(Value x, Value y, Kernels kernels) {
        Value a = kernels.cosines(x);
        Value b = kernels.cosines(y);
        return div(reduceSum(mul(a, b), false), mul(reduceL2(a, false), reduceL2(b, false)));
    }

    /** {@code [T]}. */
    private static Value perToken(Value x, Value y) {
        Value k = tokenGram(x);
        Value l = tokenGram(y);
        Value norm = mul(sqrt(reduceSumSquare(k, false, 1, 2)), sqrt(reduceSumSquare(l, false, 1, 2)));
        return div(reduceSum(mul(k, l), false, 1, 2), norm);
    }

    /** {@code [n, T, d] -> [T, n, n]}. */
    private static Value tokenGram(Value x) {
        Value t = transpose(cast(x, DType.FLOAT), 1, 0, 2);
        Value centred = sub(t, reduceMean(t, true, 1));
        return matMul(centred, transposeLast(centred));
    }

    /** What depends on one layer alone, made once however many layers it is compared with. */
    static final class Kernels {
        private final Map<Value, Value> centred = new IdentityHashMap<>();
        private final Map<Value, Value> grams = new IdentityHashMap<>();
        private final Map<Value, Value> norms = new IdentityHashMap<>();
        private final Map<Value, Value> featureNorms = new IdentityHashMap<>();
        private final Map<Value, Value> cosines = new IdentityHashMap<>();

        /** {@code [n, p]}. */
        private static Value flat(Value x) {
            Value f = cast(x, DType.FLOAT);
            long n = x.shape().dim(0);
            return x.rank() == 2 ? f : reshape(f, n, x.shape().size() / n);
        }

        /** {@code H X}: centring the features centres the kernel, with less rounding than {@code H K H}. */
        Value centred(Value x) {
            return centred.computeIfAbsent(x, v -> {
                Value f = flat(v);
                return sub(f, reduceMean(f, true, 0));
            });
        }

        Value gram(Value x) {
            return grams.computeIfAbsent(x, v -> {
                Value c = centred(v);
                return matMul(c, transpose(c, 1, 0));
            });
        }

        Value norm(Value x) {
            return norms.computeIfAbsent(x, v -> sqrt(reduceSumSquare(gram(v), false)));
        }

        Value featureNorm(Value x) {
            return featureNorms.computeIfAbsent(x, v -> {
                Value c = centred(v);
                return sqrt(reduceSumSquare(matMul(transpose(c, 1, 0), c), false));
            });
        }

        /** Cosines of all pairs of examples, less their mean. */
        Value cosines(Value x) {
            return cosines.computeIfAbsent(x, v -> {
                Value f = flat(v);
                Value unit = div(f, reduceL2(f, true, 1));
                Value s = matMul(unit, transpose(unit, 1, 0));
                return sub(s, reduceMean(s, false));
            });
        }
    }

    /**
     * Which target layer each guide layer is matched to: evenly spread, halves to the even one.
     *
     * @return {@code min(round(g (T - 1) / (G - 1)), T - 1)} for each guide layer g
     */
    static int[] mapping(int guides, int targets) {
        double step = guides > 1 ? (targets - 1.0) / (guides - 1) : 1;
        int[] m = new int[guides];
        Arrays.setAll(m, g -> Math.min((int) Math.rint(g * step), targets - 1));
        return m;
    }
}
