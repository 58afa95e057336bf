package org.armature.compute.opencl.ir;

import java.util.Comparator;
import java.util.List;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.armature.graph.DType;

/**
 * A convolution by 3x3 kernels without strides, computed with 16 multiplications for 2x2 results instead of 36: kernels and 4x4
 * windows of the image are transformed, multiplied point by point and summed over the channels, and the sums transformed back
 * (Winograd 1980; Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", F(2x2, 3x3)). What is not finite
 * makes all results of its window not finite.
 *
 * @param row channels of the result
 * @param column positions of the result: image, line, place in the line
 * @param point of a transformed window, line by line
 * @param channel of the image
 * @param kernels of point, channel, row: the transformed kernels
 * @param window element of the image {@code [n, channel, height + 2, width + 2]} that a position is multiplied with
 * @param place the output's indices as functions of row and column
 */
public record Winograd(Var row, Var column, Var point, Var channel, Scalar kernels, Scalar window, List<Index> place) {
    /** Points of a transformed window. */
    public static final int POINTS = 16;

    /** Results of a window in each direction. */
    public static final int STEP = 2;

    /** Of a kernel. */
    public static final int TAPS = 3;

    /** Of a window. */
    public static final int SIDE = 4;

    /** How full vectors are at least. */
    private static final double FULL = 0.7;

    /** Floats of what is transformed and of the sums. */
    private static final long MOST = 300_000;

    /** Elements of an image and of the result, whose places are 32-bit numbers. */
    private static final long LARGEST = Integer.MAX_VALUE / 2;

    // G of the paper, for three neighbours.
    private static final Formula SUM = Formula.of("winograd_sum", "(x + y + z) * 0.5t");
    private static final Formula DIFFERENCE = Formula.of("winograd_difference", "(x - y + z) * 0.5t");

    /** Whether a product is such a convolution of an image in memory. */
    public static boolean is(Array.Contraction c, Scalar right) {
        if (!(right instanceof Scalar.Load l)
                || l.array().type() != DType.FLOAT
                || l.array().rank() != 4
                || Math.max(l.array().size(), c.row().size() * c.column().size()) > LARGEST
                || c.batch().size() != 1) {
            return false;
        }
        long[] shape = l.array().shape();
        long height = shape[2] - TAPS + 1;
        long width = shape[3] - TAPS + 1;
        if (height < STEP
                || width < STEP
                || height % STEP != 0
                || width % STEP != 0
                || c.column().size() != shape[0] * height * width
                || c.inner().size() != shape[1] * TAPS * TAPS) {
            return false;
        }
        List<Index> at = Index.unravel(Index.of(c.column()), shape[0], height, width);
        List<Index> tap = Index.unravel(Index.of(c.inner()), shape[1], TAPS, TAPS);
        List<Index> window = List.of(
                at.get(0), tap.get(0), at.get(1).plus(tap.get(1)), at.get(2).plus(tap.get(2)));
        return l.at().equals(window);
    }

    /** A transformed kernel at a row and a column of its points, {@code G g G'}. */
    public static Scalar transformed(Array.Contraction c, Scalar left, Index row, Index channel, Index y, Index x) {
        List<Scalar> rows = IntStream.range(0, TAPS)
                .mapToObj(i -> combined(
                        IntStream.range(0, TAPS)
                                .mapToObj(j -> Scalar.substitute(
                                        left,
                                        Scalar.replace(
                                                List.of(c.row(), c.inner()),
                                                List.of(
                                                        row,
                                                        channel.times(TAPS * TAPS)
                                                                .plus(i * TAPS + j)))))
                                .toList(),
                        x))
                .toList();
        return combined(rows, y);
    }

    private static Scalar combined(List<Scalar> taps, Index at) {
        Scalar middle = Scalar.select(
                List.of(new Scalar.Inside(at, 1, 2)),
                new Scalar.Apply(SUM, taps, DType.FLOAT),
                new Scalar.Apply(DIFFERENCE, taps, DType.FLOAT));
        return Scalar.select(
                List.of(new Scalar.Inside(at, 0, 1)),
                taps.getFirst(),
                Scalar.select(List.of(new Scalar.Inside(at, SIDE - 1, SIDE)), taps.getLast(), middle));
    }

    public Winograd rewrite(Function<Scalar, Scalar> f) {
        return new Winograd(row, column, point, channel, f.apply(kernels), f.apply(window), place);
    }

    /** How often an expression is evaluated. */
    public double evaluations(Scalar expression) {
        return expression == kernels
                ? (double) POINTS * channel.size() * row.size()
                : (double) SIDE * SIDE * channel.size() * image().dim(0) * down() * across();
    }

    public Array image() {
        return ((Scalar.Load) window).array();
    }

    /** Windows of a line of the image. */
    public long across() {
        return windows(image(), 3);
    }

    /** Lines of windows. */
    public long down() {
        return windows(image(), 2);
    }

    private static long windows(Array image, int axis) {
        return (image.dim(axis) - TAPS + 1) / STEP;
    }

    /** Of the products. */
    public double flops() {
        return 2.0 * POINTS * row.size() * channel.size() * image().dim(0) * down() * across();
    }

    /** How many lines of windows go together. */
    public long together(long vector) {
        return together(image(), row.size(), vector);
    }

    /** The same before kernels are transformed; 0 where it does not pay. */
    public static long together(Array image, long rows, long vector) {
        long down = windows(image, 2);
        long across = windows(image, 3);
        // Vectors are full, and what is transformed stays in the second cache.
        return LongStream.rangeClosed(1, across < SIDE ? 0 : down)
                .filter(n -> down % n == 0)
                .filter(n -> n * across >= FULL * vector * vectors(n * across, vector))
                .filter(n -> POINTS * (rows + image.dim(1)) * vector * vectors(n * across, vector) <= MOST)
                .boxed()
                .min(Comparator.comparingDouble(n -> (vectors(n * across, vector) + 1.0) / n))
                .orElse(0L);
    }

    private static long vectors(long windows, long vector) {
        return Math.ceilDiv(windows, vector);
    }
}
