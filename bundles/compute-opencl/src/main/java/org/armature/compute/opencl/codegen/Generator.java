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

/** Writes one kernel. */
public final class Generator {
    /** Elements a work-item of a CPU does at least: fewer do not pay for its start. */
    private static final long GRAIN = 8192;

    private static final int LANES = 16;
    private static final int COLUMNS = 32;
    /** Rows of a tile: six times two vectors of accumulators fit the sixteen registers of AVX2. */
    private static final int ROWS = 6;
    /** Tiles a work-item does with one panel while the panel is in the cache. */
    private static final int TILES = 16;

    private final Kernel kernel;
    private final Target target;
    private final Code code = new Code();
    private final SequencedMap<Array, String> pointers = new LinkedHashMap<>();
    private final String ix;
    private final Expressions top;
    private long[] global = {1};

    private Generator(Kernel kernel, Target target) {
        this.kernel = kernel;
        this.target = target;
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

    /** The kernel as a program of its own. */
    public static Source generate(Kernel kernel, Target target) {
        return new Generator(kernel, target).source();
    }

    private Source source() {
        String name = kernel.getClass().getSimpleName().toLowerCase(java.util.Locale.ROOT);
        switch (kernel) {
            case Kernel.Loop k -> loop(k);
            case Kernel.Rows k -> rows(k);
            case Kernel.Columns k -> columns(k);
            case Kernel.Tiles k -> tiles(k);
            case Kernel.Lines k -> new Lines(code, top, ix).write(k);
        }
        if (kernel instanceof Kernel.Lines k) {
            global = new long[] {Math.max(1, Lines.items(k))};
        }
        List<String> parameters = new ArrayList<>();
        pointers.forEach((a, p) -> parameters.add("__global " + (kernel.writes().contains(a) ? "" : "const ")
                + Types.stored(a.type()) + "* restrict " + p));
        String body = code.toString().indent(4);
        String text = Helpers.used(body) + "__kernel void " + name + "(" + String.join(", ", parameters) + ") {\n"
                + body + "}\n";
        boolean doubles = text.contains("double");
        if (doubles && !target.doubles()) {
            throw new UnsupportedOperationException(
                    "the device has no 64-bit floats: use the type FLOAT, or the executor onnx");
        }
        return new Source(
                name,
                (doubles ? "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n" : "") + text,
                List.copyOf(pointers.keySet()),
                global,
                target.cpu() ? 1 : 0);
    }

    // ---- loops -----------------------------------------------------------------------------------------------------

    private static double count(List<Var> vars) {
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
            elements((long) count(vars));
            decode(top, vars, "item");
            store(top, stores);
            return;
        }
        Var inner = vars.getLast();
        List<Var> outer = vars.subList(0, vars.size() - 1);
        long rows = (long) count(outer);
        if (inner.size() >= 2 * GRAIN || outer.isEmpty()) {
            long blocks = (inner.size() + GRAIN - 1) / GRAIN;
            global = new long[] {rows * blocks};
            code.line("const %s item = get_global_id(0);", ix);
            if (!outer.isEmpty()) {
                code.line("const %s row = item / %d;", ix, blocks);
                decode(top, outer, "row");
            }
            code.line("const %s from = item %% %d * %d;", ix, blocks, GRAIN);
            String j = top.declare(inner);
            code.open("for (%s %s = from; %s < min(from + %d, (%s)%d); ++%s)", ix, j, j, GRAIN, ix, inner.size(), j);
            store(top.inner(), stores);
            code.close();
        } else {
            Expressions e = rowLoop(outer, rows, Math.max(1, GRAIN / inner.size()));
            Expressions f = each(e, inner);
            store(f, stores);
            code.close().close();
        }
    }

    /** One work-item an element. */
    private void elements(long count) {
        global = new long[] {count};
        code.line("const %s item = get_global_id(0);", ix);
    }

    /** A work-item does some rows in a loop. */
    private Expressions rowLoop(List<Var> rows, long count, long each) {
        long per = target.cpu() ? Math.clamp(each, 1, Math.max(1, count / 8)) : 1;
        global = new long[] {(count + per - 1) / per};
        if (per == 1) {
            code.open("").line("const %s row = get_global_id(0);", ix);
        } else {
            code.line("const %s first = get_global_id(0) * %d;", ix, per);
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
        String acc = result + "_lanes";
        if (lanes) {
            code.line("%s%d %s = (%s%d)(%s);", type, LANES, acc, type, LANES, result);
        }
        Expressions in = e.inner();
        int loops = Math.max(0, vars.size() - 1);
        for (Var v : vars.subList(0, loops)) {
            in = each(in, v);
        }
        if (last == null) {
            code.open("");
            join(in.inner(), fold, result, b);
            code.close();
        } else if (!lanes) {
            Expressions f = each(in, last);
            join(f, fold, result, b);
            code.close();
        } else {
            long whole = last.size() / LANES * LANES;
            String j = e.fresh("j");
            code.open("for (%s %s = 0; %s < %d; %s += %d)", ix, j, j, whole, j, LANES);
            code.line("%s lane[%d];", type, LANES);
            code.line("#pragma clang loop unroll(disable) vectorize(enable)");
            code.open("for (int l = 0; l < %d; ++l)", LANES);
            Expressions f = in.inner();
            f.bind(last, "(" + j + " + l)");
            code.line("lane[l] = %s;", f.value(b));
            code.close();
            code.line("const %s%d next = vload%d(0, lane);", type, LANES, LANES);
            code.line("%s = %s;", acc, Types.joined(fold, acc, "next", true));
            code.close();
            if (whole < last.size()) {
                Expressions t = in.inner();
                String r = t.declare(last);
                code.open("for (%s %s = %d; %s < %d; ++%s)", ix, r, whole, r, last.size(), r);
                join(t.inner(), fold, result, b);
                code.close();
            }
        }
        for (int i = 0; i < loops; i++) {
            code.close();
        }
        if (lanes) {
            code.line("%s %s_last[%d];", type, result, LANES);
            code.line("vstore%d(%s, 0, %s_last);", LANES, acc, result);
            code.open("for (int l = 0; l < %d; ++l)", LANES);
            code.line("%s = %s;", result, Types.joined(fold, result, result + "_last[l]", false));
            code.close();
        }
        return result;
    }

    private void join(Expressions e, Fold fold, String result, Scalar body) {
        code.line("%s = %s;", result, Types.joined(fold, result, e.value(body), false));
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
        long width = target.cpu() ? COLUMNS : 1;
        long blocks = (lane.size() + width - 1) / width;
        global = new long[] {(long) count(outer) * blocks};
        code.line("const %s item = get_global_id(0);", ix);
        Expressions e = top.inner();
        code.line("const %s row = item / %d;", ix, blocks);
        decode(e, outer, "row");
        code.line("const %s from = item %% %d * %d;", ix, blocks, width);
        code.line("const int width = min((%s)%d, (%s)%d - from);", ix, width, ix, lane.size());
        code.line("%s acc[%d];", type, width);
        code.open("for (int l = 0; l < %d; ++l)", width)
                .line("acc[l] = %s;", Types.neutral(k.fold(), body.type()))
                .close();
        Expressions in = e.inner();
        for (Var v : o.vars()) {
            in = each(in, v);
        }
        code.line("#pragma clang loop unroll(disable) vectorize(enable)");
        code.open("for (int l = 0; l < width; ++l)");
        Expressions f = in.inner();
        f.bind(lane, "(from + l)");
        join(f, k.fold(), "acc[l]", body);
        code.close();
        for (int i = 0; i < o.vars().size(); i++) {
            code.close();
        }
        code.open("for (int l = 0; l < width; ++l)");
        Expressions s = e.inner();
        s.bind(lane, "(from + l)");
        s.register(k.reduction(), "acc[l]");
        store(
                s,
                k.stores().stream()
                        .map(t -> new Kernel.Store(t.array(), m.apply(t.position()), m.apply(t.body())))
                        .toList());
        code.close();
    }

    /** For merging, the register's own index does not count. */
    private static Scalar withoutRegister(Scalar body, Array register) {
        return Scalar.substitute(body, Index::of, l -> l.array() == register ? Scalar.literal(l.type(), 0L) : l);
    }

    // ---- tiles -----------------------------------------------------------------------------------------------------

    private void tiles(Kernel.Tiles k) {
        Array.Contraction c = k.rule();
        long m = c.row().size();
        long n = c.column().size();
        long depth = c.inner().size();
        long panels = k.panels().dim(1);
        long perItem = target.cpu() ? Math.clamp((m / ROWS + 7) / 8, 1, TILES) : 1;
        long blocks = (m + ROWS * perItem - 1) / (ROWS * perItem);
        global = new long[] {panels, blocks, c.batch().size()};
        code.line("const int panel = get_global_id(0);");
        code.line("const %s b = get_global_id(2);", ix);
        code.line("const %s column = panel * %d;", ix, Schedule.PANEL);
        code.line("const %s first = get_global_id(1) * %d;", ix, ROWS * perItem);
        code.line(
                "__global const float* restrict right = %s + (%spanel) * %dL;",
                top.pointer(k.panels()), k.shared() ? "" : "b * " + panels + " + ", depth * Schedule.PANEL);
        code.open("for (%s row = first; row < min(first + %d, (%s)%d); row += %d)", ix, ROWS * perItem, ix, m, ROWS);
        Expressions e = top.inner();
        e.bind(c.batch(), "b");
        List<Var> rows = new ArrayList<>();
        for (int r = 0; r < ROWS; r++) {
            Var v = new Var("row" + r, m);
            rows.add(v);
            e.bind(v, "row" + r);
            code.line("const %s row%d = min(row + %d, (%s)%d);", ix, r, r, ix, m - 1);
            code.line("float8 c%d0 = 0, c%d1 = 0;", r, r);
        }
        code.open("for (%s k = 0; k < %d; ++k)", ix, depth);
        e.bind(c.inner(), "k");
        code.line(
                "const float8 r0 = vload8(0, right + k * %d), r1 = vload8(1, right + k * %d);",
                Schedule.PANEL, Schedule.PANEL);
        Expressions in = e.inner();
        for (int r = 0; r < ROWS; r++) {
            Index row = Index.of(rows.get(r));
            String a = in.value(Scalar.substitute(c.left(), v -> v == c.row() ? row : Index.of(v)));
            code.line("c%d0 = fma((float8)(%s), r0, c%d0); c%d1 = fma((float8)(%s), r1, c%d1);", r, a, r, r, a, r);
        }
        code.close();
        code.line("float tile[%d];", ROWS * Schedule.PANEL);
        for (int r = 0; r < ROWS; r++) {
            code.line("vstore8(c%d0, %d, tile); vstore8(c%d1, %d, tile);", r, 2 * r, r, 2 * r + 1);
        }
        code.open("for (int i = 0; i < min((%s)%d, (%s)%d - row); ++i)", ix, ROWS, ix, m);
        code.open("for (int j = 0; j < min((%s)%d, (%s)%d - column); ++j)", ix, Schedule.PANEL, ix, n);
        Expressions s = top.inner();
        s.bind(c.batch(), "b");
        s.bind(c.row(), "(row + i)");
        s.bind(c.column(), "(column + j)");
        s.register(k.product(), "tile[i * " + Schedule.PANEL + " + j]");
        store(s, k.stores());
        code.close().close().close();
    }
}
