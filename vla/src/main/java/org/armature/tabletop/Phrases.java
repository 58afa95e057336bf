package org.armature.tabletop;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.armature.robot.Simulator.Scoring;
import org.armature.train.Draw;

/**
 * The ways people ask for one thing to be put into another, and how a network reads them: as the sets of known words of what is
 * mentioned first and of what is mentioned later. The words between mentions do not matter.
 */
final class Phrases {
    private static final List<String> COLOURS =
            List.of("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink");
    /** What can be held, then what holds things. */
    private static final List<String> SHAPES = List.of("cube", "cylinder", "ball", "bowl", "tray");

    private static final Map<String, List<String>> NAMES = Map.of(
            "cube", List.of("cube", "block", "box", "brick"),
            "cylinder", List.of("cylinder", "can", "tube", "puck"),
            "ball", List.of("ball", "sphere"),
            "bowl", List.of("bowl", "cup", "dish"),
            "tray", List.of("tray", "plate", "bin", "crate", "basket"));

    private static final List<String> TRAINED = List.of(
            "put %s in %s",
            "place %s into %s",
            "move %s to %s",
            "drop %s in %s",
            "pick up %s and put it in %s",
            "take %s and place it into %s",
            "set %s inside %s",
            "please bring %s over to %s",
            "could you put %s in %s, please",
            "grab %s and drop it into %s",
            "I want %s in %s");

    /** Where it goes is said first: with a noun, for that alone tells the two apart. */
    private static final List<String> TURNED =
            List.of("into %2$s put %1$s", "in %2$s, please place %1$s", "%2$s is where %1$s goes");

    private static final double TURNED_SHARE = 0.12;

    /** Never met in training. */
    private static final List<String> UNSEEN = List.of(
            "%s belongs in %s",
            "would you mind getting %s into %s?",
            "let %s rest on %s",
            "toss %s onto %s, thanks",
            "I'd like to see %s lying in %s",
            "transfer %s from the table into %s now");

    /** The words a network knows. */
    static final List<String> VOCABULARY = Stream.concat(
                    Stream.concat(
                            Stream.of("red", "orange", "yellow", "green", "lime", "cyan", "turquoise", "teal"),
                            Stream.of("blue", "purple", "violet", "pink", "magenta")),
                    SHAPES.stream().flatMap(s -> NAMES.get(s).stream()))
            .toList();

    /** Numbers in {@link #encode}. */
    static final int SAID = 2 * VOCABULARY.size();

    private static final Map<String, List<String>> COLOUR_NAMES = Map.of(
            "green", List.of("green", "green", "lime"),
            "cyan", List.of("cyan", "turquoise", "teal"),
            "purple", List.of("purple", "violet"),
            "pink", List.of("pink", "magenta"));

    private Phrases() {}

    /**
     * Another way to say "put the OBJECT in the CONTAINER".
     *
     * @param object colour and noun
     * @param container colour and noun
     * @param alone whether no other thing of the object's kind is there, so that the noun alone names it
     * @param unseen whether in a sentence that training never uses
     */
    static String of(Draw draw, String object, String container, boolean alone, boolean unseen) {
        boolean turned = !unseen && draw.uniform() < TURNED_SHARE;
        List<String> sentences = unseen ? UNSEEN : turned ? TURNED : TRAINED;
        List<String> vague = turned ? names(container) : List.of("one", "container", "thing");
        return String.format(
                Locale.ROOT,
                one(draw, sentences),
                thing(draw, object, alone, List.of("one", "object", "thing")),
                thing(draw, container, true, vague));
    }

    /** A scene's own words, "put the COLOUR OBJECT in the COLOUR CONTAINER", said otherwise; see {@link #of}. */
    static String again(Draw draw, String task, boolean unseen) {
        String[] w = task.split(" ", -1);
        // of cubes there are two
        return of(draw, w[2] + " " + w[3], w[6] + " " + w[7], !w[3].equals("cube"), unseen);
    }

    /** Everything that can be asked for in a scene, in its own words. */
    static List<String> tasks(Scoring scene) {
        List<String> found = new ArrayList<>();
        for (String object : COLOURS) {
            for (String container : COLOURS) {
                for (int k = 0; k < 6; k++) {
                    String task = "put the " + object + " " + SHAPES.get(k / 2) + " in the " + container + " "
                            + SHAPES.get(3 + k % 2);
                    try {
                        scene.fulfilled(task);
                        found.add(task);
                    } catch (IllegalArgumentException e) {
                        // not in this scene
                    }
                }
            }
        }
        return found;
    }

    private static String thing(Draw draw, String name, boolean alone, List<String> vague) {
        String[] w = name.split(" ", 2);
        String colour = one(draw, COLOUR_NAMES.getOrDefault(w[0], List.of(w[0])));
        String noun = one(draw, names(name));
        double u = draw.uniform();
        return "the " + (u < 0.6 ? colour + " " + noun : u < 0.8 || !alone ? colour + " " + one(draw, vague) : noun);
    }

    /** What the noun of a thing is called. */
    private static List<String> names(String thing) {
        return Objects.requireNonNull(NAMES.get(thing.substring(thing.indexOf(' ') + 1)));
    }

    private static String one(Draw draw, List<String> of) {
        return of.get((int) draw.below(of.size()));
    }

    /**
     * {@code [2 V]}: one component a word of the vocabulary, 1 where it occurs, of the first mention and of all later ones; all
     * zero if nothing is understood. A mention ends with its noun and wherever another word stands: "red thing".
     */
    static float[] encode(String instruction) {
        int n = VOCABULARY.size();
        float[] v = new float[SAID];
        int mention = -1;
        boolean open = false;
        for (String w : instruction.toLowerCase(Locale.ROOT).split("[^a-z]+", -1)) {
            int i = VOCABULARY.indexOf(w);
            if (i >= 0) {
                mention = open ? mention : Math.min(1, mention + 1);
                v[mention * n + i] = 1;
            }
            open = i >= 0 && i < VOCABULARY.indexOf(SHAPES.getFirst());
        }
        return v;
    }
}
