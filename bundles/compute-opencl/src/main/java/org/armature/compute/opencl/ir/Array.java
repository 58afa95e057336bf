package org.armature.compute.opencl.ir;

import java.util.List;
import java.util.stream.Stream;
import org.armature.graph.Constant;
import org.armature.graph.DType;

/** A tensor of the program: type, sizes and the rule its elements follow; told apart by identity. */
public final class Array {
    private final String name;
    private final DType type;
    private final long[] shape;
    private final Rule rule;

    public Array(String name, DType type, long[] shape, Rule rule) {
        this.name = name;
        this.type = type;
        this.shape = shape.clone();
        this.rule = rule;
    }

    /** Where its elements come from. */
    public sealed interface Rule {}

    /**
     * Handed in by the caller.
     *
     * @param frozen whether it is the same tensor for every run
     */
    public record Given(boolean frozen) implements Rule {}

    /** A constant of the graph. */
    public record Literal(Constant data) implements Rule {}

    /** {@code out[axes] = body}. */
    public record Pointwise(List<Var> axes, Scalar body) implements Rule {}

    /** {@code out[axes] = fold over (over) of body}. */
    public record Reduction(List<Var> axes, List<Var> over, Fold fold, Scalar body) implements Rule {}

    /**
     * {@code out[place] = sum over inner of left * right} in 32-bit floats, for every batch, row and column.
     *
     * @param left uses batch, row, inner
     * @param right uses batch, inner, column
     * @param place the output's indices as functions of batch, row, column; one to one
     */
    public record Contraction(Var batch, Var row, Var column, Var inner, Scalar left, Scalar right, List<Index> place)
            implements Rule {
        /** The transposed factors' product: the same elements at the same places, rows for columns. */
        public Contraction transposed() {
            return new Contraction(batch, column, row, inner, right, left, place);
        }

        public double flops() {
            return 2.0 * batch.size() * row.size() * column.size() * inner.size();
        }

        /**
         * Steps of the inner index that both operands, elements of arrays, go on by equal steps: all of them, or, at most
         * {@code most}, the lines of a window.
         */
        public long run(long most) {
            long n = 1;
            while (inner.size() % n != 0 || (n > 1 && inner.size() / n > most) || !isRun(inner.size() / n)) {
                n++;
            }
            return inner.size() / n;
        }

        private boolean isRun(long steps) {
            Var step = new Var("step", steps);
            Index k =
                    Index.of(new Var("run", inner.size() / steps)).times(steps).plus(Index.of(step));
            return Stream.of(left, right)
                    .map(s -> (Scalar.Load) Scalar.substitute(s, v -> v == inner ? k : Index.of(v)))
                    .allMatch(l -> l.array().position(l.at()).isPlain(step));
        }
    }

    /** One result of an attention, its elements at {@code place}: a function of the batch and the result's row and column. */
    public record Attended(Attention of, Attention.Result which, List<Index> place) implements Rule {}

    /** A convolution with fewer multiplications. */
    public record Convolved(Winograd by) implements Rule {}

    /** Running sum of body along {@code axes[along]}. */
    public record Scan(List<Var> axes, int along, boolean exclusive, boolean reverse, Scalar body) implements Rule {}

    /** INT64: where along an axis the first, second, ... of {@code count} elements of body in order are; ties by position. */
    public record Ranking(List<Var> axes, int along, long count, boolean largest, Scalar body) implements Rule {}

    /**
     * {@code out = base, then for updates in order: out[target] = fold(out[target], update)}, each where {@code condition}
     * holds. Different {@code lanes} never write the same element.
     *
     * @param lanes independent of each other
     * @param copied with the lanes, run over every element of the output: {@code place} is where, {@code base} its value
     * @param updates run in order, one lane at a time
     * @param replace true to store the update itself
     */
    public record Scatter(
            List<Var> lanes,
            List<Var> copied,
            List<Index> place,
            Scalar base,
            List<Var> updates,
            List<Scalar.Inside> condition,
            List<Index> target,
            Scalar update,
            boolean replace,
            Fold fold)
            implements Rule {}

    public String name() {
        return name;
    }

    public DType type() {
        return type;
    }

    public long[] shape() {
        return shape.clone();
    }

    public int rank() {
        return shape.length;
    }

    public long dim(int axis) {
        return shape[axis < 0 ? axis + shape.length : axis];
    }

    public Rule rule() {
        return rule;
    }

    /** Number of elements. */
    public long size() {
        long n = 1;
        for (long d : shape) {
            n *= d;
        }
        return n;
    }

    public long bytes() {
        return size() * type.bytes();
    }

    /** The row-major position of an element. */
    public Index position(List<Index> at) {
        return Index.linear(at, shape);
    }

    @Override
    public String toString() {
        return name + ": " + type + java.util.Arrays.toString(shape);
    }
}
