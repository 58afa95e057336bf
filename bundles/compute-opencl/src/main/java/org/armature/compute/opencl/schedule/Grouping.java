package org.armature.compute.opencl.schedule;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.jspecify.annotations.Nullable;

/** Puts arrays that are to become memory into kernels. */
final class Grouping {
    /** Fewer rows than this are not worth joining more work to. */
    private static final long FEW_ROWS = 16;

    private static final long SMALL = 4096;

    private enum Kind {
        LOOP,
        ROWS,
        COLUMNS,
        TILES,
        ATTENTION,
        LINES
    }

    /** A kernel in the making. */
    private static final class Group {
        final int number;
        Kind kind;
        long rows;
        final List<Array> members = new ArrayList<>();
        final Set<Group> before = Collections.newSetFromMap(new IdentityHashMap<>());

        Group(int number, Kind kind, long rows, Array first) {
            this.number = number;
            this.kind = kind;
            this.rows = rows;
            members.add(first);
        }
    }

    private final List<Array> arrays;
    private final Set<Array> wanted = Collections.newSetFromMap(new IdentityHashMap<>());
    private final Map<Array, Array> panels;
    private final boolean fuse;
    private final Map<Array, Group> groupOf = new IdentityHashMap<>();
    private final List<Group> groups = new ArrayList<>();

    Grouping(List<Array> arrays, Collection<Array> outputs, Map<Array, Array> panels, boolean fuse) {
        this.arrays = arrays;
        this.panels = panels;
        this.fuse = fuse;
        wanted.addAll(outputs);
    }

    List<Kernel> kernels() {
        for (Array a : arrays) {
            place(a);
        }
        // An array goes to memory if somebody outside its kernel reads it.
        for (Array a : arrays) {
            for (Array b : Bodies.loaded(a.rule())) {
                if (groupOf.get(b) != groupOf.get(a)) {
                    wanted.add(b);
                }
            }
        }
        return sorted().stream().map(this::kernel).toList();
    }

    private void place(Array a) {
        List<Group> inputs = new ArrayList<>();
        for (Array b : Bodies.loaded(a.rule())) {
            Group g = groupOf.get(b);
            if (g != null && !inputs.contains(g)) {
                inputs.add(g);
            }
        }
        Group home = a.rule() instanceof Array.Attended t ? other(t) : null;
        if (fuse && home == null) {
            for (Group g : inputs.reversed()) {
                boolean free = inputs.stream().noneMatch(h -> h != g && h.before.contains(g));
                if (free && joins(a, g)) {
                    home = g;
                    break;
                }
            }
        }
        if (home == null) {
            home = new Group(groups.size(), kind(a), a.rule() instanceof Array.Reduction ? a.size() : 0, a);
            groups.add(home);
        } else {
            home.members.add(a);
            if (a.rule() instanceof Array.Reduction) {
                home.kind = Kind.ROWS;
                home.rows = a.size();
            }
        }
        groupOf.put(a, home);
        Set<Group> more = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Group g : inputs) {
            if (g != home) {
                more.add(g);
                more.addAll(g.before);
            }
        }
        if (home.before.addAll(more)) {
            for (Group g : groups) {
                if (g.before.contains(home)) {
                    g.before.addAll(more);
                }
            }
        }
    }

    /** The kernel that computes another result of the same attention. */
    private @Nullable Group other(Array.Attended t) {
        return groups.stream()
                .filter(g -> g.members.getFirst().rule() instanceof Array.Attended o && o.of().isKernelOf(t.of()))
                .findFirst()
                .orElse(null);
    }

    private static Kind kind(Array a) {
        return switch (a.rule()) {
            case Array.Pointwise p -> Kind.LOOP;
            case Array.Reduction r -> isColumns(a, r) ? Kind.COLUMNS : Kind.ROWS;
            case Array.Contraction c -> Kind.TILES;
            case Array.Convolved w -> Kind.TILES;
            case Array.Attended t -> Kind.ATTENTION;
            default -> Kind.LINES;
        };
    }

    /** Whether neighbours in memory are neighbouring results rather than neighbouring terms of one result. */
    private static boolean isColumns(Array a, Array.Reduction r) {
        Var lane = lane(r.axes());
        Var last = lane(r.over());
        if (lane == null || last == null || lane.size() < 8) {
            return false;
        }
        if (Bodies.size(r.over()) < 16) {
            return true;
        }
        double along = 0;
        double across = 0;
        for (Scalar.Load l : Scalar.loads(r.body())) {
            Index p = l.array().position(l.at());
            along += p.stride(last) == 1 ? 1 : 0;
            across += p.stride(lane) == 1 ? 1 : 0;
        }
        return across > along || (across > 0 && last.size() < 16);
    }

    /** The last variable that varies; null if none does. */
    static Var lane(List<Var> vars) {
        for (Var v : vars.reversed()) {
            if (v.size() > 1) {
                return v;
            }
        }
        return null;
    }

    private boolean joins(Array a, Group g) {
        return switch (g.kind) {
            case TILES, COLUMNS ->
                a.rule() instanceof Array.Pointwise p
                        && a.size() == g.members.getFirst().size()
                        && inPlace(p.axes(), p.body(), g);
            case LOOP ->
                switch (a.rule()) {
                    case Array.Pointwise p -> a.size() == g.members.getFirst().size() && inPlace(p.axes(), p.body(), g);
                    case Array.Reduction r ->
                        !isColumns(a, r)
                                && a.size() >= FEW_ROWS
                                && g.members.stream()
                                        .allMatch(m -> m.size() % Math.max(1, a.size()) == 0 && factors(m, a.size()))
                                && rowLocal(r.axes(), r.axes().size(), r.body(), g, a.size());
                    default -> false;
                };
            case ROWS ->
                switch (a.rule()) {
                    case Array.Reduction r ->
                        a.size() == g.rows
                                && !isColumns(a, r)
                                && rowLocal(r.axes(), r.axes().size(), r.body(), g, g.rows);
                    case Array.Pointwise p ->
                        factors(a, g.rows)
                                && (g.rows >= FEW_ROWS || a.size() <= SMALL)
                                && rowLocal(p.axes(), prefix(a, g.rows), p.body(), g, g.rows);
                    default -> false;
                };
            case ATTENTION, LINES -> false;
        };
    }

    /** Every load of the group's arrays is at the element that is being computed. */
    private boolean inPlace(List<Var> axes, Scalar body, Group g) {
        Index own = Index.linear(axes);
        return Scalar.loads(body).stream()
                .filter(l -> groupOf.get(l.array()) == g)
                .allMatch(l -> l.array().position(l.at()).equals(own));
    }

    /** Every load of the group's arrays is within the row that is being computed. */
    private boolean rowLocal(List<Var> axes, int rowAxes, Scalar body, Group g, long rows) {
        Index own = Index.linear(axes.subList(0, rowAxes));
        return Scalar.loads(body).stream()
                .filter(l -> groupOf.get(l.array()) == g)
                .allMatch(l -> {
                    long inner = l.array().size() / rows;
                    return l.array().size() % rows == 0
                            && l.array()
                                    .position(l.at())
                                    .div(Math.max(1, inner))
                                    .equals(own);
                });
    }

    private static boolean factors(Array a, long rows) {
        return prefix(a, rows) >= 0;
    }

    /** How many leading axes make {@code rows} elements; -1 if none do. */
    private static int prefix(Array a, long rows) {
        long n = 1;
        for (int i = 0; i <= a.rank(); i++) {
            if (n == rows) {
                return i;
            }
            if (i < a.rank()) {
                n *= a.dim(i);
            }
        }
        return -1;
    }

    private List<Group> sorted() {
        Map<Group, Set<Group>> needs = new IdentityHashMap<>();
        PriorityQueue<Group> ready = new PriorityQueue<>((x, y) -> Integer.compare(x.number, y.number));
        for (Group g : groups) {
            Set<Group> s = Collections.newSetFromMap(new IdentityHashMap<>());
            s.addAll(g.before);
            needs.put(g, s);
            if (s.isEmpty()) {
                ready.add(g);
            }
        }
        List<Group> order = new ArrayList<>();
        while (!ready.isEmpty()) {
            Group g = ready.poll();
            order.add(g);
            needs.forEach((h, s) -> {
                if (s.remove(g) && s.isEmpty()) {
                    ready.add(h);
                }
            });
        }
        if (order.size() != groups.size()) {
            throw new IllegalStateException("kernels wait for each other");
        }
        return order;
    }

    // ---- kernels ---------------------------------------------------------------------------------------------------

    private Kernel kernel(Group g) {
        Array first = g.members.getFirst();
        return switch (g.kind) {
            case LOOP -> {
                List<Var> space = ((Array.Pointwise) first.rule()).axes();
                yield new Kernel.Loop(space, stores(g.members, Index.linear(space), g), panels.containsValue(first));
            }
            case COLUMNS -> {
                Array.Reduction r = (Array.Reduction) first.rule();
                yield new Kernel.Columns(
                        first, r.axes(), r.over(), r.fold(), r.body(), stores(g.members, Index.linear(r.axes()), g));
            }
            case TILES -> {
                if (first.rule() instanceof Array.Convolved w) {
                    Index at = first.position(w.by().place());
                    yield new Kernel.Convolving(first, w.by(), stores(g.members, at, g));
                }
                Array.Contraction c = (Array.Contraction) first.rule();
                yield new Kernel.Tiles(first, c, panels.get(first), stores(g.members, first.position(c.place()), g));
            }
            case ROWS -> rows(g);
            case ATTENTION ->
                new Kernel.Attending(
                        ((Array.Attended) first.rule()).of(),
                        g.members.stream().map(Grouping::result).toList());
            case LINES -> new Kernel.Lines(first, first.rule());
        };
    }

    private static Kernel.Attending.Result result(Array a) {
        Array.Attended t = (Array.Attended) a.rule();
        return new Kernel.Attending.Result(a, t.which(), a.position(t.place()));
    }

    /** Members that go to memory, all at one position; a member that was computed before is used from its expression. */
    private List<Kernel.Store> stores(List<Array> members, Index position, Group g) {
        List<Kernel.Store> stores = new ArrayList<>();
        Map<Array, Scalar> computed = new IdentityHashMap<>();
        for (Array a : members) {
            Scalar body;
            if (a.rule() instanceof Array.Pointwise p) {
                body = Scalar.substitute(
                        p.body(),
                        Scalar.replace(p.axes(), Index.unravel(position, a.shape())),
                        l -> computed.getOrDefault(l.array(), l));
            } else {
                body = new Scalar.Load(a, Index.unravel(position, a.shape()));
            }
            computed.put(a, Scalar.convert(body, a.type()));
            if (wanted.contains(a)) {
                stores.add(new Kernel.Store(a, position, body));
            }
        }
        return stores;
    }

    private Kernel rows(Group g) {
        Array lead = g.members.stream()
                .filter(a -> a.rule() instanceof Array.Reduction)
                .findFirst()
                .orElseThrow();
        List<Var> rows = ((Array.Reduction) lead.rule()).axes();
        Index row = Index.linear(rows);
        // Pointwise members read by a later stage lie in memory even if nobody outside wants them.
        Set<Array> read = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Array a : g.members) {
            Bodies.loaded(a.rule()).stream()
                    .filter(b -> groupOf.get(b) == g && b.rule() instanceof Array.Pointwise)
                    .forEach(read::add);
        }
        List<Kernel.Stage> stages = new ArrayList<>();
        for (Array a : g.members) {
            switch (a.rule()) {
                case Array.Reduction r ->
                    stages.add(new Kernel.Stage.Reduce(
                            a,
                            r.over(),
                            r.fold(),
                            Scalar.substitute(r.body(), Scalar.replace(r.axes(), Index.unravel(row, a.shape()))),
                            wanted.contains(a)));
                case Array.Pointwise p -> {
                    int s = prefix(a, g.rows);
                    List<Index> at = new ArrayList<>(Index.unravel(row, java.util.Arrays.copyOf(a.shape(), s)));
                    List<Var> inner = p.axes().subList(s, p.axes().size());
                    at.addAll(Index.of(inner));
                    Scalar body = Scalar.substitute(p.body(), Scalar.replace(p.axes(), at));
                    if (wanted.contains(a) || read.contains(a)) {
                        Index position = row.times((long) Bodies.size(inner)).plus(Index.linear(inner));
                        stages.add(new Kernel.Stage.Fill(inner, List.of(new Kernel.Store(a, position, body))));
                    }
                }
                default -> throw new IllegalStateException(a + " cannot be part of a row");
            }
        }
        return new Kernel.Rows(rows, stages);
    }
}
