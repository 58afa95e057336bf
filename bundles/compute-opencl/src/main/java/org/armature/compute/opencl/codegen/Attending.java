package org.armature.compute.opencl.codegen;

import java.util.stream.Stream;
import org.armature.compute.opencl.ir.Attention;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.schedule.Kernel;
import org.jspecify.annotations.Nullable;

/**
 * Attention by blocks. An item of the forward kernel has some queries of one batch and goes through the keys in blocks, with the
 * largest score and the sum of exponentials of each query so far; what it has is scaled when a larger score comes. One of the
 * backward kernel has a whole batch: for each block of keys it goes through the queries in blocks, makes the probabilities again
 * from the logarithm of their sum, and adds to the derivatives.
 */
final class Attending {
    /** Keys of a block at most: keys, values and their derivatives stay in the second cache. */
    private static final int KEYS = 512;

    /** Queries of an item at most. */
    private static final int QUERIES = 512;

    /** Tiles of queries in a block of the backward kernel at most. */
    private static final int TILES = 5;

    /** Rows from one that is copied to one that is fetched, where all of a block are copied at once. */
    private static final int AHEAD = 8;

    private final Code code;
    private final Expressions top;
    private final Target target;
    private final Kernel.Attending kernel;
    private final Attention a;
    private final long queries;
    private final long keys;
    private final int height;
    private final int panel;
    private final int vector;
    private final long block;
    /** Whether the keys are more than a block. */
    private final boolean parted;

    private final long line;
    private final Matrix depth;
    private final Matrix width;

    /** Columns of an operand, and floats of its rows where they are copied to: whole panels. */
    private record Matrix(Var columns, long line) {
        long size() {
            return columns.size();
        }

        /** Rows of a panel of its transpose. */
        long deep(int vector) {
            return whole(columns.size(), vector);
        }
    }

    Attending(Code code, Expressions top, Target target, Kernel.Attending kernel) {
        this.code = code;
        this.top = top;
        this.target = target;
        this.kernel = kernel;
        a = kernel.rule();
        queries = a.query().size();
        keys = a.key().size();
        height = target.tile(queries);
        panel = target.panel();
        vector = target.vector();
        long blocks = (keys + KEYS - 1) / KEYS;
        block = whole((keys + blocks - 1) / blocks, panel);
        parted = block < keys;
        // Rows of scores begin at different places of the first cache; a tile of keys may end after the block.
        line = block + vector;
        depth = new Matrix(a.depth(), whole(a.depth().size(), panel));
        width = new Matrix(a.width(), whole(a.width().size(), panel));
    }

    private static long whole(long n, long part) {
        return (n + part - 1) / part * part;
    }

    /** Writes the body; the items of each dimension. */
    long[] write() {
        Attention.Backward b = a.backward();
        return b == null ? forward() : backward(b);
    }

    // ---- forward ---------------------------------------------------------------------------------------------------

    private long[] forward() {
        long tiles = (queries + height - 1) / height;
        long batches = a.batch().size();
        long parts = Math.max(Math.ceilDiv(target.leastItems(), batches), (queries + QUERIES - 1) / QUERIES);
        long each = (tiles + Math.min(tiles, parts) - 1) / Math.min(tiles, parts);
        long rows = each * height;
        code.line("const int b = %s;", target.id(1));
        code.line("const int first = %s * %d;", target.id(0), rows);
        code.line("const int end = min(first + %d, %d);", rows, queries);
        buffer("keys", block * depth.deep(vector));
        buffer("values", block * width.line);
        buffer("some", vector * depth.deep(vector));
        buffer("query", height * whole(depth.size(), vector));
        buffer("scores", height * line);
        // Sums that wait for the next block of keys, if there is one.
        long kept = parted ? rows : height;
        buffer("sums", kept * width.line);
        code.line("float top[%d];", kept);
        code.line("float total[%d];", kept);
        if (parted) {
            code.open("for (int i = 0; i < %d; ++i)", rows)
                    .line("top[i] = -INFINITY;")
                    .line("total[i] = 0.0f;");
            code.close();
            clear("sums", rows * width.line);
        }
        Expressions e = top.inner();
        e.bind(a.batch(), "b");
        code.open("for (int from = 0; from < %d; from += %d)", keys, block);
        code.line("const int count = min(%d, %d - from);", block, keys);
        panels(e, "keys", a.keys(), depth);
        rows(e, "values", a.values(), a.key(), "from", "count", "count", width);
        code.open("for (int row = first; row < end; row += %d)", height);
        code.line("const int kept = %s;", parted ? "row - first" : "0");
        code.line("const int seen = %s;", seen("row + " + height));
        rows(
                e,
                "query",
                a.queries(),
                a.query(),
                "row",
                Integer.toString(height),
                queries + " - row",
                whole(depth.size(), vector),
                depth.columns);
        code.open("for (int p = 0; p < seen; p += %d)", panel);
        scores("query", "scores", "keys", whole(depth.size(), vector), depth);
        each(e, () -> {}, f -> {
            f.register(a.product(), "s[p + j]");
            code.line("s[p + j] = %s;", f.value(a.score()));
        });
        code.close();
        softmax();
        code.open("for (int c = 0; c < %d; c += %d)", width.line / vector, panel / vector);
        tile(
                "sums + kept * %d + c".formatted(width.line / vector),
                width.line / vector,
                "(float*)scores",
                line,
                1,
                "values + c",
                width.line / vector,
                "seen",
                parted);
        code.close();
        if (parted) {
            code.close().close();
            kernel.results().forEach(r -> finish(e, r, "first", "end"));
        } else {
            // At once: what is written leaves while the next tile is multiplied.
            kernel.results().forEach(r -> finish(e, r, "row", "min(row + " + height + ", end)"));
            code.close().close();
        }
        return new long[] {(queries + rows - 1) / rows, batches};
    }

    /** The scores of a tile become exponentials; what was summed before is scaled. */
    private void softmax() {
        code.open("for (int i = 0; i < min(%d, end - row); ++i)", height);
        code.line("float* s = (float*)scores + i * %d;", line);
        code.open("for (int j = seen; j < (seen + %d) / %d * %d; ++j)", vector - 1, vector, vector);
        code.line("s[j] = -INFINITY;").close();
        code.line("float%d* v = (float%d*)s;", vector, vector);
        code.line("float%d most = -INFINITY;", vector);
        code.open("for (int j = 0; j * %d < seen; ++j)", vector)
                .line("most = most > v[j] ? most : v[j];")
                .close();
        code.line("const int r = kept + i;");
        String largest = Helpers.across("largest", vector) + "(most)";
        code.line("const float m = %s;", parted ? "max(top[r], " + largest + ")" : largest);
        code.line("// A row without a finite score yet stays empty.");
        code.line("const float shift = m == -INFINITY ? 0.0f : m;");
        if (parted) {
            code.line("const float factor = exp_poly(top[r] - shift);");
        }
        code.line("float%d sum = 0;", vector);
        code.open("for (int j = 0; j < seen; j += %d)", vector);
        code.line("#pragma clang loop unroll(disable) vectorize_width(%d)", vector);
        code.open("for (int l = 0; l < %d; ++l)", vector)
                .line("s[j + l] = exp_poly(s[j + l] - shift);")
                .close();
        code.line("sum += v[j / %d];", vector);
        code.close();
        String total = Helpers.across("total", vector) + "(sum)";
        code.line("total[r] = %s;", parted ? "total[r] * factor + " + total : total);
        code.line("top[r] = m;");
        if (parted) {
            code.open("for (int j = 0; j < %d; ++j)", width.line / vector);
            code.line("sums[r * %d + j] *= factor;", width.line / vector).close();
        }
        code.close();
    }

    /** Stores the results of some queries. */
    private void finish(Expressions e, Kernel.Attending.Result r, String from, String to) {
        code.open("for (int q = %s; q < %s; ++q)", from, to);
        code.line("const int i = q - %s;", from);
        Expressions f = e.inner();
        f.bind(a.query(), "q");
        if (r.which() == Attention.Result.OUTPUT) {
            code.line("const float inverse = 1.0f / total[i];");
            code.line("const float* s = (const float*)sums + i * %d;", width.line);
            code.line("#pragma clang loop vectorize_width(%d)", vector);
            code.open("for (int j = 0; j < %d; ++j)", width.size());
            f.bind(a.width(), "j");
            f.inner().store(r.array(), r.position(), "s[j] * inverse");
            code.close();
        } else {
            f.store(r.array(), r.position(), "top[i] + log_poly(total[i])");
        }
        code.close();
    }

    // ---- backward --------------------------------------------------------------------------------------------------

    private long[] backward(Attention.Backward b) {
        long tiles = (queries + height - 1) / height;
        long blocks = (tiles + TILES - 1) / TILES;
        long rows = (tiles + blocks - 1) / blocks * height;
        Kernel.Attending.Result byQueries = result(Attention.Result.QUERIES);
        Kernel.Attending.Result byKeys = result(Attention.Result.KEYS);
        Kernel.Attending.Result byValues = result(Attention.Result.VALUES);
        code.line("const int b = %s;", target.id(0));
        buffer("keys", block * depth.deep(vector));
        buffer("values", block * width.deep(vector));
        buffer("some", vector * Math.max(depth.deep(vector), width.deep(vector)));
        buffer("query", rows * depth.line);
        buffer("cotangent", rows * width.line);
        buffer("probability", rows * line);
        buffer("derivative", rows * line);
        buffer("tile", height * panel);
        // Tiles of keys may end after the block, see panels.
        clear("probability", rows * line);
        clear("derivative", rows * line);
        long tall = block + height;
        if (byQueries != null) {
            buffer("keyRows", block * depth.line);
        }
        if (byKeys != null) {
            buffer("byKeys", tall * depth.line);
        }
        if (byValues != null) {
            buffer("byValues", tall * width.line);
        }
        Expressions e = top.inner();
        e.bind(a.batch(), "b");
        code.open("for (int from = 0; from < %d; from += %d)", keys, block);
        code.line("const int count = min(%d, %d - from);", block, keys);
        panels(e, "keys", a.keys(), depth);
        panels(e, "values", a.values(), width);
        if (byQueries != null) {
            rows(e, "keyRows", a.keys(), a.key(), "from", "count", "count", depth);
        }
        if (byKeys != null) {
            clear("byKeys", tall * depth.line);
        }
        if (byValues != null) {
            clear("byValues", tall * width.line);
        }
        code.open("for (int first = 0; first < %d; first += %d)", queries, rows);
        code.line("const int inside = min(%d, %d - first);", rows, queries);
        code.line("const int most = %s;", seen("first + " + rows));
        rows(e, "query", a.queries(), a.query(), "first", Long.toString(rows), queries + " - first", depth);
        rows(e, "cotangent", b.cotangent(), a.query(), "first", Long.toString(rows), queries + " - first", width);
        code.open("for (int t = 0; t < inside; t += %d)", height);
        code.line("const int row = first + t;");
        code.line("const int seen = %s;", seen("row + " + height));
        code.line("float%d* probabilities = probability + t * %d;", vector, line / vector);
        code.line("float%d* derivatives = derivative + t * %d;", vector, line / vector);
        code.open("for (int p = 0; p < seen; p += %d)", panel);
        scores("query + t * " + depth.line / vector, "probabilities", "keys", depth.line, depth);
        scores("cotangent + t * " + width.line / vector, "derivatives", "values", width.line, width);
        each(e, () -> code.line("float* g = (float*)derivatives + i * %d;", line), f -> {
            f.register(a.product(), "s[p + j]");
            f.register(b.probability(), "y");
            f.register(b.slope(), "g[p + j]");
            code.line("const float y = exp_poly(%s - %s);", f.value(a.score()), f.value(b.logSum()));
            code.line("g[p + j] = %s;", f.value(b.derivative()));
            code.line("s[p + j] = y;");
        });
        code.close();
        if (a.reach() != Attention.EVERYWHERE) {
            empty();
        }
        if (byQueries != null) {
            queries(e, byQueries);
        }
        code.close();
        code.open("for (int k = 0; k < most; k += %d)", height);
        String skipped = a.reach() == Attention.EVERYWHERE
                ? "0"
                : "clamp(from + k - first - %d, 0, inside)".formatted(a.reach() - 1);
        code.line("const int skipped = %s;", skipped);
        if (byValues != null) {
            transposed("byValues", "probability", "cotangent", width);
        }
        if (byKeys != null) {
            transposed("byKeys", "derivative", "query", depth);
        }
        code.close().close();
        if (byValues != null) {
            keyRows(e, byValues, "byValues", width);
        }
        if (byKeys != null) {
            keyRows(e, byKeys, "byKeys", depth);
        }
        code.close();
        return new long[] {a.batch().size()};
    }

    private Kernel.Attending.@Nullable Result result(Attention.Result which) {
        return kernel.results().stream()
                .filter(r -> r.which() == which)
                .findFirst()
                .orElse(null);
    }

    /** Nothing where a tile's queries see no keys that others of the block see. */
    private void empty() {
        code.open("for (int i = 0; i < %d; ++i)", height);
        code.open("for (int j = seen; j < most; ++j)");
        code.line("((float*)probabilities)[i * %d + j] = 0.0f;", line);
        code.line("((float*)derivatives)[i * %d + j] = 0.0f;", line);
        code.close().close();
    }

    /** The derivative by a tile of queries; later blocks of keys add to it. */
    private void queries(Expressions e, Kernel.Attending.Result r) {
        code.open("for (int c = 0; c < %d; c += %d)", depth.line, panel);
        tile(
                "tile",
                panel / vector,
                "(float*)derivatives",
                line,
                1,
                "keyRows + c / " + vector,
                depth.line / vector,
                "seen",
                false);
        code.open("for (int i = 0; i < min(%d, %d - row); ++i)", height, queries);
        code.line("#pragma clang loop vectorize_width(%d)", vector);
        code.open("for (int j = 0; j < min(%d, %d - c); ++j)", panel, depth.size());
        Expressions f = e.inner();
        f.bind(a.query(), "(row + i)");
        f.bind(a.depth(), "(c + j)");
        String value = "((float*)tile)[i * %d + j]".formatted(panel);
        if (parted) {
            String before = f.pointer(r.array()) + "[" + f.index(r.position()) + "]";
            value = "(from == 0 ? 0.0f : " + before + ") + " + value;
        }
        f.store(r.array(), r.position(), value);
        code.close().close().close();
    }

    /** A tile of keys: adds what a block of queries gives. */
    private void transposed(String to, String left, String right, Matrix m) {
        code.open("for (int c = 0; c < %d; c += %d)", m.line / vector, panel / vector);
        tile(
                "%s + k * %d + c".formatted(to, m.line / vector),
                m.line / vector,
                "(float*)%s + skipped * %d + k".formatted(left, line),
                1,
                line,
                "%s + skipped * %d + c".formatted(right, m.line / vector),
                m.line / vector,
                "inside - skipped",
                true);
        code.close();
    }

    private void keyRows(Expressions e, Kernel.Attending.Result r, String from, Matrix m) {
        code.open("for (int k = 0; k < count; ++k)");
        code.line("#pragma clang loop vectorize_width(%d)", vector);
        code.open("for (int j = 0; j < %d; ++j)", m.size());
        Expressions f = e.inner();
        f.bind(a.key(), "(from + k)");
        f.bind(m.columns, "j");
        f.store(r.array(), r.position(), "((float*)%s)[k * %d + j]".formatted(from, m.line));
        code.close().close();
    }

    // ---- parts -----------------------------------------------------------------------------------------------------

    private void buffer(String name, long floats) {
        code.line("float%d %s[%d];", vector, name, (floats + vector - 1) / vector);
    }

    private void clear(String name, long floats) {
        code.open("for (int i = 0; i < %d; ++i)", floats / vector);
        code.line("%s[i] = 0;", name).close();
    }

    /** How many keys of the block queries before {@code end} see. */
    private String seen(String end) {
        return a.reach() == Attention.EVERYWHERE
                ? "count"
                : "clamp(%s + %d - from, 0, count)".formatted(end, a.reach() - 1);
    }

    /** Copies an operand's rows of the block into panels of some rows each, the rows being neighbours. */
    private void panels(Expressions e, String to, Scalar operand, Matrix m) {
        long deep = m.deep(vector);
        // Whole panels: what other kernels left there may be numbers below the normal ones, which take a hundred cycles
        // each.
        code.open("for (int p = 0; p < (count + %d) / %d * %d; p += %d)", panel - 1, panel, panel, vector);
        rows(e, "some", operand, a.key(), "from + p", Integer.toString(vector), "count - p", deep, m.columns);
        code.line(
                "float%d* panel = %s + p / %d * %d + p %% %d / %d;",
                vector, to, panel, deep * panel / vector, panel, vector);
        code.open("for (int k = 0; k < %d; k += %d)", deep, vector);
        code.line(
                "%s(panel + k * %d, %d, some + k / %d, %d);",
                Helpers.across("transpose", vector), panel / vector, panel / vector, vector, deep / vector);
        code.close().close();
    }

    private void rows(
            Expressions e, String to, Scalar operand, Var row, String from, String count, String inside, Matrix m) {
        rows(e, to, operand, row, from, count, inside, m.line, m.columns);
    }

    /** Copies rows of an operand; past the end there is nothing. */
    private void rows(
            Expressions e,
            String to,
            Scalar operand,
            Var row,
            String from,
            String count,
            String inside,
            long line,
            Var column) {
        code.open("for (int r = 0; r < %s; ++r)", count);
        code.line("float* y = (float*)%s + r * %d;", to, line);
        code.line("const int filled = r < %s ? %d : 0;", inside, column.size());
        Expressions f = e.inner();
        f.bind(row, "(" + from + " + r)");
        f.bind(column, "k");
        String ahead = from + " + r + " + (count.equals("count") ? AHEAD : count);
        Scalar.loads(operand).stream()
                .filter(l -> Scalar.vars(l).contains(row))
                .forEach(l -> fetch(e, l, row, ahead, column));
        code.line("#pragma clang loop vectorize_width(%d)", vector);
        code.open("for (int k = 0; k < filled; ++k)");
        code.line("y[k] = %s;", f.inner().value(operand)).close();
        code.open("for (int k = filled; k < %d; ++k)", line);
        code.line("y[k] = 0.0f;").close().close();
    }

    /** Brings a row of an operand into the first cache: rows lie apart, often in pages of their own. */
    private void fetch(Expressions e, Scalar.Load operand, Var row, String at, Var column) {
        Expressions f = e.inner();
        f.bind(row, "(" + at + ")");
        for (long k = 0; k < column.size(); k += vector) {
            f.bind(column, Long.toString(k));
            code.fetch(
                    f.pointer(operand.array()) + " + " + f.index(operand.array().position(operand.at())), 0);
        }
    }

    /** The products of a tile's rows with a panel. */
    private void scores(String left, String to, String right, long step, Matrix m) {
        tile(
                to + " + p / " + vector,
                line / vector,
                "(float*)(" + left + ")",
                step,
                1,
                "%s + p * %d".formatted(right, m.deep(vector) / vector),
                panel / vector,
                Long.toString(m.size()),
                false);
    }

    @FunctionalInterface
    private interface Element {
        void write(Expressions e);
    }

    /** Each element of the panel's products that is inside: {@code s[p + j]}. */
    private void each(Expressions e, Runnable more, Element element) {
        boolean whole = keys % block % panel == 0 || expressions().noneMatch(this::isByKey);
        code.open("for (int i = 0; i < min(%d, %d - row); ++i)", height, queries);
        code.line("float* s = (float*)%s + i * %d;", a.backward() == null ? "scores" : "probabilities", line);
        more.run();
        code.line("#pragma clang loop vectorize_width(%d)", vector);
        code.open(
                "for (int j = 0; j < %s; ++j)",
                whole ? Integer.toString(panel) : "min(%d, count - p)".formatted(panel));
        Expressions f = e.inner();
        f.bind(a.query(), "(row + i)");
        f.bind(a.key(), "(from + p + j)");
        element.write(f);
        code.close().close();
    }

    /** What is computed for each element. */
    private Stream<Scalar> expressions() {
        Attention.Backward b = a.backward();
        return b == null ? Stream.of(a.score()) : Stream.of(a.score(), b.derivative());
    }

    /** Whether an element past the last key would be read from past an array's end. */
    private boolean isByKey(Scalar s) {
        return Scalar.loads(s).stream().anyMatch(l -> Scalar.vars(l).contains(a.key()));
    }

    private void tile(
            String to,
            long next,
            String left,
            long row,
            long step,
            String right,
            long line,
            String steps,
            boolean add) {
        code.line(
                "%s(%s, %d, %s, %d, %d, %s, %d, %s, %d);",
                Helpers.tile(height, panel / vector, vector),
                to,
                next,
                left,
                row,
                step,
                right,
                line,
                steps,
                add ? 1 : 0);
    }
}
