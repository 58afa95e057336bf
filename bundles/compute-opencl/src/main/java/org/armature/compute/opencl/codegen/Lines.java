package org.armature.compute.opencl.codegen;

import java.util.ArrayList;
import java.util.List;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.compute.opencl.schedule.Kernel;

/** Kernels that go along a line in order: running sums, orders, scatters. */
final class Lines {
    private final Code code;
    /** Within the line at hand. */
    private final Expressions line;

    private final String ix;

    Lines(Code code, Expressions line, String ix) {
        this.code = code;
        this.line = line;
        this.ix = ix;
    }

    private static List<Var> without(List<Var> axes, int along) {
        List<Var> r = new ArrayList<>(axes);
        r.remove(along);
        return r;
    }

    /** Independent lines. */
    static List<Var> lines(Kernel.Lines k) {
        return switch (k.rule()) {
            case Array.Scan s -> without(s.axes(), s.along());
            case Array.Ranking r -> without(r.axes(), r.along());
            case Array.Scatter s -> s.lanes();
            default -> throw new IllegalStateException(k.array() + " has no lines");
        };
    }

    /** Steps along a line. */
    static double steps(Kernel.Lines k) {
        return switch (k.rule()) {
            case Array.Scan s -> s.axes().get(s.along()).size();
            case Array.Ranking r -> (double) r.axes().get(r.along()).size() * r.count();
            case Array.Scatter s -> Generator.count(s.copied()) + Generator.count(s.updates());
            default -> throw new IllegalStateException(k.array() + " has no lines");
        };
    }

    void write(Kernel.Lines k) {
        switch (k.rule()) {
            case Array.Scan s -> scan(k.array(), s);
            case Array.Ranking r -> ranking(k.array(), r);
            case Array.Scatter s -> scatter(k.array(), s);
            default -> throw new IllegalStateException(k.array() + " has no lines");
        }
    }

    private void scan(Array a, Array.Scan s) {
        Var along = s.axes().get(s.along());
        code.line("%s sum = 0;", Types.computed(a.type()));
        String t = line.declare(along);
        if (s.reverse()) {
            code.open("for (%s %s = %d; %s >= 0; --%s)", ix, t, along.size() - 1, t, t);
        } else {
            code.open("for (%s %s = 0; %s < %d; ++%s)", ix, t, t, along.size(), t);
        }
        Expressions e = line.inner();
        String v = e.value(s.body());
        Index at = a.position(Index.of(s.axes()));
        if (s.exclusive()) {
            e.store(a, at, "sum");
            code.line("sum += %s;", v);
        } else {
            code.line("sum += %s;", v);
            e.store(a, at, "sum");
        }
        code.close();
    }

    /** Insertion into the list of the best so far. */
    private void ranking(Array a, Array.Ranking r) {
        Var along = r.axes().get(r.along());
        Var held = new Var("held", r.count());
        List<Index> place = new ArrayList<>(Index.of(r.axes()));
        place.set(r.along(), Index.of(held));
        Index position = a.position(place);
        String t = line.declare(along);
        code.open("for (%s %s = 0; %s < %d; ++%s)", ix, t, t, along.size(), t);
        Expressions e = line.inner();
        String v = e.value(r.body());
        code.line("%s p = min(%s, (%s)%d);", ix, t, ix, r.count());
        code.open("for (; p > 0; --p)");
        Expressions f = line.inner();
        f.bind(held, "(p - 1)");
        code.line("const %s q = %s[%s];", ix, f.pointer(a), f.index(position));
        f.bind(along, "q");
        String w = f.value(r.body());
        code.line("if (!(%s %s %s)) break;", v, r.largest() ? ">" : "<", w);
        f.bind(held, "p");
        code.line("if (p < %d) %s[%s] = q;", r.count(), f.pointer(a), f.index(position));
        code.close();
        e.bind(held, "p");
        code.line("if (p < %d) %s[%s] = %s;", r.count(), e.pointer(a), e.index(position), t);
        code.close();
    }

    private void scatter(Array a, Array.Scatter s) {
        Expressions e = line.inner();
        for (Var v : s.copied()) {
            String name = e.declare(v);
            code.open("for (%s %s = 0; %s < %d; ++%s)", ix, name, name, v.size(), name);
        }
        Expressions f = e.inner();
        f.store(a, a.position(s.place()), f.value(s.base()));
        s.copied().forEach(v -> code.close());
        e = line.inner();
        for (Var v : s.updates()) {
            String name = e.declare(v);
            code.open("for (%s %s = 0; %s < %d; ++%s)", ix, name, name, v.size(), name);
        }
        f = e.inner();
        for (Scalar.Inside i : s.condition()) {
            code.line("if (!(%s)) continue;", f.value(i));
        }
        String update = f.value(s.update());
        Index target = a.position(s.target());
        if (s.replace()) {
            f.store(a, target, update);
        } else {
            String old = f.fresh("old");
            String now = f.value(new Scalar.Load(a, s.target()));
            code.line("const %s %s = %s;", Types.computed(a.type()), old, now);
            f.store(a, target, Types.joined(s.fold(), old, update, false));
        }
        s.updates().forEach(v -> code.close());
    }
}
