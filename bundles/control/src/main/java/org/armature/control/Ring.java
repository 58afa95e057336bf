package org.armature.control;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;
import org.armature.robot.LoopMonitor.Row;
import org.jspecify.annotations.Nullable;

/**
 * The last ticks in preallocated arrays. One writer, the loop; readers copy a row between two looks at its stamp and drop
 * it when the loop was there meanwhile, so they never disturb the loop.
 */
final class Ring {
    private static final VarHandle STAMP = MethodHandles.arrayElementVarHandle(long[].class);

    /** A measured state, as policies see it. */
    record State(long timeNanos, double[] position, double[] velocity) {}

    private final int size;
    final int joints;
    private final long[] stamp;
    private final long[] time;
    private final long[] lateness;
    private final long[] chunk;
    private final int[] flags;
    private final double[] position;
    private final double[] velocity;
    private final double[] command;
    private volatile long newest = -1;

    /** @param size rows kept, a power of two */
    Ring(int size, int joints) {
        if (Integer.bitCount(size) != 1) {
            throw new IllegalArgumentException("the ring needs a power of two of rows, not " + size);
        }
        this.size = size;
        this.joints = joints;
        stamp = new long[size];
        java.util.Arrays.fill(stamp, -1);
        time = new long[size];
        lateness = new long[size];
        chunk = new long[size];
        flags = new int[size];
        position = new double[size * joints];
        velocity = new double[size * joints];
        command = new double[size * joints];
    }

    void put(long tick, long timeNanos, long late, double[] q, double[] qd, double[] u, int flag, long chunkNumber) {
        int i = (int) (tick & (size - 1));
        STAMP.setOpaque(stamp, i, -1L);
        VarHandle.storeStoreFence();
        time[i] = timeNanos;
        lateness[i] = late;
        chunk[i] = chunkNumber;
        flags[i] = flag;
        System.arraycopy(q, 0, position, i * joints, joints);
        System.arraycopy(qd, 0, velocity, i * joints, joints);
        System.arraycopy(u, 0, command, i * joints, joints);
        STAMP.setRelease(stamp, i, tick);
        newest = tick;
    }

    /** The newest measured state, or null before the first tick. */
    @Nullable
    State state() {
        for (long tick = newest; tick >= 0; tick = newest) {
            int i = (int) (tick & (size - 1));
            if ((long) STAMP.getAcquire(stamp, i) == tick) {
                State s = new State(time[i], slice(position, i), slice(velocity, i));
                VarHandle.acquireFence();
                if ((long) STAMP.getOpaque(stamp, i) == tick) {
                    return s;
                }
            }
        }
        return null;
    }

    List<Row> rows(long after, int limit, int stride) {
        if (limit < 0 || stride <= 0) {
            throw new IllegalArgumentException("rows need limit >= 0 and stride > 0, not " + limit + ", " + stride);
        }
        long last = newest;
        long from = Math.max(Math.max(after + 1, 0), last - size + 2);
        from = Math.ceilDiv(from, stride) * stride;
        from = Math.max(from, (last / stride - limit + 1L) * stride);
        List<Row> rows = new ArrayList<>();
        for (long tick = from; tick <= last && rows.size() < limit; tick += stride) {
            int i = (int) (tick & (size - 1));
            if ((long) STAMP.getAcquire(stamp, i) != tick) {
                continue;
            }
            Row row = new Row(tick, time[i], lateness[i], slice(position, i), slice(command, i), flags[i], chunk[i]);
            VarHandle.acquireFence();
            if ((long) STAMP.getOpaque(stamp, i) == tick) {
                rows.add(row);
            }
        }
        return rows;
    }

    private double[] slice(double[] a, int i) {
        return java.util.Arrays.copyOfRange(a, i * joints, (i + 1) * joints);
    }
}
