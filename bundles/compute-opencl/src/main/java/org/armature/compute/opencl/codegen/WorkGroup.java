package org.armature.compute.opencl.codegen;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.graph.DType;
import org.jspecify.annotations.Nullable;

/**
 * Writes how a work-group of a GPU multiplies: it brings some steps of the operands into memory it shares while each of its items
 * multiplies the steps before in registers. Operands are whatever expressions; elements of an array that are neighbours in it are
 * read by neighbouring items, four at once where they are aligned.
 */
final class WorkGroup {
    /** Elements of a vector. */
    static final int FOUR = 4;

    /** Steps that are written out: more take longer to build than they gain. */
    private static final int UNROLLED = 8;

    /** Work-items that go on together: of these, eight are beside each other and four below, so that few lines are read. */
    private static final int WARP = 32;

    private static final int WARP_ACROSS = 8;

    private final Code code;
    private final Expressions top;
    private final String ix;
    private final int down;
    private final int across;
    private final int steps;

    /**
     * @param down items beside each other along the rows, a multiple of 4
     * @param across along the columns, a multiple of 8
     * @param steps that are in shared memory at a time
     */
    WorkGroup(Code code, Expressions top, String ix, int down, int across, int steps) {
        this.code = code;
        this.top = top;
        this.ix = ix;
        this.down = down;
        this.across = across;
        this.steps = steps;
    }

    private int items() {
        return down * across;
    }

    /** Where an item is: {@code x} along the columns, {@code y} along the rows. */
    void place() {
        int wide = across / WARP_ACROSS;
        int high = WARP / WARP_ACROSS;
        code.line("const int item = get_local_id(0);");
        code.line("const int x = item / %d %% %d * %d + item %% %3$d;", WARP, wide, WARP_ACROSS);
        code.line("const int y = item / %d * %d + item %% %d / %d;", WARP * wide, high, WARP, WARP_ACROSS);
    }

    void barrier() {
        code.line("barrier(CLK_LOCAL_MEM_FENCE);");
    }

    /**
     * Goes through the steps; what {@code multiply} writes has those of the round before.
     *
     * @param from the first step, to be added to; empty for zero
     * @param rounds how many times {@link #steps}
     */
    void rounds(String from, String rounds, List<Operand> operands, Runnable multiply) {
        // The round before the first only brings, the last one only multiplies.
        code.open("for (int next = 0; next <= %s; ++next)", rounds);
        operands.forEach(o -> code.line("%s %s[%d];", o.isQuads() ? "float4" : "float", o.name, o.count()));
        code.open("if (next < %s)", rounds);
        code.line("const %s fromInner = %snext * %d;", ix, from, steps);
        operands.forEach(Operand::read);
        code.close();
        code.open("if (next > 0)");
        multiply.run();
        code.close();
        code.open("if (next < %s)", rounds);
        operands.forEach(Operand::share);
        code.close();
        barrier();
        code.close();
    }

    // ---- sums ------------------------------------------------------------------------------------------------------

    /** An item's sums in registers: rows, vectors of neighbouring columns; vectors are as far apart as all items reach. */
    record Sums(String name, int rows, int vectors) {
        String at(int row, int vector) {
            return name + "[" + (row * vectors + vector) + "]";
        }

        int size() {
            return rows * vectors;
        }
    }

    void clear(Sums s) {
        code.line("float4 %s[%d];", s.name, s.size());
        for (int i = 0; i < s.size(); i++) {
            code.line("%s[%d] = (float4)(0);", s.name, i);
        }
    }

    /**
     * Adds the steps in shared memory: each takes vectors of both operands, for every combination of their elements.
     *
     * @param left where the steps of the rows are, {@code leftLine} floats each
     */
    void multiply(Sums s, String left, int leftLine, String right, int rightLine) {
        code.line("__local const float4* l = %s + y;", left);
        code.line("__local const float4* r = %s + x;", right);
        code.line("#pragma unroll %d", UNROLLED);
        code.open("for (int k = 0; k < %d; ++k)", steps);
        for (int p = 0; p < s.rows / FOUR; p++) {
            code.line("const float4 l%d = l[k * %d + %d];", p, leftLine / FOUR, p * down);
        }
        for (int p = 0; p < s.vectors; p++) {
            code.line("const float4 r%d = r[k * %d + %d];", p, rightLine / FOUR, p * across);
        }
        for (int i = 0; i < s.rows; i++) {
            for (int p = 0; p < s.vectors; p++) {
                code.line("%1$s = fma((float4)(l%2$d.s%3$d), r%4$d, %1$s);", s.at(i, p), i / FOUR, i % FOUR, p);
            }
        }
        code.close();
    }

    /** A condition that holds inside; empty if all blocks are whole. */
    static String inside(String at, long block, long size) {
        return size % block == 0 ? "" : at + " < " + size;
    }

    static String all(String... conditions) {
        return Stream.of(conditions).filter(s -> !s.isEmpty()).collect(Collectors.joining(" && "));
    }

    /** Opens a block that is done where a condition holds; an empty one always does. */
    void when(String condition) {
        code.open(condition.isEmpty() ? "" : "if (" + condition + ")");
    }

    // ---- operands --------------------------------------------------------------------------------------------------

    /** How an operand comes into shared memory, where it is {@code [2, steps, size + PAD]}: one is read, one is filled. */
    final class Operand {
        private final String name;
        private final String memory;
        private final Scalar body;
        private final Var outer;
        private final Var inner;
        private final String from;
        private final int size;
        /** Along which variable neighbours in memory are. */
        private final Var along;

        private final Var quad;
        private final @Nullable Index quads;

        /**
         * @param memory the shared memory, vectors
         * @param outer the row or column
         * @param inner what is summed over
         * @param from the first row or column of the group, a multiple of its size
         * @param size of them
         */
        Operand(String name, String memory, Scalar body, Var outer, Var inner, String from, int size) {
            this.name = name;
            this.memory = memory;
            this.body = body;
            this.outer = outer;
            this.inner = inner;
            this.from = from;
            this.size = size;
            along = run(outer) > run(inner) ? outer : inner;
            quad = new Var("quad", along.size() / FOUR);
            quads = quads();
        }

        /** Elements of a line in shared memory: lines begin in different banks, at multiples of a vector. */
        int line() {
            return size + GroupTile.PAD;
        }

        /** Vectors of shared memory. */
        int vectors() {
            return 2 * steps * line() / FOUR;
        }

        /** Where the steps are that can be multiplied. */
        String shared() {
            return "%s + (next - 1) %% 2 * %d".formatted(memory, steps * line() / FOUR);
        }

        private boolean isQuads() {
            return quads != null;
        }

        private boolean isInner() {
            return along == inner;
        }

        /** Elements, or vectors, that an item brings. */
        private int count() {
            return size * steps / items() / (isQuads() ? FOUR : 1);
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
            int wide = (isInner() ? steps : size) / (isQuads() ? FOUR : 1);
            code.line("#pragma unroll");
            code.open("for (int i = 0; i < %d; ++i)", count());
            code.line("const int e = item + i * %d;", items());
            code.line("const int %s = e %% %d, %s = e / %2$d;", isInner() ? "k" : "o", wide, isInner() ? "o" : "k");
        }

        /** From memory into registers; zero outside. */
        private void read() {
            each();
            String of = isQuads() ? " / " + FOUR : "";
            code.line("const %s outer = %s%s + o;", ix, from, isInner() ? "" : of);
            code.line("const %s inner = fromInner%s + k;", ix, isInner() ? of : "");
            Expressions e = top.inner();
            e.bind(outer, "outer");
            e.bind(inner, "inner");
            e.bind(quad, isInner() ? "inner" : "outer");
            String inside = all(inside("outer", size, outer), inside("inner", steps, inner));
            if (!inside.isEmpty()) {
                code.line("%s[i] = %s;", name, isQuads() ? "(float4)(0)" : "0");
            }
            when(inside);
            code.line("%s[i] = %s;", name, isQuads() ? vector(e) : e.value(body));
            code.close().close();
        }

        private String inside(String at, int block, Var v) {
            int by = isQuads() && v == along ? FOUR : 1;
            return WorkGroup.inside(at, block / by, v.size() / by);
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
        private void share() {
            code.line(
                    "__local float* %sTo = (__local float*)(%s + next %% 2 * %d);",
                    name, memory, steps * line() / FOUR);
            each();
            if (!isQuads()) {
                code.line("%1$sTo[k * %2$d + o] = %1$s[i];", name, line());
            } else if (!isInner()) {
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
