package org.armature.layers.longconv;

import static org.armature.graph.Ops.abs;
import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.averagePool;
import static org.armature.graph.Ops.complexMul;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.layerNormalization;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.neg;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sigmoid;
import static org.armature.graph.Ops.sign;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.squeeze;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.unsqueeze;

import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.armature.graph.Constant;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.layers.Fourier;
import org.armature.model.Config;
import org.armature.model.EntryPoint;
import org.armature.nn.Layer;
import org.osgi.service.component.annotations.Component;

/**
 * Long convolutions (Fu et al., ICML 2023): every tap of a kernel as long as the sequence is learnt; a soft threshold
 * ("squash", {@code lam}) and a moving average ("smooth") keep it regular. {@code x [B, H, L]}, or {@code [B, L, H]} with
 * {@code transposed=false}.
 *
 * <p>Entries beside the layer: {@code LongConv.standalone} and {@code LongConvModel}, whose kernel of 2L taps wraps to
 * negative lags; {@code LongConvKernel}; {@code fftconv}; {@code block_fft}, the Monarch form of the transform.
 */
@Component(
        service = {Layer.class, EntryPoint.class},
        property = {
            "armature.id=longconv",
            "armature.kind=layer",
            "armature.paper=Simple Hardware-Efficient Long Convolutions for Sequence Modeling"
        })
public final class LongConv implements Layer, EntryPoint {
    @Override
    public String id() {
        return "longconv";
    }

    @Override
    public Set<String> entries() {
        return Set.of("LongConv", "LongConv.standalone", "LongConvModel", "LongConvKernel", "fftconv", "block_fft");
    }

    @Override
    public Optional<Graph> graph(Invocation inv) {
        Config c = inv.config();
        Graph.Builder b = Graph.builder(inv.entry());
        Scope p = b.scope();
        switch (inv.entry()) {
            case "LongConv" -> b.output("out", build(p, input(inv, b, "input"), c));
            case "LongConv.standalone" ->
                b.output(
                        "out",
                        standalone(p, input(inv, b, "input"), c.integer("channels", 2), c.number("kernel_lam", 0.1)));
            case "LongConvModel" -> b.output("out", model(p, input(inv, b, "input"), c));
            case "LongConvKernel" -> {
                long taps = c.integer("L") * (c.flag("causal", true) ? 1L : 2L);
                b.output("out", regular(p.parameter("kernel", c.integer("channels", 1), c.integer("H"), taps), c));
            }
            case "fftconv" -> b.output("out", fftconv(inv, b, c));
            case "block_fft" -> {
                Value[] y = BlockFft.transform(p, input(inv, b, "x"), c);
                b.output("re", y[0]).output("im", y[1]);
            }
            default -> {
                return Optional.empty();
            }
        }
        return Optional.of(b.build());
    }

    private static Value input(Invocation inv, Graph.Builder b, String name) {
        return b.input(name, inv.input(name).shape());
    }

    @Override
    public Value build(Scope p, Value x, Config c) {
        boolean transposed = c.flag("transposed", true);
        Value u = transposed ? x : transpose(x, 0, 2, 1); // [B, H, L]
        int h = c.integer("d_model", (int) u.shape().dim(1));
        if (u.shape().dim(1) != h) {
            throw new IllegalArgumentException("longconv: d_model=" + h + " does not fit the input " + x);
        }
        int channels = c.integer("channels", 1);
        long length = u.shape().dim(2);
        long lMax = c.integer("l_max", (int) length);
        boolean bidirectional = c.flag("bidirectional", false);
        boolean causal = c.flag("causal", true);
        long taps = causal ? lMax : 2 * lMax;
        Value k = regular(p.at("kernel").parameter("kernel", bidirectional ? 2L * channels : channels, h, taps), c);
        long used = Math.min(length, lMax);
        if (causal && !bidirectional && !c.flag("official_wrap", false)) {
            k = Fourier.fit(
                    k, used); // the official kernel keeps l_max taps, which wrap to negative lags on short inputs
        }
        if (bidirectional) {
            k = Fourier.twoSided(k, channels, length);
        }
        Value y = withSkip(p, u, k, channels, h, used + length);
        String activation = c.text("activation", "gelu");
        Value a = activation.equals("gelu") ? gelu(y) : y;
        boolean glu = c.text("postact", "glu").equals("glu");
        Value out = channelMix(glu ? p.at("output_linear.0") : p.at("output_linear"), a, glu ? 2 * h : h);
        if (glu) {
            out = glu(out, h);
        }
        return transposed ? out : transpose(out, 0, 2, 1);
    }

    /** Smooth, then squash. */
    private static Value regular(Value k, Config c) {
        Value smooth = k;
        if (c.flag("use_ma_smoothing", false)) {
            int w = c.integer("ma_window_len", 7);
            if (w < 1 || w % 2 == 0) {
                throw new IllegalArgumentException("config key ma_window_len is " + w + ": give an odd number");
            }
            smooth = c.flag("smooth_freq", false)
                    ? smoothSpectrum(k, w)
                    : averagePool(k, new long[] {w}, Ops.Window.of(1).pad(w / 2).countIncludePad());
        }
        double lam = c.number("lam", 0.1);
        if (lam < 0) {
            throw new IllegalArgumentException("config key lam is " + lam + ": give a number >= 0");
        }
        return squash(smooth, lam);
    }

    /** {@code sign(k) relu(|k| - lam)}. */
    private static Value squash(Value k, double lam) {
        return mul(sign(k), relu(sub(abs(k), lam)));
    }

    /** The kernel's half spectrum convolved with {@code exp(-0.5 |n - w//2|^2)}, not normalised. */
    static Value smoothSpectrum(Value k, int w) {
        long n = k.shape().dim(-1);
        long half = n / 2 + 1;
        float[] bell = new float[w];
        for (int i = 0; i < w; i++) {
            bell[i] = (float) Math.exp(-0.5 * (i - w / 2) * (i - w / 2));
        }
        Value kernel = k.builder().constant(Constant.floats(Shape.of(1, 1, w), bell));
        Value rows = reshape(transpose(Fourier.spectrum(k, n), 0, 1, 3, 2), -1, 1, half); // of [C, H, half, 2]
        Value y = Ops.conv(rows, kernel, Value.none(), Ops.Window.of(1).pad(w / 2));
        Value spectrum = transpose(reshape(y, k.shape().dim(0), k.shape().dim(1), 2, half), 0, 1, 3, 2);
        return Fourier.signal(spectrum, n);
    }

    /** {@code y = u * k + D u}, flattened c-major: {@code [B, C H, L]}. */
    private static Value withSkip(Scope p, Value u, Value k, int channels, int h, long n) {
        Value d = p.parameter("D", channels, h);
        Value wide = unsqueeze(u, 1);
        Value y = add(Fourier.convolve(wide, unsqueeze(k, 0), n), mul(wide, unsqueeze(d, -1)));
        return reshape(y, 0, (long) channels * h, -1);
    }

    private static Value channelMix(Scope p, Value x, long out) {
        Value weight = p.parameter("weight", out, x.shape().dim(1));
        return add(matMul(weight, x), reshape(p.parameter("bias", out), out, 1));
    }

    private static Value glu(Value x, long h) {
        List<Value> half = split(x, 1, h, h);
        return mul(half.get(0), sigmoid(half.get(1)));
    }

    /** The standalone layer: {@code kernel [C, H, 2L]}, period 2L. */
    private static Value standalone(Scope p, Value u, int channels, double lam) {
        int h = (int) u.shape().dim(1);
        long length = u.shape().dim(2);
        Value k = squash(p.parameter("kernel", channels, h, 2 * length), lam);
        Value y = gelu(withSkip(p, u, k, channels, h, 2 * length));
        return glu(channelMix(p.at("output_linear.0"), y, 2L * h), h);
    }

    /** Encoder, residual layers with norm before or after, mean over time, decoder: {@code [B, L, d_input] -> [B, d_output]}. */
    private static Value model(Scope p, Value x, Config c) {
        int d = c.integer("d_model", 512);
        boolean prenorm = c.flag("prenorm", false);
        Value z = linear(
                x,
                p.at("encoder").parameter("weight", d, x.shape().dim(2)),
                p.at("encoder").parameter("bias", d));
        for (int i = 0; i < c.integer("n_layers", 6); i++) {
            Value in = prenorm ? norm(p.at("norms", i), z, d) : z;
            Value y = transpose(
                    standalone(
                            p.at("conv_layers", i),
                            transpose(in, 0, 2, 1),
                            c.integer("channels", 2),
                            c.number("kernel_lam", 0.1)),
                    0,
                    2,
                    1);
            z = add(y, z);
            if (!prenorm) {
                z = norm(p.at("norms", i), z, d);
            }
        }
        int out = c.integer("d_output");
        Scope decoder = p.at("decoder");
        return linear(reduceMean(z, false, 1), decoder.parameter("weight", out, d), decoder.parameter("bias", out));
    }

    private static Value norm(Scope p, Value x, int d) {
        return layerNormalization(x, p.parameter("weight", d), p.parameter("bias", d), -1, 1e-5);
    }

    /** The reference of the fused operation; {@code k_rev} acts on the future and, like {@code k}, on lag 0. */
    private static Value fftconv(Invocation inv, Graph.Builder b, Config c) {
        Value u = input(inv, b, "u");
        long length = u.shape().dim(2);
        long n = Fourier.fast(2 * length);
        Value spectrum = Fourier.spectrum(input(inv, b, "k"), n);
        if (inv.inputs().containsKey("k_rev")) {
            spectrum = add(spectrum, Fourier.conjugate(Fourier.spectrum(input(inv, b, "k_rev"), n)));
        }
        Value y = slice(Fourier.signal(complexMul(Fourier.spectrum(u, n), spectrum), n), 2, 0, length);
        y = add(y, mul(u, unsqueeze(input(inv, b, "D"), -1)));
        if (c.flag("gelu", true)) {
            y = gelu(y);
        }
        return inv.inputs().containsKey("dropout_mask") ? mul(y, unsqueeze(input(inv, b, "dropout_mask"), -1)) : y;
    }

    /** The Fourier transform as products with small matrices (Monarch form), learnt or exact. */
    static final class BlockFft {
        private BlockFft() {}

        /** {@code x [B, H, L]} zero-padded to {@code N}; re and im {@code [B, H, N]}. */
        static Value[] transform(Scope p, Value x, Config c) {
            int n = c.integer("N", (int) Fourier.fast(x.shape().dim(2)));
            if (Integer.bitCount(n) != 1) {
                throw new IllegalArgumentException(
                        "config key N is " + n + ": the padded length must be a power of two, " + Fourier.fast(n));
            }
            Value re = Fourier.fit(x, n);
            return step(p, new Value[] {re, mul(re, 0.0)}, n, c);
        }

        /** Over the last axis of {@code z = (re, im)}, of size n. */
        private static Value[] step(Scope p, Value[] z, int n, Config c) {
            int max = c.integer("max_m", 16);
            if (n <= max) {
                return times(z, matrix(p, n, c));
            }
            int m = max;
            int rest = n / m;
            long[] lead = z[0].shape().slice(0, z[0].rank() - 1).sizes();
            Value[] rows = map(z, v -> Ops.transposeLast(reshape(v, join(lead, m, rest)))); // [.., rest, m]
            Value[] y = times(rows, matrix(p, m, c)); // [.., rest b, m c]
            float[] cos = new float[n];
            float[] sin = new float[n];
            for (int b = 0; b < rest; b++) {
                for (int a = 0; a < m; a++) {
                    double t = -2 * Math.PI * a * b / n;
                    cos[b * m + a] = (float) Math.cos(t);
                    sin[b * m + a] = (float) Math.sin(t);
                }
            }
            Value twiddleRe = z[0].builder().constant(Constant.floats(Shape.of(rest, m), cos));
            Value twiddleIm = z[0].builder().constant(Constant.floats(Shape.of(rest, m), sin));
            Value[] t = map(product(y, new Value[] {twiddleRe, twiddleIm}), Ops::transposeLast); // [.., m, rest]
            Value[] w = step(p, t, rest, c); // [.., m c, rest d]
            return map(w, v -> reshape(Ops.transposeLast(v), join(lead, n))); // k = d m + c
        }

        private static Value[] matrix(Scope p, int n, Config c) {
            boolean learnt = c.flag("learn_dft_matrices", true);
            boolean additive = c.flag("learn_additive", false);
            Value[] exact = null;
            if (!learnt || additive) {
                float[] re = new float[n * n];
                float[] im = new float[n * n];
                for (int i = 0; i < n * n; i++) {
                    double t = -2 * Math.PI * (i / n) * (i % n) / n;
                    re[i] = (float) Math.cos(t);
                    im[i] = (float) Math.sin(t);
                }
                exact = new Value[] {
                    p.builder().constant(Constant.floats(Shape.of(n, n), re)),
                    p.builder().constant(Constant.floats(Shape.of(n, n), im))
                };
            }
            if (!learnt) {
                return exact;
            }
            List<Value> parts = split(p.parameter("mat_" + n, c.integer("H", 1), n, n, 2), -1, 1, 1);
            Value[] w = map(
                    new Value[] {squeeze(parts.get(0), -1), squeeze(parts.get(1), -1)},
                    Ops::transposeLast); // [H, n, n]
            return exact == null ? w : new Value[] {add(exact[0], w[0]), add(exact[1], w[1])};
        }

        /** {@code z M} of complex numbers, for a matrix {@code [n, n]} or one a channel {@code [H, n, n]}. */
        private static Value[] times(Value[] z, Value[] matrix) {
            int extra = z[0].rank() - 3; // axes between channel and row
            boolean row = extra == 0;
            Value[] a = row ? map(z, v -> unsqueeze(v, -2)) : z;
            Value[] m = matrix;
            for (int i = 0; m[0].rank() == 3 && i < extra - 1; i++) {
                m = map(m, v -> unsqueeze(v, 1));
            }
            Value re = sub(matMul(a[0], m[0]), matMul(a[1], m[1]));
            Value im = add(matMul(a[0], m[1]), matMul(a[1], m[0]));
            Value[] y = {re, im};
            return row ? map(y, v -> squeeze(v, -2)) : y;
        }

        private static Value[] product(Value[] a, Value[] b) {
            return new Value[] {add(mul(a[0], b[0]), neg(mul(a[1], b[1]))), add(mul(a[0], b[1]), mul(a[1], b[0]))};
        }

        private static Value[] map(Value[] z, java.util.function.UnaryOperator<Value> f) {
            return new Value[] {f.apply(z[0]), f.apply(z[1])};
        }

        private static long[] join(long[] lead, long... tail) {
            long[] s = java.util.Arrays.copyOf(lead, lead.length + tail.length);
            System.arraycopy(tail, 0, s, lead.length, tail.length);
            return s;
        }
    }
}
