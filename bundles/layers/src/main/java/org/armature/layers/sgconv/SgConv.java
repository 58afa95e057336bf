package org.armature.layers.sgconv;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.cast;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.exp;
import static org.armature.graph.Ops.gather;
import static org.armature.graph.Ops.gelu;
import static org.armature.graph.Ops.layerNormalization;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.neg;
import static org.armature.graph.Ops.pow;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reduceSum;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.sigmoid;
import static org.armature.graph.Ops.split;
import static org.armature.graph.Ops.sqrt;
import static org.armature.graph.Ops.stopGradient;
import static org.armature.graph.Ops.sub;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.unsqueeze;
import static org.armature.graph.Ops.where;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.layers.Fourier;
import org.armature.model.Config;
import org.armature.model.EntryPoint;
import org.armature.nn.Layer;
import org.osgi.service.component.annotations.Component;

/**
 * Structured global convolution (Li, Cai, Zhang, Chen, Dey 2022): a kernel as long as the sequence, assembled from short
 * pieces {@code kernel_list.i [C', H, d]} stretched by powers of two and damped with distance; C' = channels, doubled when
 * bidirectional. {@code x [B, H, L]} ({@code transposed}, the default) or {@code [B, L, H]}.
 *
 * <p>{@code kernel_norm} is the full kernel's norm at the first call and constant from then on: while
 * {@code kernel_norm_initialized} is 0 it is measured, and the output {@code kernel_norm} is what belongs into the
 * checkpoint afterwards. No derivative flows through it.
 */
@Component(
        service = {Layer.class, EntryPoint.class},
        property = {
            "armature.id=sgconv",
            "armature.kind=layer",
            "armature.paper=What Makes Convolutional Models Great on Long Sequence Modeling?"
        })
public final class SgConv implements Layer, EntryPoint {
    @Override
    public String id() {
        return "sgconv";
    }

    @Override
    public Set<String> entries() {
        return Set.of("forward");
    }

    @Override
    public Optional<Graph> graph(Invocation inv) {
        Graph.Builder b = Graph.builder("sgconv");
        Result r = forward(b.scope(), b.input("input", inv.input("input").shape()), inv.config());
        return Optional.of(b.output("out", r.out)
                .output("kernel", r.kernel)
                .output("kernel_norm", r.norm)
                .build());
    }

    @Override
    public Value build(Scope scope, Value x, Config config) {
        return forward(scope, x, config).out;
    }

    private record Result(Value out, Value kernel, Value norm) {}

    private static Result forward(Scope p, Value x, Config c) {
        boolean transposed = c.flag("transposed", true);
        int h = c.integer("d_model", (int) x.shape().dim(transposed ? 1 : 2));
        if (x.rank() != 3 || x.shape().dim(transposed ? 1 : 2) != h) {
            throw new IllegalArgumentException("sgconv: d_model=" + h + " does not fit the input " + x
                    + ", which should be " + (transposed ? "[B, H, L]" : "[B, L, H]"));
        }
        int channels = c.integer("channels", 1);
        boolean bidirectional = c.flag("bidirectional", false);
        Value u = transposed ? x : transpose(x, 0, 2, 1); // [B, H, L]
        long length = u.shape().dim(2);

        Value full = kernel(p, c, h, bidirectional ? 2 * channels : channels); // [C', H, Lk]
        Value measured = stopGradient(sqrt(reduceSum(mul(full, full), true, -1)));
        Value stored = stopGradient(p.parameter("kernel_norm", measured.shape()));
        Value initialized = cast(p.parameter("kernel_norm_initialized", DType.INT64, Shape.SCALAR), DType.BOOL);
        Value norm = where(initialized, stored, measured);
        Value k = div(Fourier.fit(full, length), norm);
        if (bidirectional) {
            k = Fourier.twoSided(k, channels, length);
        }
        Value d = p.parameter("D", channels, h);
        Value y = Fourier.convolve(unsqueeze(u, 1), unsqueeze(k, 0), 2 * length); // [B, C, H, L]
        y = add(y, mul(unsqueeze(u, 1), unsqueeze(d, -1)));
        y = reshape(y, 0, (long) channels * h, -1);
        Value out = mix(p, c, transposed ? y : transpose(y, 0, 2, 1), h, channels, transposed);
        return new Result(out, k, norm);
    }

    private static Value kernel(Scope p, Config c, int h, int rows) {
        int d = c.integer("kernel_dim", 64);
        int init = c.integer("init_scale", 0);
        int lMax = c.integer("l_max");
        int n = c.integer("n_scales", 1 + (int) Math.ceil(Math.log((double) lMax / d) / Math.log(2)) - init);
        if (n <= 0) {
            throw new IllegalArgumentException(
                    "sgconv: l_max=" + lMax + " must be at least kernel_dim=" + d + ", or give n_scales");
        }
        String mode = c.text("mode", "cat_randn");
        boolean sum = mode.contains("sum");
        if (!sum && !mode.contains("cat")) {
            throw new IllegalArgumentException("config key mode is \"" + mode + "\": it must contain cat or sum");
        }
        boolean learnable = mode.contains("learnable");
        double min = c.number("decay_min", 2);
        double max = c.number("decay_max", 2);
        Value multiplier = learnable ? Value.none() : stopGradient(p.parameter("multiplier", 1, h, 1));
        long longest = (long) d << (n - 1 + init);
        List<Value> pieces = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            Value piece = p.at("kernel_list").parameter(Integer.toString(i), rows, h, d);
            int scale = 1 << ((sum ? i : Math.max(0, i - 1)) + init);
            Value s = stretch(piece, scale, mode.contains("nearest"));
            if (!learnable && min * max != 1) {
                s = mul(s, pow(multiplier, n - 1.0 - i));
            }
            pieces.add(sum ? Fourier.fit(s, longest) : s);
        }
        Value k = sum ? pieces.stream().reduce((a, b) -> add(a, b)).orElseThrow() : concat(2, pieces);
        if (learnable) {
            float[] log = new float[(int) k.shape().dim(2)];
            for (int j = 0; j < log.length; j++) {
                log[j] = (float) Math.log(j + 1.0);
            }
            Value decay = reshape(p.parameter("decay", h), 1, h, 1);
            k = mul(k, exp(neg(mul(decay, p.builder().constant(Constant.floats(Shape.of(log.length), log))))));
        }
        return k;
    }

    /** torch's interpolate by a whole factor, corners not aligned: the ends stay flat for half a factor. */
    private static Value stretch(Value x, int s, boolean nearest) {
        if (s == 1) {
            return x;
        }
        int d = (int) x.shape().dim(2);
        int n = Math.multiplyExact(d, s);
        long[] low = new long[n];
        long[] high = new long[n];
        float[] w = new float[n];
        for (int j = 0; j < n; j++) {
            double at = nearest ? j / s : Math.max(0, (j + 0.5) / s - 0.5);
            low[j] = (long) at;
            high[j] = Math.min(low[j] + 1, d - 1);
            w[j] = (float) (at - low[j]);
        }
        Value a = gather(x, x.builder().longs(low), 2);
        if (nearest) {
            return a;
        }
        Value t = x.builder().constant(Constant.floats(Shape.of(n), w));
        return add(mul(a, sub(1.0, t)), mul(gather(x, x.builder().longs(high), 2), t));
    }

    private static Value mix(Scope p, Config c, Value y, int h, int channels, boolean transposed) {
        if (c.flag("linear", false)) {
            return y;
        }
        String activation = c.text("activation", "gelu");
        Value a = switch (activation) {
            case "gelu" -> gelu(y);
            case "none", "identity" -> y;
            default ->
                throw new IllegalArgumentException(
                        "config key activation is \"" + activation + "\": choose gelu or none");
        };
        int width = h * channels;
        if (c.flag("ln", false)) {
            Scope norm = p.at("norm.norm");
            if (transposed) { // a scalar affine map, no epsilon, as the official layer
                Value mean = reduceMean(a, true, 1);
                Value centred = sub(a, mean);
                Value std = sqrt(reduceMean(mul(centred, centred), true, 1));
                a = mul(div(norm.parameter("s", 1), std), add(centred, norm.parameter("m", 1)));
            } else {
                a = layerNormalization(a, norm.parameter("weight", width), norm.parameter("bias", width), -1, 1e-5);
            }
        }
        String post = c.text("postact", "");
        boolean glu = post.equals("glu");
        if (!glu && !post.isEmpty()) {
            throw new IllegalArgumentException("config key postact is \"" + post + "\": choose glu or leave it out");
        }
        Scope o = glu ? p.at("output_linear.0") : p.at("output_linear");
        long rows = glu ? 2L * h : h;
        Value weight = o.parameter("weight", rows, width);
        Value bias = o.parameter("bias", rows);
        Value z = transposed ? add(matMul(weight, a), reshape(bias, rows, 1)) : linear(a, weight, bias);
        if (!glu) {
            return z;
        }
        List<Value> half = split(z, transposed ? 1 : 2, h, h);
        return mul(half.get(0), sigmoid(half.get(1)));
    }
}
