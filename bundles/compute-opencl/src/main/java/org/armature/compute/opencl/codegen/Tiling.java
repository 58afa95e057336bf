package org.armature.compute.opencl.codegen;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.schedule.Kernel;
import org.armature.graph.DType;

/**
 * A product by register tiles. An item has some panels of the right operand, {@code [inner][columns]} each, and some tiles of
 * rows: each step of the inner loop loads a row of a panel into vectors and multiplies it with one number of each row of the left
 * operand. A tile of rows stays in the first cache while all panels of the item pass, which stay in the second one from one item
 * to the next. With several panels, an item first copies its part of the left operand, a tile's numbers of a step beside each
 * other: a step reads one line of the cache, where rows whose distance is a large power of two would push each other out of it.
 */
final class Tiling {
    /** Panels for which copying the left operand pays; two, if it lies across. */
    private static final int PANELS = 6;

    /** Bytes of an item's panels, a part of the inner index: they and what is copied for them stay in the second cache. */
    private static final long PANEL_BYTES = 1 << 20;

    /** Rows of an item that sums over windows at most. */
    private static final int WINDOW_ROWS = 112;

    /** And steps of it that are done before the next. */
    private static final int WINDOW_PART = 1024;

    /** Tiles of an item that wait for the next part of the inner index, on the stack. */
    private static final int WAITING = 192;

    /** Steps from one that is multiplied to one whose operands are fetched into the first cache. */
    private static final int AHEAD = 24;

    /** Steps from one that is copied to one that is fetched. */
    private static final int COPIED_AHEAD = 8;

    private final Code code;
    private final Expressions top;
    private final String ix;
    private final Target target;
    private final Kernel.Tiles kernel;
    private final Blocks most;
    private final Array.Contraction c;
    private final long rows;
    private final long columns;
    private final long depth;
    private final long run;
    private final int height;
    private final int width;
    private final int vector;
    private final int parts;
    private final Var panel;
    private final Var tile;
    private final Var lane;

    Tiling(Code code, Expressions top, String ix, Target target, Kernel.Tiles kernel, Blocks blocks) {
        this.code = code;
        this.top = top;
        this.ix = ix;
        this.target = target;
        this.kernel = kernel;
        most = blocks;
        c = kernel.rule();
        rows = c.row().size();
        columns = c.column().size();
        depth = c.inner().size();
        run = kernel.panels() == null ? depth : c.run(most.part());
        height = target.tile(rows);
        width = target.panel();
        vector = target.vector();
        parts = width / vector;
        panel = new Var("panel", (columns + width - 1) / width);
        tile = new Var("tile", (rows + height - 1) / height);
        lane = new Var("j", width);
    }

    /** Writes the body; the items of each dimension. */
    long[] write() {
        boolean own = kernel.panels() == null;
        boolean windows = run < depth;
        long deep = own || !target.cpu() ? 1 : Math.ceilDiv(depth, windows ? WINDOW_PART : most.part());
        long[] grid = !target.cpu()
                ? new long[] {tile.size(), panel.size()}
                : own ? ownGrid() : windows ? windowsGrid(deep) : grid();
        long blocks = grid[0];
        long each = (tile.size() + blocks - 1) / blocks;
        long group = (panel.size() + grid[1] - 1) / grid[1];
        boolean copies = group > 1 && leftStep() > 1 || !own && (group >= PANELS || windows);
        group = own && !copies ? 1 : group;
        // Without a copy and with one tile, nothing is gained by parts.
        long whole = windows ? run : 1;
        long part = copies || each > 1 ? Math.ceilDiv(Math.ceilDiv(depth, deep), whole) * whole : depth;
        Expressions e = top.inner();
        e.bind(c.batch(), "b");
        e.bind(panel, "panel");
        code.line("const %s b = %s;", ix, target.id(2));
        boolean even = tile.size() % blocks == 0;
        code.line("const %s block = %s;", ix, target.id(0));
        code.line(
                "const %s first = %s;",
                ix, even ? "block * " + each : "block * %d / %d".formatted(tile.size(), blocks));
        code.line(
                "const %s end = %s;",
                ix, even ? "first + " + each : "(block + 1) * %d / %d".formatted(tile.size(), blocks));
        code.line("const int panels = %s * %d;", target.id(1), group);
        if (copies) {
            place(each, part);
        }
        if (part < depth) {
            // A part of the inner index for all tiles, then the next: the part of the operands stays in the cache.
            code.line("float%d tiles[%d];", vector, group * each * height * parts);
            code.open("for (%s from = 0; from < %d; from += %d)", ix, depth, part);
        }
        if (copies) {
            copy(e, part);
        }
        if (own || windows) {
            panels(group);
            if (own) {
                pack(e);
            }
            tiles();
        } else {
            tiles();
            panels(group);
        }
        tile(e.inner(), copies, each, part);
        code.close().close();
        if (part < depth) {
            code.close();
        }
        return new long[] {blocks, (panel.size() + group - 1) / group, c.batch().size()};
    }

    private void tiles() {
        code.open("for (%s t = first; t < end; ++t)", ix);
    }

    private void panels(long group) {
        code.open("for (int panel = panels; panel < %s; ++panel)", atMost("panels + " + group, group, panel.size()));
        code.line("const %s column = panel * %d;", ix, width);
    }

    /** Multiplies a tile and does what follows. */
    private void tile(Expressions e, boolean copies, long each, long part) {
        e.bind(tile, "t");
        code.line("const %s row = t * %d;", ix, height);
        if (part == depth) {
            code.line("float%d tile[%d];", vector, height * parts);
            multiply(e, copies, part);
            results(e);
            return;
        }
        String panels = copies ? "(panel - panels) * " + each + " + " : "";
        code.line("float%d* tile = tiles + (%st - first) * %d;", vector, panels, height * parts);
        code.line("const int last = from + %d >= %d;", part, depth);
        multiply(e, copies, part);
        code.open("if (last)");
        results(e);
        code.close();
    }

    // ---- the grid: blocks of rows, groups of panels ----------------------------------------------------------------

    /** Items that follow each other have the same panels. */
    private long[] grid() {
        long least = target.leastItems();
        long part = Math.ceilDiv(depth, Math.ceilDiv(depth, most.part()));
        long groups = Math.ceilDiv(panel.size(), Math.max(PANELS, PANEL_BYTES / (part * width * Float.BYTES)));
        long blocks = Math.max(
                Math.ceilDiv(tile.size(), Math.max(1, most.rows() / height)),
                Math.ceilDiv(least, c.batch().size() * groups));
        blocks = Math.min(tile.size(), blocks);
        long waiting = part < depth ? WAITING / Math.ceilDiv(tile.size(), blocks) : panel.size();
        groups = Math.max(groups, Math.ceilDiv(panel.size(), Math.max(1, waiting)));
        groups = Math.clamp(Math.ceilDiv(least, c.batch().size() * blocks), groups, panel.size());
        return new long[] {blocks, groups};
    }

    /** Panels that are made by who needs them, for all rows. */
    private long[] ownGrid() {
        long groups = Math.ceilDiv(target.leastItems(), c.batch().size());
        return new long[] {1, Math.min(groups, Math.max(1, panel.size() / 2))};
    }

    /** Sums over windows are long and results few: the more rows, the less often the image is read. */
    private long[] windowsGrid(long deep) {
        long items = panel.size() * c.batch().size();
        long blocks = items >= target.units()
                ? Math.ceilDiv(tile.size(), Math.max(1, WINDOW_ROWS / height))
                : Math.min(tile.size(), Math.ceilDiv(target.leastItems(), items));
        long each = Math.ceilDiv(tile.size(), blocks);
        long groups = deep > 1 ? Math.ceilDiv(panel.size(), Math.max(1, WAITING / each)) : 1;
        return new long[] {blocks, Math.min(panel.size(), Math.ceilDiv(groups, target.units()) * target.units())};
    }

    // ---- the left operand ------------------------------------------------------------------------------------------

    private Index leftAt(Index row, Index inner) {
        Scalar.Load left = (Scalar.Load) c.left();
        return left.array()
                .position(left.at())
                .substitute(v -> v == c.row() ? row : v == c.inner() ? inner : Index.of(v));
    }

    private Array leftArray() {
        return ((Scalar.Load) c.left()).array();
    }

    private long leftStep() {
        return leftAt(Index.ZERO, Index.of(c.inner())).stride(c.inner());
    }

    /** Elements of a tile of the copy: for each step a number of each row, so that a step reads one line of the cache. */
    private long copied(long part) {
        return height * part;
    }

    private void place(long each, long part) {
        // A vector that is stored for a step may reach into the next one, and past the last.
        code.line("float%d copies[%d];", vector, (each * copied(part) + 2 * vector - 1) / vector);
        code.line("float* copy = (float*)copies;");
    }

    /** Copies a part of the left operand, a tile's rows step by step. Past the end, the last row. */
    private void copy(Expressions e, long part) {
        Var row = new Var("r", rows);
        Var inner = new Var("k", depth);
        Expressions f = e.inner();
        String from = part < depth ? "from + " : "";
        code.line("const %s steps = %s;", ix, part < depth ? inside(part, depth, "from") : Long.toString(depth));
        String array = f.pointer(leftArray());
        String last = Long.toString(rows - 1);
        if (leftStep() == 1) {
            code.open("for (%s t = first; t < end; ++t)", ix);
            f.bind(row, "min(t * %d + r, (%s)%s)".formatted(height, ix, last));
            f.bind(inner, part < depth ? "from" : "0");
            code.line("__global const float* x[%d];", vector);
            code.open("for (int r = 0; r < %d; ++r)", vector)
                    .line("x[r] = %s + %s;", array, f.index(leftAt(Index.of(row), Index.of(inner))))
                    .close();
            code.line("float* restrict y = copy + (t - first) * %d;", copied(part));
            // The last block may overlap the one before it.
            code.open("for (%s k = 0; k < steps && steps >= %d; k += %d)", ix, vector, vector);
            code.line("const %1$s at = min(k, steps - %2$d);", ix, vector);
            code.line("%s(y + at * %d, %d, x, at);", Helpers.across("transpose_rows", vector), height, height);
            code.close();
            code.open("for (%s k = 0; k < steps && steps < %d; ++k)", ix, vector);
            code.open("for (int r = 0; r < %d; ++r)", height).line("y[k * %d + r] = x[r][k];", height);
            code.close().close().close();
            return;
        }
        code.open("for (%s k = 0; k < steps; ++k)", ix);
        f.bind(inner, "(" + from + "k)");
        code.line("__global const float* restrict x = %s + %s;", array, f.index(leftAt(Index.ZERO, Index.of(inner))));
        code.open("for (int r = 0; r < (end - first) * %d; r += %d)", height, vector);
        fetch("x + %d + first * %d + r".formatted(COPIED_AHEAD * leftStep(), height), 0);
        code.close();
        code.open("for (%s t = first; t < end; ++t)", ix);
        code.line("float* restrict y = copy + (t - first) * %d + k * %d;", copied(part), height);
        if (rows % height == 0) {
            steps("t * " + height + " + r");
        } else {
            code.open("if (t < %d)", tile.size() - 1);
            steps("t * " + height + " + r");
            code.close().open("else");
            steps("min(t * %d + r, (%s)%s)".formatted(height, ix, last));
            code.close();
        }
        code.close().close();
    }

    private void steps(String from) {
        code.line("#pragma unroll");
        code.open("for (int r = 0; r < %d; ++r)", height)
                .line("y[r] = x[%s];", from)
                .close();
    }

    // ---- the right operand -----------------------------------------------------------------------------------------

    /** A panel where it lies, from a step on: panels are aligned, and PoCL builds plain vectors ten times as fast as vloads. */
    private void stored(Expressions e, Index from) {
        Scalar.Load right = (Scalar.Load) c.right();
        Index at = right.array()
                .position(right.at())
                .substitute(v -> v == c.column() ? Index.of(panel).times(width) : v == c.inner() ? from : Index.of(v));
        code.line(
                "__global const float%1$d* restrict right = (__global const float%1$d*)(%2$s + %3$s);",
                vector, e.pointer(right.array()), e.index(at));
    }

    /** The panel made here: nobody else needs it. */
    private void pack(Expressions e) {
        code.line("float%d packed[%d];", vector, depth * parts);
        Expressions f = e.inner();
        f.bind(c.inner(), "k");
        f.bind(lane, "j");
        Index at = column().clamp(0, columns - 1);
        Scalar element = Scalar.substitute(c.right(), x -> x == c.column() ? at : Index.of(x));
        if (element instanceof Scalar.Load l && l.array().type() == DType.FLOAT && copies(f, l)) {
            return;
        }
        code.open("for (int k = 0; k < %d; ++k)", depth);
        code.line("#pragma clang loop vectorize(enable)");
        code.open("for (int j = 0; j < %d; ++j)", width);
        code.line("((float*)packed)[k * %d + j] = %s;", width, f.inner().value(element));
        code.close().close();
    }

    /** Where the position is a sum of what depends on the column and what depends on the inner index, it is worked out once. */
    private boolean copies(Expressions e, Scalar.Load l) {
        Index position = l.array().position(l.at());
        Index ofColumn = Index.of(position.constant());
        Index ofInner = Index.ZERO;
        for (Map.Entry<Index.Atom, Long> t : position.terms().entrySet()) {
            Index term = Index.of(t.getKey()).times(t.getValue());
            Set<Var> vars = Scalar.vars(new Scalar.Position(term, DType.INT64));
            if (vars.contains(c.inner()) && vars.contains(lane)) {
                return false;
            }
            if (vars.contains(c.inner())) {
                ofInner = ofInner.plus(term);
            } else {
                ofColumn = ofColumn.plus(term);
            }
        }
        String array = e.pointer(l.array());
        int last = width - 1;
        code.line("%s at[%d];", ix, width);
        code.open("for (int j = 0; j < %d; ++j)", width)
                .line("at[j] = %s;", e.index(ofColumn))
                .close();
        // A line of the image ends within few panels, and no more than one: then two vectors of neighbours make one.
        code.line("const %s head = at[0], tail = at[%d];", ix, last);
        code.line("int front = 1, back = %d;", last);
        code.line("while (front < %d && at[front] == head + front) ++front;", width);
        code.line("while (back > 0 && at[back - 1] == tail - %d + back) --back;", width);
        code.line(
                "const int lines = back <= front && head < %d && tail >= %d;",
                l.array().size() - ofInner.max() - last, last - ofInner.min());
        code.line(
                "const int%1$d lanes = (int%1$d)(%2$s);",
                vector, IntStream.range(0, vector).mapToObj(Integer::toString).collect(Collectors.joining(", ")));
        code.line("float%d* to = packed;", vector);
        List<Var> nest = nest(ofInner);
        Expressions f = e.inner();
        for (Var v : nest) {
            String k = f.declare(v);
            boolean step = v == nest.getLast();
            code.open("for (int %1$s = 0; %1$s < %2$d; ++%1$s%3$s)", k, v.size(), step ? ", to += " + parts : "");
        }
        Index inner = ofInner.substitute(v -> v == c.inner() ? Index.linear(nest) : Index.of(v));
        code.line("__global const float* restrict a = %s + %s;", array, f.index(inner));
        code.open("if (lines)");
        for (int p = 0; p < parts; p++) {
            int from = p * vector;
            code.line("const float%1$d front%2$d = vload%1$d(0, a + head + %3$d);", vector, p, from);
            code.line("const float%1$d back%2$d = vload%1$d(0, a + tail - %3$d);", vector, p, last - from);
            code.line("to[%1$d] = lanes + %2$d < (int%3$d)front ? front%1$d : back%1$d;", p, from, vector);
        }
        code.close();
        code.open("else");
        code.open("for (int j = 0; j < %d; ++j)", width);
        code.line("((float*)to)[j] = a[at[j]];");
        code.close().close();
        nest.forEach(v -> code.close());
        return true;
    }

    /** Loops whose counters are what the inner index is divided into. */
    private List<Var> nest(Index position) {
        List<Var> vars = new ArrayList<>();
        long below = 1;
        for (long d : position.divisors(c.inner())) {
            if (d > below && d % below == 0 && d < depth && depth % d == 0) {
                vars.addFirst(new Var("k", d / below));
                below = d;
            }
        }
        vars.addFirst(new Var("k", depth / below));
        return vars;
    }

    /** Whole panels: a division of the column by a multiple of their width does not change within one. */
    private Index inPanel(Var v) {
        return v == c.column() && columns % width == 0 ? column() : Index.of(v);
    }

    private Index column() {
        return Index.of(panel).times(width).plus(Index.of(lane));
    }

    /** What is fetched before each of a tile's rows is done, and whether it is written: all that the results touch. */
    private SequencedMap<String, Integer> touched(Expressions e) {
        SequencedMap<String, Integer> lines = new LinkedHashMap<>();
        for (Kernel.Store s : kernel.stores()) {
            touched(e, s.array(), s.position(), 1, lines);
            for (Scalar.Load l : Scalar.loads(s.body())) {
                if (l.array() != kernel.product()) {
                    touched(e, l.array(), l.array().position(l.at()), 0, lines);
                }
            }
        }
        return lines;
    }

    private void touched(Expressions e, Array a, Index position, int write, SequencedMap<String, Integer> lines) {
        if (a.type() != DType.FLOAT) {
            return;
        }
        Index at = position.substitute(this::inPanel);
        long step = at.stride(c.column()) + at.stride(lane);
        Expressions f = e.inner();
        if (step == 1 && at.stride(c.row()) != 0) {
            f.bind(c.row(), "min(row + i, (%s)%d)".formatted(ix, rows - 1));
            f.bind(c.column(), "column");
            f.bind(lane, "0");
            for (int p = 0; p < parts; p++) {
                lines.putIfAbsent(f.pointer(a) + " + " + f.index(at) + " + " + p * vector, write);
            }
        } else if (step != 0 && at.stride(c.row()) == 1) {
            // Across, each column is a line of its own: some with each row.
            f.bind(c.row(), "min(row + %d, (%s)%d)".formatted(height - 1, ix, rows - 1));
            long some = Math.ceilDiv(width, height);
            for (long p = 0; p < some; p++) {
                String j = "min(i * %d + %d, %d)".formatted(some, p, width - 1);
                f.bind(lane, j);
                f.bind(c.column(), "min(column + %s, (%s)%d)".formatted(j, ix, columns - 1));
                lines.putIfAbsent(f.pointer(a) + " + " + f.index(at), write);
            }
        }
    }

    /** GPUs have other work meanwhile. */
    private void fetch(String address, int write) {
        if (target.cpu()) {
            code.fetch(address, write);
        }
    }

    /** Adds to a tile what the steps of a part give. */
    private void multiply(Expressions e, boolean copies, long part) {
        boolean parted = part < depth;
        long step = leftStep();
        boolean lines = run < depth;
        // Pointers that go along: fewer instructions a step than an index.
        boolean along = copies && !lines;
        String k = along ? "0" : "k";
        String[] left = new String[height];
        if (copies) {
            code.line("const float* l = copy + (t - first) * %d;", copied(part));
            for (int r = 0; r < height; r++) {
                left[r] = "l[%s * %d + %d]".formatted(k, height, r);
            }
        } else {
            Var inner = new Var("from", depth);
            e.bind(inner, parted ? "from" : "0");
            // One pointer a row: with indices alone, the compiler makes vectors of them and takes them apart again.
            for (int r = 0; r < height; r++) {
                Var v = new Var("row" + r, rows);
                e.bind(v, "row" + r);
                code.line(
                        "const %s row%d = %s;",
                        ix, r, rows % height == 0 ? "row + " + r : "min(row + %d, (%s)%d)".formatted(r, ix, rows - 1));
                code.line(
                        "__global const float* restrict l%d = %s + %s;",
                        r, e.pointer(leftArray()), e.index(leftAt(Index.of(v), Index.of(inner))));
                left[r] = "l" + r + (step == 1 ? "[k]" : "[k * " + step + "]");
            }
        }
        for (int r = 0; r < height; r++) {
            for (int p = 0; p < parts; p++) {
                code.line(
                        "float%d c%d_%d = %s;",
                        vector,
                        r,
                        p,
                        parted ? "from == 0 ? (float%d)(0) : tile[%d]".formatted(vector, parts * r + p) : "0");
            }
        }
        String steps = parted ? inside(part, depth, "from") : Long.toString(depth);
        if (lines) {
            code.open(
                    "for (%s line = %s; line < %s; ++line, l += %d)",
                    ix,
                    parted ? "from / " + run : "0",
                    parted ? "(from + " + steps + ") / " + run : depth / run,
                    run * height);
        }
        if (kernel.panels() != null) {
            Var line = new Var("line", depth / run);
            Var from = new Var("from", depth);
            e.bind(line, "line");
            e.bind(from, "from");
            stored(e, lines ? Index.of(line).times(run) : parted ? Index.of(from) : Index.ZERO);
        } else {
            code.line("const float%d* right = packed;", vector);
        }
        // What the results touch arrives while the tile is multiplied, a row now and then: at once, it would hold up
        // the panel.
        SequencedMap<String, Integer> touched = lines || !target.cpu() ? new LinkedHashMap<>() : touched(e);
        String next = along ? "++k, l += %d, right += %d".formatted(height, parts) : "++k";
        if (touched.isEmpty()) {
            code.open("for (int k = 0; k < %s; %s)", lines ? Long.toString(run) : steps, next);
        } else {
            long some = (part + height - 1) / height;
            code.open("for (int i = 0; i < %d; ++i)", height);
            code.open(parted ? "if (last)" : "");
            touched.forEach(this::fetch);
            code.close();
            code.line("const %1$s stop = min((%1$s)(i * %2$d + %2$d), (%1$s)%3$s);", ix, some, steps);
            code.open("for (%s k = i * %d; k < stop; %s)", ix, some, next);
        }
        for (int p = 0; p < parts; p++) {
            code.line("const float%d r%d = right[%s * %d + %d];", vector, p, k, parts, p);
        }
        for (int p = 0; p < parts; p++) {
            fetch("right + %s * %d + %d".formatted(k, parts, AHEAD * parts + p), 0);
        }
        for (int r = 0; r < height; r++) {
            for (int p = 0; p < parts; p++) {
                code.line(added("c%d_%d".formatted(r, p), left[r], "r" + p, along && r % 4 != 3));
            }
        }
        code.close();
        if (lines || !touched.isEmpty()) {
            code.close();
        }
        for (int r = 0; r < height; r++) {
            for (int p = 0; p < parts; p++) {
                code.line("tile[%d] = c%d_%d;", parts * r + p, r, p);
            }
        }
    }

    /**
     * Adds to a sum a vector times a number in memory. With AVX-512 one instruction does both; the compiler would load a number
     * that is used for two vectors first, a third more instructions, which are too many where two threads share a core. One row
     * in four is left to it: more loads a step than that take too long, and so do rows that do not lie close together.
     */
    private String added(String sum, String number, String x, boolean together) {
        return together && vector == 16
                ? "add_multiple(%s, %s, %s);".formatted(sum, number, x)
                : "%1$s = fma((float%2$d)(%3$s), %4$s, %1$s);".formatted(sum, vector, number, x);
    }

    /** What is done with each element of a tile; the inner loop goes along memory. */
    private void results(Expressions e) {
        boolean across = kernel.stores().stream()
                .allMatch(s -> s.position().stride(c.row()) == 1 && s.position().stride(c.column()) != 1);
        String ofRows = "for (int i = 0; i < %s; ++i)".formatted(inside(height, rows, "row"));
        String ofColumns = "for (int j = 0; j < %s; ++j)".formatted(inside(width, columns, "column"));
        code.open(across ? ofColumns : ofRows);
        code.line("#pragma clang loop vectorize_width(%d)", vector);
        code.open(across ? ofRows : ofColumns);
        e.bind(c.row(), "(row + i)");
        e.bind(c.column(), "(column + j)");
        e.bind(lane, "j");
        e.register(kernel.product(), "((float*)tile)[i * " + width + " + j]");
        for (Kernel.Store s : kernel.stores()) {
            e.store(
                    s.array(),
                    s.position().substitute(this::inPanel),
                    e.value(Scalar.substitute(s.body(), this::inPanel)));
        }
        code.close().close();
    }

    /** Where a block ends that would end at a position. */
    private String atMost(String end, long block, long size) {
        return block >= size
                ? Long.toString(size)
                : size % block == 0 ? end : "min((%s)(%s), (%s)%d)".formatted(ix, end, ix, size);
    }

    /** How much of a block that begins at a position is inside. */
    private String inside(long block, long size, String from) {
        return size % block == 0
                ? Long.toString(block)
                : "min((%s)%d, (%s)%d - %s)".formatted(ix, block, ix, size, from);
    }
}
