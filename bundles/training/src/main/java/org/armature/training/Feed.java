package org.armature.training;

import java.util.Arrays;
import org.armature.train.DataSelector;

/**
 * Where a run stands in its data: the epoch, its order, and how far it has come. Batches that do not fill up are left out.
 */
final class Feed {
    private final DataSelector selector;
    private final long size;
    private final int batch;
    private final long seed;
    private int epoch;
    private int position;
    private long[] order;

    Feed(DataSelector selector, long size, int batch, long seed, int epoch, int position) {
        this.selector = selector;
        this.size = size;
        this.batch = batch;
        this.seed = seed;
        this.epoch = epoch;
        this.position = position;
        order = order();
    }

    private long[] order() {
        long[] o = selector.order(epoch, size, seed);
        if (o.length < batch) {
            throw new IllegalArgumentException(
                    "data selector " + selector.id() + " leaves " + o.length + " examples in epoch " + epoch
                            + ", fewer than the batch of " + batch + ": make the batch smaller");
        }
        return o;
    }

    int epoch() {
        return epoch;
    }

    int position() {
        return position;
    }

    /** Whether the next batch is of the same epoch: known before the last step's results are. */
    boolean hasMore() {
        return position + batch <= order.length;
    }

    /** The next batch's examples; begins the next epoch when this one is used up. */
    long[] next() {
        if (!hasMore()) {
            epoch++;
            position = 0;
            order = order();
        }
        position += batch;
        return Arrays.copyOfRange(order, position - batch, position);
    }
}
