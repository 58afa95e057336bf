package org.armature.compute.opencl.codegen;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.schedule.Kernel;
import org.armature.graph.DType;
import org.jspecify.annotations.Nullable;

/**
 * A product on a GPU. A work-group brings a {@link GroupTile tile}'s part of both operands into memory it shares, some steps of
 * the inner index at a time, and each of its items multiplies four or eight rows with four or eight columns of them in registers.
 * The next steps come from memory while the present ones are multiplied. Operands are whatever expressions; elements of an array
 * that are neighbours in it are read by neighbouring items, four at once where they are aligned. What follows the sums is done
 * a line after the other, again by neighbours.
 */
final class LocalTiles {
    /** Elements of a vector. */
    private static final int FOUR = 4;

    /** Work-items that go on together: of these, eight are beside each other and four below, so that few lines are read. */
    private static final int WARP = 32;

    private static final int WARP_ACROSS = 8;

    private final Code code;
    private final Expressions top;
    private final String ix;
    private final Kernel.Tiles kernel;
    private final Array.Contraction c;
    private final GroupTile tile;
    private final Operand left;
    private final Operand right;

    LocalTiles(Code code, Expressions top, String ix, Target target, Kernel.Tiles kernel) {
        this.code = code;
        this.top = top;
        this.ix = ix;
        this.kernel = kernel;
        c = kernel.rule();
        tile = GroupTile.of(c, target);
        left = new Operand("left", c.left(), c.row(), tile.rows());
        right = new Operand("right", c.right(), c.column(), tile.columns());
    }

    /** Work-items of a work-group. */
    int group() {
        return tile.items();
    }

    /** Writes the body; the items. */
    long[] write() {
        long down = Math.ceilDiv(c.row().size(), tile.rows());
        long across = Math.ceilDiv(c.column().size(), tile.columns());
        List<Operand> operands = List.of(left, right);
        operands.forEach(o -> code.line("__local float4 %ss[%d];", o.name, 2 * tile.steps() * o.line() / FOUR));
        code.line("const int item = get_local_id(0);");
        code.line("const %s group = get_group_id(0);", ix);
        Var group = new Var("group", tile.groups(c));
        top.bind(group, "group");
        Index of = Index.of(group);
        code.line("const %s fromColumn = %s;", ix, top.index(of.mod(across).times(tile.columns())));
        code.line(
                "const %s fromRow = %s;", ix, top.index(of.div(across).mod(down).times(tile.rows())));
        code.line("const %s b = %s;", ix, top.index(of.div(across * down)));
        top.bind(c.batch(), "b");
        int wide = tile.across() / WARP_ACROSS;
        int high = WARP / WARP_ACROSS;
        code.line("const int x = item / %d %% %d * %d + item %% %3$d;", WARP, wide, WARP_ACROSS);
        code.line("const int y = item / %d * %d + item %% %d / %d;", WARP * wide, high, WARP, WARP_ACROSS);
        sums((i, p) -> code.line("float4 %s = 0;", sum(i, p)));
        long rounds = Math.ceilDiv(c.inner().size(), tile.steps());
        // The round before the first only brings, the last one only multiplies.
        code.open("for (int next = 0; next <= %d; ++next)", rounds);
        operands.forEach(o -> code.line("%s %s[%d];", o.isQuads() ? "float4" : "float", o.name, o.count()));
        code.open("if (next < %d)", rounds);
        code.line("const %s fromInner = next * %d;", ix, tile.steps());
        operands.forEach(Operand::read);
        code.close();
        code.open("if (next > 0)");
        multiply();
        code.close();
        code.open("if (next < %d)", rounds);
        operands.forEach(Operand::share);
        code.close();
        code.line("barrier(CLK_LOCAL_MEM_FENCE);");
        code.close();
        results();
        return new long[] {tile.groups(c) * tile.items()};
    }

    // ---- sums ------------------------------------------------------------------------------------------------------

    private interface Sum {
        void of(int row, int vector);
    }

    /** Rows of an item. */
    private int rows() {
        return tile.rows() / tile.down();
    }

    /** Vectors of neighbouring columns of an item. */
    private int vectors() {
        return tile.columns() / tile.across() / FOUR;
    }

    private void sums(Sum each) {
        for (int i = 0; i < rows(); i++) {
            for (int p = 0; p < vectors(); p++) {
                each.of(i, p);
            }
        }
    }

    private static String sum(int row, int vector) {
        return "sum" + row + "_" + vector;
    }

    /** The steps in shared memory: each takes vectors of both operands, for every combination of their elements. */
    private void multiply() {
        String buffer = "(next - 1) % 2 * " + tile.steps() + " * ";
        code.line("__local const float4* l = lefts + %s%d + y;", buffer, left.line() / FOUR);
        code.line("__local const float4* r = rights + %s%d + x;", buffer, right.line() / FOUR);
        code.line("#pragma unroll");
        code.open("for (int k = 0; k < %d; ++k)", tile.steps());
        for (int p = 0; p < rows() / FOUR; p++) {
            code.line("const float4 l%d = l[k * %d + %d];", p, left.line() / FOUR, p * tile.down());
        }
        for (int p = 0; p < vectors(); p++) {
            code.line("const float4 r%d = r[k * %d + %d];", p, right.line() / FOUR, p * tile.across());
        }
        sums((i, p) -> code.line("%1$s = fma((float4)(l%2$d.s%3$d), r%4$d, %1$s);", sum(i, p), i / FOUR, i % FOUR, p));
        code.close();
    }

    /** One row of each item after the other, through shared memory: so what follows is written once, and goes along memory. */
    private void results() {
        code.open("for (int i = 0; i < %d; ++i)", rows());
        code.open("switch (i)");
        for (int i = 0; i < rows(); i++) {
            int row = i;
            code.line(
                    "case %d: %s break;",
                    row,
                    IntStream.range(0, vectors())
                            .mapToObj(p -> "rights[y * %d + %d + x] = %s;"
                                    .formatted(right.line() / FOUR, p * tile.across(), sum(row, p)))
                            .collect(Collectors.joining(" ")));
        }
        code.close();
        code.line("barrier(CLK_LOCAL_MEM_FENCE);");
        code.open("for (int e = item; e < %d; e += %d)", tile.down() * tile.columns(), tile.items());
        code.line("const int line = e / %d, at = e %% %1$d;", tile.columns());
        code.line("const %s row = fromRow + i / %d * %d + line * %2$d + i %% %2$d;", ix, FOUR, FOUR * tile.down());
        code.line("const %s column = fromColumn + at;", ix);
        Expressions e = top.inner();
        e.bind(c.row(), "row");
        e.bind(c.column(), "column");
        e.register(kernel.product(), "((__local const float*)rights)[line * %d + at]".formatted(right.line()));
        String inside = all(inside("row", tile.rows(), c.row()), inside("column", tile.columns(), c.column()));
        if (!inside.isEmpty()) {
            code.open("if (%s)", inside);
        }
        for (Kernel.Store s : kernel.stores()) {
            e.store(s.array(), s.position(), e.value(s.body()));
        }
        if (!inside.isEmpty()) {
            code.close();
        }
        code.close();
        code.line("barrier(CLK_LOCAL_MEM_FENCE);");
        code.close();
    }

    /** A condition that holds inside; empty if all blocks are whole. */
    private static String inside(String at, long block, Var v) {
        return v.size() % block == 0 ? "" : at + " < " + v.size();
    }

    private static String all(String... conditions) {
        return Stream.of(conditions).filter(s -> !s.isEmpty()).collect(Collectors.joining(" && "));
    }

    // ---- operands --------------------------------------------------------------------------------------------------

    /** How an operand comes into shared memory, where it is {@code [2, steps, size + PAD]}. */
    private final class Operand {
        private final String name;
        private final Scalar body;
        private final Var outer;
        private final int size;
        /** Along which variable neighbours in memory are. */
        private final Var along;

        private final Var quad;
        private final @Nullable Index quads;

        Operand(String name, Scalar body, Var outer, int size) {
            this.name = name;
            this.body = body;
            this.outer = outer;
            this.size = size;
            along = run(outer) > run(c.inner()) ? outer : c.inner();
            quad = new Var("quad", along.size() / FOUR);
            quads = quads();
        }

        /** Elements of a line in shared memory. */
        int line() {
            return size + GroupTile.PAD;
        }

        boolean isQuads() {
            return quads != null;
        }

        /** Elements, or vectors, that an item brings. */
        int count() {
            return size * tile.steps() / tile.items() / (isQuads() ? FOUR : 1);
        }

        /** How many steps of a variable are neighbours in memory, at least in one of the arrays. */
        private long run(Var v) {
            return Scalar.loads(body).stream()
                    .mapToLong(l -> run(l.array().position(l.at()), v))
                    .max()
                    .orElse(1);
        }

        private static long run(Index at, Var v) {
            long longest = 1;
            for (Map.Entry<Index.Atom, Long> t : at.terms().entrySet()) {
                if (t.getValue() == 1) {
                    longest = Math.max(
                            longest,
                            switch (t.getKey()) {
                                case Var w -> w == v ? v.size() : 1;
                                case Index.Remainder r -> Math.min(r.by(), run(r.of(), v));
                                case Index.Clamp k -> run(k.of(), v);
                                case Index.Quotient q -> 1;
                                case Index.Data d -> 1;
                            });
                }
            }
            return longest;
        }

        /** Where the first of four neighbours is, if all are aligned vectors of an array; else null. */
        private @Nullable Index quads() {
            if (!(body instanceof Scalar.Load l)
                    || along.size() % FOUR != 0
                    || !List.of(DType.FLOAT, DType.FLOAT16, DType.BFLOAT16)
                            .contains(l.array().type())) {
                return null;
            }
            Var lane = new Var("lane", FOUR);
            Index place = Index.of(quad).times(FOUR).plus(Index.of(lane));
            Index at = l.array().position(l.at()).substitute(v -> v == along ? place : Index.of(v));
            Index first = at.minus(Index.of(lane));
            boolean aligned = first.constant() % FOUR == 0
                    && first.terms().values().stream().allMatch(k -> k % FOUR == 0);
            return aligned && !first.mentions(lane) ? first : null;
        }

        /** Opens the loop over what an item brings, {@code o} and {@code k} its place in the tile. */
        private void each() {
            boolean inner = along == c.inner();
            int wide = (inner ? tile.steps() : size) / (isQuads() ? FOUR : 1);
            code.line("#pragma unroll");
            code.open("for (int i = 0; i < %d; ++i)", count());
            code.line("const int e = item + i * %d;", tile.items());
            code.line("const int %s = e %% %d, %s = e / %2$d;", inner ? "k" : "o", wide, inner ? "o" : "k");
        }

        /** From memory into registers; zero outside. */
        void read() {
            each();
            String from = outer == c.row() ? "fromRow" : "fromColumn";
            boolean inner = along == c.inner();
            String of = isQuads() ? " / " + FOUR : "";
            code.line("const %s outer = %s%s + o;", ix, from, inner ? "" : of);
            code.line("const %s inner = fromInner%s + k;", ix, inner ? of : "");
            Expressions e = top.inner();
            e.bind(outer, "outer");
            e.bind(c.inner(), "inner");
            e.bind(quad, inner ? "inner" : "outer");
            String inside = all(inside("outer", size, outer, !inner), inside("inner", tile.steps(), c.inner(), inner));
            if (!inside.isEmpty()) {
                code.line("%s[i] = 0;", name);
                code.open("if (%s)", inside);
            }
            code.line("%s[i] = %s;", name, isQuads() ? vector(e) : e.value(body));
            if (!inside.isEmpty()) {
                code.close();
            }
            code.close();
        }

        private String inside(String at, int block, Var v, boolean vectors) {
            long by = vectors && isQuads() ? FOUR : 1;
            return v.size() % block == 0 ? "" : at + " < " + v.size() / by;
        }

        private String vector(Expressions e) {
            Array a = ((Scalar.Load) body).array();
            String p = e.pointer(a) + " + " + e.index(quads);
            return switch (a.type()) {
                case FLOAT16 -> "vloada_half4(0, " + p + ")";
                case BFLOAT16 -> "as_float4(convert_uint4(*(__global const ushort4*)(" + p + ")) << 16)";
                default -> "*(__global const float4*)(" + p + ")";
            };
        }

        /** From registers into the buffer that is not read now. */
        void share() {
            code.line(
                    "__local float* %1$sTo = (__local float*)(%1$ss + next %% 2 * %2$d);",
                    name, tile.steps() * line() / FOUR);
            each();
            if (!isQuads()) {
                code.line("%1$sTo[k * %2$d + o] = %1$s[i];", name, line());
            } else if (along == outer) {
                code.line("((__local float4*)%1$sTo)[k * %2$d + o] = %1$s[i];", name, line() / FOUR);
            } else {
                for (int j = 0; j < FOUR; j++) {
                    code.line("%1$sTo[(k * %2$d + %3$d) * %4$d + o] = %1$s[i].s%3$d;", name, FOUR, j, line());
                }
            }
            code.close();
        }
    }
}
