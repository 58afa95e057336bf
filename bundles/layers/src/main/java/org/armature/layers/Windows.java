package org.armature.layers;

import java.util.Arrays;
import org.armature.graph.Ops;
import org.armature.graph.Value;
import org.armature.model.Config;

/** Reads the keys that PyTorch's convolutions have into an ONNX window. */
public final class Windows {
    private Windows() {}

    /** A number for every axis from a list of {@code n} or of one. */
    public static long[] spread(Config config, String key, int n, long otherwise) {
        long[] v = config.integers(key, otherwise);
        if (v.length == 1) {
            long[] all = new long[n];
            Arrays.fill(all, v[0]);
            return all;
        }
        if (v.length != n) {
            throw new IllegalArgumentException(
                    "config key " + key + " has " + v.length + " numbers: give one, or one for each of " + n + " axes");
        }
        return v;
    }

    /**
     * Stride, padding, dilation and groups of a convolution over {@code n} axes ({@code stride}, {@code padding},
     * {@code dilation}, {@code groups}).
     */
    public static Ops.Window read(Config config, int n, long padding) {
        long[] pad = spread(config, "padding", n, padding);
        long[] both = Arrays.copyOf(pad, 2 * n);
        System.arraycopy(pad, 0, both, n, n);
        return Ops.Window.of(n)
                .strides(spread(config, "stride", n, 1))
                .dilations(spread(config, "dilation", n, 1))
                .pads(both)
                .group(config.integer("groups", 1));
    }

    /** Convolution with PyTorch's padding modes ({@code padding_mode}: zeros, reflect, replicate, circular). */
    public static Value convolve(Value x, Value kernel, Value bias, Ops.Window window, String paddingMode) {
        String mode = switch (paddingMode) {
            case "zeros" -> "";
            case "reflect" -> "reflect";
            case "replicate" -> "edge";
            case "circular" -> "wrap";
            default ->
                throw new IllegalArgumentException("config key padding_mode is \"" + paddingMode
                        + "\": choose zeros, reflect, replicate or circular");
        };
        if (mode.isEmpty()) {
            return Ops.conv(x, kernel, bias, window);
        }
        int n = window.strides().length;
        long[] pads = new long[2 * (n + 2)];
        System.arraycopy(window.pads(), 0, pads, 2, n);
        System.arraycopy(window.pads(), n, pads, n + 4, n);
        return Ops.conv(Ops.pad(x, mode, pads), kernel, bias, window.pad(0));
    }

    /** Refuses groups that do not divide the channels. */
    public static void checkGroups(String layer, long in, long out, long groups) {
        if (groups < 1 || in % groups != 0 || out % groups != 0) {
            throw new IllegalArgumentException(
                    layer + ": groups=" + groups + " must divide in_channels=" + in + " and out_channels=" + out);
        }
    }
}
