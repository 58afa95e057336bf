package org.armature.hypernet;

import java.util.Arrays;
import java.util.Set;
import org.armature.model.Config;

/**
 * A hypernetwork's sizes, spelled as in its checkpoint's {@code config}.
 *
 * @param maxShape largest {@code [out, in, height, width]} decoded at once; larger parameters repeat blocks of it
 * @param classes of the classifier that decoders with a class head predict
 * @param rank of the low-rank decoder
 * @param span {@code ck}: rows of each of its two factors
 * @param lowRank LoGAH's decoder; without it GHN-3's
 * @param vectors whether 1-d parameters have a decoder of their own
 * @param scaled whether predictions are scaled for the layer they go to
 * @param language whether the node types and widths of language models are known
 */
record GhnConfig(
        long[] maxShape,
        int classes,
        int hidden,
        int heads,
        int layers,
        boolean lowRank,
        int rank,
        int span,
        boolean vectors,
        boolean scaled,
        boolean finalNorm,
        boolean language) {

    /** The released sizes; max width 2048. */
    static GhnConfig named(String name, boolean language, int classes, long width) {
        int[] s = switch (name) {
            case "tiny" -> new int[] {64, 3, 8, 32};
            case "small" -> new int[] {128, 5, 16, 90};
            case "base" -> new int[] {256, 5, 16, 128};
            case "large" -> new int[] {256, 12, 16, 256};
            default ->
                throw new IllegalArgumentException(
                        "config key size is \"" + name + "\": there are tiny, small, base and large");
        };
        long[] max = {width, width, 16, 16};
        int span = Math.toIntExact(16 * width);
        return new GhnConfig(max, classes, s[0], s[2], s[1], true, s[3], span, false, true, true, language);
    }

    static GhnConfig of(Config c, boolean language) {
        if (c.has("size")) {
            return named(c.text("size"), language, c.integer("num_classes", 10), c.wide("max_width", 2048));
        }
        long[] max = c.integers("max_shape", 2048, 2048, 16, 16);
        if (max.length != 4 || Arrays.stream(max).anyMatch(n -> n < 1)) {
            throw new IllegalArgumentException(
                    "config key max_shape is " + Arrays.toString(max) + ": give four numbers above 0");
        }
        boolean lora = c.flag("lora", true);
        boolean vectors = c.flag("use_1d_decoder", !lora);
        if (!lora && !vectors) {
            throw new IllegalArgumentException(
                    "config key use_1d_decoder is false: the decoder of GHN-3 (lora false) has"
                            + " no other way to write 1-d parameters");
        }
        GhnConfig g = new GhnConfig(
                max,
                c.integer("num_classes", 10),
                c.integer("hid", 64),
                c.integer("heads", 8),
                c.integer("layers", 3),
                lora,
                c.integer("lora_r", 32),
                c.integer("max_ck_lora", Math.toIntExact(16 * max[0])),
                vectors,
                c.flag("weight_norm", true),
                c.flag("layernorm", true),
                language);
        // Keys a checkpoint's config has beside these.
        for (String key : Set.of("hypernet", "decoder", "ve", "is_ghn2")) {
            c.has(key);
        }
        return g;
    }

    GhnConfig {
        if (hidden % 4 != 0 || heads < 1 || hidden % heads != 0) {
            throw new IllegalArgumentException("config key hid is " + hidden
                    + ": it must be a multiple of 4 (four sizes make up a shape) and of heads, which is " + heads);
        }
        if (layers < 1 || rank < 1 || span < 1) {
            throw new IllegalArgumentException("config keys layers, lora_r and max_ck_lora are " + layers + ", " + rank
                    + " and " + span + ": give numbers above 0");
        }
    }

    /** Rows of the type table. */
    int types() {
        return language ? Primitive.values().length : Primitive.VISION;
    }

    /** Width of 1-d predictions of the decoder for vectors, which are repeated to length. */
    int vectorWidth() {
        return lowRank ? hidden / 2 : Math.toIntExact(maxShape[0]);
    }

    /** The size a parameter's axis is decoded at: up to the largest, a little more in between. */
    long rounded(long size, int axis) {
        long n = Math.min(size, maxShape[axis]);
        if (n % 3 == 0) {
            n = n / 3 * 4;
        }
        return n >= maxShape[axis] / 2 ? maxShape[axis] : n;
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof GhnConfig g && g.toString().equals(toString());
    }

    @Override
    public int hashCode() {
        return toString().hashCode();
    }

    @Override
    public String toString() {
        return "hid " + hidden + ", layers " + layers + ", heads " + heads + ", r " + rank + ", ck " + span + ", max "
                + Arrays.toString(maxShape) + ", classes " + classes + (lowRank ? "" : ", GHN-3")
                + (vectors ? ", 1-d decoder" : "") + (scaled ? "" : ", unscaled") + (finalNorm ? "" : ", no last norm")
                + (language ? ", language" : "");
    }
}
