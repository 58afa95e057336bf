package org.armature.pickplace;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** An instruction as understood. */
sealed interface Instruction {
    /** Put {@code object} into {@code container}; each is a colour and a noun, e.g. {@code red cube}. */
    record Put(String object, String container) implements Instruction {}

    /** Nothing is asked. */
    record Nothing() implements Instruction {}

    /** Not understood; {@code sentence} says why and what would be. */
    record Unclear(String sentence) implements Instruction {}

    /** The words for what can be held that the baseline knows. */
    Set<String> OBJECTS = Set.of("cube", "block", "box", "brick", "cylinder", "can", "tube", "puck", "ball", "sphere");

    /** The words for what things are put into. */
    Set<String> CONTAINERS = Set.of("bowl", "cup", "dish", "tray", "plate", "bin", "crate", "basket", "container");

    /** The words for anything. */
    Set<String> ANYTHING = Set.of("object", "thing", "one");

    /** The words for colours. */
    Set<String> COLOURS = Set.of(
            "red",
            "orange",
            "yellow",
            "green",
            "lime",
            "cyan",
            "turquoise",
            "teal",
            "blue",
            "purple",
            "violet",
            "pink",
            "magenta",
            "white",
            "grey",
            "gray",
            "black");

    /** See {@link #of}. */
    Pattern SENTENCE = Pattern.compile("(?:please )?(?:can you |could you )?"
            + "(?:pick up|put|place|move|drop|set|bring|take|get|lay|throw)(?: up)? (.+?)"
            + "(?: and (?:put|place|drop|set|lay|move) (?:it|that))? (?:in|into|inside|onto|on|to|on top of|in to|inside of) (.+?)"
            + "(?: please)?");

    /** Understands "put the red cube in the blue bowl" and its usual variants. */
    static Instruction of(String words) {
        String plain = words.toLowerCase(Locale.ROOT)
                .replaceAll("[^a-z ]", " ")
                .replaceAll(" +", " ")
                .strip();
        if (plain.isEmpty()) {
            return new Nothing();
        }
        Matcher m = SENTENCE.matcher(plain);
        if (!m.matches()) {
            return new Unclear("Cannot act on \"" + words.strip()
                    + "\": say what goes where, e.g. \"put the red cube in the blue bowl\".");
        }
        for (String part : List.of(m.group(1), m.group(2))) {
            boolean named = false;
            for (String w : part.split(" ", -1)) {
                boolean known =
                        Stream.of(OBJECTS, CONTAINERS, ANYTHING, COLOURS).anyMatch(set -> set.contains(w));
                named |= known;
                if (!known && !Set.of("the", "a", "an", "that", "this").contains(w)) {
                    return new Unclear("Cannot act on \"" + words.strip() + "\": \"" + w
                            + "\" is neither a colour nor a thing known here; name a colour and a cube, cylinder, ball,"
                            + " bowl or tray.");
                }
            }
            if (!named) {
                return new Unclear("Cannot act on \"" + words.strip() + "\": \"" + part
                        + "\" names no thing; give its colour and what it is, e.g. \"the red cube\".");
            }
        }
        return new Put(bare(m.group(1)), bare(m.group(2)));
    }

    private static String bare(String part) {
        return part.replaceAll("\\b(the|a|an|that|this)\\b", " ")
                .replaceAll(" +", " ")
                .strip();
    }
}
