package org.armature.hypernet;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.armature.graph.Attribute;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Value;
import org.armature.hypernet.NodeGraph.Role;
import org.armature.hypernet.NodeGraph.Target;
import org.jspecify.annotations.Nullable;

/**
 * Turns a graph of operators into the graph a hypernetwork was trained on. The official code walks PyTorch's graph of
 * backward functions; this gives the same nodes, edges and order for the same networks, oddities included:
 *
 * <ul>
 *   <li>an operator with a weight and a bias becomes the chain weight, bias; operators it does not know vanish, and what came
 *       before them leads to what came after;
 *   <li>a class token is no node, and a sum or concatenation of which one input remains is none either;
 *   <li>PyTorch's fused attention hides its softmax, so a packed {@code in_proj_weight} means no attention node;
 *   <li>the node {@code input} leads to every weight that nothing leads to, but not to a position embedding, and a
 *       classifier without a bias is cut off from what leads to it (its product is another backward function).
 * </ul>
 */
final class Tracer {
    private static final Set<String> POOLS = Set.of("MaxPool", "AveragePool");

    /** Choices where checkpoints differ in what they saw. */
    enum Attention {
        /** Hidden where the parameters are those of PyTorch's fused attention, else a node. */
        AUTO,
        HIDDEN,
        NODE;

        static Attention of(String name) {
            return switch (name) {
                case "auto" -> AUTO;
                case "hidden" -> HIDDEN;
                case "node" -> NODE;
                default ->
                    throw new IllegalArgumentException(
                            "config key attention is \"" + name + "\": there are auto, hidden and node");
            };
        }
    }

    private final Graph graph;
    private final boolean attention;
    private final Map<Value, Value> sources = new IdentityHashMap<>();
    /** Nodes in the order they are found, each after what leads to it; the graph's own order is by generation. */
    private final List<Draft> drafts = new ArrayList<>();

    private final Map<Value, Set<Draft>> reaching = new IdentityHashMap<>();
    private final Map<String, Draft> byParameter = new LinkedHashMap<>();

    private static final class Draft {
        final Primitive type;
        final String name;
        final long[] shape;
        final List<Target> targets;
        final Set<Draft> before = new LinkedHashSet<>();

        Draft(Primitive type, String name, long[] shape, List<Target> targets) {
            this.type = type;
            this.name = name;
            this.shape = shape;
            this.targets = targets;
        }
    }

    /** Classifiers without bias, which the official graph has alone. */
    private final Set<Node> severed = Collections.newSetFromMap(new IdentityHashMap<>());

    private Tracer(Graph graph, Attention attention) {
        this.graph = graph;
        graph.outputs().values().forEach(this::sever);
        // Exporters rename the packed weight, which they transpose, but not its bias.
        boolean fused = graph.parameters().stream().anyMatch(p -> p.name().matches(".*in_proj_(weight|bias)"));
        this.attention = attention == Attention.NODE || attention == Attention.AUTO && !fused;
    }

    /**
     * The node graph of a network with every size bound.
     *
     * @throws IllegalArgumentException if no parameter belongs to an operator the hypernetwork knows
     */
    static NodeGraph trace(Graph graph, Attention attention) {
        return new Tracer(graph.flat(), attention).run();
    }

    private void sever(Value output) {
        Node n = graph.producer(output).orElse(null);
        while (n != null && Set.of("Reshape", "Identity", "Cast", "Transpose").contains(n.type())) {
            n = graph.producer(n.input(0)).orElse(null);
        }
        if (n != null
                && (n.type().equals("MatMul")
                        || n.type().equals("Gemm") && n.inputs().size() < 3)) {
            severed.add(n);
        }
    }

    private NodeGraph run() {
        graph.outputs().values().forEach(this::visit);
        List<Draft> ordered = order();
        if (ordered.stream().allMatch(d -> d.targets.isEmpty())) {
            throw new IllegalArgumentException("graph " + graph.name()
                    + " has no parameter of an operator a hypernetwork knows ("
                    + Arrays.stream(Primitive.values()).map(Primitive::id).toList() + ")");
        }
        boolean[][] edges = new boolean[ordered.size()][ordered.size()];
        List<NodeGraph.Node> nodes = new ArrayList<>();
        for (int j = 0; j < ordered.size(); j++) {
            Draft d = ordered.get(j);
            nodes.add(new NodeGraph.Node(d.type, d.name, d.shape, List.copyOf(d.targets)));
            for (Draft b : d.before) {
                edges[ordered.indexOf(b)][j] = true;
            }
        }
        Set<String> unread = new LinkedHashSet<>();
        graph.parameters().forEach(p -> unread.add(p.name()));
        nodes.forEach(n -> n.targets().forEach(t -> unread.remove(t.name())));
        return new NodeGraph(List.copyOf(nodes), edges, List.copyOf(unread));
    }

    /** Nodes without predecessor and with a weight hang on the input; then by generation, ties as found. */
    private List<Draft> order() {
        Draft input = new Draft(Primitive.INPUT, "input", new long[0], List.of());
        for (Draft d : drafts) {
            if (d.before.isEmpty() && d.name.contains("weight")) {
                d.before.add(input);
            }
        }
        List<Draft> all = new ArrayList<>(List.of(input));
        all.addAll(drafts);
        Map<Draft, Integer> waiting = new IdentityHashMap<>();
        all.forEach(d -> waiting.put(d, d.before.size()));
        List<Draft> ordered = new ArrayList<>();
        List<Draft> floating = new ArrayList<>();
        List<Draft> generation = new ArrayList<>();
        for (Draft d : all) {
            if (d.before.isEmpty()) {
                (d == input || d.type != Primitive.POS_ENC ? generation : floating).add(d);
            }
        }
        // A position embedding with nothing before it stands just before what reads it.
        for (Draft f : floating) {
            all.stream().filter(d -> d.before.contains(f)).forEach(d -> waiting.merge(d, -1, Integer::sum));
        }
        while (!generation.isEmpty()) {
            List<Draft> next = new ArrayList<>();
            for (Draft d : generation) {
                for (Draft f : floating) {
                    if (d.before.contains(f) && !ordered.contains(f)) {
                        ordered.add(f);
                    }
                }
                ordered.add(d);
                for (Draft after : all) {
                    if (after.before.contains(d) && waiting.merge(after, -1, Integer::sum) == 0) {
                        next.add(after);
                    }
                }
            }
            generation = next;
        }
        for (Draft f : floating) {
            if (!ordered.contains(f)) {
                ordered.add(f);
            }
        }
        if (ordered.size() != all.size()) {
            Draft stuck =
                    all.stream().filter(d -> !ordered.contains(d)).findFirst().orElseThrow();
            throw new IllegalArgumentException("the network's graph has a cycle through " + stuck.name);
        }
        return ordered;
    }

    /** The nodes data last went through on its way to a value. */
    private Set<Draft> visit(Value v) {
        Set<Draft> known = reaching.get(v);
        if (known != null) {
            return known;
        }
        Set<Draft> result = graph.producer(v).map(n -> make(n)).orElse(Set.of());
        reaching.put(v, result);
        return result;
    }

    private Set<Draft> make(Node n) {
        Value weight = n.inputs().size() > 1 ? parameter(n.input(1)) : null;
        Value left = n.inputs().isEmpty() ? null : parameter(n.input(0));
        switch (n.type()) {
            case "Conv", "ConvTranspose" -> {
                if (weight != null) {
                    Set<Draft> data = visit(n.input(0));
                    Draft w = matrix(convolution(n), weight, data);
                    return n.inputs().size() > 2 ? biased(n.input(2), w) : Set.of(w);
                }
            }
            case "Gemm", "MatMul" -> {
                Value w = weight != null ? weight : left;
                if (w != null && w.rank() > 1) {
                    Set<Draft> data = visit(n.input(weight != null ? 0 : 1));
                    Draft d = matrix(Primitive.CONV, w, severed.contains(n) ? Set.of() : data);
                    if (severed.contains(n)) {
                        return data;
                    }
                    return n.inputs().size() > 2 && n.input(2).isPresent() ? biased(n.input(2), d) : Set.of(d);
                }
                return attended(visit(n.input(0)), visit(n.input(1)));
            }
            case "LayerNormalization" -> {
                return normalized(Primitive.LN, n, weight);
            }
            case "BatchNormalization", "InstanceNormalization" -> {
                return normalized(Primitive.BN, n, weight);
            }
            case "Gather" -> {
                if (left != null && left.rank() == 2) {
                    return Set.of(embedding(left));
                }
            }
            case "Add", "Sum" -> {
                return sum(n);
            }
            case "Concat" -> {
                return joined(Primitive.CONCAT, n.inputs());
            }
            case "Softmax" -> {
                Set<Draft> data = visit(n.input(0));
                return attention && !data.isEmpty() ? Set.of(plain(Primitive.MSA, "Softmax", new long[0], data)) : data;
            }
            case "Mul" -> {
                // Zero times something gives a class token its batch size: no data flows.
                if (n.inputs().stream()
                        .anyMatch(v -> v.constant().filter(k -> k.isAll(0)).isPresent())) {
                    return Set.of();
                }
            }
            case "GlobalAveragePool" -> {
                return Set.of(plain(Primitive.GLOB_AVG, "Mean", new long[0], visit(n.input(0))));
            }
            case "ReduceMean" -> {
                if (spatial(n)) {
                    return Set.of(plain(Primitive.GLOB_AVG, "Mean", new long[0], visit(n.input(0))));
                }
            }
            default -> {
                if (POOLS.contains(n.type())) {
                    List<Long> k = ((Attribute.Ints) n.attributes().get("kernel_shape")).value();
                    long[] shape = {1, 1, k.getFirst(), k.getLast()};
                    Primitive p = n.type().equals("MaxPool") ? Primitive.MAX_POOL : Primitive.AVG_POOL;
                    return Set.of(plain(p, n.type(), shape, visit(n.input(0))));
                }
            }
        }
        return through(n.inputs());
    }

    /** What remains of an operator without a node: everything that led to it leads on. */
    private Set<Draft> through(Collection<Value> inputs) {
        Set<Draft> all = new LinkedHashSet<>();
        inputs.stream().filter(Value::isPresent).forEach(v -> all.addAll(visit(v)));
        return all;
    }

    /**
     * A product of two streams: what attention weighs goes through the attention node, as the official code mends it, and
     * never around it.
     */
    private static Set<Draft> attended(Set<Draft> a, Set<Draft> b) {
        for (Set<Draft> arm : List.of(a, b)) {
            if (arm.size() == 1 && arm.iterator().next().type == Primitive.MSA) {
                arm.iterator().next().before.addAll(arm == a ? b : a);
                return arm;
            }
        }
        Set<Draft> all = new LinkedHashSet<>(a);
        all.addAll(b);
        return all;
    }

    private Set<Draft> joined(Primitive type, Collection<Value> inputs) {
        List<Set<Draft>> arms = new ArrayList<>();
        for (Value v : inputs) {
            Set<Draft> arm = visit(v);
            if (!arm.isEmpty()) {
                arms.add(arm);
            }
        }
        Set<Draft> all = new LinkedHashSet<>();
        arms.forEach(all::addAll);
        return arms.size() < 2 ? all : Set.of(plain(type, type == Primitive.SUM ? "Add" : "Concat", new long[0], all));
    }

    private Set<Draft> sum(Node n) {
        for (int i = 0; i < n.inputs().size() && n.inputs().size() == 2; i++) {
            Value p = parameter(n.input(i));
            if (p == null) {
                continue;
            }
            Set<Draft> data = visit(n.input(1 - i));
            if (vector(p)) {
                // A bias belongs to the weight it follows; a lone vector is no operator the hypernetwork knows.
                return data.size() == 1
                                && data.iterator().next().type.ordinal() <= Primitive.CONV.ordinal()
                                && !data.iterator().next().targets.isEmpty()
                        ? biased(n.input(i), data.iterator().next())
                        : data;
            }
            if (!placed(p)) {
                return data;
            }
            Set<Draft> all = new LinkedHashSet<>(data);
            all.add(position(p));
            return data.isEmpty() ? all : Set.of(plain(Primitive.SUM, "Add", new long[0], all));
        }
        return joined(Primitive.SUM, n.inputs());
    }

    /** Whether a hypernetwork can write a position embedding: a table, or a square of places with or without one in front. */
    private static boolean placed(Value p) {
        if (p.rank() == 2) {
            return true;
        }
        long n = p.rank() == 3 && p.shape().at(0).is(1) ? p.shape().dim(1) : -1;
        long side = (long) Math.sqrt(Math.max(0, n));
        return n > 1 && p.shape().dim(2) > 1 && (side * side == n || side * side + 1 == n);
    }

    private static boolean vector(Value p) {
        return p.shape().dims().stream().filter(d -> !d.is(1)).count() <= 1;
    }

    private static boolean spatial(Node n) {
        if (n.inputs().size() < 2 || n.input(1).constant().isEmpty()) {
            return false;
        }
        int rank = n.input(0).rank();
        long[] axes = Arrays.stream(n.input(1).constant().get().toLongs())
                .map(a -> a < 0 ? a + rank : a)
                .sorted()
                .toArray();
        return rank == 4 && Arrays.equals(axes, new long[] {2, 3}) || rank == 3 && Arrays.equals(axes, new long[] {1});
    }

    private Draft plain(Primitive type, String name, long[] shape, Set<Draft> before) {
        Draft d = new Draft(type, name, shape, List.of());
        d.before.addAll(before);
        drafts.add(d);
        return d;
    }

    private Draft matrix(Primitive type, Value weight, Set<Draft> before) {
        Draft had = byParameter.get(weight.name());
        if (had != null) {
            // A tied weight: the official graph has it once, where it is read first, as what it is last.
            return had;
        }
        return added(type, weight, weight.shape().sizes(), Role.MATRIX, before);
    }

    private Draft embedding(Value table) {
        Draft had = byParameter.get(table.name());
        if (had != null) {
            return had;
        }
        boolean tied = graph.nodes().stream()
                .anyMatch(n -> (n.type().equals("MatMul") || n.type().equals("Gemm"))
                        && n.inputs().stream().anyMatch(v -> parameter(v) == table));
        return added(
                tied ? Primitive.CONV : Primitive.POS_ENC,
                table,
                table.shape().sizes(),
                tied ? Role.MATRIX : Role.EMBEDDING,
                Set.of());
    }

    private Draft position(Value p) {
        Draft had = byParameter.get(p.name());
        if (had != null) {
            return had;
        }
        long[] s = p.shape().sizes();
        boolean sequence = s.length == 3;
        long side = sequence ? (long) Math.sqrt(s[1]) : 0;
        return added(
                Primitive.POS_ENC,
                p,
                sequence ? new long[] {1, s[2], side, side} : s,
                sequence ? Role.POSITION : Role.EMBEDDING,
                Set.of());
    }

    private Set<Draft> biased(Value bias, Draft weight) {
        Value p = parameter(bias);
        if (p == null) {
            return Set.of(weight);
        }
        Draft had = byParameter.get(p.name());
        return Set.of(had != null ? had : added(Primitive.BIAS, p, p.shape().sizes(), Role.BIAS, Set.of(weight)));
    }

    private Set<Draft> normalized(Primitive type, Node n, @Nullable Value weight) {
        Set<Draft> data = visit(n.input(0));
        if (weight == null) {
            return data;
        }
        Draft d = added(type, weight, weight.shape().sizes(), Role.NORM_WEIGHT, data);
        Value bias = n.inputs().size() > 2 && n.input(2).isPresent() ? parameter(n.input(2)) : null;
        if (bias != null) {
            d.targets.add(new Target(bias.name(), bias.shape(), Role.NORM_BIAS));
        }
        return Set.of(d);
    }

    private Draft added(Primitive type, Value p, long[] shape, Role role, Set<Draft> before) {
        List<Target> targets = new ArrayList<>(List.of(new Target(p.name(), p.shape(), role)));
        Draft d = new Draft(type, p.name(), shape, targets);
        d.before.addAll(before);
        drafts.add(d);
        byParameter.put(p.name(), d);
        return d;
    }

    private static Primitive convolution(Node n) {
        long group = n.attributes().get("group") instanceof Attribute.Int g ? g.value() : 1;
        long dilation = n.attributes().get("dilations") instanceof Attribute.Ints d
                ? d.value().stream().mapToLong(v -> v).min().orElse(1)
                : 1;
        return group <= 1 ? Primitive.CONV : dilation > 1 ? Primitive.DIL_CONV : Primitive.SEP_CONV;
    }

    /** The parameter a value is, perhaps seen in another layout or type; null if it is none or made of several. */
    private @Nullable Value parameter(Value v) {
        Value known = sources.get(v);
        if (known != null) {
            return known;
        }
        Value at = v;
        while (at.isPresent()) {
            Node n = graph.producer(at).orElse(null);
            if (n == null) {
                break;
            }
            if (!Set.of(
                            "Reshape",
                            "Transpose",
                            "Cast",
                            "Unsqueeze",
                            "Squeeze",
                            "Identity",
                            "Expand",
                            "Slice",
                            "Flatten")
                    .contains(n.type())) {
                return null;
            }
            at = n.input(0);
        }
        if (graph.parameters().contains(at)) {
            sources.put(v, at);
            return at;
        }
        return null;
    }
}
