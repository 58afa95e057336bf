package org.armature.autodiff;

import static org.armature.graph.Ops.*;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.armature.graph.Ops;
import org.armature.graph.Shape;
import org.armature.graph.Value;

/**
 * The two ways back of a convolution {@code x [N, C, in...], w [O, C/group, kernel...] -> y [N, O, out...]}. What was
 * measured before choosing is in the README.
 */
final class Convolution {
    private static final long THIN = 64;

    /** Kernel positions of one axis from which one operator for each is too many. */
    private static final long LONG = 128;

    private Convolution() {}

    // ---- input -----------------------------------------------------------------------------------------------------

    /** Cotangent of the input. */
    static Value input(Value dy, Value w, Geometry g) {
        return g.unitStride() && fitsFlipped(g) ? flipped(dy, w, g) : transposed(dy, w, g);
    }

    private static boolean fitsFlipped(Geometry g) {
        for (int i = 0; i < g.rank(); i++) {
            if (g.pads()[i] >= g.reach(i) || g.pads()[i + g.rank()] >= g.reach(i)) {
                return false;
            }
        }
        return true;
    }

    /** As a transposed convolution with the same weights. */
    static Value transposed(Value dy, Value w, Geometry g) {
        return convTranspose(dy, w, Value.none(), g.window(), g.outputPadding());
    }

    /** Stride 1: a convolution with the kernel turned round and its channels exchanged. */
    static Value flipped(Value dy, Value w, Geometry g) {
        int rank = g.rank();
        long[] pads = new long[2 * rank];
        for (int i = 0; i < rank; i++) {
            pads[i] = g.reach(i) - 1 - g.pads()[i];
            pads[i + rank] = g.reach(i) - 1 - g.pads()[i + rank];
        }
        Value turned = exchanged(turned(w, rank), g.group());
        return conv(dy, turned, Value.none(), g.window().pads(pads));
    }

    private static Value turned(Value w, int rank) {
        long[] axes = LongStream.range(0, rank)
                .map(i -> i + 2)
                .filter(a -> w.shape().dim((int) a) > 1)
                .toArray();
        return axes.length == 0
                ? w
                : slice(w, axes, filled(axes.length, -1), filled(axes.length, Long.MIN_VALUE), filled(axes.length, -1));
    }

    /** {@code [g O', C', k...] -> [g C', O', k...]}. */
    private static Value exchanged(Value w, long groups) {
        Shape s = w.shape();
        Shape kernel = s.slice(2, s.rank());
        long o = s.dim(0) / groups;
        long c = s.dim(1);
        if (o == 1 && c == 1) {
            return w;
        }
        Value apart = groups == 1 ? w : Ops.reshape(w, Shape.of(groups, o, c).concat(kernel));
        int first = apart.rank() - s.rank();
        long[] perm = LongStream.range(0, apart.rank()).toArray();
        perm[first] = first + 1;
        perm[first + 1] = first;
        return Ops.reshape(transpose(apart, perm), Shape.of(groups * c, o).concat(kernel));
    }

    // ---- weights ---------------------------------------------------------------------------------------------------

    /** Cotangent of the weights. */
    static Value weights(Value x, Value dy, Geometry g) {
        long channels = x.shape().dim(1);
        boolean depthwise = g.group() == channels && g.group() > 1;
        if (depthwise && dy.shape().dim(1) == channels) {
            return g.taps() > 1 ? planes(x, dy, g) : depthwiseTaps(x, dy, g);
        }
        if (g.rank() == 1 && g.taps() >= LONG) {
            return swapped(x, dy, g);
        }
        // A product per kernel position copies less, but with few channels the products are too thin.
        return channels / g.group() < THIN ? dense(x, dy, g) : taps(x, dy, g);
    }

    /**
     * im2col and one product: column {@code [g, K C', N L]} holds for each kernel position the part of the input under it;
     * {@code dW [g, O', K C'] = dY [g, O', N L] column'}.
     */
    static Value dense(Value x, Value dy, Geometry g) {
        long groups = g.group();
        long c = x.shape().dim(1) / groups;
        long o = dy.shape().dim(1) / groups;
        long length = dy.shape().dim(0) * g.outSize();
        Value image = padded(channelsFirst(x), g);
        List<Value> columns = new ArrayList<>();
        for (long[] k : g.positions()) {
            columns.add(reshape(under(image, k, g), groups, c, length));
        }
        Value column = columns.size() == 1 ? columns.getFirst() : concat(1, columns);
        Value cotangent = reshape(channelsFirst(dy), groups, o, length);
        Value dw = groups == 1
                ? Products.product(reshape(cotangent, o, length), false, reshape(column, -1, length), true)
                : Products.product(cotangent, false, column, true);
        Value apart = reshape(dw, groups, o, g.taps(), c);
        return Ops.reshape(
                c == 1 || g.taps() == 1 ? apart : transpose(apart, 0, 1, 3, 2),
                Shape.of(groups * o, c).concat(Shape.of(g.kernel())));
    }

    /** One convolution by the cotangent, batch and channels exchanged: {@code [C', g N, in...] * [g O', N, out...] -> [C', g O', K...]}. */
    static Value swapped(Value x, Value dy, Geometry g) {
        long groups = g.group();
        long n = x.shape().dim(0);
        long c = x.shape().dim(1) / groups;
        long o = dy.shape().dim(1) / groups;
        Value apart = Ops.reshape(x, Shape.of(n, groups, c).concat(Shape.of(g.in())));
        long[] perm = LongStream.range(0, apart.rank()).toArray();
        perm[0] = 2;
        perm[2] = 0;
        Value images =
                Ops.reshape(transpose(apart, perm), Shape.of(c, groups * n).concat(Shape.of(g.in())));
        Value all = conv(
                images,
                channelsFirst(dy),
                Value.none(),
                Window.of(g.rank())
                        .strides(g.dilations())
                        .dilations(g.strides())
                        .pads(g.pads())
                        .group(groups));
        return channelsFirst(cut(all, g));
    }

    /** One product per kernel position. */
    static Value taps(Value x, Value dy, Geometry g) {
        long groups = g.group();
        long c = x.shape().dim(1) / groups;
        long o = dy.shape().dim(1) / groups;
        long length = dy.shape().dim(0) * g.outSize();
        Value image = padded(channelsFirst(x), g);
        Value cotangent = reshape(channelsFirst(dy), groups, o, length);
        List<Value> products = new ArrayList<>();
        for (long[] k : g.positions()) {
            Value part = reshape(under(image, k, g), groups, c, length);
            Value dw = groups == 1
                    ? Products.product(reshape(cotangent, o, length), false, reshape(part, c, length), true)
                    : Products.product(cotangent, false, part, true);
            products.add(reshape(dw, groups * o, c, 1));
        }
        Value all = products.size() == 1 ? products.getFirst() : concat(2, products);
        return Ops.reshape(all, Shape.of(groups * o, c).concat(Shape.of(g.kernel())));
    }

    /** Depthwise: each image plane is convolved with its own cotangent plane, all as groups of one convolution. */
    static Value planes(Value x, Value dy, Geometry g) {
        int rank = g.rank();
        long n = x.shape().dim(0);
        long c = x.shape().dim(1);
        Value images = Ops.reshape(x, Shape.of(1, n * c).concat(Shape.of(g.in())));
        Value kernels = Ops.reshape(dy, Shape.of(n * c, 1).concat(Shape.of(g.out())));
        // Moving the cotangent by one kernel position moves it by the dilation, its own elements are a stride apart.
        Value all = conv(
                images,
                kernels,
                Value.none(),
                Window.of(rank)
                        .strides(g.dilations())
                        .dilations(g.strides())
                        .pads(g.pads())
                        .group(n * c));
        Value each = Ops.reshape(cut(all, g), Shape.of(n, c, 1).concat(Shape.of(g.kernel())));
        return n == 1 ? Ops.reshape(each, each.shape().slice(1, each.rank())) : reduceSum(each, false, 0);
    }

    /** Kernel positions that are there: strides leave some at the end that the window never reaches. */
    private static Value cut(Value all, Geometry g) {
        int rank = g.rank();
        if (Arrays.equals(all.shape().slice(2, rank + 2).sizes(), g.kernel())) {
            return all;
        }
        long[] axes = LongStream.range(2, rank + 2).toArray();
        return slice(all, axes, new long[rank], g.kernel(), Geometry.ones(rank));
    }

    /** Depthwise: multiply and sum, one kernel position after the other. */
    static Value depthwiseTaps(Value x, Value dy, Geometry g) {
        Value image = padded(x, g);
        long[] summed = LongStream.range(0, x.rank()).filter(a -> a != 1).toArray();
        List<Value> sums = new ArrayList<>();
        for (long[] k : g.positions()) {
            Value sum = reduceSum(mul(under(image, k, g), dy), false, summed);
            sums.add(reshape(sum, -1, 1));
        }
        Value all = sums.size() == 1 ? sums.getFirst() : concat(1, sums);
        return Ops.reshape(all, Shape.of(x.shape().dim(1), 1).concat(Shape.of(g.kernel())));
    }

    // ---- parts -----------------------------------------------------------------------------------------------------

    private static Value channelsFirst(Value x) {
        long[] perm = LongStream.range(0, x.rank()).toArray();
        perm[0] = 1;
        perm[1] = 0;
        return transpose(x, perm);
    }

    private static Value padded(Value x, Geometry g) {
        long[] pads = new long[2 * x.rank()];
        System.arraycopy(g.pads(), 0, pads, 2, g.rank());
        System.arraycopy(g.pads(), g.rank(), pads, 2 + x.rank(), g.rank());
        return g.unpadded() ? x : pad(x, "constant", pads);
    }

    /** The elements that kernel position {@code k} meets, {@code [.., .., out...]}. */
    private static Value under(Value image, long[] k, Geometry g) {
        int rank = g.rank();
        long[] axes = new long[rank];
        long[] from = new long[rank];
        long[] to = new long[rank];
        boolean whole = true;
        for (int i = 0; i < rank; i++) {
            axes[i] = i + 2;
            from[i] = k[i] * g.dilations()[i];
            to[i] = from[i] + (g.out()[i] - 1) * g.strides()[i] + 1;
            whole &= g.strides()[i] == 1
                    && from[i] == 0
                    && to[i] == image.shape().dim(i + 2);
        }
        return whole ? image : slice(image, axes, from, to, g.strides());
    }

    private static long[] filled(int n, long v) {
        long[] a = new long[n];
        Arrays.fill(a, v);
        return a;
    }
}
