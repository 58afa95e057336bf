package org.armature.compute.opencl.lower;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Fold;
import org.armature.compute.opencl.ir.Formula;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Var;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Dim;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.jspecify.annotations.Nullable;

/**
 * Lowers a graph whose sizes are all numbers. Everything is expressed by index arithmetic: a transpose, a slice or a
 * broadcast is the same kind of thing as an addition, and the scheduler decides what becomes memory.
 */
public final class Lowering {
    private static final Map<String, Rule> RULES = new HashMap<>();

    static {
        Elementwise.rules(RULES);
        Layouts.rules(RULES);
        Products.rules(RULES);
        Reductions.rules(RULES);
        Resampling.rules(RULES);
        Fourier.rules(RULES);
        Quantisation.rules(RULES);
    }

    private final Graph graph;
    private final Map<Value, Array> arrays = new IdentityHashMap<>();
    private final Map<Value, List<Node>> readers = new IdentityHashMap<>();
    private final Spectra spectra = new Spectra();

    private Lowering(Graph graph) {
        this.graph = graph;
        for (Node n : graph.nodes()) {
            n.inputs()
                    .forEach(v ->
                            readers.computeIfAbsent(v, k -> new ArrayList<>()).add(n));
        }
    }

    /**
     * A program before scheduling.
     *
     * @param inputs arrays handed in, by name
     * @param outputs by name; several names may share an array
     */
    public record Lowered(SequencedMap<String, Array> inputs, SequencedMap<String, Array> outputs) {}

    /** Operators there is a rule for. */
    public static Set<String> operators() {
        return Set.copyOf(RULES.keySet());
    }

    /**
     * Lowers a graph without calls.
     *
     * @param frozen names of inputs and parameters that are the same for every run
     * @throws UnsupportedOperationException naming a node that has no rule, or a size that depends on data
     */
    public static Lowered lower(Graph graph, Set<String> frozen) {
        Lowering l = new Lowering(graph);
        SequencedMap<String, Array> inputs = new LinkedHashMap<>();
        for (List<Value> sources : List.of(graph.inputs(), graph.parameters())) {
            for (Value v : sources) {
                Array a = new Array(v.name(), v.dtype(), v.shape().sizes(), new Array.Given(frozen.contains(v.name())));
                inputs.put(v.name(), a);
                l.arrays.put(v, a);
            }
        }
        graph.nodes().forEach(l::node);
        SequencedMap<String, Array> outputs = new LinkedHashMap<>();
        graph.outputs().forEach((k, v) -> outputs.put(k, l.array(v)));
        return new Lowered(inputs, outputs);
    }

    private void node(Node n) {
        for (Value v : n.outputs()) {
            if (!v.shape().isStatic()) {
                throw new UnsupportedOperationException("the size of " + v + " of node " + n.name() + " (" + n.op()
                        + ") depends on data, which the executor opencl does not follow: use the executor onnx");
            }
        }
        if (n.outputs().stream().allMatch(v -> known(v) != null)) {
            return; // folded while shapes were inferred
        }
        Rule rule = RULES.get(n.op().toString());
        if (rule == null) {
            throw new UnsupportedOperationException("operator " + n.op() + " of node " + n.name()
                    + " has no kernel in the executor opencl: use the executor onnx, or add a rule to its Lowering");
        }
        List<Array> out = rule.lower(n, this);
        for (int i = 0; i < n.outputs().size(); i++) {
            if (i >= out.size()) {
                throw new UnsupportedOperationException("output " + i + " of node " + n.name() + " (" + n.op()
                        + ") has no kernel in the executor opencl: use the executor onnx");
            }
            arrays.put(n.outputs().get(i), out.get(i));
        }
    }

    int opset() {
        return graph.opset();
    }

    // ---- values ----------------------------------------------------------------------------------------------------

    /** The array of a value. */
    Array array(Value v) {
        Array a = arrays.get(v);
        if (a == null) {
            Constant c = v.constant().orElse(null);
            long[] known = known(v);
            if (c == null && known != null) {
                c = Constant.longs(v.shape(), known);
                if (v.dtype() != DType.INT64) {
                    c = Constant.of(
                            v.dtype(),
                            v.shape(),
                            Arrays.stream(known).asDoubleStream().toArray());
                }
            }
            if (c == null) {
                throw new IllegalStateException("value " + v + " has not been lowered");
            }
            a = new Array(v.name(), v.dtype(), v.shape().sizes(), new Array.Literal(c));
            arrays.put(v, a);
        }
        return a;
    }

    Spectra spectra() {
        return spectra;
    }

    /** How far anybody reads a value along an axis. */
    long extent(Value v, int axis) {
        List<Node> all = readers.getOrDefault(v, List.of());
        long size = v.shape().dim(axis);
        return all.isEmpty() || graph.outputs().containsValue(v)
                ? size
                : all.stream().mapToLong(n -> reach(n, v, axis)).max().orElse(size);
    }

    private long reach(Node n, Value v, int axis) {
        Value out = n.output();
        if (n.is("Slice") && v == n.input(0)) {
            return Layouts.Cut.of(n).reach(axis, extent(out, axis));
        }
        boolean squeezed = n.is("Squeeze") && out.shape().equals(v.shape().slice(0, v.rank() - 1));
        boolean scaled = n.is("Mul")
                && out.shape().equals(v.shape())
                && n.inputs().stream().anyMatch(s -> s.shape().size() == 1);
        return (squeezed && axis < out.rank()) || scaled
                ? extent(out, axis)
                : v.shape().dim(axis);
    }

    /** The integers of a value whose contents are known; null if they are not. */
    static long @Nullable [] known(Value v) {
        Constant c = v.constant().orElse(null);
        if (c != null) {
            return c.dtype().isFloating() || c.shape().size() > 4096 ? null : c.toLongs();
        }
        List<Dim> d = v.known().orElse(null);
        return d != null && d.stream().allMatch(Dim::isKnown)
                ? d.stream().mapToLong(Dim::size).toArray()
                : null;
    }

    /** The integers of an input that decides about sizes. */
    static long[] numbers(Node n, int input) {
        long[] v = known(n.input(input));
        if (v == null) {
            throw new UnsupportedOperationException("input " + input + " of node " + n.name() + " (" + n.op()
                    + ") is computed from data, but sizes and axes must be known before: use the executor onnx");
        }
        return v;
    }

    /** Axes from an input, else from an attribute; null if there are none. */
    static long @Nullable [] axes(Node n, int input) {
        if (n.input(input).isPresent()) {
            return numbers(n, input);
        }
        return n.attribute("axes").isPresent() ? n.integers("axes") : null;
    }

    /** An element; constants of equal elements become literals. */
    static Scalar at(Array a, List<Index> at) {
        if (a.rule() instanceof Array.Literal l && l.data().shape().size() > 0) {
            Constant c = l.data();
            if (c.shape().size() == 1 || (c.shape().size() <= 65536 && c.isAll(c.get(0)))) {
                return new Scalar.Literal(Scalar.computed(c.dtype()), c.get(0), c.getLong(0));
            }
        }
        return new Scalar.Load(a, at);
    }

    /** An element of an array that broadcasts to the space the indices are from. */
    static Scalar spread(Array a, List<Index> at) {
        int lead = at.size() - a.rank();
        return at(
                a,
                IntStream.range(0, a.rank())
                        .mapToObj(i -> a.dim(i) == 1 ? Index.ZERO : at.get(lead + i))
                        .toList());
    }

    Scalar spread(Value v, List<Index> at) {
        return spread(array(v), at);
    }

    // ---- builders --------------------------------------------------------------------------------------------------

    /** An array from its elements. */
    static Array map(String name, DType type, long[] shape, Function<List<Index>, Scalar> body) {
        List<Var> axes = Var.each("i", shape);
        return new Array(name, type, shape, new Array.Pointwise(axes, body.apply(Index.of(axes))));
    }

    /** The first output of a node from its elements. */
    static List<Array> map(Node n, Function<List<Index>, Scalar> body) {
        return List.of(map(n.output(), body));
    }

    static Array map(Value v, Function<List<Index>, Scalar> body) {
        return map(v.name(), v.dtype(), v.shape().sizes(), body);
    }

    /** A fold over some axes of a space. */
    static Array reduce(
            String name,
            DType type,
            long[] space,
            Set<Integer> over,
            boolean keep,
            Fold fold,
            Function<List<Index>, Scalar> body) {
        List<Var> axes = new ArrayList<>();
        List<Var> folded = new ArrayList<>();
        List<Index> at = new ArrayList<>();
        for (int i = 0; i < space.length; i++) {
            Var v = new Var((over.contains(i) ? "r" : "i") + i, space[i]);
            (over.contains(i) ? folded : axes).add(v);
            if (over.contains(i) && keep) {
                axes.add(new Var("i" + i, 1));
            }
            at.add(Index.of(v));
        }
        return new Array(
                name,
                type,
                axes.stream().mapToLong(Var::size).toArray(),
                new Array.Reduction(axes, folded, fold, Scalar.convert(body.apply(at), type)));
    }

    /** The same elements in row-major order in another shape. */
    static Array reshape(String name, Array a, long... shape) {
        return Arrays.equals(shape, a.shape())
                ? a
                : map(name, a.type(), shape, at -> at(a, Index.unravel(Index.linear(at, shape), a.shape())));
    }

    static Scalar apply(Formula f, Scalar... operands) {
        return new Scalar.Apply(f, List.of(operands), operands[0].type());
    }

    private static final Formula ADD = Formula.of("add", "x + y");
    private static final Formula SUBTRACT = Formula.of("subtract", "x - y");
    private static final Formula MULTIPLY = Formula.of("multiply", "x * y");
    private static final Formula DIVIDE = Formula.of("divide", "x / y");

    static Scalar add(Scalar a, Scalar b) {
        return apply(ADD, a, b);
    }

    static Scalar subtract(Scalar a, Scalar b) {
        return apply(SUBTRACT, a, b);
    }

    static Scalar multiply(Scalar a, Scalar b) {
        return a instanceof Scalar.Literal l && l.value() == 1
                ? b
                : b instanceof Scalar.Literal l && l.value() == 1 ? a : apply(MULTIPLY, a, b);
    }

    /** Floating division. */
    static Scalar divide(Scalar a, Scalar b) {
        return apply(DIVIDE, a, b);
    }

    static Scalar literal(DType type, double v) {
        return Scalar.literal(type, v);
    }

    // ---- shapes ----------------------------------------------------------------------------------------------------

    static long[] sizes(Value v) {
        return v.shape().sizes();
    }

    static Set<Integer> axisSet(Shape s, long... axes) {
        Set<Integer> r = new java.util.TreeSet<>();
        for (long a : axes) {
            r.add(s.axis(a));
        }
        return r;
    }

    static Set<Integer> range(int from, int to) {
        return IntStream.range(from, to).boxed().collect(java.util.stream.Collectors.toSet());
    }

    static long product(long... v) {
        return Arrays.stream(v).reduce(1, (a, b) -> a * b);
    }
}
