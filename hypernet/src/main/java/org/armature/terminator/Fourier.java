package org.armature.terminator;

import static org.armature.graph.Ops.complexMul;
import static org.armature.graph.Ops.dft;
import static org.armature.graph.Ops.pad;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.squeeze;
import static org.armature.graph.Ops.unsqueeze;

import org.armature.graph.Value;

/** Depth-wise convolution by Fourier transform, whose cost does not grow with the kernel. */
final class Fourier {
    private Fourier() {}

    /** {@code x [N, C, H, W], kernel [C, 1, k, k]}, k odd, zero-padded to the same size. */
    static Value depthwise(Value x, Value kernel) {
        long k = kernel.shape().dim(2);
        long h = x.shape().dim(2);
        long w = x.shape().dim(3);
        long rows = fast(h + k - 1);
        long columns = fast(w + k - 1);
        Value turned = slice(slice(kernel, 2, -1, Long.MIN_VALUE + 1, -1), 3, -1, Long.MIN_VALUE + 1, -1);
        Value taps = reshape(turned, 1, kernel.shape().dim(0), k, k);
        Value y = complexMul(spectrum(x, rows, columns), spectrum(taps, rows, columns));
        Value back = dft(dft(y, 2, -1, true, false), 3, -1, true, false);
        Value real = squeeze(slice(back, 4, 0, 1), -1);
        return slice(slice(real, 2, k / 2, k / 2 + h), 3, k / 2, k / 2 + w);
    }

    /** {@code [.., rows, columns, 2]}. */
    private static Value spectrum(Value x, long rows, long columns) {
        Value fit = pad(
                x,
                0.0,
                0,
                0,
                0,
                0,
                0,
                0,
                rows - x.shape().dim(2),
                columns - x.shape().dim(3));
        return dft(dft(unsqueeze(fit, -1), 3, -1, false, false), 2, -1, false, false);
    }

    /** The power of two at or above {@code n}: other lengths lose accuracy in ONNX Runtime. */
    private static long fast(long n) {
        return n <= 1 ? 1 : Long.highestOneBit(n - 1) * 2;
    }
}
