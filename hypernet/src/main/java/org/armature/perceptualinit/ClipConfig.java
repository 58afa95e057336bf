package org.armature.perceptualinit;

import org.armature.model.Config;

/**
 * Sizes of a CLIP of two transformers, as open_clip spells them; the defaults are ViT-B/32.
 *
 * @param embed width both towers end in
 * @param quickGelu {@code x sigmoid(1.702 x)} in place of the exact GELU
 */
record ClipConfig(int embed, Vision vision, Text text, boolean quickGelu) {
    /** The image tower: {@code image x image} pixels in {@code patch x patch} patches. */
    record Vision(int layers, int width, int heads, int patch, int image, int channels, double ratio) {}

    /** The text tower. */
    record Text(int context, int vocabulary, int width, int heads, int layers, double ratio) {}

    static ClipConfig of(Config c) {
        Config v = c.section("vision");
        int width = v.integer("width", 768);
        int headWidth = v.integer("head_width", 64);
        if (headWidth < 1 || width % headWidth != 0) {
            throw new IllegalArgumentException("config key vision.width is " + width
                    + ", which is no multiple of vision.head_width " + headWidth + ": change one of them");
        }
        Vision vision = new Vision(
                v.integer("layers", 12),
                width,
                width / headWidth,
                v.integer("patch_size", 32),
                v.integer("image_size", 224),
                v.integer("channels", 3),
                v.number("mlp_ratio", 4));
        if (vision.patch < 1 || vision.image % vision.patch != 0) {
            throw new IllegalArgumentException("config key vision.image_size is " + vision.image
                    + ", which is no multiple of vision.patch_size " + vision.patch + ": change one of them");
        }
        Config t = c.section("text");
        Text text = new Text(
                t.integer("context_length", 77),
                t.integer("vocab_size", 49408),
                t.integer("width", 512),
                t.integer("heads", 8),
                t.integer("layers", 12),
                t.number("mlp_ratio", 4));
        if (text.heads < 1 || text.width % text.heads != 0) {
            throw new IllegalArgumentException("config key text.width is " + text.width
                    + ", which is no multiple of text.heads " + text.heads + ": change one of them");
        }
        return new ClipConfig(c.integer("embed_dim", 512), vision, text, c.flag("quick_gelu", false));
    }
}
