package org.armature.geoadapter;

import static org.armature.graph.Ops.*;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.armature.graph.Constant;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.Value;
import org.jspecify.annotations.Nullable;

/**
 * The paper's adapter: what is known about some views enters the tokens of all. Cameras go through zero-initialised linear
 * layers to the camera tokens, once per group; depth goes through a convolution to the patch tokens, once.
 *
 * @param width channels C of a token
 * @param injections groups of blocks plus one
 */
record GeoAdapter(int width, int patch, int injections) {
    /** @param normalized {@code [B, n, 3, 4]}; @param encoding {@code [B, n, 9]}; both null without cameras */
    record CameraTokens(
            @Nullable Value normalized, @Nullable Value encoding, List<Value> injected) {}

    /** @param input {@code [B*n, 2, H, W]}; @param own {@code [B*n, P0, C]}; both null without depth; @param all {@code [B*S, P0, C]} */
    record DepthTokens(@Nullable Value input, @Nullable Value own, Value all) {}

    /** What is added to the camera tokens, {@code [B*S, 1, C]} for each injection. */
    CameraTokens cameras(Scope p, Views views) {
        if (views.known().containsKey(Views.CAMERAS)) {
            return drawnCameras(p, views);
        }
        int[] index = views.modalities().cameras();
        int b = views.batch();
        int s = views.count();
        List<Value> injected = new ArrayList<>();
        if (index.length == 0) {
            // Adapters of a zero vector: their bias.
            for (int k = 0; k < injections; k++) {
                Value bias = reshape(p.at("camera_adapters", k).parameter("bias", width), 1, 1, width);
                injected.add(expand(bias, (long) b * s, 1, width));
            }
            return new CameraTokens(null, null, injected);
        }
        Value normalized = normalize(views.of("extrinsics", index));
        Value encoding = PoseEncoding.encode(normalized, views.of("intrinsics", index), views.height(), views.width());
        Value absent = encoding.builder().constant(Constant.full(DType.FLOAT, Shape.of(b, 1, width), 0));
        for (int k = 0; k < injections; k++) {
            Value c = views.spread(Block.dense(p.at("pose_embeddings", k), encoding, width, true), index, absent);
            Value a = Block.dense(p.at("camera_adapters", k), c, width, true);
            injected.add(reshape(a, (long) b * s, 1, width));
        }
        return new CameraTokens(normalized, encoding, injected);
    }

    /** The same where each item has its own cameras, a prefix of its views: view 0 is the reference wherever there is one. */
    private CameraTokens drawnCameras(Scope p, Views views) {
        Value given = unsqueeze(Objects.requireNonNull(views.known().get(Views.CAMERAS)), -1); // [B or 1, S, 1]
        Value extrinsics = Objects.requireNonNull(views.known().get("extrinsics"));
        Value e = Cameras.compose(extrinsics, Cameras.inverse(slice(extrinsics, 1, 0, 1)));
        Value t = slice(e, -1, 3, 4); // [B, S, 3, 1], zero for view 0
        Value others = sub(reduceSum(given, true, 1), 1);
        Value sum = reduceSum(mul(reduceL2(t, false, 2), given), true, 1); // [B, 1, 1]
        Value scale = div(sum, max(others, like(others, 1)));
        Value relative = div(t, unsqueeze(max(scale, like(scale, 1e-6)), -1));
        Value normalized = concat(-1, slice(e, -1, 0, 3), relative);
        Value encoding = PoseEncoding.encode(
                normalized, Objects.requireNonNull(views.known().get("intrinsics")), views.height(), views.width());
        List<Value> injected = new ArrayList<>();
        for (int k = 0; k < injections; k++) {
            Value c = mul(Block.dense(p.at("pose_embeddings", k), encoding, width, true), given);
            Value a = Block.dense(p.at("camera_adapters", k), c, width, true);
            injected.add(reshape(a, (long) views.batch() * views.count(), 1, width));
        }
        return new CameraTokens(normalized, encoding, injected);
    }

    /** Into the frame of the first camera; with several, the others' mean distance becomes one. */
    private static Value normalize(Value extrinsics) {
        Value e = Cameras.compose(extrinsics, Cameras.inverse(slice(extrinsics, 1, 0, 1)));
        if (extrinsics.shape().dim(1) == 1) {
            return e;
        }
        Value t = slice(e, -1, 3, 4);
        Value distance = reduceL2(slice(t, 1, 1, Long.MAX_VALUE), true, 2); // [B, n-1, 1, 1]
        Value scale = reduceMean(distance, true, 1);
        return concat(-1, slice(e, -1, 0, 3), div(t, max(scale, like(scale, 1e-6))));
    }

    /** What is added to the patch tokens: views without depth get the learned placeholder. */
    DepthTokens depths(Scope p, Views views) {
        if (views.known().containsKey(Views.DEPTHS)) {
            return drawnDepths(p, views);
        }
        int[] index = views.modalities().depths();
        long b = views.batch();
        long s = views.count();
        int h = views.height();
        int w = views.width();
        long patches = (long) (h / patch) * (w / patch);
        Value placeholder = expand(
                reshape(p.parameter("depth_placeholder", 1, 1, width), 1, 1, 1, width),
                b,
                index.length == 0 ? s : 1,
                patches,
                width);
        if (index.length == 0) {
            return new DepthTokens(null, null, reshape(placeholder, b * s, patches, width));
        }
        long n = index.length;
        Value input = normalizeDepth(
                reshape(views.of("depth", index), b, n, h, w), views.of("mask", index)); // [B*n, 2, H, W]
        Value own = PatchEmbed.patches(p.at("depth_patch_embed.proj"), input, width, patch);
        Value all = views.spread(reshape(own, b, n, patches, width), index, placeholder);
        return new DepthTokens(input, own, reshape(all, b * s, patches, width));
    }

    /** The same where each item has its own views with depth. */
    private DepthTokens drawnDepths(Scope p, Views views) {
        long b = views.batch();
        long s = views.count();
        Value given = unsqueeze(Objects.requireNonNull(views.known().get(Views.DEPTHS)), -1, -2); // [B or 1, S, 1, 1]
        Value mask = mul(Objects.requireNonNull(views.known().get("mask")), given);
        Value depth = squeeze(Objects.requireNonNull(views.known().get("depth")), -1);
        Value input = normalizeDepth(depth, mask);
        Value own = PatchEmbed.patches(p.at("depth_patch_embed.proj"), input, width, patch); // [B*S, P0, C]
        long patches = own.shape().dim(1);
        Value placeholder = reshape(p.parameter("depth_placeholder", 1, 1, width), 1, 1, 1, width);
        Value all = add(mul(reshape(own, b, s, patches, width), given), mul(placeholder, sub(1, given)));
        return new DepthTokens(input, own, reshape(all, b * s, patches, width));
    }

    /** Depth divided by its mean over the valid pixels of all views of an item, and the mask, as two channels. */
    private static Value normalizeDepth(Value depth, Value mask) {
        Value valid = cast(greater(mask, like(mask, 0)), DType.FLOAT);
        Value count = max(reduceSum(valid, true, 1, 2, 3), like(valid, 1));
        Value mean = div(reduceSum(mul(depth, valid), true, 1, 2, 3), count);
        Value relative = mul(div(depth, add(mean, 1e-8)), mask);
        Shape s = depth.shape();
        return reshape(
                concat(2, unsqueeze(relative, 2), unsqueeze(mask, 2)), s.dim(0) * s.dim(1), 2, s.dim(2), s.dim(3));
    }
}
