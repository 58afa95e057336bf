package org.armature.learned;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * An instruction as the set of known words in it: order and words between them do not matter, so that "open the drawer"
 * is "drawer open".
 *
 * @param vocabulary lower-case words, one a component of the vector
 */
record Words(List<String> vocabulary) {
    Words {
        vocabulary = List.copyOf(vocabulary);
    }

    /** The words of these instructions, in alphabetical order. */
    static Words of(Iterable<String> instructions) {
        List<String> words = new ArrayList<>();
        instructions.forEach(i -> words.addAll(split(i)));
        return new Words(words.stream().distinct().sorted().toList());
    }

    private static List<String> split(String instruction) {
        return Arrays.stream(instruction.toLowerCase(Locale.ROOT).split("[^\\p{L}\\p{N}]+"))
                .filter(w -> !w.isEmpty())
                .toList();
    }

    /**
     * One component a word, 1 where it occurs.
     *
     * @throws IllegalArgumentException if no word is known
     */
    float[] encode(String key, String instruction) {
        float[] v = new float[vocabulary.size()];
        boolean known = false;
        for (String w : split(instruction)) {
            int i = vocabulary.indexOf(w);
            if (i >= 0) {
                v[i] = 1;
                known = true;
            }
        }
        if (!known) {
            throw new IllegalArgumentException(
                    key + " is '" + instruction + "', but this policy understands only the words " + vocabulary);
        }
        return v;
    }
}
