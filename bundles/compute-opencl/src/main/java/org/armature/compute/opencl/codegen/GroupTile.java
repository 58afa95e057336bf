package org.armature.compute.opencl.codegen;

import java.util.Comparator;
import java.util.List;
import java.util.stream.LongStream;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Scalar;

/**
 * What a work-group of a GPU makes of a product: {@code [rows, columns]} sums, for which it goes through the inner index by
 * {@code steps} at a time. A work-item has {@code rows / down} times {@code columns / across} of the sums in registers.
 *
 * @param rows a multiple of four times {@code down}
 * @param columns a multiple of four times {@code across}
 * @param steps of the inner index that are in shared memory at a time
 * @param down work-items beside each other along the rows, a multiple of 4
 * @param across work-items beside each other along the columns, a multiple of 8
 */
public record GroupTile(int rows, int columns, int steps, int down, int across) {
    /** Of 8x8, 8x4 and 4x4 sums an item; small ones are for products that are small, or narrow. */
    static final List<GroupTile> ALL = List.of(
            new GroupTile(128, 128, 8, 16, 16),
            new GroupTile(128, 64, 16, 16, 16),
            new GroupTile(64, 128, 16, 16, 16),
            new GroupTile(64, 64, 16, 16, 16),
            new GroupTile(128, 32, 16, 16, 8),
            new GroupTile(32, 128, 16, 8, 16),
            new GroupTile(32, 32, 16, 8, 8));

    /** Elements past the end of a line in shared memory: lines begin in different banks, at multiples of a vector. */
    static final int PAD = 4;

    /** Work-items for which a multiprocessor has arithmetic. */
    private static final double LANES = 128;

    /** What bringing an element into shared memory costs, in multiply-adds. */
    private static final double BROUGHT = 8;

    /** What writing an element of a part and reading it again costs a multiprocessor, in multiply-adds. */
    private static final double WRITTEN = 50;

    /** What a kernel more costs: 5 us, in multiply-adds of a multiprocessor. */
    private static final double STARTED = 1e6;

    /** Steps of a part at least, and parts at most. */
    private static final long SHORTEST_PART = 64;

    private static final long MOST_PARTS = 64;

    int items() {
        return down * across;
    }

    /** Bytes of shared memory: two buffers, one of which is filled while the other is read. */
    long bytes() {
        return 2L * steps * (rows + columns + 2 * PAD) * Float.BYTES;
    }

    /** Work-groups of a product. */
    long groups(Array.Contraction c) {
        return c.batch().size()
                * Math.ceilDiv(c.row().size(), rows)
                * Math.ceilDiv(c.column().size(), columns);
    }

    /** How often an operand's element is read. */
    public long times(Array.Contraction c, Scalar operand) {
        return operand == c.left()
                ? Math.ceilDiv(c.column().size(), columns)
                : Math.ceilDiv(c.row().size(), rows);
    }

    private static List<GroupTile> fitting(Target target) {
        return ALL.stream()
                .filter(t -> !target.cpu() && t.items() <= target.group() && t.bytes() <= target.local())
                .toList();
    }

    /** Whether a device takes products this way. */
    public static boolean fits(Target target) {
        return !fitting(target).isEmpty();
    }

    /** The tile with which a product takes least time, of those the device has work-items and shared memory for. */
    public static GroupTile of(Array.Contraction c, Target target) {
        return fitting(target).stream()
                .min(Comparator.comparingDouble(t -> t.share(c, 1, target)))
                .orElseThrow();
    }

    /**
     * In how many equal parts of its sum a product is done at the same time: more than one where there are few results and long
     * sums, so that most of the device would have nothing to do.
     */
    public static long parts(Array.Contraction c, Target target) {
        if (of(c, target).groups(c) >= target.units()) {
            return 1;
        }
        return LongStream.rangeClosed(1, MOST_PARTS)
                .filter(n -> n == 1 || isPart(c.inner().size(), n))
                .boxed()
                .min(Comparator.comparingDouble(n -> time(c, n, target)))
                .orElseThrow();
    }

    /** Whether the parts are equal and not short, and begin at multiples of a vector if the whole ends at one. */
    private static boolean isPart(long depth, long parts) {
        long each = depth / parts;
        return depth % parts == 0
                && each >= SHORTEST_PART
                && (depth % WorkGroup.FOUR != 0 || each % WorkGroup.FOUR == 0);
    }

    private static double time(Array.Contraction c, long parts, Target target) {
        double least = fitting(target).stream()
                .mapToDouble(t -> t.share(c, parts, target))
                .min()
                .orElseThrow();
        double results = (double) c.batch().size() * c.row().size() * c.column().size();
        return parts == 1 ? least : least + STARTED + WRITTEN * parts * results / target.units();
    }

    /** About how long a multiprocessor takes for its share, in multiply-adds: the last groups may leave others without work. */
    private double share(Array.Contraction c, long parts, Target target) {
        double depth = Math.ceilDiv(c.inner().size() / parts, steps) * (double) steps;
        double each = depth * (rows * columns + BROUGHT * (rows + columns));
        return each * Math.max(Math.ceilDiv(parts * groups(c), target.units()), LANES / items());
    }
}
