package org.armature.compute.opencl.schedule;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Attention;
import org.armature.compute.opencl.ir.Fold;
import org.armature.compute.opencl.ir.Formula;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.graph.DType;
import org.jspecify.annotations.Nullable;

/**
 * Finds attention: a product of queries and keys, elementwise work on it, a softmax over the keys and a product with values; and its
 * derivatives, if they are there. Matches only if nothing else reads any of the matrices of queries by keys, so that none of
 * them has to be in memory.
 */
final class Attentions {
    private static final Formula MULTIPLY = Formula.of("multiply", "x * y");

    private final Collection<Array> outputs;
    private final Predicate<Attention> taken;
    private final Map<Array, Set<Array>> users = new IdentityHashMap<>();
    private final Map<Array, Array.Rule> found = new IdentityHashMap<>();

    private Attentions(List<Array> arrays, Collection<Array> outputs, Predicate<Attention> taken) {
        this.outputs = outputs;
        this.taken = taken;
        for (Array a : arrays) {
            for (Array b : Bodies.loaded(a.rule())) {
                users.computeIfAbsent(b, k -> identitySet()).add(a);
            }
        }
    }

    /** New rules for the results of those attentions that there are kernels for, loading arrays as lowered. */
    static Map<Array, Array.Rule> find(List<Array> arrays, Collection<Array> outputs, Predicate<Attention> taken) {
        Attentions all = new Attentions(arrays, outputs, taken);
        for (Array a : arrays) {
            Softmax s = Softmax.of(a);
            if (s != null) {
                all.new Match(s).run();
            }
        }
        return all.found;
    }

    private static <T> Set<T> identitySet() {
        return Collections.newSetFromMap(new IdentityHashMap<>());
    }

    private static boolean isMatrix(Array a, long size) {
        return a.size() == size && a.type() == DType.FLOAT;
    }

    // ---- softmax ---------------------------------------------------------------------------------------------------

    /** {@code result = exp(of - max) * (1 / sum)} over the last axis. */
    private record Softmax(Array of, Array max, Array sum, Array result) {
        static @Nullable Softmax of(Array a) {
            if (a.type() == DType.FLOAT
                    && a.rule() instanceof Array.Pointwise p
                    && p.body() instanceof Scalar.Apply y
                    && isCalled(y, "multiply")
                    && y.operands().get(0) instanceof Scalar.Apply e
                    && y.operands().get(1) instanceof Scalar.Apply i
                    && isCalled(i, "inverse")
                    && i.operands().getFirst() instanceof Scalar.Load sum
                    && exponent(e) instanceof Scalar.Apply d
                    && d.operands().get(0) instanceof Scalar.Load of
                    && d.operands().get(1) instanceof Scalar.Load max) {
                Softmax s = new Softmax(of.array(), max.array(), sum.array(), a);
                Index at = Index.linear(p.axes());
                Index row = at.div(s.keys());
                return s.isAt(of, at) && s.isAt(max, row) && s.isAt(sum, row) && s.isMax() && s.isSum() ? s : null;
            }
            return null;
        }

        private static boolean isCalled(Scalar.Apply a, String name) {
            return a.formula().name().equals(name);
        }

        /** What is in {@code exp(x - max)}. */
        private static Scalar.@Nullable Apply exponent(Scalar s) {
            return s instanceof Scalar.Apply e
                            && isCalled(e, "exp")
                            && e.operands().getFirst() instanceof Scalar.Apply d
                            && isCalled(d, "subtract")
                    ? d
                    : null;
        }

        long keys() {
            return result.dim(-1);
        }

        private boolean isAt(Scalar.Load l, Index at) {
            return l.array().position(l.at()).equals(at);
        }

        private boolean isMax() {
            return max.rule() instanceof Array.Reduction r
                    && r.fold() == Fold.MAX
                    && overKeys(r, keys())
                    && r.body() instanceof Scalar.Load l
                    && l.array() == of
                    && isAt(l, element(r));
        }

        private boolean isSum() {
            return sum.rule() instanceof Array.Reduction r
                    && r.fold() == Fold.SUM
                    && overKeys(r, keys())
                    && exponent(r.body()) instanceof Scalar.Apply d
                    && d.operands().get(0) instanceof Scalar.Load l
                    && d.operands().get(1) instanceof Scalar.Load m
                    && l.array() == of
                    && m.array() == max
                    && isAt(l, element(r))
                    && isAt(m, Index.linear(r.axes()));
        }
    }

    private static boolean overKeys(Array.Reduction r, long keys) {
        return r.over().size() == 1 && r.over().getFirst().size() == keys;
    }

    /** The position of what a reduction over the last axis reads. */
    private static Index element(Array.Reduction r) {
        Var last = r.over().getFirst();
        return Index.linear(r.axes()).times(last.size()).plus(Index.of(last));
    }

    // ---- what is around it -----------------------------------------------------------------------------------------

    /** A product one of whose sides is a matrix of queries by keys. */
    private record Product(Array array, Array.Contraction rule, boolean left, Array matrix, boolean overKeys) {
        Var outer() {
            return left ? rule.row() : rule.column();
        }

        Var other() {
            return left ? rule.column() : rule.row();
        }

        Scalar operand() {
            return left ? rule.right() : rule.left();
        }
    }

    private final class Match {
        private final Softmax softmax;
        private final long size;
        private final Set<Array> inside = identitySet();
        private final List<Product> products = new ArrayList<>();
        private final Map<Array, Scalar> elements = new IdentityHashMap<>();
        private final Map<Array, Scalar> rows = new IdentityHashMap<>();
        private final Scalar.Register product = new Scalar.Register("product");
        private final Scalar.Register probability = new Scalar.Register("probability");
        private final Scalar.Register slope = new Scalar.Register("slope");
        private Var batch = new Var("b", 1);
        private Var query = new Var("q", 1);
        private Var key = new Var("k", 1);
        private boolean fits = true;

        Match(Softmax softmax) {
            this.softmax = softmax;
            size = softmax.result.size();
        }

        void run() {
            Array scores = only(contractions(softmax.of, identitySet()));
            if (scores == null || !(scores.rule() instanceof Array.Contraction c)) {
                return;
            }
            Index at = scores.position(c.place());
            boolean transposed = !at.equals(matrix(c.batch(), c.row(), c.column()));
            if (transposed && !at.equals(matrix(c.batch(), c.column(), c.row()))) {
                return;
            }
            Var rowsOf = transposed ? c.column() : c.row();
            Var keysOf = transposed ? c.row() : c.column();
            if (keysOf.size() != softmax.keys()) {
                return;
            }
            batch = new Var("b", c.batch().size());
            query = new Var("q", rowsOf.size());
            key = new Var("k", keysOf.size());
            Var depth = new Var("d", c.inner().size());
            elements.put(scores, product);
            Array slopes = surround(scores);
            if (!fits) {
                return;
            }
            Scalar queries = moved(transposed ? c.right() : c.left(), c, rowsOf, query, depth);
            Scalar keys = moved(transposed ? c.left() : c.right(), c, keysOf, key, depth);
            Product output = only(products(p -> p.overKeys && p.matrix == softmax.result));
            if (output == null || output.array.type() != DType.FLOAT) {
                return;
            }
            Var width = new Var("w", output.other().size());
            Scalar values = moved(output.operand(), output.rule, output.other(), width, key);
            Scalar score = element(softmax.of);
            long reach = Attention.EVERYWHERE;
            if (!fits) {
                return;
            }
            Causal causal = Causal.of(score, query, key);
            if (causal != null) {
                score = causal.score();
                reach = causal.reach();
            }
            Attention forward =
                    new Attention(batch, query, key, depth, width, queries, keys, values, product, score, reach, null);
            Map<Array, Array.Rule> rules = new IdentityHashMap<>();
            rules.put(output.array, attended(forward, Attention.Result.OUTPUT, output));
            if (products.size() > 1 && !backward(forward, output, slopes, rules)) {
                return;
            }
            if (rules.values().stream().allMatch(r -> taken.test(((Array.Attended) r).of()))) {
                found.putAll(rules);
            }
        }

        private Index matrix(Var batch, Var query, Var key) {
            return Index.linear(List.of(batch, query, key));
        }

        private static <T> @Nullable T only(Collection<T> all) {
            return all.size() == 1 ? all.iterator().next() : null;
        }

        private List<Product> products(Predicate<Product> which) {
            return products.stream().filter(which).toList();
        }

        /** Products of the matrix's size that it is made of elementwise; what leads to them is added to {@code path}. */
        private Set<Array> contractions(Array a, Set<Array> path) {
            Set<Array> all = identitySet();
            if (isMatrix(a, size)) {
                if (a.rule() instanceof Array.Contraction) {
                    all.add(a);
                } else if (a.rule() instanceof Array.Pointwise) {
                    Bodies.loaded(a.rule()).forEach(b -> all.addAll(contractions(b, path)));
                }
                if (!all.isEmpty()) {
                    path.add(a);
                }
            }
            return all;
        }

        // ---- everything that reads the matrices --------------------------------------------------------------------

        /** Collects all that is made of the scores, and the products with it; the slopes, if there are any. */
        private @Nullable Array surround(Array scores) {
            follow(scores);
            Set<Array> path = identitySet();
            Set<Array> others = identitySet();
            for (Array a : List.copyOf(inside)) {
                for (Array b : Bodies.loaded(a.rule())) {
                    if (a != scores && !inside.contains(b)) {
                        others.addAll(contractions(b, path));
                    }
                }
            }
            path.forEach(this::follow);
            Array slopes = only(others);
            fits &= others.size() <= 1;
            if (slopes != null) {
                elements.put(slopes, slope);
            }
            return slopes;
        }

        private void follow(Array from) {
            Deque<Array> open = new ArrayDeque<>();
            if (inside.add(from)) {
                open.push(from);
            }
            while (!open.isEmpty()) {
                Array a = open.pop();
                fits &= !outputs.contains(a);
                for (Array u : users.getOrDefault(a, Set.of())) {
                    switch (u.rule()) {
                        case Array.Pointwise p
                        when isMatrix(u, size) -> {
                            if (inside.add(u)) {
                                open.push(u);
                            }
                        }
                        case Array.Reduction r
                        when overKeys(r, softmax.keys()) && u.size() * softmax.keys() == size -> {
                            if (inside.add(u)) {
                                open.push(u);
                            }
                        }
                        case Array.Contraction c -> product(u, c, a);
                        default -> fits = false;
                    }
                }
            }
        }

        private void product(Array u, Array.Contraction c, Array from) {
            boolean left = c.left() instanceof Scalar.Load l && l.array() == from;
            boolean right = c.right() instanceof Scalar.Load l && l.array() == from;
            if (left == right || c.batch().size() != batch.size()) {
                fits = false;
                return;
            }
            Scalar.Load l = (Scalar.Load) (left ? c.left() : c.right());
            while (isTransposed(l.array())) {
                l = (Scalar.Load) Scalar.moved(l);
            }
            Array matrix = l.array();
            Var outer = left ? c.row() : c.column();
            Index at = matrix.position(l.at());
            boolean overKeys = c.inner().size() == key.size() && at.equals(matrix(c.batch(), outer, c.inner()));
            boolean overQueries = c.inner().size() == query.size() && at.equals(matrix(c.batch(), c.inner(), outer));
            fits &= overKeys || overQueries;
            products.add(new Product(u, c, left, matrix, overKeys));
        }

        /** Whether the array is a matrix of these with its elements in another order. */
        private boolean isTransposed(Array a) {
            return a.rule() instanceof Array.Pointwise p
                    && p.body() instanceof Scalar.Load l
                    && inside.contains(l.array())
                    && l.array().type() == a.type()
                    && !l.array().position(l.at()).equals(Index.linear(p.axes()));
        }

        // ---- expressions -------------------------------------------------------------------------------------------

        /** An element of a matrix of queries by keys, of what the kernel holds. */
        private Scalar element(Array a) {
            Scalar known = elements.get(a);
            if (known == null) {
                if (!(a.rule() instanceof Array.Pointwise p)) {
                    fits = false;
                    return product;
                }
                known = Scalar.substitute(
                        p.body(),
                        Scalar.replace(p.axes(), Index.unravel(matrix(batch, query, key), a.shape())),
                        l -> load(l, matrix(batch, query, key)));
                elements.put(a, known);
            }
            return known;
        }

        private Scalar load(Scalar.Load l, Index at) {
            if (!inside.contains(l.array())) {
                return l;
            }
            Scalar row = rows.get(l.array());
            Index have = l.array().position(l.at());
            fits &= have.equals(row != null ? Index.linear(List.of(batch, query)) : at);
            return row != null ? row : element(l.array());
        }

        /** An operand in the attention's variables, from where it is moved from. */
        private Scalar moved(Scalar operand, Array.Contraction c, Var outer, Var nowOuter, Var nowInner) {
            return Scalar.source(Scalar.substitute(
                    operand,
                    Scalar.replace(
                            List.of(c.batch(), outer, c.inner()), Index.of(List.of(batch, nowOuter, nowInner)))));
        }

        private Array.Attended attended(Attention a, Attention.Result which, Product p) {
            List<Var> axes = a.axes(which);
            List<Index> place = p.rule.place().stream()
                    .map(i -> at(
                            i, List.of(p.rule.batch(), p.outer(), p.other()), List.of(batch, axes.get(0), axes.get(1))))
                    .toList();
            return new Array.Attended(a, which, place);
        }

        private static Index at(Index i, List<Var> from, List<Var> to) {
            Scalar.Position p = new Scalar.Position(i, DType.INT64);
            return ((Scalar.Position) Scalar.substitute(p, Scalar.replace(from, Index.of(to)))).at();
        }

        // ---- derivatives -------------------------------------------------------------------------------------------

        private boolean backward(Attention f, Product output, @Nullable Array slopes, Map<Array, Array.Rule> rules) {
            if (slopes == null || !(slopes.rule() instanceof Array.Contraction c)) {
                return false;
            }
            boolean transposed = !slopes.position(c.place()).equals(matrix(c.batch(), c.row(), c.column()));
            Var rowsOf = transposed ? c.column() : c.row();
            Var keysOf = transposed ? c.row() : c.column();
            if (!slopes.position(c.place()).equals(matrix(c.batch(), rowsOf, keysOf))
                    || keysOf.size() != key.size()
                    || c.inner().size() != f.width().size()) {
                return false;
            }
            Scalar cotangent = moved(transposed ? c.right() : c.left(), c, rowsOf, query, f.width());
            Scalar values = moved(transposed ? c.left() : c.right(), c, keysOf, key, f.width());
            List<Product> byValues = products(p -> !p.overKeys && p.matrix == softmax.result);
            List<Product> byQueries = products(p -> p.overKeys && p.matrix != softmax.result);
            List<Product> byKeys = products(p -> !p.overKeys && p.matrix != softmax.result);
            long matrices = Stream.concat(byQueries.stream(), byKeys.stream())
                    .map(Product::matrix)
                    .distinct()
                    .count();
            if (!isSame(values, f.values())
                    || byValues.size() > 1
                    || byQueries.size() > 1
                    || byKeys.size() > 1
                    || matrices != 1
                    || products.stream().anyMatch(p -> p.array.type() != DType.FLOAT)) {
                return false;
            }
            Array logSum = new Array(
                    output.array.name() + ".logsum",
                    DType.FLOAT,
                    new long[] {batch.size(), query.size()},
                    new Array.Attended(f, Attention.Result.LOG_SUM, Index.of(List.of(batch, query))));
            if (!mean(output, cotangent, f.width())) {
                return false;
            }
            elements.put(softmax.result, probability);
            Array derivatives = Stream.concat(byQueries.stream(), byKeys.stream())
                    .findFirst()
                    .orElseThrow()
                    .matrix();
            Scalar derivative = element(derivatives);
            Attention b = new Attention(
                    batch,
                    query,
                    key,
                    f.depth(),
                    f.width(),
                    f.queries(),
                    f.keys(),
                    f.values(),
                    product,
                    f.score(),
                    f.reach(),
                    new Attention.Backward(
                            cotangent,
                            new Scalar.Load(logSum, Index.of(List.of(batch, query))),
                            probability,
                            slope,
                            derivative));
            return fits
                    && result(b, Attention.Result.VALUES, byValues, cotangent, query, f.width(), rules)
                    && result(b, Attention.Result.QUERIES, byQueries, f.keys(), key, f.depth(), rules)
                    && result(b, Attention.Result.KEYS, byKeys, f.queries(), query, f.depth(), rules);
        }

        /** Takes a product as a result if its other operand is the one that the derivative has. */
        private boolean result(
                Attention a,
                Attention.Result which,
                List<Product> products,
                Scalar operand,
                Var inner,
                Var other,
                Map<Array, Array.Rule> rules) {
            Product p = only(products);
            if (p == null) {
                return products.isEmpty();
            }
            if (p.other().size() != other.size()
                    || !isSame(moved(p.operand(), p.rule, p.other(), other, inner), operand)) {
                return false;
            }
            rules.put(p.array, attended(a, which, p));
            return true;
        }

        private static boolean isSame(Scalar a, Scalar b) {
            return a instanceof Scalar.Load x
                    && b instanceof Scalar.Load y
                    && x.array() == y.array()
                    && x.array().position(x.at()).equals(y.array().position(y.at()));
        }

        /**
         * The sum over the keys of probability and slope is that over the width of cotangent and output, which is shorter; false if the
         * reductions are not the softmax's and this one.
         */
        private boolean mean(Product output, Scalar cotangent, Var width) {
            Array sum = only(inside.stream()
                    .filter(a -> a.rule() instanceof Array.Reduction && a != softmax.max && a != softmax.sum)
                    .toList());
            if (sum == null || !(sum.rule() instanceof Array.Reduction r) || r.fold() != Fold.SUM) {
                return false;
            }
            elements.put(softmax.result, probability);
            Scalar body = Scalar.substitute(
                    r.body(), Index::of, l -> inside.contains(l.array()) && isElement(l, r) ? element(l.array()) : l);
            if (!(body instanceof Scalar.Apply y)
                    || !y.formula().text().equals(MULTIPLY.text())
                    || !y.operands().contains(probability)
                    || !y.operands().contains(slope)) {
                return false;
            }
            Scalar result = output(output.array, attended(output, width));
            Array mean = new Array(
                    sum.name(),
                    DType.FLOAT,
                    new long[] {batch.size(), query.size()},
                    new Array.Reduction(
                            List.of(batch, query),
                            List.of(width),
                            Fold.SUM,
                            new Scalar.Apply(MULTIPLY, List.of(cotangent, result), DType.FLOAT)));
            rows.put(sum, new Scalar.Load(mean, Index.of(List.of(batch, query))));
            return true;
        }

        /** An element of the output; of the array it is moved to, if that is all there is made of it. */
        private Scalar.Load output(Array a, List<Index> at) {
            Array to = only(users.getOrDefault(a, Set.of()));
            if (to == null || outputs.contains(a) || !(to.rule() instanceof Array.Pointwise p)) {
                return new Scalar.Load(a, at);
            }
            List<Index> moved = Schedule.Scheduler.moved(p, at);
            return moved == null ? new Scalar.Load(a, at) : new Scalar.Load(to, moved);
        }

        private List<Index> attended(Product output, Var width) {
            return output.rule.place().stream()
                    .map(i -> at(
                            i,
                            List.of(output.rule.batch(), output.outer(), output.other()),
                            List.of(batch, query, width)))
                    .toList();
        }

        private static boolean isElement(Scalar.Load l, Array.Reduction r) {
            return l.array().position(l.at()).equals(Attentions.element(r));
        }
    }
}
