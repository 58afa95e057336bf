package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Ops.Window;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.jspecify.annotations.Nullable;

/**
 * Images {@code [N, 3, H, W]} in [0, 1] to patch tokens {@code [N, H/p * W/p, C]}: DINOv2 with registers, or only its
 * convolution.
 *
 * @param imgSize side the position table was made for, pixels
 * @param vit the transformer's blocks; null for the convolution alone
 * @param depth number of blocks
 */
record PatchEmbed(
        int imgSize,
        int patch,
        int width,
        int registers,
        @Nullable Block vit,
        int depth) {
    /** Layer norms of DINOv2. */
    private static final double EPSILON = 1e-6;

    static PatchEmbed of(Config c, int imgSize, int patch, int width, int registers) {
        boolean conv = c.text("patch_embed", "dinov2_vitl14_reg").equals("conv")
                || c.asMap().containsKey("patch_embed_vit") && !c.has("patch_embed_vit");
        if (conv) {
            return new PatchEmbed(imgSize, patch, width, registers, null, 0);
        }
        Config v = c.section("patch_embed_vit");
        Block block =
                new Block(v.integer("num_heads", 16), v.number("mlp_ratio", 4), EPSILON, false, true, true, true, true);
        return new PatchEmbed(imgSize, patch, width, registers, block, v.integer("depth", 24));
    }

    Value build(Scope p, Value images) {
        Graph.Builder b = images.builder();
        Value mean = b.constant(Constant.of(DType.FLOAT, Shape.of(3, 1, 1), 0.485, 0.456, 0.406));
        Value std = b.constant(Constant.of(DType.FLOAT, Shape.of(3, 1, 1), 0.229, 0.224, 0.225));
        Value x = div(sub(images, mean), std);
        if (vit == null) {
            return patches(p.at("proj"), x, width, patch);
        }
        long n = images.shape().dim(0);
        long h = images.shape().dim(2) / patch;
        long w = images.shape().dim(3) / patch;
        Value cls = expand(p.parameter("cls_token", 1, 1, width), n, 1, width);
        Value tokens =
                add(concat(1, cls, patches(p.at("patch_embed.proj"), x, width, patch)), positions(p, (int) h, (int) w));
        Value register = expand(p.parameter("register_tokens", 1, registers, width), n, registers, width);
        // Registers come after the class token and have no position.
        x = concat(1, slice(tokens, 1, 0, 1), register, slice(tokens, 1, 1, Long.MAX_VALUE));
        for (int i = 0; i < depth; i++) {
            x = vit.build(p.at("blocks", i), x, null);
        }
        return slice(Block.norm(p.at("norm"), x, EPSILON), 1, 1L + registers, Long.MAX_VALUE);
    }

    /** {@code [N, C, H, W] -> [N, P0, width]} by a convolution as large as its stride. */
    static Value patches(Scope p, Value x, int width, int patch) {
        Value weight = p.parameter("weight", width, x.shape().dim(1), patch, patch);
        Value grid = conv(x, weight, p.parameter("bias", width), Window.of(2).stride(patch));
        return transpose(reshape(grid, x.shape().dim(0), width, -1), 0, 2, 1);
    }

    /** The table {@code [1, 1 + M*M, C]}, its patch part resampled to {@code h x w} unless it fits a square image. */
    private Value positions(Scope p, int h, int w) {
        int m = imgSize / patch;
        Value table = p.parameter("pos_embed", 1, 1L + (long) m * m, width);
        if (h == w && h == m) {
            return table;
        }
        Graph.Builder b = table.builder();
        Value grid = reshape(slice(table, 1, 1, Long.MAX_VALUE), m, (long) m * width);
        Value rows = reshape(matMul(b.constant(bicubic(m, h)), grid), h, m, width);
        Value both = matMul(b.constant(bicubic(m, w)), rows); // [h, w, C]
        return concat(1, slice(table, 1, 0, 1), reshape(both, 1, (long) h * w, width));
    }

    /** Weights {@code [out, in]} of antialiased bicubic resampling, a = -0.5, half-pixel centres. */
    private static Constant bicubic(int in, int out) {
        double scale = (double) in / out;
        double stretch = Math.max(1, scale);
        double[] weights = new double[in * out];
        for (int i = 0; i < out; i++) {
            double centre = scale * (i + 0.5);
            int from = Math.max(0, (int) (centre - 2 * stretch + 0.5));
            int to = Math.min(in, (int) (centre + 2 * stretch + 0.5));
            double sum = 0;
            for (int j = from; j < to; j++) {
                weights[i * in + j] = Resampling.cubic((j + 0.5 - centre) / stretch);
                sum += weights[i * in + j];
            }
            for (int j = from; j < to; j++) {
                weights[i * in + j] /= sum;
            }
        }
        return Constant.of(DType.FLOAT, Shape.of(out, in), weights);
    }
}
