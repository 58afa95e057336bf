package org.armature.training.guidance;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.and;
import static org.armature.graph.Ops.expand;
import static org.armature.graph.Ops.lessOrEqual;
import static org.armature.graph.Ops.like;
import static org.armature.graph.Ops.not;
import static org.armature.graph.Ops.reduceMax;
import static org.armature.graph.Ops.reduceMin;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.where;

import java.util.Arrays;
import java.util.List;
import java.util.SequencedMap;
import java.util.TreeMap;
import org.armature.graph.Constant;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * The losses of matched layers.
 *
 * @param losses by index of the target layer; those that are matched
 * @param total their sum, a scalar
 */
record Matched(SequencedMap<Integer, Value> losses, Value total) {
    /** What happens when several guide layers are matched to one target layer. */
    enum Collision {
        /** Only the last counts: the official code stores losses by target layer. */
        LAST,
        SUM;

        static Collision of(String name) {
            return switch (name) {
                case "last" -> LAST;
                case "sum" -> SUM;
                default ->
                    throw new IllegalArgumentException(
                            "config key collision is \"" + name + "\": there are last and sum");
            };
        }
    }

    /**
     * @param strict whether a layer that is the same for every example makes the loss NaN, as it does officially; else its
     *     term is the constant 1 without a gradient
     */
    static Matched of(
            List<Value> guide,
            List<Value> target,
            Similarity metric,
            Collision collision,
            boolean strict,
            Similarity.Kernels kernels) {
        SequencedMap<Integer, Value> losses = new TreeMap<>();
        int[] mapping = Similarity.mapping(guide.size(), target.size());
        for (int g = 0; g < mapping.length; g++) {
            Value x = guide.get(g);
            Value y = target.get(mapping[g]);
            Value loss = strict ? metric.loss(x, y, kernels) : forgiving(x, y, metric, kernels);
            losses.merge(mapping[g], loss, (before, now) -> collision == Collision.SUM ? add(before, now) : now);
        }
        Value total = losses.values().stream().reduce((a, c) -> add(a, c)).orElseThrow();
        return new Matched(losses, total);
    }

    /** As {@link Similarity#loss}, but 1 without a gradient where one of the layers is constant over the batch. */
    private static Value forgiving(Value x, Value y, Similarity metric, Similarity.Kernels kernels) {
        Value both = and(varies(x), varies(y));
        Value loss = metric.loss(varying(x), varying(y), kernels);
        return where(both, loss, like(loss, 1));
    }

    /** Whether some feature differs between examples; also true of NaN, which is no business of ours to hide. */
    static Value varies(Value x) {
        Value spread = sub(reduceMax(x, false, 0), reduceMin(x, false, 0));
        Value largest = reduceMax(reshape(spread, -1), false, 0);
        return not(lessOrEqual(largest, like(largest, 0)));
    }

    /** The layer, or other numbers that do vary, so that neither value nor derivative divides zero by zero. */
    private static Value varying(Value x) {
        long n = x.shape().dim(0);
        double[] ramp = new double[(int) n];
        Arrays.setAll(ramp, i -> i % 2 == 0 ? i + 1 : -i);
        long[] column = new long[x.rank()];
        Arrays.fill(column, 1);
        column[0] = n;
        Value other = x.builder().constant(Constant.of(x.dtype(), Shape.of(column), ramp));
        return where(varies(x), x, expand(other, x.shape()));
    }
}
