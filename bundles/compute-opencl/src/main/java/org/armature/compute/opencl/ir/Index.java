package org.armature.compute.opencl.ir;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Function;
import org.armature.graph.DType;
import org.jspecify.annotations.Nullable;

/**
 * Integer arithmetic on loop variables, always in the form {@code c + sum_i k_i * atom_i}. Each operation simplifies: the
 * ranges of the variables are known, so that reshapes, slices and transposes that follow each other mostly cancel, e.g.
 * {@code (64 h + d) / 64} is {@code h} when {@code 0 <= d < 64}.
 *
 * <p>Laws: the value of every result equals that of the operation on the values of its operands, for all values of the
 * variables; {@code min() <= value <= max()}; numerators of quotients and remainders are never negative.
 */
public final class Index {
    public static final Index ZERO = new Index(Map.of(), 0);

    /** What is not linear. */
    public sealed interface Atom permits Var, Quotient, Remainder, Clamp, Data {
        long min();

        long max();
    }

    /** {@code floor(of / by)}, {@code of >= 0}. */
    public record Quotient(Index of, long by) implements Atom {
        @Override
        public long min() {
            return of.min() / by;
        }

        @Override
        public long max() {
            return of.max() / by;
        }
    }

    /** {@code of mod by}, {@code of >= 0}. */
    public record Remainder(Index of, long by) implements Atom {
        @Override
        public long min() {
            return 0;
        }

        @Override
        public long max() {
            return Math.min(by - 1, of.max());
        }
    }

    /** {@code of} held between {@code min} and {@code max}. */
    public record Clamp(Index of, long min, long max) implements Atom {}

    /**
     * An index read from memory when the kernel runs; negative ones count from the end, and what is outside is held inside:
     * no value in memory can lead outside the array.
     */
    public record Data(Scalar value, long size) implements Atom {
        @Override
        public long min() {
            return 0;
        }

        @Override
        public long max() {
            return Math.max(0, size - 1);
        }

        @Override
        public boolean equals(@Nullable Object o) {
            return o instanceof Data d && d.value == value && d.size == size;
        }

        @Override
        public int hashCode() {
            return System.identityHashCode(value);
        }
    }

    private final Map<Atom, Long> terms;
    private final long constant;
    private final long min;
    private final long max;

    private Index(Map<Atom, Long> terms, long constant) {
        this.terms = terms;
        this.constant = constant;
        long lo = constant;
        long hi = constant;
        for (Map.Entry<Atom, Long> t : terms.entrySet()) {
            long k = t.getValue();
            lo += k * (k > 0 ? t.getKey().min() : t.getKey().max());
            hi += k * (k > 0 ? t.getKey().max() : t.getKey().min());
        }
        min = lo;
        max = hi;
    }

    public static Index of(long value) {
        return value == 0 ? ZERO : new Index(Map.of(), value);
    }

    public static Index of(Atom a) {
        return a.min() == a.max() ? of(a.min()) : new Index(Map.of(a, 1L), 0);
    }

    /** An index read from memory, see {@link Data}. */
    public static Index data(Scalar value, long size) {
        return of(new Data(value, size));
    }

    public static List<Index> of(List<Var> vars) {
        return vars.stream().map(Index::of).toList();
    }

    /** The position in row-major order. */
    public static Index linear(List<Index> at, long... shape) {
        Index p = ZERO;
        long stride = 1;
        for (int i = shape.length - 1; i >= 0; i--) {
            p = p.plus(at.get(i).times(stride));
            stride *= shape[i];
        }
        return p;
    }

    /** The position in row-major order of the variables' own space. */
    public static Index linear(List<Var> vars) {
        return linear(of(vars), vars.stream().mapToLong(Var::size).toArray());
    }

    /** The indices of a row-major position. */
    public static List<Index> unravel(Index position, long... shape) {
        Index[] at = new Index[shape.length];
        long stride = 1;
        for (int i = shape.length - 1; i >= 0; i--) {
            Index q = position.div(stride);
            // The first index needs no remainder: positions are inside.
            at[i] = i == 0 && position.max < stride * shape[0] ? q : q.mod(Math.max(1, shape[i]));
            stride *= Math.max(1, shape[i]);
        }
        return List.of(at);
    }

    public long min() {
        return min;
    }

    public long max() {
        return max;
    }

    public boolean isConstant() {
        return terms.isEmpty();
    }

    public long constant() {
        return constant;
    }

    /** Factors of the atoms. */
    public Map<Atom, Long> terms() {
        return terms;
    }

    /** The factor of a variable, 0 if it only occurs inside other atoms or not at all. */
    public long stride(Var v) {
        return terms.getOrDefault(v, 0L);
    }

    public Index plus(long c) {
        return c == 0 ? this : new Index(terms, constant + c);
    }

    public Index plus(Index o) {
        if (o.terms.isEmpty()) {
            return plus(o.constant);
        }
        Map<Atom, Long> sum = new LinkedHashMap<>(terms);
        o.terms.forEach((a, k) -> sum.merge(a, k, Long::sum));
        sum.values().removeIf(k -> k == 0);
        return joined(sum, constant + o.constant);
    }

    public Index minus(Index o) {
        return plus(o.times(-1));
    }

    public Index times(long by) {
        if (by == 1 || (by == 0 && terms.isEmpty() && constant == 0)) {
            return this;
        }
        if (by == 0) {
            return ZERO;
        }
        Map<Atom, Long> t = new LinkedHashMap<>();
        terms.forEach((a, k) -> t.put(a, k * by));
        return new Index(t, constant * by);
    }

    /** {@code k c (e / c) + k (e mod c) = k e}, and {@code k c (e / c mod d) + k (e mod c) = k (e mod c d)}. */
    private static Index joined(Map<Atom, Long> terms, long constant) {
        for (Map.Entry<Atom, Long> low : terms.entrySet()) {
            if (!(low.getKey() instanceof Remainder r)) {
                continue;
            }
            long k = low.getValue();
            Quotient whole = new Quotient(r.of, r.by);
            for (Map.Entry<Atom, Long> high : terms.entrySet()) {
                if (high.getValue() != k * r.by) {
                    continue;
                }
                Index joint = null;
                if (high.getKey().equals(whole)) {
                    joint = r.of;
                } else if (high.getKey() instanceof Remainder m
                        && m.of.constant == 0
                        && m.of.terms.size() == 1
                        && m.of.terms.getOrDefault(whole, 0L) == 1) {
                    joint = of(new Remainder(r.of, r.by * m.by));
                }
                if (joint != null) {
                    Map<Atom, Long> rest = new LinkedHashMap<>(terms);
                    rest.remove(low.getKey());
                    rest.remove(high.getKey());
                    return new Index(rest, constant).plus(joint.times(k));
                }
            }
        }
        return new Index(terms, constant);
    }

    /** Floor division. */
    public Index div(long by) {
        if (by == 1) {
            return this;
        }
        if (min < 0) {
            long q = -Math.floorDiv(min, by);
            return plus(q * by).div(by).plus(-q);
        }
        Split s = split(by);
        if (s.rest.min < 0) { // terms of both signs: the sum is not negative, its parts may be
            return max < by ? ZERO : of(new Quotient(this, by));
        }
        if (s.rest.max < by) {
            return s.whole;
        }
        Split g = s.rest.common(by);
        if (g != null) {
            return s.whole.plus(g.whole.div(by / g.by));
        }
        if (s.rest.constant == 0 && s.rest.terms.size() == 1) {
            Map.Entry<Atom, Long> only = s.rest.terms.entrySet().iterator().next();
            if (only.getKey() instanceof Quotient q && only.getValue() == 1) {
                return s.whole.plus(q.of.div(q.by * by));
            }
        }
        return s.whole.plus(of(new Quotient(s.rest, by)));
    }

    /** The remainder of floor division. */
    public Index mod(long by) {
        if (by == 1) {
            return ZERO;
        }
        Index rest = split(by).rest;
        if (rest.min < 0) {
            rest = rest.plus(-Math.floorDiv(rest.min, by) * by);
        }
        if (rest.max < by) {
            return rest;
        }
        Split g = rest.common(by);
        if (g != null) {
            return g.whole.mod(by / g.by).times(g.by).plus(g.rest);
        }
        if (rest.constant == 0 && rest.terms.size() == 1) {
            Map.Entry<Atom, Long> only = rest.terms.entrySet().iterator().next();
            if (only.getKey() instanceof Remainder r && only.getValue() == 1 && r.by % by == 0) {
                return r.of.mod(by);
            }
        }
        return of(new Remainder(rest, by));
    }

    private record Split(Index whole, Index rest, long by) {}

    /** {@code this = whole * by + rest}. */
    private Split split(long by) {
        Map<Atom, Long> whole = new LinkedHashMap<>();
        Map<Atom, Long> rest = new LinkedHashMap<>();
        terms.forEach((a, k) -> {
            if (k % by == 0) {
                whole.put(a, k / by);
            } else {
                rest.put(a, k);
            }
        });
        return new Split(
                new Index(whole, Math.floorDiv(constant, by)), new Index(rest, Math.floorMod(constant, by)), by);
    }

    /** A split by a common factor of {@code by} and some terms whose rest stays below the factor; null if there is none. */
    private @Nullable Split common(long by) {
        Split best = null;
        for (long k : terms.values()) {
            long g = gcd(by, k);
            if (g > 1 && g < by && (best == null || g > best.by)) {
                Split s = split(g);
                if (s.rest.min >= 0 && s.rest.max < g && s.whole.min >= 0) {
                    best = s;
                }
            }
        }
        return best;
    }

    private static long gcd(long a, long b) {
        return b == 0 ? Math.abs(a) : gcd(b, a % b);
    }

    public Index clamp(long lo, long hi) {
        if (min >= lo && max <= hi) {
            return this;
        }
        if (lo >= hi || max <= lo) {
            return of(lo);
        }
        return min >= hi ? of(hi) : of(new Clamp(this, lo, hi));
    }

    /** Variables replaced. */
    public Index substitute(Function<Var, Index> vars) {
        return ((Scalar.Position) Scalar.substitute(new Scalar.Position(this, DType.INT64), vars)).at();
    }

    /** Variables replaced; what memory holds is replaced through {@code scalars}. */
    Index substitute(Function<Var, Index> vars, Function<Scalar, Scalar> scalars) {
        Index r = of(constant);
        boolean same = true;
        for (Map.Entry<Atom, Long> t : terms.entrySet()) {
            Index now = switch (t.getKey()) {
                case Var v -> vars.apply(v);
                case Quotient q -> q.of.substitute(vars, scalars).div(q.by);
                case Remainder m -> m.of.substitute(vars, scalars).mod(m.by);
                case Clamp c -> c.of.substitute(vars, scalars).clamp(c.min, c.max);
                case Data d -> {
                    Scalar v = scalars.apply(d.value);
                    yield v == d.value ? of(d) : data(v, d.size);
                }
            };
            same &= now.terms.size() == 1 && now.constant == 0 && now.terms.getOrDefault(t.getKey(), 0L) == 1;
            r = r.plus(now.times(t.getValue()));
        }
        return same ? this : r;
    }

    /** Variables that occur, and values read from memory. */
    void visit(java.util.function.Consumer<Var> vars, java.util.function.Consumer<Scalar> scalars) {
        for (Atom a : terms.keySet()) {
            switch (a) {
                case Var v -> vars.accept(v);
                case Quotient q -> q.of.visit(vars, scalars);
                case Remainder m -> m.of.visit(vars, scalars);
                case Clamp c -> c.of.visit(vars, scalars);
                case Data d -> scalars.accept(d.value);
            }
        }
    }

    /** Whether every step of a variable is as far. */
    public boolean isPlain(Var v) {
        return terms.keySet().stream().allMatch(t -> t == v || !mentions(t, v));
    }

    /** Whether a variable occurs. */
    public boolean mentions(Var v) {
        return terms.keySet().stream().anyMatch(t -> mentions(t, v));
    }

    /** Whether a variable occurs in a term. */
    public static boolean mentions(Atom t, Var v) {
        return Scalar.vars(new Scalar.Position(of(t), DType.INT64)).contains(v);
    }

    /** Numbers that a variable, or a part of it, is divided by. */
    public SortedSet<Long> divisors(Var v) {
        SortedSet<Long> all = new TreeSet<>();
        for (Atom a : terms.keySet()) {
            Index of = a instanceof Quotient q ? q.of : a instanceof Remainder r ? r.of : ZERO;
            if (of.mentions(v)) {
                all.add(a instanceof Quotient q ? q.by : ((Remainder) a).by);
                all.addAll(of.divisors(v));
            }
        }
        return all;
    }

    /** True if the value is a plain sum of multiples of variables. */
    public boolean isLinear() {
        return terms.keySet().stream().allMatch(Var.class::isInstance);
    }

    @Override
    public boolean equals(@Nullable Object o) {
        return o instanceof Index i && i.constant == constant && i.terms.equals(terms);
    }

    @Override
    public int hashCode() {
        return 31 * terms.hashCode() + Long.hashCode(constant);
    }

    @Override
    public String toString() {
        List<String> parts = new ArrayList<>();
        terms.forEach((a, k) -> {
            String s = switch (a) {
                case Var v -> v.name();
                case Quotient q -> "(" + q.of + ")/" + q.by;
                case Remainder r -> "(" + r.of + ")%" + r.by;
                case Clamp c -> "clamp(" + c.of + ", " + c.min + ", " + c.max + ")";
                case Data d -> "[" + d.value + "]";
            };
            parts.add(k == 1 ? s : k + "*" + s);
        });
        if (constant != 0 || parts.isEmpty()) {
            parts.add(Long.toString(constant));
        }
        return String.join(" + ", parts);
    }
}
