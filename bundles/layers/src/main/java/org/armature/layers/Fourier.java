package org.armature.layers;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.complexMul;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.dft;
import static org.armature.graph.Ops.neg;
import static org.armature.graph.Ops.pad;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.squeeze;
import static org.armature.graph.Ops.unsqueeze;

import java.util.List;
import org.armature.graph.Value;

/**
 * Convolution along the last axis by Fourier transform. Spectra are those of real signals of N samples, without the half that
 * mirrors the other: {@code [..., N / 2 + 1, 2]}, re and im last.
 */
public final class Fourier {
    private Fourier() {}

    /** The spectrum {@code [..., n / 2 + 1, 2]} of real {@code x [..., L]}, cut or zero-padded to {@code n} samples. */
    public static Value spectrum(Value x, long n) {
        return dft(unsqueeze(fit(x, n), -1), x.rank() - 1, -1, false, true);
    }

    /**
     * The real signal {@code [..., n]} of a spectrum {@code [..., n / 2 + 1, 2]}. Imaginary parts of point 0 and, for an even
     * {@code n}, of point n / 2 are not read, as in NumPy's {@code irfft}.
     */
    public static Value signal(Value spectrum, long n) {
        return squeeze(dft(spectrum, spectrum.rank() - 2, n, true, true), -1);
    }

    /** The complex conjugate of a spectrum. */
    public static Value conjugate(Value a) {
        List<Value> x = split(a, -1, 1, 1);
        return concat(-1, x.get(0), neg(x.get(1)));
    }

    /**
     * {@code irfft(rfft(u, n) * rfft(k, n), n)[..L]}: circular convolution with period {@code n}, L samples of it. Computed
     * as a linear one of a power-of-two length, then wrapped: ONNX Runtime's transform of other lengths is several times
     * less accurate.
     */
    public static Value convolve(Value u, Value k, long n) {
        long length = u.shape().dim(-1);
        long taps = Math.min(n, k.shape().dim(-1));
        long fast = fast(length + taps - 1);
        Value y = signal(complexMul(spectrum(u, fast), spectrum(fit(k, taps), fast)), fast);
        Value head = slice(y, y.rank() - 1, 0, length);
        long wrapped = length + taps - 1 - n; // samples that fall behind the period
        return wrapped <= 0 ? head : add(head, fit(slice(y, y.rank() - 1, n, n + wrapped), length));
    }

    /**
     * One kernel {@code [C, H, 2L]} of period 2L from two: of {@code k [2C, H, L]} the first half acts on the past, the second
     * on the future, its tap j at lag -(j+1).
     */
    public static Value twoSided(Value k, int channels, long length) {
        List<Value> half = split(k, 0, channels, channels);
        Value backward = slice(half.get(1), 2, -1, Long.MIN_VALUE + 1, -1);
        return add(pad(half.get(0), 0.0, 0, 0, 0, 0, 0, length), pad(backward, 0.0, 0, 0, length, 0, 0, 0));
    }

    /** The power of two at or above {@code n}. */
    public static long fast(long n) {
        return n <= 1 ? 1 : Long.highestOneBit(n - 1) * 2;
    }

    /** The last axis cut or zero-padded on the right to {@code n}. */
    public static Value fit(Value x, long n) {
        long have = x.shape().dim(-1);
        if (have > n) {
            return slice(x, x.rank() - 1, 0, n);
        }
        if (have == n) {
            return x;
        }
        long[] pads = new long[2 * x.rank()];
        pads[pads.length - 1] = n - have;
        return pad(x, 0.0, pads);
    }
}
