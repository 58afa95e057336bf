package org.armature.perception;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Colours people name. Chromatic ones are told apart by hue alone, so that a face in shadow has the colour of a lit one;
 * neutral ones by value.
 */
enum Colour {
    RED("red"),
    ORANGE("orange"),
    YELLOW("yellow"),
    GREEN("green", "lime"),
    CYAN("cyan", "turquoise", "teal"),
    BLUE("blue"),
    PURPLE("purple", "violet"),
    PINK("pink", "magenta"),
    WHITE("white"),
    GREY("grey", "gray"),
    BLACK("black");

    private static final double MIN_SATURATION = 0.38;
    private static final int MIN_CHROMA = 22;
    private static final Colour[] ALL = values();

    /** Upper ends in degrees of the hues of RED .. PINK; red begins again at the last. */
    private static final double[] HUES = {14, 42, 68, 165, 192, 257, 306, 343};

    private final List<String> names;

    Colour(String... names) {
        this.names = List.of(names);
    }

    /** The usual name. */
    String word() {
        return names.getFirst();
    }

    /** The colour called {@code word}, lower case, or null. */
    static @Nullable Colour named(String word) {
        for (Colour c : ALL) {
            if (c.names.contains(word)) {
                return c;
            }
        }
        return null;
    }

    /** The colour of a pixel; r, g, b in 0..255. */
    static Colour of(int r, int g, int b) {
        int max = Math.max(r, Math.max(g, b));
        int chroma = max - Math.min(r, Math.min(g, b));
        if (chroma < MIN_CHROMA || chroma < MIN_SATURATION * max) {
            return max > 190 ? WHITE : max > 60 ? GREY : BLACK;
        }
        double sector;
        if (max == r) {
            sector = (double) (g - b) / chroma;
        } else if (max == g) {
            sector = 2 + (double) (b - r) / chroma;
        } else {
            sector = 4 + (double) (r - g) / chroma;
        }
        double hue = 60 * (sector < 0 ? sector + 6 : sector);
        for (int i = 0; i < HUES.length; i++) {
            if (hue < HUES[i]) {
                return ALL[i];
            }
        }
        return RED;
    }
}
