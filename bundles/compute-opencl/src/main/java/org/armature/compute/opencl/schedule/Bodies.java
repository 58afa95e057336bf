package org.armature.compute.opencl.schedule;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;

/** The expressions of a rule. */
final class Bodies {
    private Bodies() {}

    /** All expressions of a rule, those of data-dependent targets included. */
    static List<Scalar> of(Array.Rule rule) {
        return switch (rule) {
            case Array.Given g -> List.of();
            case Array.Literal l -> List.of();
            case Array.Pointwise p -> List.of(p.body());
            case Array.Reduction r -> List.of(r.body());
            case Array.Contraction c -> List.of(c.left(), c.right());
            case Array.Attended t -> t.of().expressions();
            case Array.Convolved w -> List.of(w.by().kernels(), w.by().window());
            case Array.Scan s -> List.of(s.body());
            case Array.Ranking r -> List.of(r.body());
            case Array.Scatter s -> {
                List<Scalar> all = new ArrayList<>(List.of(s.base(), s.update()));
                s.target().forEach(i -> all.add(new Scalar.Position(i, org.armature.graph.DType.INT64)));
                yield all;
            }
        };
    }

    /** How often each expression is evaluated. */
    static double evaluations(Array.Rule rule, Scalar body) {
        return switch (rule) {
            case Array.Pointwise p -> size(p.axes());
            case Array.Reduction r -> size(r.axes()) * size(r.over());
            case Array.Contraction c ->
                body == c.left()
                        ? (double) c.batch().size() * c.row().size() * c.inner().size()
                        : (double) c.batch().size()
                                * c.column().size()
                                * c.inner().size();
            case Array.Attended t -> t.of().evaluations(body);
            case Array.Convolved w -> w.by().evaluations(body);
            case Array.Scan s -> size(s.axes());
            case Array.Ranking r -> size(r.axes()) * Math.max(2, r.count());
            case Array.Scatter s ->
                body == s.base() ? size(s.lanes()) * size(s.copied()) : size(s.lanes()) * size(s.updates());
            case Array.Given g -> 0;
            case Array.Literal l -> 0;
        };
    }

    static double size(List<Var> vars) {
        double n = 1;
        for (Var v : vars) {
            n *= v.size();
        }
        return n;
    }

    /** The rule with every expression rewritten. */
    static Array.Rule rewrite(Array.Rule rule, Function<Scalar, Scalar> f) {
        return switch (rule) {
            case Array.Given g -> g;
            case Array.Literal l -> l;
            case Array.Pointwise p -> new Array.Pointwise(p.axes(), f.apply(p.body()));
            case Array.Reduction r -> new Array.Reduction(r.axes(), r.over(), r.fold(), f.apply(r.body()));
            case Array.Contraction c ->
                new Array.Contraction(
                        c.batch(), c.row(), c.column(), c.inner(), f.apply(c.left()), f.apply(c.right()), c.place());
            case Array.Attended t -> new Array.Attended(t.of().rewrite(f), t.which(), t.place());
            case Array.Convolved w -> new Array.Convolved(w.by().rewrite(f));
            case Array.Scan s -> new Array.Scan(s.axes(), s.along(), s.exclusive(), s.reverse(), f.apply(s.body()));
            case Array.Ranking r -> new Array.Ranking(r.axes(), r.along(), r.count(), r.largest(), f.apply(r.body()));
            case Array.Scatter s ->
                new Array.Scatter(
                        s.lanes(),
                        s.copied(),
                        s.place(),
                        f.apply(s.base()),
                        s.updates(),
                        s.condition(),
                        s.target().stream().map(i -> rewrite(i, f)).toList(),
                        f.apply(s.update()),
                        s.replace(),
                        s.fold());
        };
    }

    private static Index rewrite(Index i, Function<Scalar, Scalar> f) {
        return ((Scalar.Position) f.apply(new Scalar.Position(i, org.armature.graph.DType.INT64))).at();
    }

    /** Arrays a rule loads, each once, in order of first use. */
    static List<Array> loaded(Array.Rule rule) {
        Map<Array, Boolean> seen = new IdentityHashMap<>();
        List<Array> all = new ArrayList<>();
        for (Scalar s : of(rule)) {
            for (Scalar.Load l : Scalar.loads(s)) {
                if (seen.putIfAbsent(l.array(), true) == null) {
                    all.add(l.array());
                }
            }
        }
        return all;
    }
}
