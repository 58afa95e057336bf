package org.armature.autodiff;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.armature.graph.Node;
import org.armature.graph.Ops.Window;
import org.armature.graph.Shape;

/**
 * How a window moves over the spatial axes: sizes of the input and of the output, kernel, strides, dilations, padding
 * (starts, then ends, with {@code auto_pad} resolved).
 */
record Geometry(long[] in, long[] out, long[] kernel, long[] strides, long[] dilations, long[] pads, long group) {
    /** Of a convolution or pool from {@code x [N, C, in...]} to {@code y [N, O, out...]}. */
    static Geometry of(Node n, Shape x, Shape y, long[] kernel) {
        int rank = kernel.length;
        long[] in = x.slice(2, x.rank()).sizes();
        long[] out = y.slice(2, y.rank()).sizes();
        Geometry g = new Geometry(
                in,
                out,
                kernel,
                n.integers("strides", ones(rank)),
                n.integers("dilations", ones(rank)),
                n.integers("pads", new long[2 * rank]),
                n.integer("group", 1));
        return switch (n.text("auto_pad", "NOTSET")) {
            case "SAME_UPPER" -> g.samePads(false);
            case "SAME_LOWER" -> g.samePads(true);
            case "VALID" -> g.withPads(new long[2 * rank]);
            default -> g;
        };
    }

    /** Of the convolution whose transpose goes from {@code x} to {@code y}: its input is {@code y}. */
    static Geometry ofTranspose(Node n, Shape x, Shape y, long[] kernel) {
        int rank = kernel.length;
        Geometry g = new Geometry(
                y.slice(2, y.rank()).sizes(),
                x.slice(2, x.rank()).sizes(),
                kernel,
                n.integers("strides", ones(rank)),
                n.integers("dilations", ones(rank)),
                n.integers("pads", new long[2 * rank]),
                n.integer("group", 1));
        String auto = n.text("auto_pad", "NOTSET");
        if (n.integers("output_shape").length == 0 && !auto.startsWith("SAME")) {
            return auto.equals("VALID") ? g.withPads(new long[2 * rank]) : g;
        }
        long[] extra = n.integers("output_padding", new long[rank]);
        long[] pads = new long[2 * rank];
        for (int i = 0; i < rank; i++) {
            long total = Math.max(0, g.strides[i] * (g.out[i] - 1) + extra[i] + g.reach(i) - g.in[i]);
            pads[i] = auto.equals("SAME_UPPER") ? total / 2 : total - total / 2;
            pads[i + rank] = total - pads[i];
        }
        return g.withPads(pads);
    }

    private Geometry samePads(boolean lower) {
        long[] p = new long[pads.length];
        for (int i = 0; i < kernel.length; i++) {
            long total = Math.max(0, (out[i] - 1) * strides[i] + reach(i) - in[i]);
            p[i] = lower ? total - total / 2 : total / 2;
            p[i + kernel.length] = total - p[i];
        }
        return withPads(p);
    }

    private Geometry withPads(long[] p) {
        return new Geometry(in, out, kernel, strides, dilations, p, group);
    }

    Geometry withGroup(long g) {
        return new Geometry(in, out, kernel, strides, dilations, pads, g);
    }

    int rank() {
        return kernel.length;
    }

    /** Extent of the dilated kernel. */
    long reach(int axis) {
        return (kernel[axis] - 1) * dilations[axis] + 1;
    }

    /** Number of positions in the kernel. */
    long taps() {
        return product(kernel);
    }

    long outSize() {
        return product(out);
    }

    boolean unitStride() {
        return Arrays.stream(strides).allMatch(s -> s == 1);
    }

    boolean unpadded() {
        return Arrays.stream(pads).allMatch(p -> p == 0);
    }

    /** Windows side by side that cover the input exactly. */
    boolean tiles() {
        return unpadded()
                && Arrays.equals(kernel, strides)
                && Arrays.stream(dilations).allMatch(d -> d == 1)
                && Arrays.equals(in, times(out, kernel));
    }

    Window window() {
        return Window.of(rank())
                .strides(strides)
                .pads(pads)
                .dilations(dilations)
                .group(group);
    }

    /** What a transposed convolution must add at the end to give {@code in}. */
    long[] outputPadding() {
        long[] extra = new long[rank()];
        for (int i = 0; i < extra.length; i++) {
            extra[i] = in[i] - ((out[i] - 1) * strides[i] + reach(i) - pads[i] - pads[i + rank()]);
        }
        return extra;
    }

    /** Kernel positions in row-major order. */
    List<long[]> positions() {
        List<long[]> all = new ArrayList<>();
        long[] k = new long[rank()];
        for (long t = 0; t < taps(); t++) {
            all.add(k.clone());
            for (int i = k.length - 1; i >= 0 && ++k[i] == kernel[i]; i--) {
                k[i] = 0;
            }
        }
        return all;
    }

    static long[] ones(int n) {
        long[] v = new long[n];
        Arrays.fill(v, 1);
        return v;
    }

    static long product(long... v) {
        return Arrays.stream(v).reduce(1, Math::multiplyExact);
    }

    private static long[] times(long[] a, long[] b) {
        long[] c = new long[a.length];
        Arrays.setAll(c, i -> a[i] * b[i]);
        return c;
    }
}
