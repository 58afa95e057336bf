package org.armature.control;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Fixed log-linear buckets in the manner of HdrHistogram: sixteen to an octave from 1 us to 17 s, so a percentile is
 * right to about three in a hundred. One writer; any reader; no allocation when adding.
 */
final class Buckets {
    private static final VarHandle CELL = MethodHandles.arrayElementVarHandle(long[].class);
    private static final int SUB = 4;
    private static final int LOWEST = 10;
    private static final int HIGHEST = 34;
    private static final int SIZE = 1 + (HIGHEST - LOWEST) * (1 << SUB) + 1;

    private final long[] counts = new long[SIZE];
    private volatile long max;

    void add(long value) {
        int i = index(value);
        CELL.setOpaque(counts, i, counts[i] + 1);
        if (value > max) {
            max = value;
        }
    }

    private static int index(long value) {
        if (value < 1L << LOWEST) {
            return 0;
        }
        int octave = 63 - Long.numberOfLeadingZeros(value);
        if (octave >= HIGHEST) {
            return SIZE - 1;
        }
        int within = (int) (value >>> (octave - SUB)) & ((1 << SUB) - 1);
        return 1 + (octave - LOWEST) * (1 << SUB) + within;
    }

    /** Upper edges, nanoseconds; the last is open. */
    static long[] edges() {
        long[] edges = new long[SIZE];
        edges[0] = 1L << LOWEST;
        for (int i = 1; i < SIZE - 1; i++) {
            int octave = LOWEST + (i - 1) / (1 << SUB);
            int within = (i - 1) % (1 << SUB);
            edges[i] = (1L << octave) + ((within + 1L) << (octave - SUB));
        }
        edges[SIZE - 1] = Long.MAX_VALUE;
        return edges;
    }

    long[] counts() {
        long[] copy = new long[SIZE];
        for (int i = 0; i < SIZE; i++) {
            copy[i] = (long) CELL.getOpaque(counts, i);
        }
        return copy;
    }

    long max() {
        return max;
    }

    /** The values below which these shares of what was added lie: the middle of the bucket, 0 when empty. */
    long[] percentiles(double... shares) {
        long[] c = counts();
        long[] edges = edges();
        long total = 0;
        for (long x : c) {
            total += x;
        }
        long[] result = new long[shares.length];
        for (int s = 0; s < shares.length && total > 0; s++) {
            long rank = Math.max(1, (long) Math.ceil(shares[s] * total));
            long seen = 0;
            int i = 0;
            while (i < SIZE - 1 && (seen += c[i]) < rank) {
                i++;
            }
            long below = i == 0 ? 0 : edges[i - 1];
            result[s] = i == SIZE - 1 ? max : Math.min(max, below + (edges[i] - below) / 2);
        }
        return result;
    }
}
