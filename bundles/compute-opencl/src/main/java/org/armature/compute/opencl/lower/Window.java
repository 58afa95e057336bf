package org.armature.compute.opencl.lower;

import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.armature.compute.opencl.ir.Index;
import org.armature.compute.opencl.ir.Scalar.Inside;
import org.armature.graph.Node;

/**
 * The window of a convolution or pool over the axes from the third on.
 *
 * @param kernel its sizes
 * @param fine the sizes it moves over
 * @param starts padding before
 */
record Window(long[] kernel, long[] fine, long[] strides, long[] dilations, long[] starts) {
    /** Of a convolution with kernel shape {@code [out, in, sizes...]}. */
    static Window of(Node n, long[] kernelShape, long[] fine, long[] coarse) {
        return make(n, Arrays.copyOfRange(kernelShape, 2, kernelShape.length), fine, coarse);
    }

    /** Of a pool. */
    static Window pool(Node n, long[] fine, long[] coarse) {
        return make(n, n.integers("kernel_shape"), fine, coarse);
    }

    /** Of a transposed convolution from {@code coarse} to {@code fine}. */
    static Window transposed(Node n, long[] kernelShape, long[] coarse, long[] fine) {
        long[] kernel = Arrays.copyOfRange(kernelShape, 2, kernelShape.length);
        Window w = make(n, kernel, fine, coarse);
        if (n.attribute("output_shape").isPresent()) {
            // The padding is what makes the shape come out, the odd one at the end unless SAME_LOWER says otherwise.
            long[] extra = n.integers("output_padding", new long[kernel.length]);
            for (int i = 0; i < kernel.length; i++) {
                long total = Math.max(
                        0,
                        w.strides[i] * (coarse[i + 2] - 1)
                                + extra[i]
                                + (kernel[i] - 1) * w.dilations[i]
                                + 1
                                - fine[i + 2]);
                w.starts[i] = n.text("auto_pad", "NOTSET").equals("SAME_UPPER") ? total / 2 : total - total / 2;
            }
        }
        return w;
    }

    private static Window make(Node n, long[] kernel, long[] fine, long[] coarse) {
        int d = kernel.length;
        long[] ones = new long[d];
        Arrays.fill(ones, 1);
        long[] strides = n.integers("strides", ones);
        long[] dilations = n.integers("dilations", ones);
        long[] starts = Arrays.copyOf(n.integers("pads", new long[2 * d]), d);
        String auto = n.text("auto_pad", "NOTSET");
        if (auto.startsWith("SAME")) {
            for (int i = 0; i < d; i++) {
                long total = Math.max(
                        0, (coarse[i + 2] - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - fine[i + 2]);
                starts[i] = auto.endsWith("UPPER") ? total / 2 : total - total / 2;
            }
        } else if (auto.equals("VALID")) {
            Arrays.fill(starts, 0);
        }
        return new Window(kernel, Arrays.copyOfRange(fine, 2, fine.length), strides, dilations, starts);
    }

    /** Whether it moves by one and its taps are neighbours. */
    boolean isDense() {
        return LongStream.concat(Arrays.stream(strides), Arrays.stream(dilations))
                .allMatch(s -> s == 1);
    }

    /** How far {@code out} windows reach along an axis, padding before included. */
    long reach(int axis, long out) {
        return Math.max(0, out - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1;
    }

    /** Where the window at {@code out} reads with tap {@code k} along an axis, held inside; adds the condition. */
    Index tap(int axis, Index out, Index k, List<Inside> inside) {
        Index p = out.times(strides[axis]).plus(k.times(dilations[axis])).plus(-starts[axis]);
        inside.add(new Inside(p, 0, fine[axis]));
        return p.clamp(0, fine[axis] - 1);
    }
}
