package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/** Matrix products. */
final class Products {
    private Products() {}

    static void rules(Rules.Table t) {
        t.put("MatMul", Products::matMulRule);
        t.put("Gemm", Products::gemmRule);
        t.put("Einsum", Products::einsumRule);
    }

    /** C = A B: dA = dC B', dB = A' dC, summed over broadcast batches. */
    private static void matMulRule(Step s) {
        boolean rowVector = s.shape(0).rank() == 1;
        boolean columnVector = s.shape(1).rank() == 1;
        Value a = rowVector ? reshape(s.x(0), 1, -1) : s.x(0);
        Value b = columnVector ? reshape(s.x(1), -1, 1) : s.x(1);
        Shape full = Shape.broadcast(a.shape().slice(0, a.rank() - 2), b.shape().slice(0, b.rank() - 2))
                .concat(Shape.of(a.shape().dim(-2), b.shape().dim(-1)));
        Value dy = s.dy().shape().equals(full) ? s.dy() : Ops.reshape(s.dy(), full);
        if (s.wants(0)) {
            Value da = product(dy, false, b, true);
            s.add(0, rowVector ? Ops.reshape(Step.fit(da, a.shape()), s.shape(0)) : da);
        }
        if (s.wants(1)) {
            Value db = b.rank() == 2 && a.rank() > 2
                    ? product(matrix(a), true, matrix(dy), false)
                    : product(a, true, dy, false);
            s.add(1, columnVector ? Ops.reshape(Step.fit(db, b.shape()), s.shape(1)) : db);
        }
    }

    /** All leading axes as rows. */
    static Value matrix(Value x) {
        return x.rank() == 2 ? x : reshape(x, -1, x.shape().dim(-1));
    }

    /**
     * {@code op(a) op(b)}. Matrices become a Gemm, whose transposed sides cost nothing; a stack times one matrix becomes a
     * Gemm over all its rows.
     */
    static Value product(Value a, boolean transA, Value b, boolean transB) {
        if (a.rank() == 2 && b.rank() == 2) {
            return transA || transB ? gemm(a, b, Value.none(), 1, 1, transA, transB) : matMul(a, b);
        }
        if (b.rank() == 2 && !transA && transB) {
            Value rows = gemm(matrix(a), b, Value.none(), 1, 1, false, true);
            return reshape(rows, a.shape().with(-1, rows.shape().dim(1)));
        }
        return matMul(transA ? transposeLast(a) : a, transB ? transposeLast(b) : b);
    }

    /** Y = alpha op(A) op(B) + beta C. */
    private static void gemmRule(Step s) {
        double alpha = s.node.real("alpha", 1);
        double beta = s.node.real("beta", 1);
        boolean ta = s.node.integer("transA", 0) != 0;
        boolean tb = s.node.integer("transB", 0) != 0;
        Value dy = s.dy();
        Value none = Value.none();
        if (s.wants(0)) {
            Value b = s.x(1);
            s.add(0, ta ? gemm(b, dy, none, alpha, 1, tb, true) : gemm(dy, b, none, alpha, 1, false, !tb));
        }
        if (s.wants(1)) {
            Value a = s.x(0);
            s.add(1, tb ? gemm(dy, a, none, alpha, 1, true, ta) : gemm(a, dy, none, alpha, 1, !ta, false));
        }
        if (s.wants(2)) {
            Value sum = Step.fit(dy, s.shape(2));
            s.add(2, beta == 1 ? sum : mul(sum, beta));
        }
    }

    /** The cotangent of one term is the einsum of the result's and the other terms; letters only it has are broadcast. */
    private static void einsumRule(Step s) {
        Equation e = Equation.parse(s);
        for (int i = 0; i < e.terms.size(); i++) {
            if (s.wants(i)) {
                einsumTerm(s, e, i);
            }
        }
    }

    private static void einsumTerm(Step s, Equation e, int i) {
        String term = e.terms.get(i);
        if (term.chars().distinct().count() != term.length()) {
            throw s.fail("term " + term + " takes a diagonal: take it with GatherElements before");
        }
        List<Value> values = new ArrayList<>(List.of(s.dy()));
        List<String> letters = new ArrayList<>(List.of(e.result));
        for (int k = 0; k < e.terms.size(); k++) {
            if (k != i) {
                values.add(s.x(k));
                letters.add(e.terms.get(k));
            }
        }
        String known = String.join("", letters);
        String kept = only(term, known, true);
        Value g = einsum(String.join(",", letters) + "->" + kept, values.toArray(Value[]::new));
        // Letters summed within this term alone: every element gets the same.
        Shape shape = Shape.SCALAR;
        int axis = 0;
        for (char c : term.toCharArray()) {
            shape = shape.concat(Shape.of(kept.indexOf(c) >= 0 ? g.shape().dim(axis++) : 1));
        }
        s.add(i, g.shape().equals(shape) ? g : Ops.reshape(g, shape));
    }

    private static String only(String term, String letters, boolean in) {
        return term.chars()
                .filter(c -> (letters.indexOf(c) >= 0) == in)
                .mapToObj(c -> String.valueOf((char) c))
                .collect(Collectors.joining());
    }

    /** Terms and result without ellipsis: its axes have letters of their own. */
    private record Equation(List<String> terms, String result) {
        static Equation parse(Step s) {
            String text = s.node.text("equation", "").replace(" ", "");
            String[] sides = text.split("->", -1);
            List<String> terms = List.of(sides[0].split(",", -1));
            int dots = IntStream.range(0, terms.size())
                    .filter(i -> terms.get(i).contains("..."))
                    .map(i -> s.shape(i).rank() - (terms.get(i).length() - 3))
                    .max()
                    .orElse(0);
            String spare = IntStream.concat(IntStream.rangeClosed('A', 'Z'), IntStream.rangeClosed('a', 'z'))
                    .filter(c -> text.indexOf(c) < 0)
                    .limit(dots)
                    .mapToObj(c -> String.valueOf((char) c))
                    .collect(Collectors.joining());
            List<String> full = new ArrayList<>();
            for (int i = 0; i < terms.size(); i++) {
                int own = s.shape(i).rank() - (terms.get(i).length() - 3);
                full.add(
                        terms.get(i).contains("...")
                                ? terms.get(i).replace("...", spare.substring(dots - own))
                                : terms.get(i));
            }
            return new Equation(full, sides.length > 1 ? sides[1].replace("...", spare) : implied(sides[0], spare));
        }

        private static String implied(String left, String spare) {
            String once = left.replace("...", "")
                    .chars()
                    .filter(c -> c != ',' && left.indexOf(c) == left.lastIndexOf(c))
                    .sorted()
                    .mapToObj(c -> String.valueOf((char) c))
                    .collect(Collectors.joining());
            return spare + once;
        }
    }
}
