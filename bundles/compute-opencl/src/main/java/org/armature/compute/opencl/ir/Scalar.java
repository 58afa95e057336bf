package org.armature.compute.opencl.ir;

import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import org.armature.graph.DType;

/**
 * The value of one element as an expression. Expressions are shared freely (a DAG): walk them through {@link Visitor} and
 * {@link #substitute}, which see each node once.
 *
 * <p>FLOAT16 and BFLOAT16 exist in memory only: arithmetic on them is in FLOAT.
 */
public sealed interface Scalar {
    DType type();

    /** A constant; {@code bits} holds integers exactly. */
    record Literal(DType type, double value, long bits) implements Scalar {}

    /** An element of an array; indices are always inside it. */
    record Load(Array array, List<Index> at) implements Scalar {
        public Load {
            at = List.copyOf(at);
        }

        @Override
        public DType type() {
            return computed(array.type());
        }
    }

    /** A loop index as a number. */
    record Position(Index at, DType type) implements Scalar {}

    /** BOOL: {@code lo <= at < hi}. */
    record Inside(Index at, long lo, long hi) implements Scalar {
        @Override
        public DType type() {
            return DType.BOOL;
        }
    }

    /** A value that the kernel at hand holds while it computes; told apart by identity. */
    final class Register implements Scalar {
        private final String name;

        public Register(String name) {
            this.name = name;
        }

        @Override
        public DType type() {
            return DType.FLOAT;
        }

        @Override
        public String toString() {
            return name;
        }
    }

    /** A formula on operands, see {@link Formula}. */
    record Apply(Formula formula, List<Scalar> operands, DType type) implements Scalar {
        public Apply {
            operands = List.copyOf(operands);
        }
    }

    record Convert(Scalar of, DType type) implements Scalar {}

    /** {@code yes} where the condition holds; both sides may be computed. */
    record Select(Scalar condition, Scalar yes, Scalar no) implements Scalar {
        @Override
        public DType type() {
            return yes.type();
        }
    }

    /** The type arithmetic is done in. */
    static DType computed(DType stored) {
        return stored == DType.FLOAT16 || stored == DType.BFLOAT16 ? DType.FLOAT : stored;
    }

    static Scalar literal(DType type, double value) {
        return new Literal(computed(type), value, (long) value);
    }

    static Scalar literal(DType type, long value) {
        return new Literal(computed(type), value, value);
    }

    /** {@code yes} where all conditions hold; conditions that always or never hold vanish. */
    static Scalar select(List<Inside> conditions, Scalar yes, Scalar no) {
        Scalar r = yes;
        for (Inside c : conditions) {
            if (c.at.max() < c.lo || c.at.min() >= c.hi) {
                return no;
            }
        }
        for (Inside c : conditions.reversed()) {
            if (c.at.min() < c.lo || c.at.max() >= c.hi) {
                r = new Select(c, r, no);
            }
        }
        return r;
    }

    static Scalar convert(Scalar x, DType to) {
        DType t = computed(to);
        return x.type() == t ? x : new Convert(x, t);
    }

    /** The same expression with variables replaced and loads rewritten; unchanged parts stay shared. */
    static Scalar substitute(Scalar s, Function<Var, Index> vars, Function<Load, Scalar> loads) {
        return new Substitution(vars, loads).apply(s);
    }

    /** Variables replaced. */
    static Scalar substitute(Scalar s, Function<Var, Index> vars) {
        return substitute(s, vars, l -> l);
    }

    /** Variables replaced by indices, for {@link #substitute}. */
    static Function<Var, Index> replace(List<Var> axes, List<Index> at) {
        Map<Var, Index> m = new IdentityHashMap<>();
        for (int i = 0; i < axes.size(); i++) {
            m.put(axes.get(i), at.get(i));
        }
        return v -> {
            Index now = m.get(v);
            return now != null ? now : Index.of(v);
        };
    }

    /** An element that is only moved, where it comes from: heads of a projection are read where they lie. */
    static Scalar source(Scalar s) {
        Scalar at = s;
        while (at instanceof Load l && moved(l) != l) {
            at = moved(l);
        }
        return at;
    }

    /** What an element is a copy of; itself if it is none. */
    static Scalar moved(Load l) {
        return l.array().rule() instanceof Array.Pointwise p
                        && p.body() instanceof Load from
                        && from.array().type() == l.array().type()
                ? substitute(from, replace(p.axes(), l.at()))
                : l;
    }

    /** One pass over a DAG. */
    final class Substitution implements Function<Scalar, Scalar> {
        private final Function<Var, Index> vars;
        private final Function<Load, Scalar> loads;
        private final Map<Scalar, Scalar> done = new IdentityHashMap<>();

        public Substitution(Function<Var, Index> vars, Function<Load, Scalar> loads) {
            this.vars = vars;
            this.loads = loads;
        }

        @Override
        public Scalar apply(Scalar s) {
            Scalar known = done.get(s);
            if (known == null) {
                known = rewrite(s);
                done.put(s, known);
            }
            return known;
        }

        private Scalar rewrite(Scalar s) {
            return switch (s) {
                case Literal l -> l;
                case Register r -> r;
                case Load l -> {
                    List<Index> at = l.at.stream().map(this::apply).toList();
                    yield loads.apply(at.equals(l.at) ? l : new Load(l.array, at));
                }
                case Position p -> new Position(apply(p.at), p.type);
                case Inside i -> new Inside(apply(i.at), i.lo, i.hi);
                case Apply a -> {
                    List<Scalar> o = a.operands.stream().map(this::apply).toList();
                    yield same(o, a.operands) ? a : new Apply(a.formula, o, a.type);
                }
                case Convert c -> {
                    Scalar of = apply(c.of);
                    yield of == c.of ? c : new Convert(of, c.type);
                }
                case Select c -> {
                    Scalar condition = apply(c.condition);
                    Scalar yes = apply(c.yes);
                    Scalar no = apply(c.no);
                    yield condition instanceof Inside i
                            ? select(List.of(i), yes, no)
                            : condition == c.condition && yes == c.yes && no == c.no
                                    ? c
                                    : new Select(condition, yes, no);
                }
            };
        }

        private Index apply(Index i) {
            return i.substitute(vars, this);
        }

        private static boolean same(List<Scalar> a, List<Scalar> b) {
            for (int i = 0; i < a.size(); i++) {
                if (a.get(i) != b.get(i)) {
                    return false;
                }
            }
            return true;
        }
    }

    /** Calls a consumer for each node of a DAG once, operands first; notes the variables. */
    final class Visitor {
        private final Consumer<Scalar> nodes;
        private final Consumer<Var> vars;
        private final Map<Scalar, Boolean> seen = new IdentityHashMap<>();

        public Visitor(Consumer<Scalar> nodes, Consumer<Var> vars) {
            this.nodes = nodes;
            this.vars = vars;
        }

        public void visit(Scalar s) {
            if (seen.putIfAbsent(s, true) != null) {
                return;
            }
            switch (s) {
                case Literal l -> {}
                case Register r -> {}
                case Load l -> l.at.forEach(i -> i.visit(vars, this::visit));
                case Position p -> p.at.visit(vars, this::visit);
                case Inside i -> i.at.visit(vars, this::visit);
                case Apply a -> a.operands.forEach(this::visit);
                case Convert c -> visit(c.of);
                case Select c -> {
                    visit(c.condition);
                    visit(c.yes);
                    visit(c.no);
                }
            }
            nodes.accept(s);
        }
    }

    /** Loads of a DAG, each once. */
    static List<Load> loads(Scalar s) {
        List<Load> all = new java.util.ArrayList<>();
        new Visitor(
                        n -> {
                            if (n instanceof Load l) {
                                all.add(l);
                            }
                        },
                        v -> {})
                .visit(s);
        return all;
    }

    /** Variables of a DAG. */
    static java.util.Set<Var> vars(Scalar s) {
        java.util.Set<Var> all = java.util.Collections.newSetFromMap(new IdentityHashMap<>());
        new Visitor(n -> {}, all::add).visit(s);
        return all;
    }
}
