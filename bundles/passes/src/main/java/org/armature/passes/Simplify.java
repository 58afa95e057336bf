package org.armature.passes;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.LongStream;
import org.armature.compute.GraphPass;
import org.armature.graph.Dim;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Ops;
import org.armature.graph.Rewriter;
import org.armature.graph.Value;
import org.osgi.service.component.annotations.Component;

/**
 * Takes out what does nothing: identities, casts to the same type, additions of 0 and multiplications by 1, reshapes and
 * expansions to the same shape, permutations that undo each other, reshapes of reshapes. Nodes that no output needs are no
 * part of any graph, so dead code goes with it.
 */
@Component(property = {"armature.id=simplify", "armature.kind=pass"})
public final class Simplify implements GraphPass {
    @Override
    public String id() {
        return "simplify";
    }

    @Override
    public Graph apply(Graph graph) {
        return Match.untilStable(graph, Simplify::rule);
    }

    private static boolean rule(Node n, Rewriter r) {
        if (!n.op().domain().isEmpty() || n.outputs().size() > 1 || n.inputs().isEmpty()) {
            return false;
        }
        Graph g = r.source();
        Value x = n.input(0);
        if (isNoOp(n)) {
            r.replace(n.output(), r.get(x));
            return true;
        }
        if ((n.is("Add") || n.is("Mul")) && isNoOp(n.input(1), x, n)) {
            r.replace(n.output(), r.get(n.input(1)));
            return true;
        }
        if (n.is("Transpose")) {
            Optional<Node> before = Match.made(g, x, "Transpose");
            if (before.isPresent()) {
                long[] both = composed(perm(before.get()), perm(n));
                Value start = r.get(before.get().input(0));
                r.replace(n.output(), isAscending(both) ? start : Ops.transpose(start, both));
                return true;
            }
        }
        if (isReshape(n) && n.output().shape().isStatic()) {
            Optional<Node> before = g.producer(x).filter(Simplify::isReshape);
            if (before.isPresent()) {
                Value start = r.get(before.get().input(0));
                r.replace(
                        n.output(),
                        start.shape().equals(n.output().shape())
                                ? start
                                : Ops.reshape(start, n.output().shape()));
                return true;
            }
        }
        return false;
    }

    private static boolean isReshape(Node n) {
        return n.is("Reshape") || n.is("Flatten") || n.is("Squeeze") || n.is("Unsqueeze");
    }

    private static boolean isNoOp(Node n) {
        Value x = n.input(0);
        boolean sameType = x.type().equals(n.output().type());
        boolean sameShape = sameType && x.shape().dims().stream().allMatch(Dim::isKnown);
        return switch (n.type()) {
            case "Identity" -> true;
            case "Cast", "CastLike" -> sameType;
            case "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Tile" -> sameShape;
            case "Slice" ->
                sameShape
                        && Match.longs(n.input(4))
                                .map(s -> Arrays.stream(s).allMatch(i -> i > 0))
                                .orElse(!n.input(4).isPresent());
            case "Pad" ->
                Match.longs(n.input(1))
                        .filter(p -> Arrays.stream(p).allMatch(i -> i == 0))
                        .isPresent();
            case "Concat", "Sum", "Max", "Min", "Mean" -> n.inputs().size() == 1;
            case "Transpose" -> isAscending(perm(n));
            case "Dropout" -> !n.input(2).isPresent() || Match.isScalar(n.input(2), 0);
            case "Add", "Sub" -> sameType && Match.isNeutral(n.input(1), 0, x.shape());
            case "Mul", "Div" -> sameType && Match.isNeutral(n.input(1), 1, x.shape());
            case "Pow" -> sameType && Match.isNeutral(n.input(1), 1, x.shape());
            default -> false;
        };
    }

    /** The other operand is the neutral one. */
    private static boolean isNoOp(Value kept, Value neutral, Node n) {
        return kept.type().equals(n.output().type()) && Match.isNeutral(neutral, n.is("Add") ? 0 : 1, kept.shape());
    }

    private static long[] perm(Node n) {
        int rank = n.input(0).rank();
        return n.integers(
                "perm", LongStream.range(0, rank).map(i -> rank - 1 - i).toArray());
    }

    private static boolean isAscending(long... perm) {
        return Arrays.equals(perm, LongStream.range(0, perm.length).toArray());
    }

    private static long[] composed(long[] first, long[] second) {
        return Arrays.stream(second).map(i -> first[(int) i]).toArray();
    }
}
