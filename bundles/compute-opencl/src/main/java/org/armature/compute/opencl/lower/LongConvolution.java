package org.armature.compute.opencl.lower;

import static org.armature.compute.opencl.lower.Lowering.at;

import java.util.List;
import org.armature.compute.opencl.ir.Array;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar;
import org.armature.compute.opencl.ir.Scalar.Inside;
import org.armature.compute.opencl.lower.Fourier.Signal;
import org.armature.compute.opencl.lower.Fourier.Transform;
import org.armature.graph.DType;

/**
 * A convolution along one axis by Fourier transforms: {@code y = F'(F x * conj(F w))}, summed over the channels of a group between
 * the transforms, so that the multiplications of a result do not grow with the kernel.
 *
 * @param groups of channels
 * @param start padding before
 * @param points of the transforms: a power of two at which nothing wraps into the result
 */
record LongConvolution(String name, Array x, Array w, long groups, long start, long results, long points) {
    /** Shorter kernels never pay. */
    private static final long SHORTEST = 64;

    /** What a multiplication of this way takes in those of products, of which other convolutions are made ... */
    private static final double OF_PRODUCTS = 1.5;

    /** ... and in those of reductions, of which depthwise ones are made. */
    private static final double OF_REDUCTIONS = 0.25;

    /** Passes over memory for each point of a signal, in multiplications. */
    private static final double PASSES = 50;

    static LongConvolution of(String name, Array x, Array w, long groups, long start, long results) {
        // Result t is point t - start of the circular correlation.
        long end = results + w.dim(2) - 1 - start; // of the input and its padding
        long points = Math.max(Math.max(x.dim(2) + start, end), Math.max(x.dim(2), w.dim(2)));
        return new LongConvolution(name, x, w, groups, start, results, Fourier.power(points));
    }

    private long channels() {
        return w.dim(1);
    }

    private long rows() {
        return w.dim(0);
    }

    private long batch() {
        return x.dim(0);
    }

    /** Whether this is estimated to be faster than summing over the kernel. */
    boolean pays() {
        double pairs = (double) batch() * rows() * channels();
        double direct = pairs * w.dim(2) * results;
        double signals = (double) batch() * x.dim(1) + rows() * channels() + batch() * rows();
        double sums = channels() == 1 ? 0 : 2 * pairs * points;
        double work = signals * points * (Fourier.stages(points) + PASSES) + sums;
        return w.dim(2) >= SHORTEST && work * (channels() == 1 ? OF_REDUCTIONS : OF_PRODUCTS) < direct;
    }

    /** {@code [batch, rows, results]}. */
    Array lower(DType type) {
        Transform there = Transform.forward(points, points / 2 + 1);
        Signal image = Fourier.transform(name + ".image", type, signal(x), there);
        Signal kernel = Fourier.transform(name + ".kernel", type, signal(w), there);
        Signal product = new Signal(
                new long[] {batch(), rows()},
                2,
                points / 2 + 1,
                2,
                channels() == 1 ? onePair(image, kernel) : summed(type, image, kernel));
        Signal y =
                Fourier.transform(name + ".back", type, product, Transform.inverse(points, true, results, 1, -start));
        return Lowering.map(
                name, type, new long[] {batch(), rows(), results}, at -> y.at(at.subList(0, 2), at.get(2), Index.ZERO));
    }

    private static Signal signal(Array a) {
        return new Signal(
                new long[] {a.dim(0), a.dim(1)},
                2,
                a.dim(2),
                1,
                (batch, point, part) -> at(a, List.of(batch.get(0), batch.get(1), point)));
    }

    /** The first channel of the group that a row is of. */
    private Index channel(Index row) {
        return row.div(rows() / groups).times(channels());
    }

    private Fourier.Element onePair(Signal image, Signal kernel) {
        return (batch, point, part) -> {
            List<Index> of = List.of(batch.get(0), channel(batch.get(1)));
            List<Index> by = List.of(batch.get(1), Index.ZERO);
            return Fourier.product(
                    p -> image.at(of, point, Index.of(p)), p -> conjugate(kernel.at(by, point, Index.of(p)), p), part);
        };
    }

    private static Scalar conjugate(Scalar part, int which) {
        return which == 0 ? part : Fourier.negative(part);
    }

    /** A product of matrices at each point. */
    private Fourier.Element summed(DType type, Signal image, Signal kernel) {
        long perGroup = rows() / groups;
        long[] inner = {channels(), 2};
        // [point, group, image of the batch, row of the group, part]
        long[] shape = {points / 2 + 1, groups, batch(), perGroup, 2};
        Array y = Products.contract(
                name + ".sums",
                type,
                shape,
                List.of(0, 1),
                List.of(2),
                List.of(3, 4),
                inner,
                (q, r, k) -> {
                    List<Index> of = Index.unravel(q, shape[0], groups);
                    List<Index> i = Index.unravel(k, inner);
                    return image.at(List.of(r, of.get(1).times(channels()).plus(i.get(0))), of.get(0), i.get(1));
                },
                (q, c, k) -> {
                    List<Index> of = Index.unravel(q, shape[0], groups);
                    List<Index> column = Index.unravel(c, perGroup, 2);
                    List<Index> i = Index.unravel(k, inner);
                    List<Index> by = List.of(of.get(1).times(perGroup).plus(column.get(0)), i.get(0));
                    Scalar re = kernel.at(by, of.get(0), Index.ZERO);
                    Scalar im = kernel.at(by, of.get(0), Index.of(1));
                    // (re, im) of the image times the conjugate
                    Scalar real = Scalar.select(List.of(new Inside(i.get(1), 0, 1)), re, im);
                    Scalar imaginary = Scalar.select(List.of(new Inside(i.get(1), 0, 1)), conjugate(im, 1), re);
                    return Scalar.select(List.of(new Inside(column.get(1), 0, 1)), real, imaginary);
                });
        return (batch, point, part) -> at(
                y,
                List.of(
                        point,
                        batch.get(1).div(perGroup),
                        batch.get(0),
                        batch.get(1).mod(perGroup),
                        part));
    }
}
