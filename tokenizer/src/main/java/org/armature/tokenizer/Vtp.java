package org.armature.tokenizer;

import static org.armature.graph.Ops.add;
import static org.armature.graph.Ops.clip;
import static org.armature.graph.Ops.concat;
import static org.armature.graph.Ops.div;
import static org.armature.graph.Ops.exp;
import static org.armature.graph.Ops.identity;
import static org.armature.graph.Ops.linear;
import static org.armature.graph.Ops.matMul;
import static org.armature.graph.Ops.mul;
import static org.armature.graph.Ops.node;
import static org.armature.graph.Ops.reduceL2;
import static org.armature.graph.Ops.reduceMean;
import static org.armature.graph.Ops.reshape;
import static org.armature.graph.Ops.select;
import static org.armature.graph.Ops.shape;
import static org.armature.graph.Ops.slice;
import static org.armature.graph.Ops.transpose;
import static org.armature.graph.Ops.transposeLast;
import static org.armature.graph.Ops.where;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import org.armature.graph.DType;
import org.armature.graph.Scope;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;
import org.armature.train.TrainableModel;

/**
 * "Towards Scalable Pre-training of Visual Tokenizers for Generation" (Yao et al. 2025). Images are {@code [B, 3, H, W]},
 * normalised with ImageNet's mean and deviation, sides a multiple of the patch; latents {@code [B, C, H/patch, W/patch]}.
 * The batch may be a symbol, the sides may not.
 *
 * <pre>
 *  image -> trunk -> tokens -> bottleneck -> latents -> pixel_decoder -> image
 *             |cls                                          (reconstruction)
 *             +-> visual_proj -> image feature  .  text feature &lt;- text tower &lt;- text ids
 * </pre>
 *
 * As a {@link org.armature.model.Model} it takes {@code image} and {@code text} and gives {@code latents}, {@code reconstructed_image},
 * {@code image_features}, {@code text_features}, {@code logits_per_image} and {@code logits_per_text}, each as far as the
 * configuration has the part.
 */
final class Vtp implements TrainableModel {
    private final VtpConfig c;
    private final VisionTransformer vision;
    private final VisionTransformer decoder;

    Vtp(VtpConfig c) {
        this.c = c;
        this.vision = new VisionTransformer(c.vision());
        this.decoder = new VisionTransformer(c.decoder());
    }

    /** Normed tokens: of the class {@code [B, D]} and of the patches {@code [B, P, D]}, in row order. */
    record Tokens(Value cls, Value patches) {}

    /** {@code image [B, 3, H, W] -> latents [B, C, H/patch, W/patch]}. */
    Value encode(Scope p, Value image) {
        Value z = bottleneck(
                p.at("trunk"), tokens(p.at("trunk"), image, Value.none()).patches());
        return map(z, rows(image), columns(image));
    }

    /** {@code latents [B, C, h, w] -> image [B, 3, h patch, w patch]}. */
    Value decode(Scope scope, Value latents) {
        Scope p = scope.at("pixel_decoder");
        long channels = latents.shape().dim(1);
        if (channels != c.latentChannels()) {
            throw new IllegalArgumentException("latents " + latents + " have " + channels + " channels, the bottleneck "
                    + c.latentChannels() + ": set vision_feature_bottleneck=" + channels);
        }
        int h = (int) latents.shape().dim(2);
        int w = (int) latents.shape().dim(3);
        int width = c.decoder().width();
        int patch = c.patch();
        Value x = transposeLast(reshape(latents, 0, channels, (long) h * w));
        x = pointwise(p.at("proj_in"), x, width);
        Rotary rotary =
                Rotary.of(p, c.periods(), c.bf16Rotary(), h, w, c.decoder().headWidth());
        x = decoder.norm(p.at("norm"), decoder.blocks(p, x, rotary, 0).getLast());
        Value pixels = pointwise(p.at("proj_out"), x, 3L * patch * patch);
        Value tiles = reshape(pixels, 0, h, w, 3, patch, patch); // pixel shuffle: channel = c patch^2 + dy patch + dx
        return reshape(transpose(tiles, 0, 3, 1, 4, 2, 5), 0, 3, (long) h * patch, (long) w * patch);
    }

    /**
     * The encoder.
     *
     * @param p the trunk's place
     * @param masks BOOL {@code [B, P]}, where patches are replaced by the mask token; or none
     */
    Tokens tokens(Scope p, Value image, Value masks) {
        return normed(p, blocks(p, image, masks).getLast());
    }

    /** Tokens of the last {@code n} blocks, each through the final norm. */
    List<Tokens> intermediate(Scope p, Value image, int n) {
        List<Value> all = blocks(p, image, Value.none());
        if (n < 1 || n > all.size()) {
            throw new IllegalArgumentException("config key n is " + n + ": give 1 to " + all.size() + " blocks");
        }
        return all.subList(all.size() - n, all.size()).stream()
                .map(x -> normed(p, x))
                .toList();
    }

    private List<Value> blocks(Scope p, Value image, Value masks) {
        int h = rows(image);
        int w = columns(image);
        int width = c.vision().width();
        Value maskToken = p.parameter("mask_token", 1, width); // in every checkpoint, used in training only
        Value x = embed(p.at("patch_embed.proj"), image, h, w);
        if (masks.isPresent()) {
            x = where(reshape(masks, 0, (long) h * w, 1), maskToken, x);
        }
        Value cls = node("Expand", p.parameter("cls_token", 1, 1, width), shape(slice(x, 1, 0, 1)));
        Rotary rotary =
                Rotary.of(p, c.periods(), c.bf16Rotary(), h, w, c.vision().headWidth());
        return vision.blocks(p, concat(1, cls, x), rotary, 1);
    }

    private Tokens normed(Scope p, Value x) {
        Value y = vision.norm(p.at("norm"), x);
        return new Tokens(select(y, 1, 0), slice(y, 1, 1, Long.MAX_VALUE));
    }

    /** The patch convolution; its windows do not overlap, so it is a matrix product. */
    private Value embed(Scope p, Value image, int h, int w) {
        int patch = c.patch();
        int width = c.vision().width();
        long window = 3L * patch * patch;
        Value tiles = reshape(image, 0, 3, h, patch, w, patch);
        Value rows = reshape(transpose(tiles, 0, 2, 4, 1, 3, 5), 0, (long) h * w, window);
        Value weight = reshape(p.parameter("weight", width, 3, patch, patch), width, window);
        return linear(rows, weight, p.parameter("bias", width));
    }

    /** {@code [..., D] -> [..., C]}, linear and without bias. */
    Value bottleneck(Scope p, Value tokens) {
        return c.bottleneck() == 0
                ? tokens
                : linear(
                        tokens,
                        p.at("feature_bottleneck")
                                .parameter("weight", c.bottleneck(), c.vision().width()),
                        Value.none());
    }

    /** Patch tokens {@code [B, h w, C]} as a map {@code [B, C, h, w]}. */
    static Value map(Value tokens, long h, long w) {
        return reshape(transposeLast(tokens), 0, tokens.shape().dim(2), h, w);
    }

    /** {@code image -> [B, D_text]}, not normalised. */
    Value imageFeature(Scope p, Value image) {
        return imageFeature(p, tokens(p.at("trunk"), image, Value.none()));
    }

    private Value imageFeature(Scope p, Tokens t) {
        Value x = c.pooledClip() ? reduceMean(t.patches(), false, 1) : t.cls();
        if (!c.bottleneckForLatentsOnly()) {
            x = bottleneck(p.at("trunk"), x);
        }
        Value weight = p.at("visual_proj")
                .parameter("weight", c.text().width(), x.shape().dim(1));
        return linear(x, weight, Value.none());
    }

    /** {@code text INT64 [T, L] -> [T, D_text]}, not normalised. */
    Value textFeature(Scope p, Value text) {
        return new TextTower(c.text()).build(p, text);
    }

    /** Similarity of normalised features {@code [B, D], [T, D] -> [B, T]}, scaled as learnt. */
    Value logits(Scope p, Value imageFeatures, Value textFeatures) {
        Shape one = c.vectorLogitScale() ? Shape.of(1) : Shape.SCALAR;
        Value scale = exp(p.parameter("logit_scale", one));
        Value logits = mul(scale, matMul(imageFeatures, transpose(textFeatures, 1, 0)));
        return c.logitBias() ? add(logits, p.parameter("logit_bias", one)) : logits;
    }

    /** To length one along the last axis. */
    static Value normalize(Value x) {
        return div(x, clip(reduceL2(x, true, -1), 1e-12, Float.MAX_VALUE));
    }

    int rows(Value image) {
        return patches(image, 2, "height");
    }

    int columns(Value image) {
        return patches(image, 3, "width");
    }

    private int patches(Value image, int axis, String side) {
        long n = image.shape().dim(axis);
        int patch = c.patch();
        if (n % patch != 0 || n == 0) {
            long nearest = Math.max(1, Math.round((double) n / patch)) * patch;
            throw new IllegalArgumentException("image " + image + " has " + side + " " + n
                    + ", no multiple of the patch of " + patch + ": resize it to " + nearest);
        }
        return (int) (n / patch);
    }

    private static Value pointwise(Scope p, Value x, long outputs) {
        long width = x.shape().dim(2);
        Value weight = reshape(p.parameter("weight", outputs, width, 1, 1), outputs, width);
        return linear(x, weight, p.parameter("bias", outputs));
    }

    @Override
    public SequencedMap<String, TensorType> inputs() {
        SequencedMap<String, TensorType> in = new LinkedHashMap<>();
        in.put("image", new TensorType(DType.FLOAT, Shape.named("batch", 3, c.imageSize(), c.imageSize())));
        if (c.contrastive()) {
            in.put(
                    "text",
                    new TensorType(DType.INT64, Shape.named("texts", c.text().context())));
        }
        return in;
    }

    @Override
    public SequencedMap<String, Value> build(Scope p, Map<String, Value> inputs) {
        Value image = inputs.get("image");
        Tokens tokens = tokens(p.at("trunk"), image, Value.none());
        SequencedMap<String, Value> out = new LinkedHashMap<>();
        Value latents = map(bottleneck(p.at("trunk"), tokens.patches()), rows(image), columns(image));
        out.put("latents", latents);
        if (c.reconstruction()) {
            out.put("reconstructed_image", decode(p, latents));
        }
        if (c.contrastive()) {
            Value i = normalize(imageFeature(p, tokens));
            Value t = normalize(textFeature(p, inputs.get("text")));
            Value logits = logits(p, i, t);
            out.put("image_features", i);
            out.put("text_features", t);
            out.put("logits_per_image", logits);
            out.put("logits_per_text", transpose(logits, 1, 0));
        }
        return out;
    }

    /** As {@link #build}; the rotary periods, a buffer, are not trained, nor what the configuration holds fixed. */
    @Override
    public SequencedMap<String, Value> buildForTraining(Scope p, Map<String, Value> inputs) {
        SequencedMap<String, Value> out = build(p, inputs);
        List.copyOf(p.builder().parameters()).stream()
                .filter(t -> t.name().startsWith(p.path()))
                .filter(t -> t.name().endsWith("rope_embed.periods")
                        || c.decoderOnly() && !t.name().startsWith(p.full("pixel_decoder.")))
                .forEach(t -> p.builder().output(UPDATE + t.name(), identity(t)));
        return out;
    }
}
