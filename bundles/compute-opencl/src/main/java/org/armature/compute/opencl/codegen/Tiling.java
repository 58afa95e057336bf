package org.armature.compute.opencl.codegen;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Function;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.schedule.Kernel;
import org.armature.graph.DType;

/**
 * A product by register tiles. A work-item has one panel of the right operand, {@code [inner][columns]}, and some tiles of rows:
 * each step of the inner loop loads a row of the panel into vectors and multiplies it with one number of each row of the left
 * operand.
 */
final class Tiling {
    /** Rows a work-item does at most with one panel while the panel is in the cache. */
    private static final int ROWS = 112;

    /** Work-items to make at least. */
    private static final int ITEMS = 16;

    /** A longer inner index goes in parts. */
    private static final int DEEP = 2048;

    private static final int PART = 1024;

    private final Code code;
    private final Expressions top;
    private final String ix;
    private final Target target;
    private final Kernel.Tiles kernel;
    private final Array.Contraction c;
    private final long rows;
    private final long columns;
    private final long depth;
    private final int height;
    private final int width;
    private final int vector;
    private final int parts;
    private final Var panel;
    private final Var tile;
    private final Var lane;

    Tiling(Code code, Expressions top, String ix, Target target, Kernel.Tiles kernel) {
        this.code = code;
        this.top = top;
        this.ix = ix;
        this.target = target;
        this.kernel = kernel;
        c = kernel.rule();
        rows = c.row().size();
        columns = c.column().size();
        depth = c.inner().size();
        height = target.tile(rows);
        width = target.panel();
        vector = target.vector();
        parts = width / vector;
        panel = new Var("panel", (columns + width - 1) / width);
        tile = new Var("tile", (rows + height - 1) / height);
        lane = new Var("j", width);
    }

    /** Writes the body; the work-items of each dimension. */
    long[] write() {
        boolean packs = kernel.panels() == null;
        long each = packs ? tile.size() : target.cpu() ? tilesEach() : 1;
        Expressions e = top.inner();
        e.bind(c.batch(), "b");
        e.bind(panel, "panel");
        code.line("const int panel = get_global_id(0);");
        code.line("const %s b = get_global_id(2);", ix);
        code.line("const %s column = panel * %d;", ix, width);
        if (packs) {
            pack(e);
        } else {
            stored(e);
        }
        int vectors = height * parts;
        if (each < tile.size()) {
            code.line("const %s first = get_global_id(1) * %d;", ix, each);
        }
        if (each > 1 && depth > DEEP) {
            // A part of the inner index for all tiles, then the next: the panel's part stays in the cache.
            String own = "tiles + (" + (each < tile.size() ? "t - first" : "t") + ") * " + vectors;
            code.line("float%d tiles[%d];", vector, each * vectors);
            code.open("for (int i = 0; i < %d; ++i)", each * vectors)
                    .line("tiles[i] = 0;")
                    .close();
            code.open("for (int from = 0; from < %d; from += %d)", depth, PART);
            each(each);
            code.line("float%d* tile = %s;", vector, own);
            multiply(inTile(e), true, "from", "min(from + %d, %d)".formatted(PART, depth));
            code.close().close();
            each(each);
            code.line("float%d* tile = %s;", vector, own);
            results(inTile(e));
            code.close();
        } else {
            each(each);
            code.line("float%d tile[%d];", vector, vectors);
            prefetch(inTile(e));
            multiply(inTile(e), false, "0", Long.toString(depth));
            results(inTile(e));
            code.close();
        }
        return new long[] {
            panel.size(), (tile.size() + each - 1) / each, c.batch().size()
        };
    }

    /** As many tiles as may be with one panel, while there are enough work-items. */
    private long tilesEach() {
        long items = panel.size() * c.batch().size();
        long blocks = (ITEMS + items - 1) / items;
        return Math.clamp((tile.size() + blocks - 1) / blocks, 1, Math.max(1, ROWS / height));
    }

    private void each(long each) {
        if (each == tile.size()) {
            code.open("for (%s t = 0; t < %d; ++t)", ix, each);
        } else {
            code.open("for (%s t = first; t < min(first + %d, (%s)%d); ++t)", ix, each, ix, tile.size());
        }
        code.line("const %s row = t * %d;", ix, height);
    }

    private Expressions inTile(Expressions e) {
        Expressions f = e.inner();
        f.bind(tile, "t");
        return f;
    }

    /** The panel where it lies: panels are aligned, and PoCL builds plain vectors ten times as fast as vloads. */
    private void stored(Expressions e) {
        String from = e.pointer(kernel.panels()) + " + (" + (kernel.shared() ? "" : "b * " + panel.size() + " + ")
                + "panel) * " + depth * width + "L";
        code.line("__global const float%d* restrict right = (__global const float%d*)(%s);", vector, vector, from);
    }

    /** The panel made here: nobody else needs it. */
    private void pack(Expressions e) {
        code.line("float%d right[%d];", vector, depth * parts);
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
        code.line("((float*)right)[k * %d + j] = %s;", width, f.inner().value(element));
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
        code.line("%s at[%d];", ix, width);
        code.line("int run = 1;");
        code.open("for (int j = 0; j < %d; ++j)", width);
        code.line("at[j] = %s;", e.index(ofColumn));
        code.line("run &= at[j] == at[0] + j;");
        code.close();
        code.open("for (int k = 0; k < %d; ++k)", depth);
        code.line("__global const float* restrict a = %s + %s;", e.pointer(l.array()), e.index(ofInner));
        code.open("if (run)");
        code.open("for (int j = 0; j < %d; ++j)", width);
        code.line("((float*)right)[k * %d + j] = a[at[0] + j];", width);
        code.close().close();
        code.open("else");
        code.open("for (int j = 0; j < %d; ++j)", width);
        code.line("((float*)right)[k * %d + j] = a[at[j]];", width);
        code.close().close().close();
        return true;
    }

    private Index column() {
        return Index.of(panel).times(width).plus(Index.of(lane));
    }

    /** Fetches what the results of a tile touch: it arrives while the tile is multiplied. */
    private void prefetch(Expressions e) {
        if (!target.cpu()) {
            return;
        }
        SequencedMap<String, Integer> lines = new LinkedHashMap<>();
        Expressions f = e.inner();
        f.bind(c.row(), "min(row + i, (%s)%d)".formatted(ix, rows - 1));
        f.bind(c.column(), "column");
        for (Kernel.Store s : kernel.stores()) {
            line(f, s.array(), s.position(), 1, lines);
            for (Scalar.Load l : Scalar.loads(s.body())) {
                if (l.array() != kernel.product()) {
                    line(f, l.array(), l.array().position(l.at()), 0, lines);
                }
            }
        }
        if (lines.isEmpty()) {
            return;
        }
        code.open("for (int i = 0; i < %d; ++i)", height);
        lines.forEach((at, write) -> {
            for (int p = 0; p < parts; p++) {
                code.line("__builtin_prefetch((const void*)(size_t)(%s + %d), %d);", at, p * vector, write);
            }
        });
        code.close();
    }

    private void line(Expressions e, Array a, Index position, int write, SequencedMap<String, Integer> lines) {
        if (a.type() == DType.FLOAT && position.stride(c.column()) == 1 && position.stride(c.row()) != 0) {
            lines.putIfAbsent(e.pointer(a) + " + " + e.index(position), write);
        }
    }

    /** Adds to a tile what some steps of the inner loop give. */
    private void multiply(Expressions e, boolean more, String from, String to) {
        Scalar.Load left = (Scalar.Load) c.left();
        Index position = left.array().position(left.at());
        boolean packed = position.stride(c.row()) == 0;
        long step = position.stride(c.inner());
        // One pointer a row: with indices alone, the compiler makes vectors of them and takes them apart again.
        for (int r = 0; r < height; r++) {
            Index row;
            if (packed) {
                row = Index.of(tile).times(height).plus(r);
            } else {
                Var v = new Var("row" + r, rows);
                e.bind(v, "row" + r);
                row = Index.of(v);
                String at = rows % height == 0 ? "row + " + r : "min(row + %d, (%s)%d)".formatted(r, ix, rows - 1);
                code.line("const %s row%d = %s;", ix, r, at);
            }
            Index start = substitute(position, v -> v == c.row() ? row : v == c.inner() ? Index.ZERO : Index.of(v));
            code.line("__global const float* restrict l%d = %s + %s;", r, e.pointer(left.array()), e.index(start));
            for (int p = 0; p < parts; p++) {
                code.line("float%d c%d_%d = %s;", vector, r, p, more ? "tile[" + (parts * r + p) + "]" : "0");
            }
        }
        code.open("for (int k = %s; k < %s; ++k)", from, to);
        for (int p = 0; p < parts; p++) {
            code.line("const float%d r%d = right[k * %d + %d];", vector, p, parts, p);
        }
        for (int r = 0; r < height; r++) {
            for (int p = 0; p < parts; p++) {
                code.line(
                        "c%1$d_%2$d = fma((float%3$d)(l%1$d[%4$s]), r%2$d, c%1$d_%2$d);",
                        r, p, vector, step == 1 ? "k" : "k * " + step);
            }
        }
        code.close();
        for (int r = 0; r < height; r++) {
            for (int p = 0; p < parts; p++) {
                code.line("tile[%d] = c%d_%d;", parts * r + p, r, p);
            }
        }
    }

    /** What is done with each element of a tile. */
    private void results(Expressions e) {
        code.open("for (int i = 0; i < %s; ++i)", inside(height, rows, "row"));
        code.line("#pragma clang loop vectorize_width(%d)", vector);
        code.open("for (int j = 0; j < %s; ++j)", inside(width, columns, "column"));
        e.bind(c.row(), "(row + i)");
        e.bind(c.column(), "(column + j)");
        e.bind(lane, "j");
        e.register(kernel.product(), "((float*)tile)[i * " + width + " + j]");
        // Whole panels: a division of the column by a multiple of their width does not change within one.
        Function<Var, Index> at = v -> v == c.column() && columns % width == 0 ? column() : Index.of(v);
        for (Kernel.Store s : kernel.stores()) {
            e.store(s.array(), substitute(s.position(), at), e.value(Scalar.substitute(s.body(), at)));
        }
        code.close().close();
    }

    private static Index substitute(Index i, Function<Var, Index> vars) {
        return ((Scalar.Position) Scalar.substitute(new Scalar.Position(i, DType.INT64), vars)).at();
    }

    /** How much of a block that begins at a position is inside. */
    private String inside(long block, long size, String from) {
        return size % block == 0
                ? Long.toString(block)
                : "min((%s)%d, (%s)%d - %s)".formatted(ix, block, ix, size, from);
    }
}
