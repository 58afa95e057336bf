package org.armature.tabletop;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.train.Draw;

/**
 * One picture of a {@link Recording} and what can be asked for in it.
 *
 * @param packed {@link View#packed}, one a camera
 * @param calibration {@code [2, 16]}
 * @param objects where the demonstrator would close the fingers for what can be held
 * @param containers where it would open them for what holds things
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Look(MemorySegment[] packed, float[] calibration, List<Thing> objects, List<Thing> containers) {
    private static final Pattern TASK = Pattern.compile("put the (\\w+ \\w+) in the (\\w+ \\w+)");
    /** Pictures of one scene are recorded in a row: so many go to the same split. */
    private static final int ROW = 20;

    /**
     * A thing and the demonstrator's hand for it.
     *
     * @param name colour and noun
     * @param hand {@code [5]}: position, heading, and 1 if it is known
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Thing(String name, float[] hand) {
        boolean known() {
            return hand[4] > 0;
        }

        /** {@code [6]}: x, y, z, cosine and sine of four times the heading, and 1 if it is known. */
        float[] target() {
            double turn = 4 * hand[3];
            return new float[] {hand[0], hand[1], hand[2], (float) Math.cos(turn), (float) Math.sin(turn), hand[4]};
        }
    }

    /**
     * The pictures of one split.
     *
     * @param every of so many rows of pictures one is for the test
     * @param open takes the files, to be closed after the looks' last use
     */
    static List<Look> read(CheckpointFormat format, List<String> files, String split, int every, List<Checkpoint> open)
            throws IOException {
        if (every < 2) {
            throw new IllegalArgumentException("looks need test_every >= 2");
        }
        List<Look> looks = new ArrayList<>();
        for (String file : files) {
            Checkpoint p = format.open(Path.of(file));
            open.add(p);
            try {
                read(p, split.equals("test"), every, looks);
            } catch (IllegalArgumentException e) {
                throw new IOException(file + ": " + e.getMessage() + ": record it again with this version", e);
            }
        }
        if (looks.isEmpty()) {
            throw new IOException("no picture of " + files + " is for the " + split);
        }
        return List.copyOf(looks);
    }

    private static void read(Checkpoint p, boolean test, int every, List<Look> into) {
        long[] of = p.get("asked_picture").toLongs();
        long[] end = p.get("end").toLongs();
        float[] calibration = p.get("calibration").toFloats();
        float[] grasp = p.get("asked_grasp").toFloats();
        float[] place = p.get("asked_place").toFloats();
        String[] asked = p.metadata().getOrDefault("asked", "").split("\n", -1);
        MemorySegment pixels = p.get("pixels").data();
        if (asked.length != of.length || grasp.length != 5 * of.length || place.length != 5 * of.length) {
            throw new IllegalArgumentException(of.length + " looks, but " + asked.length + " instructions");
        }
        int width = Patches.CAMERAS * View.CALIBRATION;
        for (int i = 0, next; i < of.length; i = next) {
            int picture = Math.toIntExact(of[i]);
            Map<String, Thing> objects = new LinkedHashMap<>();
            Map<String, Thing> containers = new LinkedHashMap<>();
            for (next = i; next < of.length && of[next] == picture; next++) {
                Matcher m = TASK.matcher(asked[next]);
                if (!m.matches()) {
                    throw new IllegalArgumentException("it asks \"" + asked[next]
                            + "\", but \"put the COLOUR OBJECT in the COLOUR CONTAINER\" is expected");
                }
                note(objects, m.group(1), grasp, next);
                note(containers, m.group(2), place, next);
            }
            boolean known = objects.values().stream().anyMatch(Thing::known)
                    || containers.values().stream().anyMatch(Thing::known);
            if (known && (picture / ROW % every == every - 1) == test) {
                into.add(new Look(
                        packed(pixels, end, picture),
                        Arrays.copyOfRange(calibration, picture * width, (picture + 1) * width),
                        List.copyOf(objects.values()),
                        List.copyOf(containers.values())));
            }
        }
    }

    private static void note(Map<String, Thing> things, String name, float[] hands, int i) {
        Thing seen = new Thing(name, Arrays.copyOfRange(hands, 5 * i, 5 * i + 5));
        things.merge(name, seen, (before, now) -> before.known() ? before : now);
    }

    private static MemorySegment[] packed(MemorySegment pixels, long[] end, int picture) {
        MemorySegment[] packed = new MemorySegment[Patches.CAMERAS];
        for (int c = 0; c < packed.length; c++) {
            int k = picture * packed.length + c;
            long from = k == 0 ? 0 : end[k - 1];
            packed[c] = pixels.asSlice(from, end[k] - from);
        }
        return packed;
    }

    /** What each camera saw. */
    List<View> views() {
        List<View> views = new ArrayList<>();
        for (int c = 0; c < packed.length; c++) {
            views.add(View.unpacked(
                    packed[c].toArray(ValueLayout.JAVA_BYTE),
                    Arrays.copyOfRange(calibration, c * View.CALIBRATION, (c + 1) * View.CALIBRATION)));
        }
        return views;
    }

    /** {@link Phrases#encode} of some way to ask for one thing in another. */
    static float[] said(Draw draw, Thing object, Thing container) {
        // of cubes there are two: the noun alone does not name one
        boolean alone = !object.name.endsWith(" cube");
        return Phrases.encode(Phrases.of(draw, object.name, container.name, alone, false));
    }

    /** One of them. */
    static Thing any(Draw draw, List<Thing> things) {
        return things.get((int) draw.below(things.size()));
    }
}
