package org.armature.compute.opencl.ir;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * {@code softmax(score(queries keys')) values} in 32-bit floats, or its derivatives, for kernels that go through blocks of
 * queries and keys: the matrix of queries by keys is never in memory (Dao et al. 2022, "FlashAttention").
 *
 * @param depth columns of queries and keys
 * @param width columns of values
 * @param queries of batch, query, depth
 * @param keys of batch, key, depth
 * @param values of batch, key, width
 * @param product stands for an element of {@code queries keys'} in the score
 * @param score of batch, query, key and the product: scaled, masked
 * @param reach keys from {@code query + reach} on have the score minus infinity; {@link #EVERYWHERE} if none are known to
 * @param backward null for the result itself
 */
public record Attention(
        Var batch,
        Var query,
        Var key,
        Var depth,
        Var width,
        Scalar queries,
        Scalar keys,
        Scalar values,
        Scalar.Register product,
        Scalar score,
        long reach,
        @Nullable Backward backward) {
    public static final long EVERYWHERE = Long.MAX_VALUE;

    /** What a kernel can compute of it. */
    public enum Result {
        /** Of batch, query, width. */
        OUTPUT,
        /** Of batch, query: the logarithm of the sum of the scores' exponentials. */
        LOG_SUM,
        /** The derivative by the queries, of batch, query, depth. */
        QUERIES,
        /** The derivative by the keys, of batch, key, depth. */
        KEYS,
        /** The derivative by the values, of batch, key, width. */
        VALUES
    }

    /**
     * What derivatives need besides.
     *
     * @param cotangent of batch, query, width: the derivative by the output
     * @param logSum of batch, query
     * @param probability stands for an element of the softmax
     * @param slope stands for an element of {@code cotangent values'}, the derivative by the probability
     * @param derivative of batch, query, key, the probability and the slope: the derivative by the product
     */
    public record Backward(
            Scalar cotangent, Scalar logSum, Scalar.Register probability, Scalar.Register slope, Scalar derivative) {}

    /** Row and column of a result. */
    public List<Var> axes(Result r) {
        return switch (r) {
            case OUTPUT -> List.of(query, width);
            case LOG_SUM -> List.of(query);
            case QUERIES -> List.of(query, depth);
            case KEYS -> List.of(key, depth);
            case VALUES -> List.of(key, width);
        };
    }

    /** Whether one kernel computes results of this and the other, which may be written with other arrays. */
    public boolean isKernelOf(Attention o) {
        return batch == o.batch && (backward == null) == (o.backward == null);
    }

    public List<Scalar> expressions() {
        List<Scalar> all = new ArrayList<>(List.of(queries, keys, values, score));
        if (backward != null) {
            all.addAll(List.of(backward.cotangent, backward.logSum, backward.derivative));
        }
        return all;
    }

    /** How often an expression is evaluated. */
    public double evaluations(Scalar expression) {
        double rows = (double) batch.size() * query.size();
        double others = (double) batch.size() * key.size();
        Backward b = backward;
        return expression == queries
                ? rows * depth.size()
                : expression == keys
                        ? others * depth.size()
                        : expression == values
                                ? others * width.size()
                                : b != null && expression == b.cotangent
                                        ? rows * width.size()
                                        : b != null && expression == b.logSum ? rows : rows * key.size();
    }

    public Attention rewrite(Function<Scalar, Scalar> f) {
        Backward b = backward;
        return new Attention(
                batch,
                query,
                key,
                depth,
                width,
                f.apply(queries),
                f.apply(keys),
                f.apply(values),
                product,
                f.apply(score),
                reach,
                b == null
                        ? null
                        : new Backward(
                                f.apply(b.cotangent),
                                f.apply(b.logSum),
                                b.probability,
                                b.slope,
                                f.apply(b.derivative)));
    }

    /** Pairs of a query and a key it may see. */
    private double pairs() {
        double all = 0;
        for (long q = 0; q < query.size(); q++) {
            all += reach == EVERYWHERE ? key.size() : Math.clamp(q + reach, 0, key.size());
        }
        return batch.size() * all;
    }

    /** Of the products alone: two of them, five for the derivatives, where the scores are made again. */
    public double flops() {
        return 2 * pairs() * (backward == null ? depth.size() + width.size() : 3 * depth.size() + 2 * width.size());
    }
}
