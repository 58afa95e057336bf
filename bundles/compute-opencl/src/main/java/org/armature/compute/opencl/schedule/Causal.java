package org.armature.compute.opencl.schedule;

import java.util.List;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.graph.Constant;
import org.jspecify.annotations.Nullable;

/**
 * A score that is minus infinity for all keys after some diagonal, whatever the data.
 *
 * @param score with the constant mask replaced by a comparison of key and query
 * @param reach a query sees keys below {@code query + reach}
 */
record Causal(Scalar score, long reach) {
    /** Null if it is not such a score. */
    static @Nullable Causal of(Scalar score, Var query, Var key) {
        Scalar s = Scalar.substitute(score, Index::of, l -> triangle(l, query, key));
        Index distance = Index.of(key).minus(Index.of(query));
        Scalar.Inside seen = seen(s);
        return seen != null
                        && seen.at().plus(-seen.at().constant()).equals(distance)
                        && seen.lo() <= seen.at().min()
                ? new Causal(s, seen.hi() - seen.at().constant())
                : null;
    }

    /** Where the score may be finite. */
    private static Scalar.@Nullable Inside seen(Scalar s) {
        return switch (s) {
            case Scalar.Select c when c.condition() instanceof Scalar.Inside i && isNever(c.no()) -> i;
            case Scalar.Apply a
            when a.formula().text().equals("x + y") -> {
                Scalar.Inside left = seen(a.operands().get(0));
                yield left != null ? left : seen(a.operands().get(1));
            }
            default -> null;
        };
    }

    private static boolean isNever(Scalar s) {
        return s instanceof Scalar.Literal l && l.value() == Double.NEGATIVE_INFINITY;
    }

    /** A constant matrix of two values, one up to a diagonal and one after it, as a comparison; else the load itself. */
    private static Scalar triangle(Scalar.Load l, Var query, Var key) {
        long n = key.size();
        if (!(l.array().rule() instanceof Array.Literal constant)
                || l.array().size() != query.size() * n
                || !l.array().position(l.at()).equals(Index.linear(List.of(query, key)))) {
            return l;
        }
        Constant c = constant.data();
        double low = c.get(0);
        double high = c.get(n - 1);
        long reach = 1;
        while (reach < n && c.get(reach) == low) {
            reach++;
        }
        for (long i = 0; i < c.shape().size(); i++) {
            if (c.get(i) != (i % n < i / n + reach ? low : high)) {
                return l;
            }
        }
        Index distance = Index.of(key).minus(Index.of(query));
        Scalar.Inside seen = new Scalar.Inside(distance, Integer.MIN_VALUE, reach);
        return Scalar.select(List.of(seen), Scalar.literal(l.type(), low), Scalar.literal(l.type(), high));
    }
}
