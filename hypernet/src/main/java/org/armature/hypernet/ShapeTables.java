package org.armature.hypernet;

import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Which row of an embedding table stands for a size. */
final class ShapeTables {
    private final long[] channels;
    private final long[] spatial;

    ShapeTables(GhnConfig c) {
        channels = Stream.of(
                        LongStream.of(1, 3, c.classes()),
                        LongStream.rangeClosed(1, 7).map(i -> 8 * i),
                        LongStream.rangeClosed(4, 255).map(i -> 16 * i),
                        LongStream.rangeClosed(128, 256).map(i -> 32 * i),
                        c.language() ? LongStream.of(32000, 50257, 128256) : LongStream.empty())
                .flatMapToLong(v -> v)
                .sorted()
                .distinct()
                .toArray();
        spatial = LongStream.concat(
                        LongStream.range(1, Math.max(12, c.maxShape()[3])).filter(i -> i % 2 == 1),
                        LongStream.of(14, 16))
                .sorted()
                .distinct()
                .toArray();
    }

    int channelRows() {
        return channels.length + 1;
    }

    int spatialRows() {
        return spatial.length + 1;
    }

    /** Rows for the four axes of a shape; the last row of each table where there is none. */
    int[] rows(long[] shape) {
        if (shape.length == 0) {
            return new int[] {channels.length, channels.length, spatial.length, spatial.length};
        }
        long[] s = {1, 1, 1, 1};
        System.arraycopy(shape, 0, s, 0, Math.min(4, shape.length));
        return new int[] {
            nearest(channels, s[0] >= 4 && s[0] < 8 ? 8 : s[0]),
            nearest(channels, s[1] >= 4 && s[1] < 8 ? 8 : s[1]),
            nearest(spatial, s[2] == 2 ? 3 : s[2]),
            nearest(spatial, s[3] == 2 ? 3 : s[3])
        };
    }

    /** Ties go to the smaller entry. */
    private static int nearest(long[] table, long size) {
        int best = 0;
        for (int i = 1; i < table.length; i++) {
            if (Math.abs(table[i] - size) < Math.abs(table[best] - size)) {
                best = i;
            }
        }
        return best;
    }
}
