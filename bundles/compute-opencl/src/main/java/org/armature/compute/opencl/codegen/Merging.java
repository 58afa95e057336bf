package org.armature.compute.opencl.codegen;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;

/**
 * Joins neighbouring loops into one where nothing divides by the joint variable afterwards: an addition of two matrices is
 * one long loop, with a bias it is two.
 *
 * @param vars the loops that are left, none of size one
 * @param replacement what stands for each old variable
 */
record Merging(List<Var> vars, Function<Var, Index> replacement) {
    /** All expressions and positions that use the variables. */
    static Merging of(List<Var> loops, List<Scalar> bodies, List<Index> positions) {
        List<Var> vars =
                new ArrayList<>(loops.stream().filter(v -> v.size() != 1).toList());
        Map<Var, Index> now = new IdentityHashMap<>();
        loops.stream().filter(v -> v.size() == 1).forEach(v -> now.put(v, Index.ZERO));
        List<Scalar> current = new ArrayList<>(bodies);
        for (Index p : positions) {
            current.add(new Scalar.Position(p, org.armature.graph.DType.INT64));
        }
        for (int i = vars.size() - 2; i >= 0; i--) {
            Var outer = vars.get(i);
            Var inner = vars.get(i + 1);
            Var joint = new Var(inner.name(), outer.size() * inner.size());
            Index j = Index.of(joint);
            Function<Var, Index> join =
                    v -> v == outer ? j.div(inner.size()) : v == inner ? j.mod(inner.size()) : Index.of(v);
            Scalar.Substitution s = new Scalar.Substitution(join, l -> l);
            List<Scalar> next = current.stream().map(s).toList();
            if (next.stream().noneMatch(b -> divides(b, joint))) {
                current = new ArrayList<>(next);
                vars.set(i, joint);
                vars.remove(i + 1);
                now.replaceAll((k, v) -> substitute(v, join));
                now.putIfAbsent(outer, join.apply(outer));
                now.putIfAbsent(inner, join.apply(inner));
            }
        }
        return new Merging(List.copyOf(vars), v -> now.getOrDefault(v, Index.of(v)));
    }

    private static Index substitute(Index i, Function<Var, Index> f) {
        Scalar.Position p = new Scalar.Position(i, org.armature.graph.DType.INT64);
        return ((Scalar.Position) Scalar.substitute(p, f)).at();
    }

    Scalar apply(Scalar s) {
        return Scalar.substitute(s, replacement);
    }

    Index apply(Index i) {
        return substitute(i, replacement);
    }

    /** Whether a memory position or condition divides something by which the variable changes. */
    private static boolean divides(Scalar s, Var joint) {
        boolean[] found = {false};
        new Scalar.Visitor(
                        n -> {
                            switch (n) {
                                case Scalar.Load l ->
                                    found[0] |= divides(l.array().position(l.at()), joint);
                                case Scalar.Position p -> found[0] |= divides(p.at(), joint);
                                case Scalar.Inside i -> found[0] |= divides(i.at(), joint);
                                default -> {}
                            }
                        },
                        v -> {})
                .visit(s);
        return found[0];
    }

    private static boolean divides(Index i, Var joint) {
        return i.terms().keySet().stream().anyMatch(a -> switch (a) {
            case Var v -> false;
            case Index.Quotient q -> mentions(q.of(), joint);
            case Index.Remainder r -> mentions(r.of(), joint);
            case Index.Clamp c -> divides(c.of(), joint);
            case Index.Data d -> false; // its own loads are visited
        });
    }

    private static boolean mentions(Index i, Var joint) {
        Set<Var> vars = Scalar.vars(new Scalar.Position(i, org.armature.graph.DType.INT64));
        return vars.contains(joint);
    }
}
