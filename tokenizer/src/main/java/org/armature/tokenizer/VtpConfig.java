package org.armature.tokenizer;

import java.util.List;
import org.armature.graph.DType;
import org.armature.model.Config;

/**
 * Sizes and choices of a VTP model, read from the keys of the official {@code config.json}; the defaults are VTP-Base.
 *
 * @param imageSize side of the image the model is meant for, pixels
 * @param patch side of a patch, pixels
 * @param bottleneck channels of a latent; 0 leaves the tokens as they are
 * @param bottleneckForLatentsOnly contrastive and self-supervised features are taken before the bottleneck
 * @param pooledClip the contrastive feature is the mean patch token, not the class token
 * @param decoderOnly the second stage of training: all but the pixel decoder stays as it is
 * @param bf16Rotary rotation rounds to bfloat16 at each step, as the released weights were trained
 * @param periods type the checkpoint stores the rotary periods in
 */
record VtpConfig(
        int imageSize,
        int patch,
        Tower vision,
        Tower decoder,
        Text text,
        int bottleneck,
        boolean bottleneckForLatentsOnly,
        boolean pooledClip,
        boolean contrastive,
        boolean reconstruction,
        boolean decoderOnly,
        boolean logitBias,
        boolean vectorLogitScale,
        boolean bf16Rotary,
        DType periods) {

    /** What a model file says beside the sizes: asked for so that it counts as known. */
    private static final List<String> LABELS = List.of(
            "architectures", "auto_map", "dtype", "model_type", "torch_dtype", "transformers_version", "text_pad_id");

    /**
     * A vision transformer.
     *
     * @param ffn {@code mlp}, {@code swiglu} or {@code swiglu32|64|128} (hidden width a multiple of that)
     * @param norm {@code rmsnorm}, {@code layernorm} or {@code layernormbf16}
     */
    record Tower(
            int width,
            int depth,
            int heads,
            double ratio,
            String ffn,
            String norm,
            boolean layerScale,
            boolean qkNorm) {
        Tower {
            if (heads < 1 || width % heads != 0 || width / heads % 4 != 0) {
                throw new IllegalArgumentException("width " + width + " with " + heads
                        + " heads: the width of a head must be a whole multiple of 4 for the rotary embedding");
            }
            if (!List.of("mlp", "swiglu", "swiglu32", "swiglu64", "swiglu128").contains(ffn)) {
                throw new IllegalArgumentException(
                        "ffn layer \"" + ffn + "\" is not known: choose mlp, swiglu, swiglu32, swiglu64 or swiglu128");
            }
            if (!List.of("rmsnorm", "layernorm", "layernormbf16").contains(norm)) {
                throw new IllegalArgumentException(
                        "norm layer \"" + norm + "\" is not known: choose rmsnorm, layernorm or layernormbf16");
            }
        }

        int headWidth() {
            return width / heads;
        }

        /** Width between the layers of the feed-forward part; SwiGLU takes two thirds of it, rounded up. */
        int hidden() {
            int full = (int) (width * ratio);
            if (ffn.equals("mlp")) {
                return full;
            }
            int align = ffn.equals("swiglu") ? 8 : Integer.parseInt(ffn.substring("swiglu".length()));
            return Math.ceilDiv((int) (full * 2 / 3.0), align) * align;
        }
    }

    /** The text tower. {@code pool}: argmax (of the ids), first, last or none. */
    record Text(
            int context,
            int vocabulary,
            int width,
            int heads,
            int depth,
            double ratio,
            boolean layerScale,
            boolean causal,
            String pool,
            boolean projected,
            boolean projectionBias,
            boolean quickGelu) {
        Text {
            if (width % heads != 0) {
                throw new IllegalArgumentException(
                        "text_embed_dim=" + width + " is no multiple of text_num_heads=" + heads);
            }
            if (!List.of("argmax", "first", "last", "none").contains(pool)) {
                throw new IllegalArgumentException(
                        "text_pool_type \"" + pool + "\" is not known: choose argmax, first, last or none");
            }
        }
    }

    /** From the keys of the official configuration class. */
    static VtpConfig of(Config c) {
        LABELS.forEach(c::has);
        if (c.flag("text_embed_cls", false) || c.flag("text_output_tokens", false)) {
            throw new UnsupportedOperationException(
                    "text_embed_cls and text_output_tokens have no official inference path: leave them false");
        }
        Tower vision = tower(c, "vision_", "rmsnorm");
        Tower decoder = tower(c, "decoder_", "layernorm");
        Text text = new Text(
                c.integer("text_context_length", 77),
                c.integer("text_vocab_size", 49408),
                c.integer("text_embed_dim", 768),
                c.integer("text_num_heads", 12),
                c.integer("text_depth", 12),
                c.number("text_mlp_ratio", 4),
                c.has("text_ls_init_value"),
                !c.flag("text_no_causal_mask", false),
                c.text("text_pool_type", "argmax"),
                !c.text("text_proj_type", "linear").equals("none"),
                c.flag("text_proj_bias", false),
                c.flag("text_quick_gelu", false));
        boolean bf16 = bf16(c);
        c.has("init_logit_scale");
        return new VtpConfig(
                c.integer("image_size", 256),
                c.integer("vision_patch_size", 16),
                vision,
                decoder,
                text,
                c.integer("vision_feature_bottleneck", 64),
                c.flag("vision_bottleneck_ae_only", true),
                pooled(c.text("vision_clip_feat", "cls")),
                c.flag("train_clip", true),
                c.flag("train_reconstruction", true),
                c.flag("train_decoder_only", false),
                c.has("init_logit_bias"),
                c.flag("nonscalar_logit_scale", false),
                bf16,
                bf16 ? DType.BFLOAT16 : DType.FLOAT);
    }

    /** The tower whose keys begin with {@code prefix}; {@code norm} where its configuration is silent. */
    private static Tower tower(Config c, String prefix, String norm) {
        return new Tower(
                c.integer(prefix + "embed_dim", 768),
                c.integer(prefix + "depth", 12),
                c.integer(prefix + "num_heads", 12),
                c.number(prefix + "mlp_ratio", 4),
                c.text(prefix + "ffn_layer", "swiglu"),
                c.text(prefix + "norm_layer", norm),
                c.has(prefix + "init_values"),
                c.flag(prefix + "use_qk_norm", false));
    }

    /** From the nested configuration of the training class; its decoder and text tower are not read. */
    static VtpConfig ofTraining(Config c) {
        Config v = c.section("vtp").section("vtp_model").section("vision_encoder");
        Tower vision = tower(v, "", v.text("norm_type", "rmsnorm"));
        boolean bf16 = bf16(c);
        VtpConfig base = of(Config.empty());
        return new VtpConfig(
                c.section("vtp").section("data").integer("image_size", 256),
                v.integer("patch_size", 16),
                vision,
                base.decoder,
                base.text,
                v.integer("vit_feature_bottleneck", 64),
                v.flag("bottleneck_ae_only", true),
                pooled(v.text("clip_feat", "cls")),
                false,
                false,
                false,
                false,
                false,
                bf16,
                bf16 ? DType.BFLOAT16 : DType.FLOAT);
    }

    /** The same for a checkpoint that stores the rotary periods as another type. */
    VtpConfig withPeriods(DType type) {
        return new VtpConfig(
                imageSize,
                patch,
                vision,
                decoder,
                text,
                bottleneck,
                bottleneckForLatentsOnly,
                pooledClip,
                contrastive,
                reconstruction,
                decoderOnly,
                logitBias,
                vectorLogitScale,
                bf16Rotary,
                type);
    }

    /** Channels of a latent. */
    int latentChannels() {
        return bottleneck > 0 ? bottleneck : vision.width;
    }

    private static boolean bf16(Config c) {
        String rope = c.text("rope_dtype", "bf16");
        return switch (rope) {
            case "bf16" -> true;
            case "fp32" -> false;
            default ->
                throw new IllegalArgumentException("config key rope_dtype is \"" + rope + "\": choose bf16 or fp32");
        };
    }

    private static boolean pooled(String feature) {
        return switch (feature) {
            case "cls" -> false;
            case "pooled" -> true;
            default ->
                throw new IllegalArgumentException(
                        "config key vision_clip_feat is \"" + feature + "\": choose cls or pooled");
        };
    }
}
