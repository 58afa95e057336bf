package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Ops.Window;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.jspecify.annotations.Nullable;

/**
 * Dense prediction transformer head (Ranftl et al. 2021) as VGGT uses it: patch tokens of four layers at four resolutions,
 * fused from deep to shallow into one map per view.
 *
 * @param outputs channels, the last of them the confidence
 * @param layers which of the aggregator's outputs are read
 */
record DptHead(
        int width,
        int patch,
        int outputs,
        Activation activation,
        Activation confidence,
        int features,
        long[] channels,
        long[] layers,
        boolean positions,
        boolean featureOnly,
        int downRatio) {
    private static final double POSITION_WEIGHT = 0.1;

    /** Defaults are the official model's. */
    static DptHead of(Config c, int width, int patch, int outputs, String activation) {
        long[] channels = c.integers("out_channels", 256, 512, 1024, 1024);
        long[] layers = c.integers("intermediate_layer_idx", 4, 11, 17, 23);
        if (channels.length != 4 || layers.length != 4) {
            throw new IllegalArgumentException("out_channels and intermediate_layer_idx have " + channels.length
                    + " and " + layers.length + " entries: the head fuses 4 layers");
        }
        return new DptHead(
                c.integer("dim_in", width),
                c.integer("patch_size", patch),
                c.integer("output_dim", outputs),
                Activation.of("activation", c.text("activation", activation)),
                Activation.of("conf_activation", c.text("conf_activation", "expp1")),
                c.integer("features", 256),
                channels,
                layers,
                c.flag("pos_embed", true),
                c.flag("feature_only", false),
                c.integer("down_ratio", 1));
    }

    /**
     * @param predictions {@code [B, S, H, W, outputs-1]}, or the features {@code [B, S, c, H, W]} if only they are wanted
     * @param confidence {@code [B, S, H, W]}; null with the features
     */
    record Maps(Value predictions, @Nullable Value confidence) {}

    /** @param tokens the aggregator's outputs {@code [B, S, P, 2C]}; only {@link #layers} are read */
    Maps build(Scope p, Map<Integer, Value> tokens, int patchStart, int height, int width) {
        Value[] level = new Value[4];
        for (int j = 0; j < 4; j++) {
            level[j] = reassemble(p, j, tokens.get((int) layers[j]), patchStart, height, width);
        }
        Scope scratch = p.at("scratch");
        for (int j = 0; j < 4; j++) {
            level[j] = conv3(scratch.at("layer" + (j + 1) + "_rn"), level[j], features, false);
        }
        Value y = fuse(scratch.at("refinenet4"), level[3], null, size(level[2]));
        y = fuse(scratch.at("refinenet3"), y, level[2], size(level[1]));
        y = fuse(scratch.at("refinenet2"), y, level[1], size(level[0]));
        y = fuse(scratch.at("refinenet1"), y, level[0], new long[] {
            2 * y.shape().dim(2), 2 * y.shape().dim(3)
        });
        y = conv3(scratch.at("output_conv1"), y, featureOnly ? features : features / 2, true);
        y = bilinear(y, height / patch * patch / downRatio, this.width(width));
        y = positioned(y, (double) width / height);
        Value any = tokens.get((int) layers[0]);
        long b = any.shape().dim(0);
        long s = any.shape().dim(1);
        long h = y.shape().dim(2);
        long w = y.shape().dim(3);
        if (featureOnly) {
            return new Maps(reshape(y, b, s, features, h, w), null);
        }
        y = relu(conv3(scratch.at("output_conv2.0"), y, 32, true));
        y = transpose(conv1(scratch.at("output_conv2.2"), y, outputs), 0, 2, 3, 1); // [B*S, H, W, outputs]
        Value map = activation.apply(slice(y, -1, 0, outputs - 1L));
        Value conf = confidence.apply(slice(y, -1, outputs - 1L, outputs));
        return new Maps(reshape(map, b, s, h, w, outputs - 1L), reshape(conf, b, s, h, w));
    }

    private long width(int pixels) {
        return (long) pixels / patch * patch / downRatio;
    }

    /** Tokens back to an image at a quarter, half, once and twice the patch size. */
    private Value reassemble(Scope p, int j, @Nullable Value tokens, int patchStart, int height, int width) {
        if (tokens == null) {
            throw new IllegalArgumentException("intermediate_layer_idx names layer " + layers[j]
                    + ", which the aggregator does not put out: use indices below its depth");
        }
        Shape s = tokens.shape();
        long n = s.dim(0) * s.dim(1);
        Value x = reshape(slice(tokens, 2, patchStart, Long.MAX_VALUE), n, s.dim(2) - patchStart, this.width);
        // The 1 x 1 convolution as a product of tokens: only its few channels need to be transposed.
        Scope project = p.at("projects", j);
        Value weight = reshape(project.parameter("weight", channels[j], this.width, 1, 1), channels[j], this.width);
        x = linear(Block.norm(p.at("norm"), x, Block.EPSILON), weight, project.parameter("bias", channels[j]));
        x = reshape(transpose(x, 0, 2, 1), n, channels[j], height / patch, width / patch);
        x = positioned(x, (double) width / height);
        Scope r = p.at("resize_layers", j);
        return switch (j) {
            case 0 -> enlarge(r, x, 4);
            case 1 -> enlarge(r, x, 2);
            case 2 -> x;
            default ->
                conv(
                        x,
                        r.parameter("weight", channels[j], channels[j], 3, 3),
                        r.parameter("bias", channels[j]),
                        Window.of(2).stride(2).pad(1));
        };
    }

    private static Value enlarge(Scope p, Value x, int factor) {
        long c = x.shape().dim(1);
        return convTranspose(
                x,
                p.parameter("weight", c, c, factor, factor),
                p.parameter("bias", c),
                Window.of(2).stride(factor));
    }

    private Value fuse(Scope p, Value x, @Nullable Value skip, long[] size) {
        Value y = skip == null ? x : add(x, residual(p.at("resConfUnit1"), skip));
        y = residual(p.at("resConfUnit2"), y);
        return conv1(p.at("out_conv"), bilinear(y, size[0], size[1]), features);
    }

    /** The official activation is in place: the shortcut carries relu(x), not x. */
    private static Value residual(Scope p, Value x) {
        long c = x.shape().dim(1);
        Value r = relu(x);
        return add(conv3(p.at("conv2"), relu(conv3(p.at("conv1"), r, c, true)), c, true), r);
    }

    private static Value conv3(Scope p, Value x, long out, boolean bias) {
        Value weight = p.parameter("weight", out, x.shape().dim(1), 3, 3);
        return conv(
                x,
                weight,
                bias ? p.parameter("bias", out) : Value.none(),
                Window.of(2).pad(1));
    }

    private static Value conv1(Scope p, Value x, long out) {
        return conv(x, p.parameter("weight", out, x.shape().dim(1), 1, 1), p.parameter("bias", out), Window.of(2));
    }

    private static long[] size(Value x) {
        return new long[] {x.shape().dim(2), x.shape().dim(3)};
    }

    private static Value bilinear(Value x, long h, long w) {
        Shape s = x.shape();
        return s.dim(2) == h && s.dim(3) == w
                ? x
                : resize(x, new long[] {s.dim(0), s.dim(1), h, w}, "linear", "align_corners", Map.of());
    }

    /**
     * Adds a tenth of sines and cosines of the place: to the first half of the channels those of x, to the second those of y.
     * Two small constants that broadcast, since their sum is as large as the map.
     */
    private Value positioned(Value x, double aspect) {
        if (!positions) {
            return x;
        }
        Shape s = x.shape();
        int c = (int) s.dim(1);
        if (c % 4 != 0) {
            throw new IllegalArgumentException(c + " channels have no sine-cosine positions: use a multiple of 4");
        }
        double diagonal = Math.sqrt(aspect * aspect + 1);
        Constant ofX = Constant.of(DType.FLOAT, Shape.of(1, c, 1, s.dim(3)), sincos(c, 0, s.dim(3), aspect / diagonal));
        Constant ofY = Constant.of(DType.FLOAT, Shape.of(1, c, s.dim(2), 1), sincos(c, c / 2, s.dim(2), 1 / diagonal));
        return add(add(x, x.builder().constant(ofX)), x.builder().constant(ofY));
    }

    /** {@code [c, n]}: c/4 sines and c/4 cosines from channel {@code first} on, elsewhere zero. */
    private static double[] sincos(int c, int first, long n, double span) {
        double[] v = new double[c * (int) n];
        int quarter = c / 4;
        for (int k = 0; k < c / 2; k++) {
            double omega = Math.pow(100, -(double) (k % quarter) / quarter);
            for (int i = 0; i < n; i++) {
                double at = span * (2.0 * i - (n - 1)) / n * omega;
                v[(first + k) * (int) n + i] = POSITION_WEIGHT * (k < quarter ? Math.sin(at) : Math.cos(at));
            }
        }
        return v;
    }

    /** Layers read, each once. */
    List<Integer> reads() {
        return Arrays.stream(layers)
                .mapToInt(Math::toIntExact)
                .distinct()
                .boxed()
                .toList();
    }
}
