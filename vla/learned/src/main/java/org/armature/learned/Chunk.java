package org.armature.learned;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSum;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sub;

import java.util.Map;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.jspecify.annotations.Nullable;

/**
 * The next actions of a policy.
 *
 * @param horizon H, how many
 * @param actions A, numbers of each
 */
record Chunk(long horizon, long actions) {
    /** Config key {@code chunk} [H, A]. */
    static Chunk of(Config c) {
        long[] chunk = c.integers("chunk");
        if (chunk.length != 2 || chunk[0] < 1 || chunk[1] < 1) {
            throw new IllegalArgumentException("config key chunk must be [horizon, actions], both above 0");
        }
        return new Chunk(chunk[0], chunk[1]);
    }

    /** H * A. */
    long size() {
        return horizon * actions;
    }

    /** What is compared: a model's output and the demonstrated chunk, both {@code [B, H * A]}. */
    record Pair(Value actions, Value target) {
        /** {@code actions} among a model's outputs and {@code target} among a batch, as {@code objective} asks for them. */
        static Pair of(String objective, Map<String, Value> outputs, Map<String, Value> batch) {
            Value a = outputs.get("actions");
            Value t = batch.get("target");
            if (a == null || t == null) {
                throw new IllegalArgumentException("objective " + objective
                        + " compares the model's actions with the dataset's target, but there are " + outputs.keySet()
                        + " and " + batch.keySet());
            }
            return new Pair(a, t);
        }
    }

    /**
     * Mean of an error over the actions that count.
     *
     * @param error {@code [B, H * A]}
     * @param pad {@code [B, H]}, 1 where an action only repeats an episode's last; null: all count
     */
    static Value mean(Value error, @Nullable Value pad) {
        if (pad == null) {
            return reduceMean(error, false);
        }
        long horizon = pad.shape().dim(1);
        Value counts = sub(1.0, pad);
        Value each = reduceMean(reshape(error, -1, horizon, error.shape().dim(1) / horizon), false, 2);
        return div(reduceSum(mul(each, counts), false), add(reduceSum(counts, false), 1e-8));
    }
}
