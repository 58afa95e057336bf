package org.armature.compute.opencl.codegen;

import java.util.List;
import org.armature.compute.opencl.ir.Attention;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.schedule.Kernel;

/**
 * Attention on a GPU. A {@link WorkGroup} has some queries of one batch and goes through the keys in blocks, with the largest
 * score and the sum of exponentials of each query so far; what it has is scaled when a larger score comes. Each item has four
 * queries: of the scores four keys, of the result some columns. The block's exponentials are in shared memory in between.
 */
public final class LocalAttention {
    private static final int FOUR = WorkGroup.FOUR;

    /** Items beside each other along the queries, and along the keys and columns. */
    private static final int SIDE = 16;

    /** Queries of a work-group, keys of a block. */
    private static final int BLOCK = FOUR * SIDE;

    private static final int STEPS = 16;

    /** Columns of the result at most: each item has two vectors of each of its rows. */
    private static final int WIDEST = 2 * BLOCK;

    private static final int LINE = BLOCK + GroupTile.PAD;

    private final Code code;
    private final Expressions top;
    private final Kernel.Attending kernel;
    private final Attention a;
    private final WorkGroup work;
    private final WorkGroup.Operand queries;
    private final WorkGroup.Operand keys;
    private final WorkGroup.Operand values;
    private final WorkGroup.Sums scores = new WorkGroup.Sums("scores", FOUR, 1);
    private final WorkGroup.Sums sums;

    LocalAttention(Code code, Expressions top, String ix, Kernel.Attending kernel) {
        this.code = code;
        this.top = top;
        this.kernel = kernel;
        a = kernel.rule();
        work = new WorkGroup(code, top, ix, SIDE, SIDE, STEPS);
        queries = work.new Operand("left", "lefts", a.queries(), a.query(), a.depth(), "fromQuery", BLOCK);
        keys = work.new Operand("right", "rights", a.keys(), a.key(), a.depth(), "fromKey", BLOCK);
        values = work.new Operand("right", "rights", a.values(), a.width(), a.key(), "0", columns(a));
        sums = new WorkGroup.Sums("sums", FOUR, columns(a) / BLOCK);
    }

    private static int columns(Attention a) {
        return a.width().size() <= BLOCK ? BLOCK : WIDEST;
    }

    /** Whether there is a kernel for it: not for derivatives, nor for wide values. */
    public static boolean fits(Attention a, Target target) {
        long floats = 2L * STEPS * (LINE + columns(a) + GroupTile.PAD) + BLOCK * LINE;
        return !target.cpu()
                && a.backward() == null
                && a.width().size() <= WIDEST
                && group() <= target.group()
                && floats * Float.BYTES <= target.local();
    }

    /** How often an operand's element is read. */
    public static long times(Attention a, Scalar operand) {
        Var others = operand == a.queries() ? a.key() : a.query();
        boolean once = operand != a.queries() && operand != a.keys() && operand != a.values();
        return once ? 1 : Math.ceilDiv(others.size(), BLOCK);
    }

    /** Work-items of a work-group. */
    static int group() {
        return SIDE * SIDE;
    }

    /** Writes the body; the items. */
    long[] write() {
        long blocks = Math.ceilDiv(a.query().size(), BLOCK);
        code.line("__local float4 lefts[%d];", queries.vectors());
        code.line("__local float4 rights[%d];", values.vectors());
        code.line("__local float4 exponentials[%d];", BLOCK * LINE / FOUR);
        // What the items of a row tell each other, where queries are while scores are made.
        code.line("__local float* told = (__local float*)lefts;");
        work.place();
        Var group = new Var("group", blocks * a.batch().size());
        Index of = Index.of(group);
        code.line("const int group = get_group_id(0);");
        top.bind(group, "group");
        code.line("const int fromQuery = %s;", top.index(of.mod(blocks).times(BLOCK)));
        code.line("const int b = %s;", top.index(of.div(blocks)));
        top.bind(a.batch(), "b");
        code.line("float top[%d], total[%1$d];", FOUR);
        rows().line("top[i] = -INFINITY;").line("total[i] = 0.0f;").close();
        work.clear(sums);
        code.line("const int seen = %s;", seen());
        code.open("for (int fromKey = 0; fromKey < seen; fromKey += %d)", BLOCK);
        scores();
        softmax();
        code.line("const int rounds = (min(%d, seen - fromKey) + %d) / %d;", BLOCK, STEPS - 1, STEPS);
        work.rounds(
                "fromKey + ",
                "rounds",
                List.of(values),
                () -> work.multiply(
                        sums,
                        "exponentials + (next - 1) * %d".formatted(STEPS * LINE / FOUR),
                        LINE,
                        values.shared(),
                        values.line()));
        code.close();
        kernel.results().forEach(this::store);
        return new long[] {group.size() * group()};
    }

    /** Opens a loop over an item's queries. */
    private Code rows() {
        return code.line("#pragma unroll").open("for (int i = 0; i < %d; ++i)", FOUR);
    }

    /** Keys that some query of the group sees. */
    private String seen() {
        long keys = a.key().size();
        return a.reach() == Attention.EVERYWHERE
                ? Long.toString(keys)
                : "clamp(fromQuery + %d, 0, %d)".formatted(BLOCK - 1 + a.reach(), keys);
    }

    private void scores() {
        work.clear(scores);
        work.rounds(
                "",
                Long.toString(Math.ceilDiv(a.depth().size(), STEPS)),
                List.of(queries, keys),
                () -> work.multiply(scores, queries.shared(), queries.line(), keys.shared(), keys.line()));
        code.line("#pragma unroll");
        code.open("for (int i = 0; i < %d; ++i)", FOUR * FOUR);
        code.line("const int query = fromQuery + y * %d + i / %1$d;", FOUR);
        code.line("const int key = fromKey + x * %d + i %% %1$d;", FOUR);
        code.line("float score = -INFINITY;");
        work.when(WorkGroup.all(
                WorkGroup.inside("query", BLOCK, a.query().size()),
                WorkGroup.inside("key", BLOCK, a.key().size())));
        Expressions e = top.inner();
        e.bind(a.query(), "query");
        e.bind(a.key(), "key");
        e.register(a.product(), "((float*)scores)[i]");
        code.line("score = %s;", e.value(a.score()));
        code.close();
        code.line("((float*)scores)[i] = score;");
        code.close();
    }

    /** The scores become exponentials; what was summed before is scaled. */
    private void softmax() {
        tell("fmax(fmax(s.s0, s.s1), fmax(s.s2, s.s3))");
        rows().line("float m = top[i];");
        told("m = fmax(m, %s);");
        code.line("// A row without a finite score yet stays empty.");
        code.line("const float shift = m == -INFINITY ? 0.0f : m;");
        code.line("const float factor = exp(top[i] - shift);");
        code.line("top[i] = m;");
        code.line("total[i] *= factor;");
        code.line("scores[i] = exp(scores[i] - shift);");
        code.line("#pragma unroll");
        code.open("for (int p = 0; p < %d; ++p)", sums.vectors());
        code.line("sums[i * %d + p] *= factor;", sums.vectors());
        code.close().close();
        work.barrier();
        tell("s.s0 + s.s1 + s.s2 + s.s3");
        for (int j = 0; j < FOUR; j++) {
            code.line(
                    "exponentials[(x * %d + %d) * %d + y] = (float4)(scores[0].s%2$d, scores[1].s%2$d, scores[2].s%2$d, scores[3].s%2$d);",
                    FOUR, j, LINE / FOUR);
        }
        rows();
        told("total[i] += %s;");
        code.close();
        // Before the queries of the next block come where this was told.
        work.barrier();
    }

    /** Each item tells something of its scores {@code s} of each query. */
    private void tell(String what) {
        rows().line("const float4 s = scores[i];");
        code.line("told[(y * %d + i) * %d + x] = %s;", FOUR, SIDE + 1, what).close();
        work.barrier();
    }

    /** Hears what all items of a query told. */
    private void told(String each) {
        code.open("for (int p = 0; p < %d; ++p)", SIDE);
        code.line(each, "told[(y * %d + i) * %d + p]".formatted(FOUR, SIDE + 1));
        code.close();
    }

    private void store(Kernel.Attending.Result r) {
        boolean output = r.which() == Attention.Result.OUTPUT;
        rows().line("const int query = fromQuery + y * %d + i;", FOUR);
        Expressions e = top.inner();
        e.bind(a.query(), "query");
        String inside = WorkGroup.inside("query", BLOCK, a.query().size());
        if (output) {
            work.when(inside);
            code.line("const float inverse = 1.0f / total[i];");
            int own = sums.vectors() * FOUR;
            code.line("#pragma unroll");
            code.open("for (int j = 0; j < %d; ++j)", own);
            code.line("const int column = j / %d * %d + x * %1$d + j %% %1$d;", FOUR, BLOCK);
            e.bind(a.width(), "column");
            work.when(WorkGroup.inside("column", columns(a), a.width().size()));
            e.store(r.array(), r.position(), "((float*)sums)[i * %d + j] * inverse".formatted(own));
            code.close().close();
        } else {
            work.when(WorkGroup.all("x == 0", inside));
            e.store(r.array(), r.position(), "top[i] + log(total[i])");
        }
        code.close().close();
    }
}
