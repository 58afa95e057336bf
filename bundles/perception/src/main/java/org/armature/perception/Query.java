package org.armature.perception;

import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is looked for.
 *
 * @param colour null for any
 * @param shape null for any
 */
record Query(@Nullable Colour colour, @Nullable Shape shape) {
    private static final Set<String> ANYTHING =
            Set.of("the", "a", "an", "object", "thing", "one", "container", "small", "big");

    /** Colour and noun in any order; empty if a word is neither. No words at all ask for everything. */
    static Optional<Query> of(String words) {
        Colour colour = null;
        Shape shape = null;
        for (String w : words.toLowerCase(Locale.ROOT).split("[^a-z]+", -1)) {
            if (w.isEmpty() || ANYTHING.contains(w)) {
                continue;
            }
            Colour c = Colour.named(w);
            Shape s = Shape.named(w);
            if (c == null && s == null) {
                return Optional.empty();
            }
            colour = c == null ? colour : c;
            shape = s == null ? shape : s;
        }
        return Optional.of(new Query(colour, shape));
    }
}
