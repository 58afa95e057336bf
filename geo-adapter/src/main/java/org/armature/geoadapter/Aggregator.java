package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.armature.model.Config;

/**
 * Views to tokens: patch embedding, special tokens, adapter, then blocks that attend within a frame and over all frames in
 * turn. Tokens of a view: {@code [camera 1 | registers | patches P0]}.
 *
 * @param depth number of frame blocks, as many global ones
 * @param groupSize blocks of a kind in a row, {@code aa_block_size}
 * @param order {@code frame}, {@code global}
 */
record Aggregator(
        PatchEmbed patchEmbed,
        Block block,
        int width,
        int patch,
        int registers,
        int depth,
        int groupSize,
        List<String> order,
        double ropeBase) {
    /** Defaults are the official model's. */
    static Aggregator of(Config c) {
        int width = c.integer("embed_dim", 1024);
        int patch = c.integer("patch_size", 14);
        int registers = c.integer("num_register_tokens", 4);
        int depth = c.integer("depth", 24);
        int group = c.integer("aa_block_size", 1);
        if (group < 1 || depth % group != 0) {
            throw new IllegalArgumentException(
                    "depth=" + depth + " does not divide into groups of aa_block_size=" + group + ": choose a divisor");
        }
        double base = c.number("rope_freq", 100);
        if (!(base > 0)) {
            throw new IllegalArgumentException("rope_freq is " + base + ": give a positive number (100 is official)");
        }
        if (c.integer("pose_hidden_dim", 9) != 9) {
            throw new IllegalArgumentException(
                    "pose_hidden_dim is " + c.integer("pose_hidden_dim") + ": a camera is 9" + " numbers");
        }
        List<String> order = c.has("aa_order") ? c.texts("aa_order") : List.of("frame", "global");
        if (!order.stream().sorted().toList().equals(List.of("frame", "global"))) {
            throw new IllegalArgumentException("aa_order is " + order + ": name frame and global once each");
        }
        return new Aggregator(
                PatchEmbed.of(c, c.integer("img_size", 518), patch, width, registers),
                Block.of(c, 16, c.flag("qk_norm", true)),
                width,
                patch,
                registers,
                depth,
                group,
                order,
                base);
    }

    /** Where the patches begin among a view's tokens. */
    int patchStart() {
        return 1 + registers;
    }

    /** What goes into block 0, {@code [B*S, P, C]}, and where it came from. */
    record Embedding(Value tokens, GeoAdapter.CameraTokens cameras, GeoAdapter.DepthTokens depths) {}

    Embedding embed(Scope p, Views views) {
        requireWholePatches(views);
        long b = views.batch();
        long s = views.count();
        Value images = reshape(
                views.images(), Shape.of(b * s).concat(views.images().shape().slice(2, 5)));
        GeoAdapter adapter = new GeoAdapter(width, patch, depth / groupSize + 1);
        GeoAdapter.CameraTokens cameras = adapter.cameras(p, views);
        GeoAdapter.DepthTokens depths = adapter.depths(p, views);
        Value camera = special(p.parameter("camera_token", 1, 2, 1, width), views);
        Value register = special(p.parameter("register_token", 1, 2, registers, width), views);
        Value patches = add(patchEmbed.build(p.at("patch_embed"), images), depths.all());
        Value tokens = concat(1, add(camera, cameras.injected().getFirst()), register, patches);
        return new Embedding(tokens, cameras, depths);
    }

    /** The outputs of all groups, {@code [B, S, P, 2C]}: frame half, global half. */
    List<Value> build(Scope p, Views views) {
        Embedding e = embed(p, views);
        Value x = e.tokens();
        long b = views.batch();
        int s = views.count();
        long t = x.shape().dim(1);
        int h = views.height() / patch;
        int w = views.width() / patch;
        int head = width / block.heads();
        Rope ofFrame = Rope.of(x.builder(), 1, patchStart(), h, w, head, ropeBase);
        Rope ofAll = Rope.of(x.builder(), s, patchStart(), h, w, head, ropeBase);
        List<Value> outputs = new ArrayList<>();
        for (int group = 0; group < depth / groupSize; group++) {
            Value injection = pad(e.cameras().injected().get(group + 1), "constant", 0, 0, 0, 0, t - 1, 0);
            List<Value> frames = new ArrayList<>();
            List<Value> globals = new ArrayList<>();
            for (String kind : order) {
                for (int i = group * groupSize; i < (group + 1) * groupSize; i++) {
                    if (kind.equals("frame")) {
                        x = add(block.build(p.at("frame_blocks", i), x, ofFrame), injection);
                        frames.add(reshape(x, b, s, t, width));
                    } else {
                        Value all = block.build(p.at("global_blocks", i), reshape(x, b, s * t, width), ofAll);
                        globals.add(reshape(all, b, s, t, width));
                        x = reshape(all, b * s, t, width);
                    }
                }
            }
            for (int i = 0; i < groupSize; i++) {
                outputs.add(concat(-1, frames.get(i), globals.get(i)));
            }
        }
        return outputs;
    }

    /** A token pair {@code [1, 2, n, C]}, the first for view 0, the second for all others: {@code [B*S, n, C]}. */
    private Value special(Value pair, Views views) {
        int[] which = new int[views.count()];
        Arrays.fill(which, 1, which.length, 1);
        long n = pair.shape().dim(2);
        Value each = Views.take(pair, which, -1);
        return reshape(
                expand(each, views.batch(), views.count(), n, width), (long) views.batch() * views.count(), n, width);
    }

    private void requireWholePatches(Views views) {
        int h = views.height();
        int w = views.width();
        if (h % patch != 0 || w % patch != 0) {
            throw new IllegalArgumentException(
                    "images are " + h + " x " + w + " pixels (height x width), no multiple of the" + " patch size "
                            + patch + ": resize to " + nearest(h) + " x " + nearest(w));
        }
    }

    private int nearest(int size) {
        return Math.max(patch, Math.round((float) size / patch) * patch);
    }
}
