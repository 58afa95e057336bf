package org.armature.layers.pflayer;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.attributes;
import static org.armature.graph.Ops.conv;
import static org.armature.graph.Ops.flatten;
import static org.armature.graph.Ops.globalAveragePool;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.relu;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.resize;
import static org.armature.graph.Ops.transpose;

import java.util.Optional;
import java.util.Set;
import org.armature.graph.Graph;
import org.armature.graph.Ops;
import org.armature.graph.Scope;
import org.armature.graph.Value;
import org.armature.model.Config;
import org.armature.model.EntryPoint;
import org.armature.nn.Layer;
import org.osgi.service.component.annotations.Component;

/**
 * Parameter-free spatial layers (Han, Yoo, Kim, Heo, ICLR 2022). As a layer: one block, {@code block} = Bottleneck,
 * MaxBottleneck or EffBottleneck on images {@code [B, C, H, W]}, or EffLayer on tokens {@code [B, N, C]}. As entries: the
 * blocks and the networks ResNet (max, hybrid), EffTransformer (ViT-max) and PoolingTransformer (PiT-max).
 */
@Component(
        service = {Layer.class, EntryPoint.class},
        property = {
            "armature.id=pflayer",
            "armature.kind=layer",
            "armature.paper=Learning Features with Parameter-Free Layers"
        })
public final class PfLayer implements Layer, EntryPoint {
    private static final Set<String> ENTRIES = Set.of(
            "Bottleneck",
            "MaxBottleneck",
            "EffBottleneck",
            "EffLayer",
            "ResNet",
            "EffTransformer",
            "PoolingTransformer");

    @Override
    public String id() {
        return "pflayer";
    }

    @Override
    public Set<String> entries() {
        return ENTRIES;
    }

    @Override
    public Value build(Scope p, Value x, Config c) {
        return network(c.text("block", x.rank() == 3 ? "EffLayer" : "EffBottleneck"), p, x, c);
    }

    @Override
    public Optional<Graph> graph(Invocation inv) {
        Graph.Builder b = Graph.builder(inv.entry());
        Value x = b.input("input", inv.input("input").shape());
        return Optional.of(b.output("out", network(inv.entry(), b.scope(), x, inv.config()))
                .build());
    }

    private static Value network(String name, Scope p, Value x, Config c) {
        return switch (name) {
            case "EffLayer" ->
                Blocks.effLayer(p, x, c.integer("mlp_ratio", 3), c.integer("kernel_size", 3), c.flag("bias", true));
            case "ResNet" -> resNet(p, x, c);
            case "EffTransformer" -> vit(p, x, c);
            case "PoolingTransformer" -> pit(p, x, c);
            default -> {
                int planes = c.integer("planes");
                int stride = c.integer("stride", 1);
                boolean needed = stride != 1 || x.shape().dim(1) != 4L * planes;
                yield Blocks.bottleneck(
                        p,
                        x,
                        Blocks.Kind.of(name),
                        planes,
                        stride,
                        c.flag("downsample", needed),
                        c.flag("training", false));
            }
        };
    }

    /** {@code [B, 3, H, W] -> [B, num_classes]}; the stem keeps its 64 channels whatever {@code width_mult}. */
    private static Value resNet(Scope p, Value x, Config c) {
        Blocks.Kind kind = Blocks.Kind.of(c.text("block", "EffBottleneck"));
        long[] layers = c.integers("layers", 3, 4, 6, 3);
        double width = c.number("width_mult", 1);
        boolean training = c.flag("training", false);
        Value y = Blocks.maxPool3(relu(Blocks.convNorm(p.at("conv1"), x, 64, 7, 2, training)), 2);
        for (int stage = 0; stage < layers.length; stage++) {
            int planes = (int) ((64 << stage) * width);
            for (int i = 0; i < layers[stage]; i++) {
                int stride = stage > 0 && i == 0 ? 2 : 1;
                boolean downsample = stride != 1 || y.shape().dim(1) != 4L * planes;
                y = Blocks.bottleneck(p.at("layer" + (stage + 1)).at(i), y, kind, planes, stride, downsample, training);
            }
        }
        return Blocks.dense(p.at("fc"), flatten(globalAveragePool(y), 1), c.integer("num_classes", 1000), true);
    }

    /** {@code [B, C, S, S] -> [B, num_classes]}: no class token, mean over tokens. */
    private static Value vit(Scope p, Value x, Config c) {
        int size = c.integer("img_size", 224);
        int patch = c.integer("patch_size", 16);
        int dim = c.integer("embed_dim", 384);
        if (x.shape().dim(2) != size || x.shape().dim(3) != size) {
            throw new IllegalArgumentException("EffTransformer: img_size=" + size + ", but the image is " + x);
        }
        Value grid = patches(p.at("patch_embed.proj"), x, dim, patch, patch);
        Value y = transpose(reshape(grid, 0, 0, -1), 0, 2, 1); // [B, N, C]
        y = add(y, p.parameter("pos_embed", 1, y.shape().dim(1), dim));
        for (int i = 0; i < c.integer("depth", 12); i++) {
            y = Blocks.transformer(
                    p.at("blocks", i),
                    y,
                    i,
                    c.integer("num_heads", 6),
                    c.number("mlp_ratio", 4),
                    c.flag("qkv_bias", true));
        }
        return head(p, y, c);
    }

    /** {@code [B, C, S, S] -> [B, num_classes]}: stages of blocks with strided depthwise convolutions between. */
    private static Value pit(Scope p, Value x, Config c) {
        int size = c.integer("image_size", 224);
        int patch = c.integer("patch_size", 16);
        int stride = c.integer("stride", 8);
        long[] base = c.integers("base_dims", 48, 48, 48);
        long[] heads = c.integers("heads", 3, 6, 12);
        long[] depth = c.integers("depth", 2, 6, 4);
        int dim = (int) (base[0] * heads[0]);
        long side = (size - patch) / stride + 1L;
        Value y = patches(p.at("patch_embed.conv"), x, dim, patch, stride);
        Value position = p.parameter("pos_embed", 1, dim, side, side);
        if (!y.shape().slice(2, 4).equals(position.shape().slice(2, 4))) {
            position = resize(
                    position,
                    new long[] {1, dim, y.shape().dim(2), y.shape().dim(3)},
                    "cubic",
                    "half_pixel",
                    attributes("cubic_coeff_a", -0.75f));
        }
        y = add(y, position);
        for (int s = 0; s < depth.length; s++) {
            if (s > 0) {
                y = pool(p.at("pools", s - 1), y, base[s] * heads[s]);
            }
            long h = y.shape().dim(2);
            long w = y.shape().dim(3);
            Value tokens = transpose(reshape(y, 0, 0, -1), 0, 2, 1);
            for (int i = 0; i < depth[s]; i++) {
                tokens = Blocks.transformer(
                        p.at("transformers", s).at("blocks", i),
                        tokens,
                        i,
                        (int) heads[s],
                        c.number("mlp_ratio", 4),
                        true);
            }
            y = reshape(transpose(tokens, 0, 2, 1), 0, 0, h, w);
        }
        return head(p, transpose(reshape(y, 0, 0, -1), 0, 2, 1), c);
    }

    private static Value pool(Scope p, Value x, long out) {
        long in = x.shape().dim(1);
        if (out % in != 0) {
            throw new IllegalArgumentException(
                    p.path() + ": " + out + " channels are no multiple of the " + in + " before");
        }
        Scope conv = p.at("conv");
        return conv(
                x,
                conv.parameter("weight", out, 1, 3, 3),
                conv.parameter("bias", out),
                Ops.Window.of(2).stride(2).pad(1).group(in));
    }

    private static Value patches(Scope p, Value x, int dim, int patch, int stride) {
        return conv(
                x,
                p.parameter("weight", dim, x.shape().dim(1), patch, patch),
                p.parameter("bias", dim),
                Ops.Window.of(2).stride(stride));
    }

    private static Value head(Scope p, Value tokens, Config c) {
        return Blocks.dense(
                p.at("head"),
                reduceMean(Blocks.layerNorm(p.at("norm"), tokens), false, 1),
                c.integer("num_classes", 1000),
                true);
    }
}
