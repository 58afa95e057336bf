package org.armature.compute.opencl.lower;

import static org.armature.compute.opencl.lower.Lowering.at;
import static org.armature.compute.opencl.lower.Lowering.literal;
import static org.armature.compute.opencl.lower.Lowering.map;
import static org.armature.compute.opencl.lower.Lowering.product;
import static org.armature.compute.opencl.lower.Lowering.sizes;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Fold;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Scalar.Inside;
import org.armature.compute.opencl.ir.Var;
import org.armature.graph.DType;
import org.armature.graph.Node;
import org.armature.graph.Value;
import org.jspecify.annotations.Nullable;

/**
 * Operators that are sums of products: all of them become the same contraction over batch, row, column and inner index, whose
 * operands are index maps of the inputs. A convolution is the contraction whose right operand reads windows.
 */
final class Products {
    /** With fewer rows or inner steps than this a tile is mostly empty: a plain reduction is faster. */
    private static final int NARROW = 4;

    /** Products side by side are one if each has a multiple of so many columns: a panel of vectors of any device. */
    private static final int WHOLE = 32;

    private Products() {}

    static void rules(Map<String, Rule> r) {
        r.put("MatMul", (n, l) -> List.of(matMul(n, l, false, false, 1)));
        for (String type : List.of("com.microsoft.FusedMatMul", "com.microsoft.TransposeMatMul")) {
            r.put(
                    type,
                    (n, l) -> List.of(matMul(
                            n, l, n.integer("transA", 0) != 0, n.integer("transB", 0) != 0, n.real("alpha", 1))));
        }
        r.put("Gemm", Products::gemm);
        r.put("Einsum", Products::einsum);
        r.put("Conv", (n, l) -> List.of(biased(n, l, conv(n, l))));
        r.put("ConvTranspose", (n, l) -> List.of(biased(n, l, convTranspose(n, l))));
    }

    /** An element of an operand by batch, row (or column) and inner index. */
    @FunctionalInterface
    interface Operand {
        Scalar at(Index batch, Index outer, Index inner);
    }

    /**
     * {@code out = sum over inner of left * right}.
     *
     * @param shape of the result
     * @param batch axes of the result that are the batch, row-major
     * @param rows axes that are rows
     * @param columns axes that are columns
     * @param innerShape the inner index is a position in it
     */
    static Array contract(
            String name,
            DType type,
            long[] shape,
            List<Integer> batch,
            List<Integer> rows,
            List<Integer> columns,
            long[] innerShape,
            Operand left,
            Operand right) {
        long inner = product(innerShape);
        long b = size(shape, batch);
        long m = size(shape, rows);
        long w = size(shape, columns);
        boolean narrow = m < NARROW || w < NARROW || inner < NARROW;
        if (type == DType.DOUBLE || !type.isFloating() || narrow) {
            List<Var> axes = Var.each("i", shape);
            List<Var> over = Var.each("k", innerShape);
            Index k = Index.linear(over);
            List<Index> at = Index.of(axes);
            Scalar x = left.at(part(at, shape, batch), part(at, shape, rows), k);
            Scalar y = right.at(part(at, shape, batch), part(at, shape, columns), k);
            return new Array(name, type, shape, new Array.Reduction(axes, over, Fold.SUM, Lowering.multiply(x, y)));
        }
        Var vb = new Var("b", b);
        Var vm = new Var("m", m);
        Var vn = new Var("n", w);
        Var vk = new Var("k", inner);
        Index[] place = new Index[shape.length];
        scatter(place, shape, batch, Index.of(vb));
        scatter(place, shape, rows, Index.of(vm));
        scatter(place, shape, columns, Index.of(vn));
        return new Array(
                name,
                type,
                shape,
                new Array.Contraction(
                        vb,
                        vm,
                        vn,
                        vk,
                        left.at(Index.of(vb), Index.of(vm), Index.of(vk)),
                        right.at(Index.of(vb), Index.of(vn), Index.of(vk)),
                        List.of(place)));
    }

    private static long size(long[] shape, List<Integer> axes) {
        return axes.stream().mapToLong(a -> shape[a]).reduce(1, (x, y) -> x * y);
    }

    private static Index part(List<Index> at, long[] shape, List<Integer> axes) {
        return Index.linear(
                axes.stream().map(at::get).toList(),
                axes.stream().mapToLong(a -> shape[a]).toArray());
    }

    private static void scatter(Index[] place, long[] shape, List<Integer> axes, Index position) {
        List<Index> at =
                Index.unravel(position, axes.stream().mapToLong(a -> shape[a]).toArray());
        for (int i = 0; i < axes.size(); i++) {
            place[axes.get(i)] = at.get(i);
        }
    }

    private static List<Integer> axes(int from, int to) {
        return IntStream.range(from, to).boxed().toList();
    }

    // ---- products side by side -------------------------------------------------------------------------------------

    /** What a part of a concatenation is made of: a product, and where in it the part's elements are. */
    private record Part(Array product, Array.Contraction rule, List<Index> at) {
        static @Nullable Part of(Array a, List<Var> axes) {
            return Scalar.source(new Scalar.Load(a, Index.of(axes))) instanceof Scalar.Load l
                            && l.array().rule() instanceof Array.Contraction c
                    ? new Part(l.array(), c, l.at())
                    : null;
        }

        /** An operand with the variables of another product of the same sizes. */
        Scalar operand(Scalar s, Array.Contraction of) {
            return Scalar.source(Scalar.substitute(
                    s,
                    Scalar.replace(
                            List.of(rule.batch(), rule.row(), rule.column(), rule.inner()),
                            Index.of(List.of(of.batch(), of.row(), of.column(), of.inner())))));
        }

        boolean isLike(Part o) {
            return Arrays.equals(product.shape(), o.product.shape())
                    && product.type() == o.product.type()
                    && at.equals(o.at)
                    && rule.inner().size() == o.rule.inner().size()
                    && operand(rule.left(), o.rule).equals(o.operand(o.rule.left(), o.rule));
        }
    }

    /**
     * Products with the same left operand that differ in where they read the right one, side by side, as one product with
     * more columns: a convolution's weight gradient is one for each place in its kernel. Null if the parts are not such.
     */
    static @Nullable Array joined(Value out, List<Array> parts, int axis) {
        List<Var> axes = Var.each("i", parts.getFirst().shape());
        List<Part> all = new ArrayList<>();
        for (Array a : parts) {
            Part p = Arrays.equals(a.shape(), parts.getFirst().shape()) ? Part.of(a, axes) : null;
            if (p == null || !p.isLike(all.isEmpty() ? p : all.getFirst())) {
                return null;
            }
            all.add(p);
        }
        Part one = all.getFirst();
        Array.Contraction c = one.rule;
        Var column = new Var("n", parts.size() * c.column().size());
        Index which = Index.of(column).div(c.column().size());
        Scalar right =
                moving(all.stream().map(p -> p.operand(p.rule.right(), c)).toList(), which);
        if (right == null || c.column().size() % WHOLE != 0) {
            return null;
        }
        Function<Var, Index> within = Scalar.replace(
                List.of(c.column()), List.of(Index.of(column).mod(c.column().size())));
        List<Index> place = new ArrayList<>(List.of(which));
        place.addAll(substitute(c.place(), within));
        long[] shape = LongStream.concat(LongStream.of(parts.size()), LongStream.of(one.product.shape()))
                .toArray();
        Array product = new Array(
                out.name() + ".joined",
                one.product.type(),
                shape,
                new Array.Contraction(
                        c.batch(),
                        c.row(),
                        column,
                        c.inner(),
                        one.operand(c.left(), c),
                        Scalar.substitute(right, within),
                        place));
        long each = parts.getFirst().dim(axis);
        return map(out, at -> {
            List<Index> inside = new ArrayList<>(at);
            inside.set(axis, at.get(axis).mod(each));
            List<Index> from = new ArrayList<>(List.of(at.get(axis).div(each)));
            from.addAll(substitute(one.at, Scalar.replace(axes, inside)));
            return at(product, from);
        });
    }

    private static List<Index> substitute(List<Index> all, Function<Var, Index> vars) {
        return all.stream().map(i -> i.substitute(vars)).toList();
    }

    /** Elements of one array, the place of each moved from the first's by numbers that follow the digits of {@code which}; null if not. */
    private static @Nullable Scalar moving(List<Scalar> elements, Index which) {
        if (!(elements.getFirst() instanceof Scalar.Load first)) {
            return null;
        }
        List<Index> at = new ArrayList<>();
        for (int d = 0; d < first.at().size(); d++) {
            long[] far = new long[elements.size()];
            for (int i = 0; i < far.length; i++) {
                if (!(elements.get(i) instanceof Scalar.Load l) || l.array() != first.array()) {
                    return null;
                }
                Index moved = l.at().get(d).minus(first.at().get(d));
                if (!moved.isConstant()) {
                    return null;
                }
                far[i] = moved.constant();
            }
            Index moved = digit(far, which);
            if (moved == null) {
                return null;
            }
            at.add(first.at().get(d).plus(moved));
        }
        return new Scalar.Load(first.array(), at);
    }

    /** Numbers that are multiples of a digit of their position, 0 0 3 3 6 6 0 0 ..., as a function of it; null if they are not. */
    private static @Nullable Index digit(long[] numbers, Index position) {
        int low = 0;
        while (low < numbers.length && numbers[low] == 0) {
            low++;
        }
        if (low == numbers.length) {
            return Index.ZERO;
        }
        int high = low;
        while (high < numbers.length && numbers[high] != 0) {
            high++;
        }
        for (int i = 0; i < numbers.length; i++) {
            if (numbers[i] != i % high / low * numbers[low]) {
                return null;
            }
        }
        return position.mod(high).div(low).times(numbers[low]);
    }

    // ---- matrices --------------------------------------------------------------------------------------------------

    private static Array matMul(Node n, Lowering l, boolean transA, boolean transB, float alpha) {
        Array product =
                matMul(n.output().name(), n.output().dtype(), l.array(n.input(0)), l.array(n.input(1)), transA, transB);
        return alpha == 1
                ? product
                : map(n.output(), at -> Lowering.multiply(at(product, at), literal(product.type(), alpha)));
    }

    /** NumPy's matmul of floating arrays of any rank. */
    static Array matMul(String name, DType type, Array a, Array b, boolean transA, boolean transB) {
        if (a.rank() == 1 || b.rank() == 1) {
            Array a2 = a.rank() == 1 ? Lowering.reshape(a.name() + ".row", a, 1, a.dim(0)) : a;
            Array b2 = b.rank() == 1 ? Lowering.reshape(b.name() + ".column", b, b.dim(0), 1) : b;
            Array y = matMul(name, type, a2, b2, transA && a.rank() > 1, transB && b.rank() > 1);
            long[] s = y.shape();
            long[] kept = IntStream.range(0, s.length)
                    .filter(i -> !(a.rank() == 1 && i == s.length - 2) && !(b.rank() == 1 && i == s.length - 1))
                    .mapToLong(i -> s[i])
                    .toArray();
            return Lowering.reshape(name, y, kept);
        }
        long m = a.dim(transA ? -1 : -2);
        long k = a.dim(transA ? -2 : -1);
        long w = b.dim(transB ? -2 : -1);
        int rank = Math.max(a.rank(), b.rank());
        long[] shape = new long[rank];
        for (int i = 0; i < rank - 2; i++) {
            int ia = i - rank + a.rank();
            int ib = i - rank + b.rank();
            shape[i] = ia < 0 ? b.dim(ib) : ib < 0 || a.dim(ia) != 1 ? a.dim(ia) : b.dim(ib);
        }
        shape[rank - 2] = m;
        shape[rank - 1] = w;
        boolean plainA = product(Arrays.copyOf(a.shape(), a.rank() - 2)) == 1;
        boolean plainB = product(Arrays.copyOf(b.shape(), b.rank() - 2)) == 1;
        long[] lead = Arrays.copyOf(shape, rank - 2);
        List<Integer> batch = axes(0, rank - 2);
        List<Integer> none = List.of();
        if (plainB) { // the batch makes more rows
            List<Integer> rows = axes(0, rank - 1);
            long[] rowShape = Arrays.copyOf(shape, rank - 1);
            return contract(
                    name,
                    type,
                    shape,
                    none,
                    rows,
                    List.of(rank - 1),
                    new long[] {k},
                    (q, r, i) -> element(a, Index.unravel(r, rowShape), i, transA),
                    (q, c, i) -> element(b, with(zeros(rank - 2), i), c, transB));
        }
        if (plainA) { // ... or more columns
            List<Integer> columns = new ArrayList<>(batch);
            columns.add(rank - 1);
            long[] columnShape = Arrays.copyOf(lead, rank - 1);
            columnShape[rank - 2] = w;
            return contract(
                    name,
                    type,
                    shape,
                    none,
                    List.of(rank - 2),
                    columns,
                    new long[] {k},
                    (q, r, i) -> element(a, with(zeros(rank - 2), r), i, transA),
                    (q, c, i) -> {
                        List<Index> p = Index.unravel(c, columnShape);
                        return element(b, with(p.subList(0, rank - 2), i), p.getLast(), transB);
                    });
        }
        return contract(
                name,
                type,
                shape,
                batch,
                List.of(rank - 2),
                List.of(rank - 1),
                new long[] {k},
                (q, r, i) -> element(a, with(Index.unravel(q, lead), r), i, transA),
                (q, c, i) -> element(b, with(Index.unravel(q, lead), i), c, transB));
    }

    private static List<Index> zeros(int n) {
        return java.util.Collections.nCopies(n, Index.ZERO);
    }

    private static List<Index> with(List<Index> lead, Index last) {
        List<Index> r = new ArrayList<>(lead);
        r.add(last);
        return r;
    }

    /** Element {@code [lead..., row, column]} of a matrix that may be stored transposed and broadcast. */
    private static Scalar element(Array x, List<Index> leadAndRow, Index column, boolean transposed) {
        List<Index> at = with(leadAndRow, column);
        if (transposed) {
            int last = at.size() - 1;
            Index row = at.get(last - 1);
            at.set(last - 1, at.get(last));
            at.set(last, row);
        }
        return Lowering.spread(x, at);
    }

    private static List<Array> gemm(Node n, Lowering l) {
        Array y = matMul(
                n.output().name(),
                n.output().dtype(),
                l.array(n.input(0)),
                l.array(n.input(1)),
                n.integer("transA", 0) != 0,
                n.integer("transB", 0) != 0);
        float alpha = n.real("alpha", 1);
        float beta = n.real("beta", 1);
        if (alpha == 1 && !n.input(2).isPresent()) {
            return List.of(y);
        }
        return map(n, at -> {
            Scalar r = Lowering.multiply(at(y, at), literal(y.type(), alpha));
            return n.input(2).isPresent()
                    ? Lowering.add(r, Lowering.multiply(l.spread(n.input(2), at), literal(y.type(), beta)))
                    : r;
        });
    }

    // ---- einsum ----------------------------------------------------------------------------------------------------

    /** An operand of an einsum and the letter of each axis; {@code ...} has become capital letters beyond Z. */
    private record Term(Array array, String letters) {
        Scalar at(Map<Character, Index> where) {
            return Lowering.at(
                    array,
                    IntStream.range(0, letters.length())
                            .mapToObj(i -> array.dim(i) == 1 ? Index.ZERO : where.get(letters.charAt(i)))
                            .toList());
        }
    }

    private static List<Array> einsum(Node n, Lowering l) {
        String[] sides = n.text("equation", "").replace(" ", "").split("->", -1);
        String[] given = sides[0].split(",", -1);
        int dots = 0;
        for (int i = 0; i < given.length; i++) {
            if (given[i].contains("...")) {
                dots = Math.max(dots, n.input(i).rank() - given[i].length() + 3);
            }
        }
        List<Term> terms = new ArrayList<>();
        Map<Character, Long> sizes = new LinkedHashMap<>();
        Map<Character, Integer> uses = new LinkedHashMap<>();
        for (int i = 0; i < given.length; i++) {
            int own = n.input(i).rank() - given[i].replace("...", "").length();
            String letters = given[i].replace("...", ellipsis(dots).substring(dots - Math.min(dots, own)));
            Term t = new Term(l.array(n.input(i)), letters);
            terms.add(t);
            for (int a = 0; a < letters.length(); a++) {
                sizes.merge(letters.charAt(a), t.array().dim(a), Math::max);
                uses.merge(letters.charAt(a), 1, Integer::sum);
            }
        }
        String out;
        if (sides.length > 1) {
            out = sides[1].replace("...", ellipsis(dots));
        } else {
            StringBuilder s = new StringBuilder(ellipsis(dots));
            uses.entrySet().stream()
                    .filter(e -> e.getValue() == 1 && e.getKey() < 128)
                    .map(Map.Entry::getKey)
                    .sorted()
                    .forEach(s::append);
            out = s.toString();
        }
        // Two at a time from the left; a letter stays as long as somebody needs it.
        Term left = terms.getFirst();
        for (int i = 1; i < terms.size(); i++) {
            StringBuilder needed = new StringBuilder(out);
            terms.subList(i + 1, terms.size()).forEach(t -> needed.append(t.letters()));
            String keep = i == terms.size() - 1
                    ? out
                    : kept(left.letters() + terms.get(i).letters(), needed.toString());
            left = pair(n, left, terms.get(i), keep, sizes);
        }
        if (terms.size() == 1) {
            left = sum(n, left, out, sizes);
        }
        return List.of(left.array());
    }

    private static String ellipsis(int dots) {
        return IntStream.range(0, dots)
                .mapToObj(i -> String.valueOf((char) (0x391 + i)))
                .reduce("", String::concat);
    }

    private static String kept(String letters, String needed) {
        StringBuilder s = new StringBuilder();
        for (char c : letters.toCharArray()) {
            if (needed.indexOf(c) >= 0 && s.indexOf(String.valueOf(c)) < 0) {
                s.append(c);
            }
        }
        return s.toString();
    }

    private static long[] shape(String letters, Map<Character, Long> sizes) {
        return letters.chars().mapToLong(c -> sizes.get((char) c)).toArray();
    }

    private static Term sum(Node n, Term t, String out, Map<Character, Long> sizes) {
        String inner = kept(t.letters(), t.letters())
                .chars()
                .filter(c -> out.indexOf(c) < 0)
                .mapToObj(c -> String.valueOf((char) c))
                .reduce("", String::concat);
        String all = out + inner;
        Array a = Lowering.reduce(
                n.output().name(),
                t.array().type(),
                shape(all, sizes),
                Lowering.range(out.length(), all.length()),
                false,
                Fold.SUM,
                at -> t.at(where(all, at)));
        return new Term(a, out);
    }

    private static Map<Character, Index> where(String letters, List<Index> at) {
        Map<Character, Index> w = new LinkedHashMap<>();
        for (int i = 0; i < letters.length(); i++) {
            w.put(letters.charAt(i), at.get(i));
        }
        return w;
    }

    private static Term pair(Node n, Term a, Term b, String out, Map<Character, Long> sizes) {
        long[] shape = shape(out, sizes);
        List<Integer> batch = new ArrayList<>();
        List<Integer> rows = new ArrayList<>();
        List<Integer> columns = new ArrayList<>();
        for (int i = 0; i < out.length(); i++) {
            boolean inA = a.letters().indexOf(out.charAt(i)) >= 0;
            boolean inB = b.letters().indexOf(out.charAt(i)) >= 0;
            (inA && inB ? batch : inA ? rows : columns).add(i);
        }
        StringBuilder inner = new StringBuilder();
        for (char c : kept(a.letters() + b.letters(), a.letters() + b.letters()).toCharArray()) {
            if (out.indexOf(c) < 0) {
                inner.append(c);
            }
        }
        long[] innerShape = shape(inner.toString(), sizes);
        Array product = contract(
                n.output().name(),
                n.output().dtype(),
                shape,
                batch,
                rows,
                columns,
                innerShape,
                (q, r, k) -> a.at(joined(out, shape, batch, q, rows, r, inner.toString(), innerShape, k)),
                (q, c, k) -> b.at(joined(out, shape, batch, q, columns, c, inner.toString(), innerShape, k)));
        return new Term(product, out);
    }

    private static Map<Character, Index> joined(
            String out,
            long[] shape,
            List<Integer> batch,
            Index q,
            List<Integer> outer,
            Index o,
            String inner,
            long[] innerShape,
            Index k) {
        Map<Character, Index> w = where(inner, Index.unravel(k, innerShape));
        Index[] place = new Index[shape.length];
        scatter(place, shape, batch, q);
        scatter(place, shape, outer, o);
        for (int i = 0; i < place.length; i++) {
            if (place[i] != null) {
                w.put(out.charAt(i), place[i]);
            }
        }
        return w;
    }

    // ---- convolutions ----------------------------------------------------------------------------------------------

    private static Array biased(Node n, Lowering l, Array y) {
        return n.input(2).isPresent()
                ? map(n.output(), at -> Lowering.add(at(y, at), at(l.array(n.input(2)), List.of(at.get(1)))))
                : y;
    }

    private static Array conv(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Array w = l.array(n.input(1));
        return conv(n, x, w, n.output().dtype());
    }

    /**
     * A grouped convolution as a batched product.
     *
     * @param shape of the result, {@code [n, group, channel of the group, space...]}
     * @param inner what is summed over, {@code [channel, kernel...]}
     * @param columns axes of the result that are the product's columns
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Grouped(long[] shape, long[] inner, List<Integer> columns) {
        static Grouped of(long[] out, long groups, long perGroup, long channels, long[] kernel) {
            int d = kernel.length;
            long[] inner = new long[d + 1];
            inner[0] = channels;
            System.arraycopy(kernel, 0, inner, 1, d);
            long[] shape = new long[d + 3];
            shape[0] = out[0];
            shape[1] = groups;
            shape[2] = perGroup;
            System.arraycopy(out, 2, shape, 3, d);
            List<Integer> columns = new ArrayList<>(List.of(0));
            columns.addAll(axes(3, d + 3));
            return new Grouped(shape, inner, columns);
        }

        long[] columnShape() {
            return columns.stream().mapToLong(a -> shape[a]).toArray();
        }
    }

    /**
     * With the window's padding written out where it pays: then every tap is inside, and reading needs neither conditions nor
     * limits.
     */
    private static Array padded(Array x, Window w, long[] out) {
        long[] shape = x.shape();
        boolean same = true;
        for (int i = 0; i < w.kernel().length; i++) {
            shape[i + 2] = w.reach(i, out[i + 2]);
            same &= w.starts()[i] == 0 && shape[i + 2] <= x.dim(i + 2);
        }
        if (same) {
            return x;
        }
        return map(x.name() + ".padded", x.type(), shape, at -> {
            List<Inside> inside = new ArrayList<>();
            List<Index> from = new ArrayList<>(at.subList(0, 2));
            for (int i = 0; i < w.kernel().length; i++) {
                Index p = at.get(i + 2).plus(-w.starts()[i]);
                inside.add(new Inside(p, 0, x.dim(i + 2)));
                from.add(p.clamp(0, x.dim(i + 2) - 1));
            }
            return Scalar.select(inside, at(x, from), literal(x.type(), 0));
        });
    }

    static Array conv(Node n, Array unpadded, Array w, DType type) {
        Window window = Window.of(n, w.shape(), unpadded.shape(), sizes(n.output()));
        long groups = n.integer("group", 1);
        if (type == DType.FLOAT && window.isDense() && window.kernel().length == 1) {
            long results = sizes(n.output())[2];
            LongConvolution c = LongConvolution.of(n.output().name(), unpadded, w, groups, window.starts()[0], results);
            if (c.pays()) {
                return c.lower(type);
            }
        }
        Array x = padded(unpadded, window, sizes(n.output()));
        int d = x.rank() - 2;
        long perGroup = w.dim(0) / groups;
        long channels = w.dim(1);
        long[] out = sizes(n.output());
        Grouped layout = Grouped.of(out, groups, perGroup, channels, window.kernel());
        long[] innerShape = layout.inner();
        long[] columnShape = layout.columnShape();
        Array y = contract(
                n.output().name(),
                type,
                layout.shape(),
                List.of(1),
                List.of(2),
                layout.columns(),
                innerShape,
                (g, r, k) -> {
                    List<Index> at = new ArrayList<>(List.of(g.times(perGroup).plus(r)));
                    at.addAll(Index.unravel(k, innerShape));
                    return at(w, at);
                },
                (g, c, k) -> {
                    List<Index> column = Index.unravel(c, columnShape);
                    List<Index> tap = Index.unravel(k, innerShape);
                    List<Index> at = new ArrayList<>(
                            List.of(column.getFirst(), g.times(channels).plus(tap.getFirst())));
                    for (int i = 0; i < d; i++) {
                        at.add(column.get(i + 1)
                                .times(window.strides()[i])
                                .plus(tap.get(i + 1).times(window.dilations()[i])));
                    }
                    return at(x, at);
                });
        return Lowering.reshape(n.output().name(), y, out);
    }

    private static Array convTranspose(Node n, Lowering l) {
        Array x = l.array(n.input(0));
        Array w = l.array(n.input(1));
        long[] out = sizes(n.output());
        // The output is the fine side here.
        Window window = Window.transposed(n, w.shape(), x.shape(), out);
        long groups = n.integer("group", 1);
        int d = x.rank() - 2;
        long channels = w.dim(0) / groups;
        long perGroup = w.dim(1);
        Grouped layout = Grouped.of(out, groups, perGroup, channels, window.kernel());
        long[] innerShape = layout.inner();
        long[] columnShape = layout.columnShape();
        DType type = n.output().dtype();
        Array y = contract(
                n.output().name(),
                type,
                layout.shape(),
                List.of(1),
                List.of(2),
                layout.columns(),
                innerShape,
                (g, r, k) -> {
                    List<Index> tap = Index.unravel(k, innerShape);
                    List<Index> at = new ArrayList<>(List.of(g.times(channels).plus(tap.getFirst()), r));
                    at.addAll(tap.subList(1, d + 1));
                    return at(w, at);
                },
                (g, c, k) -> {
                    List<Index> column = Index.unravel(c, columnShape);
                    List<Index> tap = Index.unravel(k, innerShape);
                    List<Inside> inside = new ArrayList<>();
                    List<Index> at = new ArrayList<>(
                            List.of(column.getFirst(), g.times(channels).plus(tap.getFirst())));
                    for (int i = 0; i < d; i++) {
                        // Output p takes input q where p = q stride + k dilation - start.
                        Index p = column.get(i + 1)
                                .plus(window.starts()[i])
                                .minus(tap.get(i + 1).times(window.dilations()[i]));
                        inside.add(new Inside(p.mod(window.strides()[i]), 0, 1));
                        Index q = p.div(window.strides()[i]);
                        inside.add(new Inside(q, 0, x.dim(i + 2)));
                        at.add(q.clamp(0, x.dim(i + 2) - 1));
                    }
                    return Scalar.select(inside, at(x, at), literal(type, 0));
                });
        return Lowering.reshape(n.output().name(), y, out);
    }
}
