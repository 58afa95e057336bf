package org.armature.autodiff;

import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.armature.graph.Constant;
import org.armature.graph.Dim;
import org.armature.graph.Graph;
import org.armature.graph.GraphException;
import org.armature.graph.Node;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * One node on the way back. {@code x} are its inputs and {@code y} its outputs, as values of the gradient graph; {@code dy}
 * are the cotangents of the outputs; rules call {@link #add} for the inputs.
 */
final class Step {
    private final Backward backward;
    final Node node;

    Step(Backward backward, Node node) {
        this.backward = backward;
        this.node = node;
    }

    Graph.Builder builder() {
        return backward.builder();
    }

    int opset() {
        return backward.builder().opset();
    }

    Value x() {
        return x(0);
    }

    Value x(int i) {
        return backward.saved(node.input(i));
    }

    /** Type and shape of an input without asking for its numbers. */
    Value type(int i) {
        return node.input(i);
    }

    Shape shape(int i) {
        return node.input(i).shape();
    }

    boolean has(int i) {
        return node.input(i).isPresent();
    }

    Value y() {
        return y(0);
    }

    Value y(int i) {
        return backward.saved(node.outputs().get(i));
    }

    /** Output {@code i} of the forward node, also one that the source did not ask for; none if it is not there. */
    Value extra(int i) {
        return backward.extra(node, i);
    }

    /** The cotangent of the first output, zeros if it has none. */
    Value dy() {
        return dy(0);
    }

    Value dy(int i) {
        return hasDy(i)
                ? backward.cotangent(node.outputs().get(i))
                : backward.zeros(node.outputs().get(i).type());
    }

    boolean hasDy(int i) {
        return i < node.outputs().size() && backward.hasCotangent(node.outputs().get(i));
    }

    /** Whether an input's cotangent is asked for; rules that do real work for it check. */
    boolean wants(int i) {
        return has(i) && backward.wants(node.input(i));
    }

    /**
     * Adds to the cotangent of input {@code i}. A larger {@code g} is summed over what the operator had broadcast, a smaller
     * one is expanded.
     */
    void add(int i, Value g) {
        if (wants(i)) {
            backward.add(node.input(i), fit(g, shape(i)));
        }
    }

    /** Adds {@code g} at {@code [from, from + g.dim(axis))} of an axis of input {@code i}. */
    void addPart(int i, int axis, long from, Value g) {
        if (wants(i)) {
            backward.addPart(node.input(i), axis, from, g);
        }
    }

    Value zeros(int i) {
        return backward.zeros(node.input(i).type());
    }

    /** {@code g} in another shape: sums over axes where it is larger, expands where it is smaller. */
    static Value fit(Value g, Shape target) {
        if (g.shape().equals(target)) {
            return g;
        }
        int extra = g.rank() - target.rank();
        long[] over = LongStream.range(0, g.rank())
                .filter(a -> a < extra
                        || (target.dim((int) a - extra) == 1 && g.shape().dim((int) a) != 1))
                .toArray();
        Value sum = over.length == 0 ? g : Ops.reduceSum(g, true, over);
        if (extra > 0) {
            sum = Ops.reshape(sum, sum.shape().slice(extra, sum.rank()));
        }
        return sum.shape().equals(target) ? sum : Ops.expand(sum, target);
    }

    /** Integers that input {@code i} is known to hold. */
    long[] longs(int i) {
        List<Dim> known = node.input(i).known().orElse(null);
        if (known == null || !known.stream().allMatch(Dim::isKnown)) {
            throw fail("its input " + i + " is not constant: make axes, sizes and split points constants");
        }
        return known.stream().mapToLong(Dim::size).toArray();
    }

    /** Axes from input {@code i} or, before they moved there, from the attribute; all where there are none. */
    long[] axes(int i) {
        long[] axes = has(i) ? longs(i) : node.integers("axes");
        if (axes.length == 0) {
            return LongStream.range(0, shape(0).rank()).toArray();
        }
        return Arrays.stream(axes).map(a -> shape(0).axis(a)).sorted().toArray();
    }

    /** The axis named by an attribute, counted from the start. */
    int axis(String attribute, long otherwise) {
        return shape(0).axis(node.integer(attribute, otherwise));
    }

    Value constant(Constant c) {
        return builder().constant(c);
    }

    GraphException fail(String why) {
        return new GraphException("cannot differentiate node " + node.name() + " (" + node.op() + "): " + why);
    }
}
