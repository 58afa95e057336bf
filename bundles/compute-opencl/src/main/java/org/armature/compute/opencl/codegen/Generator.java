package org.armature.compute.opencl.codegen;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Fold;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.schedule.Kernel;
import org.armature.compute.opencl.schedule.Schedule;
import org.armature.graph.DType;
import org.jspecify.annotations.Nullable;

/** Writes one kernel. */
public final class Generator {
    /** Elements an item of a CPU does at least: fewer do not pay for its start. */
    private static final long GRAIN = 16_384;

    /** Lines of a block of a copy, in both directions. */
    private static final int BLOCK = 8;

    /** Bytes of panels that are not in the caches any more when their product reads them. */
    private static final long FAR = 4 << 20;

    private static final int LANES = 16;
    private static final int COLUMNS = 32;

    /** Sums of a row that go on beside each other: together they hide how long an addition takes. */
    private static final int SUMS = 4;

    /** Work-items of a GPU's work-group that have an element each, and that have a row: fewer, so that more groups share them. */
    private static final int ELEMENTS = 256;

    private static final int ROWS = 32;

    /** Additions of a body that may be written several times. */
    private static final double CHEAP = 4;

    private final Kernel kernel;
    private final Target target;
    private final Blocks blocks;
    private final Code code = new Code();
    private final SequencedMap<Array, String> pointers = new LinkedHashMap<>();
    private final String ix;
    private final Expressions top;
    private long[] items = {1};
    private int group;

    private Generator(Kernel kernel, Target target, Blocks blocks) {
        this.kernel = kernel;
        this.target = target;
        this.blocks = blocks;
        List<Array> all = new ArrayList<>(Schedule.reads(kernel));
        all.addAll(kernel.writes());
        Map<Array, String> known = new IdentityHashMap<>();
        boolean wide = false;
        for (Array a : all) {
            if (known.putIfAbsent(a, "a" + known.size()) == null) {
                pointers.put(a, known.get(a));
                wide |= a.size() > Integer.MAX_VALUE / 2;
            }
        }
        ix = wide ? "long" : "int";
        top = new Expressions(code, target, ix, known);
    }

    /**
     * The kernel as a program of its own.
     *
     * @param blocks of a product
     */
    public static Source generate(Kernel kernel, Target target, Blocks blocks) {
        return new Generator(kernel, target, blocks).source();
    }

    private Source source() {
        String name = kernel.getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT);
        switch (kernel) {
            case Kernel.Loop k -> loop(k);
            case Kernel.Rows k -> rows(k);
            case Kernel.Columns k -> columns(k);
            case Kernel.Tiles k when k.panels() == null && !target.cpu() -> tiles(k);
            case Kernel.Tiles k -> items = new Tiling(code, top, ix, target, k, blocks).write();
            case Kernel.Convolving k -> items = new Convolving(code, top, target, k).write();
            case Kernel.Attending k
            when !target.cpu() -> {
                items = new LocalAttention(code, top, ix, k).write();
                group = LocalAttention.group();
            }
            case Kernel.Attending k -> items = new Attending(code, top, target, k).write();
            case Kernel.Lines k -> lines(k);
        }
        List<String> parameters = new ArrayList<>();
        pointers.forEach((a, p) -> parameters.add("__global " + (kernel.writes().contains(a) ? "" : "const ")
                + Types.stored(a.type()) + "* restrict " + p));
        String body = code.toString().indent(4);
        if ((body + parameters).contains("double") && !target.doubles()) {
            throw new UnsupportedOperationException(
                    "the device has no 64-bit floats: use the type FLOAT, or the executor onnx");
        }
        return new Source(
                name, List.copyOf(parameters), body, List.copyOf(pointers.keySet()), items, target.cpu(), group);
    }

    private void tiles(Kernel.Tiles k) {
        LocalTiles tiles = new LocalTiles(code, top, ix, target, k);
        items = tiles.write();
        group = tiles.group();
    }

    // ---- loops -----------------------------------------------------------------------------------------------------

    static double count(List<Var> vars) {
        return vars.stream().mapToDouble(Var::size).reduce(1, (a, b) -> a * b);
    }

    /** Variables from a position in row-major order. */
    private void decode(Expressions e, List<Var> vars, String position) {
        long stride = (long) count(vars);
        for (int i = 0; i < vars.size(); i++) {
            Var v = vars.get(i);
            stride /= v.size();
            String q = stride == 1 ? position : position + " / " + stride;
            String name = e.declare(v);
            code.line("const " + ix + " " + name + " = "
                    + (i == 0 ? q : (stride == 1 ? q : "(" + q + ")") + " % " + v.size()) + ";");
        }
    }

    private Expressions each(Expressions e, Var v) {
        String name = e.declare(v);
        code.open("for (%s %s = 0; %s < %d; ++%s)", ix, name, name, v.size(), name);
        return e.inner();
    }

    /** Elements of a whole register. */
    private int registers(DType t) {
        return Math.max(1, target.vector() * Float.BYTES / Math.max(Float.BYTES, t.bytes()));
    }

    /** The next loop in whole registers: left alone, LLVM takes half of AVX-512's. */
    private void wide(List<Kernel.Store> stores) {
        if (target.cpu() && stores.stream().allMatch(s -> s.array().type() == DType.FLOAT)) {
            code.line("#pragma clang loop vectorize_width(%d)", target.vector());
        }
    }

    private void loop(Kernel.Loop k) {
        Merging m = Merging.of(
                k.space(),
                k.stores().stream().map(Kernel.Store::body).toList(),
                k.stores().stream().map(Kernel.Store::position).toList());
        List<Kernel.Store> stores = k.stores().stream()
                .map(s -> new Kernel.Store(s.array(), m.apply(s.position()), m.apply(s.body())))
                .toList();
        List<Var> vars = m.vars();
        if (vars.isEmpty()) {
            store(top, stores);
            return;
        }
        if (!target.cpu()) {
            workItems("item", (long) count(vars), ELEMENTS);
            decode(top, vars, "item");
            store(top, stores);
            return;
        }
        Var inner = vars.getLast();
        List<Var> outer = vars.subList(0, vars.size() - 1);
        Var turned = turned(outer, inner, stores);
        if (turned != null) {
            turn(outer, turned, inner, stores.getFirst(), isFar(k));
            return;
        }
        Pieces pieces = pieces(outer, inner, stores);
        if (pieces != null) {
            copy(outer, pieces, inner, stores.getFirst(), isFar(k));
            return;
        }
        long rows = (long) count(outer);
        if (inner.size() >= 2 * GRAIN || outer.isEmpty()) {
            long blocks = (inner.size() + GRAIN - 1) / GRAIN;
            items = new long[] {rows * blocks};
            code.line("const %s item = %s;", ix, target.id(0));
            if (!outer.isEmpty()) {
                code.line("const %s row = item / %d;", ix, blocks);
                decode(top, outer, "row");
            }
            code.line("const %s from = item %% %d * %d;", ix, blocks, GRAIN);
            String j = top.declare(inner);
            wide(stores);
            code.open("for (%s %s = from; %s < min(from + %d, (%s)%d); ++%s)", ix, j, j, GRAIN, ix, inner.size(), j);
            store(top.inner(), stores);
            code.close();
        } else {
            Expressions e = rowLoop(outer, rows, Math.max(1, GRAIN / inner.size()));
            if (inner.size() >= target.vector()) {
                wide(stores);
            }
            Expressions f = each(e, inner);
            store(f, stores);
            code.close().close();
        }
    }

    /** Where the numbers of a copy come from; null if it is none. */
    private static @Nullable Index source(List<Kernel.Store> stores) {
        Kernel.Store s = stores.getFirst();
        return stores.size() == 1
                        && s.body() instanceof Scalar.Load l
                        && l.array().type() == DType.FLOAT
                        && s.array().type() == DType.FLOAT
                ? l.array().position(l.at())
                : null;
    }

    /** Along which of a copy's variables its source lies, if it is not the one along which it is written; null if there is none. */
    private @Nullable Var turned(List<Var> outer, Var inner, List<Kernel.Store> stores) {
        Index from = source(stores);
        Index to = stores.getFirst().position();
        if (from == null
                || inner.size() < target.vector()
                || !from.isPlain(inner)
                || from.stride(inner) == 1
                || to.stride(inner) != 1) {
            return null;
        }
        return outer.stream()
                .filter(v -> v.size() >= target.vector() && from.stride(v) == 1 && from.isPlain(v) && to.isPlain(v))
                .findFirst()
                .orElse(null);
    }

    /**
     * A copy by square blocks that are transposed in registers: where the source lies across, each number of a vector would be
     * fetched on its own.
     */
    private void turn(List<Var> outer, Var turned, Var inner, Kernel.Store s, boolean far) {
        int vector = target.vector();
        Scalar.Load l = (Scalar.Load) s.body();
        Index from = l.array().position(l.at());
        Var block = new Var("block", Math.ceilDiv(turned.size(), vector));
        List<Var> rows = outer.stream().map(v -> v == turned ? block : v).toList();
        Expressions e = rowLoop(rows, (long) count(rows), GRAIN / (vector * inner.size()));
        code.line(
                "const %s %s = %s;",
                ix, e.declare(turned), within(e.index(Index.of(block).times(vector)), turned, vector));
        String c = e.fresh("c");
        code.open("for (%1$s %2$s = 0; %2$s < %3$d; %2$s += %4$d)", ix, c, inner.size(), vector);
        Expressions f = e.inner();
        code.line("const %s %s = %s;", ix, f.declare(inner), within(c, inner, vector));
        code.line(
                "%s(%s + %s, %d, %s + %s, %d);",
                Helpers.across(far ? "transpose_lines_past" : "transpose_lines", vector),
                f.pointer(s.array()),
                f.index(s.position()),
                s.position().stride(turned),
                f.pointer(l.array()),
                f.index(from),
                from.stride(inner));
        code.close().close();
    }

    /** Whether what is written is better written past the caches: else each line is read before it is written. */
    private boolean isFar(Kernel.Loop k) {
        return k.panels() && k.writes().getFirst().bytes() > FAR;
    }

    /** Variables of a copy whose lines follow each other along one of them where they are read, along the other where written. */
    private record Pieces(Var read, Var written) {}

    /** Null if it is no such copy. */
    private @Nullable Pieces pieces(List<Var> outer, Var inner, List<Kernel.Store> stores) {
        Index from = source(stores);
        Index to = stores.getFirst().position();
        if (from == null
                || inner.size() % target.vector() != 0
                || !from.isPlain(inner)
                || from.stride(inner) != 1
                || to.stride(inner) != 1) {
            return null;
        }
        Var read = follows(outer, from, inner);
        Var written = follows(outer, to, inner);
        return read == null || written == null || read == written ? null : new Pieces(read, written);
    }

    private static @Nullable Var follows(List<Var> vars, Index position, Var inner) {
        return vars.stream()
                .filter(v -> v.size() >= BLOCK && position.stride(v) == inner.size() && position.isPlain(v))
                .findFirst()
                .orElse(null);
    }

    /**
     * A copy of lines by blocks: longer pieces are read, and longer ones written, than by one line here and one there, which
     * takes twice as long.
     */
    private void copy(List<Var> outer, Pieces p, Var inner, Kernel.Store s, boolean far) {
        int vector = target.vector();
        Scalar.Load l = (Scalar.Load) s.body();
        Map<Var, Var> blocks = new IdentityHashMap<>();
        for (Var v : List.of(p.read(), p.written())) {
            blocks.put(v, new Var("block", Math.ceilDiv(v.size(), BLOCK)));
        }
        List<Var> rows = outer.stream().map(v -> blocks.getOrDefault(v, v)).toList();
        Expressions e = rowLoop(rows, (long) count(rows), GRAIN / (BLOCK * BLOCK * inner.size()));
        for (Var v : List.of(p.read(), p.written())) {
            String first = e.fresh("first");
            String at = e.declare(v);
            code.line(
                    "const %s %s = %s;",
                    ix, first, within(e.index(Index.of(blocks.get(v)).times(BLOCK)), v, BLOCK));
            code.open("for (%1$s %2$s = %3$s; %2$s < %3$s + %4$d; ++%2$s)", ix, at, first, BLOCK);
        }
        Expressions f = e.inner();
        String j = f.fresh("j");
        code.open("for (%1$s %2$s = 0; %2$s < %3$d; %2$s += %4$d)", ix, j, inner.size(), vector);
        code.line("const %s %s = %s;", ix, f.declare(inner), j);
        String number = "vload%d(0, %s + %s)"
                .formatted(vector, f.pointer(l.array()), f.index(l.array().position(l.at())));
        String to = "%s + %s".formatted(f.pointer(s.array()), f.index(s.position()));
        if (far) {
            code.line("%s(%s, %s);", Helpers.across("store_past", vector), number, to);
        } else {
            code.line("vstore%d(%s, 0, %s);", vector, number, to);
        }
        code.close().close().close().close();
    }

    /** Where a block begins that would begin at a position: the last one may overlap the one before it. */
    private String within(String from, Var v, int block) {
        return v.size() % block == 0 ? from : "min((%s)(%s), (%s)%d)".formatted(ix, from, ix, v.size() - block);
    }

    /** A work-item each. Work-groups are whole: drivers make very small ones of a number of items that has no good divisors. */
    private void workItems(String name, long count, int most) {
        group = Math.min(most, target.group());
        items = new long[] {Math.ceilDiv(count, group) * group};
        code.line("const %s %s = %s;", ix, name, target.id(0));
        if (count % group != 0) {
            code.line("if (%s >= %d) return;", name, count);
        }
    }

    /** An item does some rows in a loop. */
    private Expressions rowLoop(List<Var> rows, long count, long each) {
        long per = target.cpu() ? Math.clamp(each, 1, Math.max(1, count / target.leastItems())) : 1;
        items = new long[] {(count + per - 1) / per};
        if (!target.cpu()) {
            code.open("");
            workItems("row", count, ROWS);
        } else if (per == 1) {
            code.open("").line("const %s row = %s;", ix, target.id(0));
        } else {
            code.line("const %s first = %s * %d;", ix, target.id(0), per);
            code.open("for (%s row = first; row < min(first + %d, (%s)%d); ++row)", ix, per, ix, count);
        }
        Expressions e = top.inner();
        decode(e, rows, "row");
        return e;
    }

    private void store(Expressions e, List<Kernel.Store> stores) {
        for (Kernel.Store s : stores) {
            e.store(s.array(), s.position(), e.value(s.body()));
        }
    }

    // ---- rows ------------------------------------------------------------------------------------------------------

    private void rows(Kernel.Rows k) {
        List<Var> rows = k.rows().stream().filter(v -> v.size() != 1).toList();
        double work = k.stages().stream()
                .mapToDouble(s -> switch (s) {
                    case Kernel.Stage.Reduce r -> count(r.over());
                    case Kernel.Stage.Fill f -> count(f.inner());
                })
                .sum();
        Expressions e = rowLoop(rows, (long) count(k.rows()), (long) (GRAIN / Math.max(1, work)));
        for (Kernel.Stage s : k.stages()) {
            switch (s) {
                case Kernel.Stage.Reduce r -> {
                    String v = reduce(e, r.over(), r.fold(), r.body());
                    e.register(r.array(), v);
                    if (r.stored()) {
                        e.store(r.array(), Index.linear(k.rows()), v);
                    }
                }
                case Kernel.Stage.Fill f -> fill(e, f);
            }
        }
        code.close();
    }

    private void fill(Expressions e, Kernel.Stage.Fill f) {
        Merging m = Merging.of(
                f.inner(),
                f.stores().stream().map(Kernel.Store::body).toList(),
                f.stores().stream().map(Kernel.Store::position).toList());
        Expressions in = e.inner();
        int loops = 0;
        for (Var v : m.vars()) {
            if (v == m.vars().getLast() && v.size() >= target.vector()) {
                wide(f.stores());
            }
            in = each(in, v);
            loops++;
        }
        if (loops == 0) {
            code.open("");
        }
        for (Kernel.Store s : f.stores()) {
            in.store(s.array(), m.apply(s.position()), in.value(m.apply(s.body())));
        }
        for (int i = 0; i < Math.max(1, loops); i++) {
            code.close();
        }
    }

    /** Folds in sixteen lanes, then the lanes; the name of the result. */
    private String reduce(Expressions e, List<Var> over, Fold fold, Scalar body) {
        Merging m = Merging.of(over, List.of(body), List.of());
        Scalar b = m.apply(body);
        List<Var> vars = m.vars();
        String type = Types.computed(b.type());
        String result = e.fresh("r");
        code.line("%s %s = %s;", type, result, Types.neutral(fold, b.type()));
        boolean empty = over.stream().anyMatch(v -> v.size() == 0);
        if (empty) {
            return result;
        }
        Var last = vars.isEmpty() ? null : vars.getLast();
        boolean lanes = target.cpu() && last != null && last.size() >= 2 * LANES;
        if (last == null || !lanes) {
            Expressions in = e.inner();
            for (Var v : vars) {
                in = each(in, v);
            }
            if (last == null) {
                code.open("");
            }
            join(in.inner(), fold, result, b);
            for (int i = 0; i < Math.max(1, vars.size()); i++) {
                code.close();
            }
            return result;
        }
        Sums sums = new Sums(result, fold, b, last);
        int whole = (int) (last.size() / LANES);
        boolean cheap = isCheap(b);
        int some = cheap ? Math.min(SUMS, whole) : 1;
        List<Part> rest = new ArrayList<>();
        for (int i = 0; i < whole % some; i++) {
            rest.add(new Part(i, LANES, (whole - whole % some + i) * LANES));
        }
        int from = whole * LANES;
        boolean half = cheap && last.size() - from >= LANES / 2;
        if (half) {
            rest.add(new Part(some, LANES / 2, from));
            from += LANES / 2;
        }
        for (int i = 0; i < some; i++) {
            sums.declare(i, LANES);
        }
        if (half) {
            sums.declare(some, LANES / 2);
        }
        Expressions in = e.inner();
        for (Var v : vars.subList(0, vars.size() - 1)) {
            in = each(in, v);
        }
        String j = e.fresh("j");
        code.open("for (%s %s = 0; %s < %d; %s += %d)", ix, j, j, (whole - whole % some) * LANES, j, some * LANES);
        for (int i = 0; i < some; i++) {
            sums.add(in, new Part(i, LANES, i * LANES), j);
        }
        code.close();
        for (Part p : rest) {
            sums.add(in, p, null);
        }
        if (from < last.size()) {
            Expressions t = in.inner();
            String r = t.declare(last);
            code.open("for (%s %s = %d; %s < %d; %s++)", ix, r, from, r, last.size(), r);
            join(t.inner(), fold, result, b);
            code.close();
        }
        for (int i = 0; i < vars.size() - 1; i++) {
            code.close();
        }
        for (int i = 1; i < some; i++) {
            code.line("%s = %s;", sums.name(0), Types.joined(fold, sums.name(0), sums.name(i), true));
        }
        if (half) {
            String low = sums.name(0) + ".lo";
            code.line("%s = %s;", low, Types.joined(fold, low, sums.name(some), true));
        }
        code.open("for (int l = 0; l < %d; ++l)", LANES);
        String lane = "((%s*)&%s)[l]".formatted(type, sums.name(0));
        code.line("%s = %s;", result, Types.joined(fold, result, lane, false));
        code.close();
        return result;
    }

    /** Whether a body may be written several times. */
    private static boolean isCheap(Scalar body) {
        return body.type() == DType.FLOAT && Schedule.cost(body) <= CHEAP;
    }

    /** Neighbours that are folded into a sum of their own: which one, how many, from where. */
    private record Part(int sum, int width, int from) {}

    /** Vectors of sums in registers, and the loops that add to them. */
    private final class Sums {
        private final String result;
        private final Fold fold;
        private final Scalar body;
        private final Var along;
        private final String type;

        Sums(String result, Fold fold, Scalar body, Var along) {
            this.result = result;
            this.fold = fold;
            this.body = body;
            this.along = along;
            type = Types.computed(body.type());
        }

        String name(int i) {
            return result + "_lanes" + i;
        }

        private String type(int width) {
            return width == 1 ? type : type + width;
        }

        void declare(int i, int width) {
            code.line("%1$s %2$s = (%1$s)(%3$s);", type(width), name(i), Types.neutral(fold, body.type()));
        }

        /** Adds the body's values from a place on, counted from {@code start} if there is one. */
        void add(Expressions e, Part p, @Nullable String start) {
            String from = start == null ? Integer.toString(p.from) : p.from == 0 ? start : start + " + " + p.from;
            code.open("").line("%s next;", type(p.width));
            if (p.width > 1) {
                code.line(
                        "#pragma clang loop unroll(disable) vectorize_width(%d)",
                        Math.min(p.width, registers(body.type())));
            }
            code.open("for (int l = 0; l < %d; ++l)", p.width);
            Expressions f = e.inner();
            f.bind(along, "(" + from + " + l)");
            code.line("((%s*)&next)[l] = %s;", type, f.value(body));
            code.close();
            code.line("%s = %s;", name(p.sum), Types.joined(fold, name(p.sum), "next", p.width > 1));
            code.close();
        }
    }

    private void join(Expressions e, Fold fold, String result, Scalar body) {
        code.line("%s = %s;", result, Types.joined(fold, result, e.value(body), false));
    }

    // ---- lines -----------------------------------------------------------------------------------------------------

    private void lines(Kernel.Lines k) {
        List<Var> lines = Lines.lines(k);
        Expressions e = rowLoop(lines, (long) count(lines), (long) (GRAIN / Math.max(1, Lines.steps(k))));
        new Lines(code, e, ix).write(k);
        code.close();
    }

    // ---- columns ---------------------------------------------------------------------------------------------------

    private void columns(Kernel.Columns k) {
        List<Scalar> bodies = new ArrayList<>(List.of(k.body()));
        k.stores().forEach(s -> bodies.add(withoutRegister(s.body(), k.reduction())));
        Merging m = Merging.of(
                k.axes(),
                bodies,
                k.stores().stream().map(Kernel.Store::position).toList());
        Merging o = Merging.of(k.over(), List.of(m.apply(k.body())), List.of());
        Scalar body = o.apply(m.apply(k.body()));
        String type = Types.computed(body.type());
        List<Var> outer = m.vars().subList(0, Math.max(0, m.vars().size() - 1));
        Var lane = m.vars().isEmpty() ? new Var("c", 1) : m.vars().getLast();
        long width = !target.cpu() ? 1 : lane.size() <= 2 * COLUMNS ? Math.max(1, lane.size()) : COLUMNS;
        String wide = lane.size() % width == 0 ? Long.toString(width) : "width";
        long blocks = (lane.size() + width - 1) / width;
        Var block = new Var("block", blocks);
        List<Var> rows = new ArrayList<>(outer);
        rows.add(block);
        double work = Math.max(1, count(k.over()) * width);
        Expressions e = rowLoop(rows, (long) count(rows), (long) (GRAIN / work));
        code.line("const %s from = %s;", ix, e.index(Index.of(block).times(width)));
        if (wide.equals("width")) {
            code.line("const int width = min((%s)%d, (%s)%d - from);", ix, width, ix, lane.size());
        }
        boolean whole = target.cpu() && !wide.equals("width") && isCheap(body);
        code.line("%s acc[%d]%s;", type, width, whole ? " __attribute__((aligned(64)))" : "");
        Sums sums = new Sums("sum", k.fold(), body, lane);
        List<Part> parts = whole ? parts((int) width) : List.of();
        parts.forEach(p -> sums.declare(p.sum, p.width));
        if (!whole) {
            code.open("for (int l = 0; l < %d; ++l)", width)
                    .line("acc[l] = %s;", Types.neutral(k.fold(), body.type()))
                    .close();
        }
        Expressions in = e.inner();
        for (Var v : o.vars()) {
            in = each(in, v);
        }
        for (Part p : parts) {
            sums.add(in, p, "from");
        }
        if (!whole) {
            code.line("#pragma clang loop unroll(disable) vectorize_width(%d)", registers(body.type()));
            code.open("for (int l = 0; l < %s; ++l)", wide);
            Expressions f = in.inner();
            f.bind(lane, "(from + l)");
            join(f, k.fold(), "acc[l]", body);
            code.close();
        }
        for (int i = 0; i < o.vars().size(); i++) {
            code.close();
        }
        for (Part p : parts) {
            code.line("*(%s*)(acc + %d) = %s;", sums.type(p.width), p.from, sums.name(p.sum));
        }
        code.open("for (int l = 0; l < %s; ++l)", wide);
        Expressions s = e.inner();
        s.bind(lane, "(from + l)");
        s.register(k.reduction(), "acc[l]");
        store(
                s,
                k.stores().stream()
                        .map(t -> new Kernel.Store(t.array(), m.apply(t.position()), m.apply(t.body())))
                        .toList());
        code.close().close();
    }

    /** Vectors, as wide as may be, one after the other. */
    private static List<Part> parts(int width) {
        List<Part> parts = new ArrayList<>();
        for (int from = 0; from < width; from += parts.getLast().width) {
            parts.add(new Part(parts.size(), Math.min(LANES, Integer.highestOneBit(width - from)), from));
        }
        return parts;
    }

    /** For merging, the register's own index does not count. */
    private static Scalar withoutRegister(Scalar body, Array register) {
        return Scalar.substitute(body, Index::of, l -> l.array() == register ? Scalar.literal(l.type(), 0L) : l);
    }
}
