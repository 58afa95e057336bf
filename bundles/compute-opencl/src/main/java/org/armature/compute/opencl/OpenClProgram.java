package org.armature.compute.opencl;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.armature.compute.CompileOptions;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.compute.opencl.device.Compiled;
import org.armature.compute.opencl.device.Execution;
import org.armature.compute.opencl.device.OpenClDevice;
import org.armature.compute.opencl.device.Tuning;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.lower.Lowering;
import org.armature.compute.opencl.schedule.Schedule;
import org.armature.graph.Constant;
import org.armature.graph.Dim;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.jspecify.annotations.Nullable;

/** A graph on an OpenCL device: compiled for each set of shapes it meets. */
final class OpenClProgram implements Program {
    private static final int PROFILED = 7;

    private final OpenClDevice device;
    private final Graph graph;
    private final CompileOptions options;
    private final Tuning tuning;
    private final Set<String> deciding;
    private final Runnable release;
    private final SequencedMap<String, TensorType> inputs = new LinkedHashMap<>();
    private final SequencedMap<String, TensorType> outputs = new LinkedHashMap<>();
    private final Map<Key, Compiled> variants = new HashMap<>();
    // Runs share it, close waits for them.
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private boolean closed;
    // Whether the next run is to be timed; the last of those that were, all of one variant.
    private volatile boolean timing;
    private final Deque<List<Compiled.Timing>> timed = new ArrayDeque<>();
    private boolean news;

    private record Key(Map<String, Shape> shapes, Map<String, Constant> values) {}

    /** @param release called when the program is closed */
    OpenClProgram(OpenClDevice device, Graph graph, CompileOptions options, Tuning tuning, Runnable release) {
        this.tuning = tuning;
        this.device = device;
        this.options = options;
        this.graph = graph.flat();
        this.release = release;
        deciding = new java.util.LinkedHashSet<>(Specialisation.deciding(this.graph));
        deciding.removeAll(options.frozen().keySet());
        Stream.concat(graph.inputs().stream(), graph.parameters().stream())
                .filter(v -> !options.frozen().containsKey(v.name()))
                .forEach(v -> inputs.put(v.name(), v.type()));
        graph.outputs().forEach((k, v) -> outputs.put(k, v.type()));
        graph.parameters().forEach(v -> {
            Tensor t = options.frozen().get(v.name());
            if (t != null) {
                check(v.name(), v.type(), t);
            }
        });
        Set<String> known = Lowering.operators();
        for (Node n : this.graph.nodes()) {
            if (!known.contains(n.op().toString())) {
                throw new UnsupportedOperationException(
                        "operator " + n.op() + " of node " + n.name()
                                + " has no kernel in the executor opencl: use the executor onnx, or add a rule to its Lowering");
            }
        }
        if (graph.isStatic() && deciding.isEmpty()) {
            variant(new Key(Map.of(), Map.of()));
        }
    }

    private synchronized Compiled variant(Key key) {
        Compiled c = variants.get(key);
        if (c == null) {
            Map<String, Constant> fixed = new HashMap<>(key.values);
            Specialisation.deciding(graph).forEach(name -> {
                Tensor t = options.frozen().get(name);
                if (t != null) {
                    fixed.put(name, t.toConstant());
                }
            });
            Graph g = Specialisation.of(graph, key.shapes, fixed);
            Schedule s = Schedule.of(
                    Lowering.lower(g, options.frozen().keySet()),
                    device.target(),
                    options.optimization() != CompileOptions.Optimization.NONE);
            Map<String, MemorySegment> frozen = new HashMap<>();
            options.frozen().forEach((k, t) -> frozen.put(k, t.data()));
            c = new Compiled(device, s, tuning, frozen);
            variants.put(key, c);
        }
        return c;
    }

    private Key key(Map<String, Tensor> given) {
        if (graph.isStatic() && deciding.isEmpty()) {
            return new Key(Map.of(), Map.of());
        }
        Map<String, Shape> shapes = new HashMap<>();
        graph.inputs().forEach(v -> {
            Tensor t = given.containsKey(v.name())
                    ? given.get(v.name())
                    : options.frozen().get(v.name());
            if (t != null) {
                shapes.put(v.name(), t.shape());
            }
        });
        Map<String, Constant> values = new HashMap<>();
        deciding.forEach(name -> values.put(name, given.get(name).toConstant()));
        return new Key(shapes, values);
    }

    @Override
    public SequencedMap<String, TensorType> inputs() {
        return Collections.unmodifiableSequencedMap(inputs);
    }

    @Override
    public SequencedMap<String, TensorType> outputs() {
        return Collections.unmodifiableSequencedMap(outputs);
    }

    @Override
    public SequencedMap<String, Tensor> run(Map<String, Tensor> given) {
        SequencedMap<String, Tensor> out = new LinkedHashMap<>();
        try {
            once(given, out, this::run);
            return out;
        } catch (RuntimeException | Error e) {
            out.values().forEach(Tensor::close);
            throw e;
        }
    }

    private void run(Execution.Attached attached) {
        if (!timing) {
            attached.run(null);
            return;
        }
        timing = false;
        List<Compiled.Timing> kernels = timed(attached);
        synchronized (timed) {
            timed.removeIf(before -> !isSameVariant(before, kernels));
            timed.addLast(kernels);
            if (timed.size() > PROFILED) {
                timed.removeFirst();
            }
            news = true;
        }
    }

    private static boolean isSameVariant(List<Compiled.Timing> a, List<Compiled.Timing> b) {
        return a.size() == b.size()
                && (a.isEmpty() || a.getFirst().launch() == b.getFirst().launch());
    }

    private static List<Compiled.Timing> timed(Execution.Attached attached) {
        List<Compiled.Timing> kernels = new ArrayList<>();
        attached.run(kernels);
        return kernels;
    }

    /** Has the next run note how long each kernel takes: an event a kernel. */
    void timeNext() {
        timing = true;
    }

    /** The least time of every kernel over the last timed runs; empty if there was no run since this was asked before. */
    List<Compiled.Timing> timings() {
        synchronized (timed) {
            if (!news) {
                return List.of();
            }
            news = false;
            return least(timed);
        }
    }

    /** Of runs of the same kernels. */
    private static List<Compiled.Timing> least(Collection<List<Compiled.Timing>> runs) {
        return runs.stream()
                .reduce((a, b) -> IntStream.range(0, a.size())
                        .mapToObj(k -> a.get(k).seconds() <= b.get(k).seconds() ? a.get(k) : b.get(k))
                        .toList())
                .orElse(List.of());
    }

    OpenClDevice device() {
        return device;
    }

    /** The graph's. */
    String name() {
        return graph.name();
    }

    /** The least time of every kernel over some runs, after one to warm up. */
    List<Compiled.Timing> profile(Map<String, Tensor> given) {
        SequencedMap<String, Tensor> out = new LinkedHashMap<>();
        List<List<Compiled.Timing>> runs = new ArrayList<>();
        try {
            once(given, out, attached -> {
                attached.run(null);
                for (int i = 0; i < PROFILED; i++) {
                    runs.add(timed(attached));
                }
            });
            return least(runs);
        } finally {
            out.values().forEach(Tensor::close);
        }
    }

    /** Fills {@code out} with fresh results of what {@code work} does on a borrowed execution. */
    private void once(Map<String, Tensor> given, Map<String, Tensor> out, Consumer<Execution.Attached> work) {
        Lock run = enter();
        try {
            checkAll(given);
            Compiled c = variant(key(given));
            c.schedule().outputs().forEach((k, a) -> out.put(k, Tensor.zeros(a.type(), Shape.of(a.shape()))));
            Execution e = c.borrow();
            try (Execution.Attached attached = attach(c, e, given, out)) {
                work.accept(attached);
            } finally {
                c.giveBack(e);
            }
            copyAliases(c, given, out);
        } finally {
            run.unlock();
        }
    }

    private static Execution.Attached attach(
            Compiled c, Execution e, Map<String, Tensor> given, Map<String, Tensor> out) {
        Map<Array, MemorySegment> in = new IdentityHashMap<>();
        c.schedule().inputs().forEach((k, a) -> {
            if (!((Array.Given) a.rule()).frozen()) {
                in.put(a, given.get(k).data());
            }
        });
        Map<Array, MemorySegment> results = new IdentityHashMap<>();
        c.schedule().outputs().forEach((k, a) -> {
            if (isComputed(a)) {
                results.putIfAbsent(a, out.get(k).data());
            }
        });
        return e.attach(in, results);
    }

    private static boolean isComputed(Array a) {
        return !(a.rule() instanceof Array.Given) && !(a.rule() instanceof Array.Literal);
    }

    /** Outputs that are inputs, constants, or other outputs under a second name. */
    private void copyAliases(Compiled c, Map<String, Tensor> given, Map<String, Tensor> out) {
        Map<Array, Tensor> first = new IdentityHashMap<>();
        Map<Array, String> names = new IdentityHashMap<>();
        c.schedule().inputs().forEach((k, a) -> names.put(a, k));
        c.schedule().outputs().forEach((k, a) -> {
            Tensor to = out.get(k);
            switch (a.rule()) {
                case Array.Literal l -> to.data().copyFrom(l.data().data());
                case Array.Given g -> {
                    String name = names.get(a);
                    to.copyFrom(
                            given.containsKey(name)
                                    ? given.get(name)
                                    : options.frozen().get(name));
                }
                default -> {
                    Tensor before = first.putIfAbsent(a, to);
                    if (before != null) {
                        to.copyFrom(before);
                    }
                }
            }
        });
    }

    @Override
    public Binding bind(Map<String, Tensor> given, Map<String, Tensor> results) {
        Lock run = enter();
        try {
            checkAll(given);
            Compiled c = variant(key(given));
            SequencedMap<String, Tensor> all = new LinkedHashMap<>();
            List<Tensor> own = new ArrayList<>();
            c.schedule().outputs().forEach((k, a) -> {
                Tensor have = results.get(k);
                TensorType type = new TensorType(a.type(), Shape.of(a.shape()));
                if (have == null) {
                    have = Tensor.zeros(type);
                    own.add(have);
                }
                check(k, type, have);
                all.put(k, have);
            });
            return new Pinned(c, given, all, own);
        } finally {
            run.unlock();
        }
    }

    private final class Pinned implements Binding {
        private final Compiled compiled;
        private final Map<String, Tensor> given;
        private final Map<String, Tensor> results;
        private final List<Tensor> own;
        private final Execution execution;
        private final Execution.Attached attached;
        private boolean released;

        Pinned(Compiled compiled, Map<String, Tensor> given, Map<String, Tensor> results, List<Tensor> own) {
            this.compiled = compiled;
            this.given = Map.copyOf(given);
            this.results = results;
            this.own = own;
            execution = compiled.borrow();
            attached = attach(compiled, execution, given, results);
        }

        @Override
        public void run() {
            Lock run = enter();
            try {
                OpenClProgram.this.run(attached);
                copyAliases(compiled, given, results);
            } finally {
                run.unlock();
            }
        }

        @Override
        public Tensor output(String name) {
            Tensor t = results.get(name);
            if (t == null) {
                throw new IllegalArgumentException("there is no output " + name + " among " + results.keySet());
            }
            return t;
        }

        @Override
        public void close() {
            if (!released) {
                released = true;
                attached.close();
                compiled.giveBack(execution);
                own.forEach(Tensor::close);
            }
        }
    }

    private Lock enter() {
        Lock run = lock.readLock();
        run.lock();
        if (closed) {
            run.unlock();
            throw new IllegalStateException("the program of graph " + graph.name() + " is closed: compile again");
        }
        return run;
    }

    private void checkAll(Map<String, Tensor> given) {
        Map<String, Long> symbols = new HashMap<>();
        inputs.forEach((name, type) -> {
            Tensor t = given.get(name);
            if (t == null) {
                throw new IllegalArgumentException(
                        "input " + name + ": " + type + " of graph " + graph.name() + " is missing");
            }
            check(name, type, t);
            for (int i = 0; i < t.shape().rank(); i++) {
                String s = type.shape().at(i).symbol();
                Long before = s == null ? null : symbols.put(s, t.shape().dim(i));
                if (before != null && before != t.shape().dim(i)) {
                    throw new IllegalArgumentException("input " + name + " has shape " + t.shape() + ", but " + s
                            + " is " + before + " in another input");
                }
            }
        });
    }

    private static void check(String name, TensorType want, Tensor have) {
        boolean fits = want.dtype() == have.dtype()
                && want.shape().rank() == have.shape().rank();
        for (int i = 0; fits && i < want.shape().rank(); i++) {
            Dim d = want.shape().at(i);
            fits = !d.isKnown() || d.size() == have.shape().dim(i);
        }
        if (!fits) {
            throw new IllegalArgumentException(name + " is " + have.type() + ", but the graph needs " + want);
        }
    }

    /** The compiled form for the graph's own sizes; null if they are open. */
    @Nullable
    Compiled compiled() {
        return graph.isStatic() && deciding.isEmpty() ? variant(new Key(Map.of(), Map.of())) : null;
    }

    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
        } finally {
            lock.writeLock().unlock();
        }
        synchronized (this) {
            variants.values().forEach(Compiled::close);
            variants.clear();
        }
        release.run();
    }
}
