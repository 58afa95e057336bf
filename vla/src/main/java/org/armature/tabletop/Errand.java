package org.armature.tabletop;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.armature.robot.Simulator.Body;

/**
 * Something that can be asked for in a scene: a round thing, which the hand takes however it is turned. Where things truly lie decides which scenes are used for what, and is told to no
 * policy.
 *
 * @param words put the COLOUR OBJECT in the COLOUR CONTAINER
 * @param range where object and container lie
 */
record Errand(String words, Range range) {
    /** Of a box of the table, 24 x 40 cm of the 32 x 64 on which things lie. */
    enum Range {
        /** Object and container are in it: here a policy is trained. */
        INSIDE,
        /** The object is not. */
        OUTSIDE,
        /** The object is, the container is not. */
        BETWEEN
    }

    private static final double NEAREST = 0.38;
    private static final double FARTHEST = 0.62;
    private static final double ASIDE = 0.2;
    private static final Pattern OBJECT = Pattern.compile("\\w+ (cylinder|ball)");
    private static final Pattern CONTAINER = Pattern.compile("(\\w+ (bowl|tray))/0");

    /** All errands of a scene, in its order. */
    static List<Errand> of(List<Body> bodies) {
        Map<String, Boolean> objects = new LinkedHashMap<>();
        Map<String, Boolean> containers = new LinkedHashMap<>();
        for (Body b : bodies) {
            double[] m = b.pose().matrix();
            boolean in = m[3] > NEAREST && m[3] < FARTHEST && Math.abs(m[7]) < ASIDE;
            Matcher container = CONTAINER.matcher(b.name());
            if (container.matches()) {
                containers.put(container.group(1), in);
            } else if (OBJECT.matcher(b.name()).matches()) {
                objects.put(b.name(), in);
            }
        }
        List<Errand> all = new ArrayList<>();
        objects.forEach((object, in) -> containers.forEach((container, there) -> all.add(new Errand(
                "put the " + object + " in the " + container,
                in ? there ? Range.INSIDE : Range.BETWEEN : Range.OUTSIDE))));
        return all;
    }
}
