package org.armature.simulation;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What lies on the table for one seed: four objects and two containers, each of another colour, apart enough for the
 * gripper, within reach. A red cube and a blue bowl are always among them.
 *
 * @param seed the seed it came from
 * @param things objects first, then containers, in the order of their free joints in qpos
 * @param instruction the task of this scene
 */
record Scene(long seed, List<Thing> things, String instruction) {
    /** The slots of every scene, in order. The two containers come last. */
    static final List<Kind> SLOTS = List.of(Kind.CUBE, Kind.CUBE, Kind.CYLINDER, Kind.BALL, Kind.BOWL, Kind.TRAY);

    private static final List<String> COLOURS = List.of("red", "yellow", "green", "cyan", "blue", "purple");
    private static final int[] RGB = {0xD93025, 0xF2C40F, 0x2E9E44, 0x18B5B8, 0x2457D6, 0x8E3FC4};
    private static final Pattern TASK =
            Pattern.compile("(?i)\\s*put (?:the )?(\\w+ \\w+) (?:in|into|on|onto) (?:the )?(\\w+ \\w+)\\s*\\.?\\s*");

    /** What a thing is. */
    enum Kind {
        /** 4 cm wide. */
        CUBE(0.02, 0.02),
        /** 4 cm across, 5 cm high. */
        CYLINDER(0.02, 0.025),
        /** 4.6 cm across. */
        BALL(0.023, 0.023),
        /** 16 cm across at the rim, 5 cm high. */
        BOWL(0.085, 0),
        /** 17 by 13 cm, 3.5 cm high. */
        TRAY(0.108, 0);

        final String word = name().toLowerCase(java.util.Locale.ROOT);
        /** Half width of an object; circle about a container. Metres. */
        final double radius;
        /** Height of the origin above what it stands on, metres. */
        final double rest;

        Kind(double radius, double rest) {
            this.radius = radius;
            this.rest = rest;
        }

        boolean container() {
            return this == BOWL || this == TRAY;
        }
    }

    /**
     * One thing.
     *
     * @param colour its colour's name
     * @param rgb {@code 0xRRGGBB}
     * @param kind what it is
     * @param x where it starts, metres
     * @param y where it starts, metres
     * @param yaw how it is turned at the start, rad
     */
    record Thing(String colour, int rgb, Kind kind, double x, double y, double yaw) {
        String name() {
            return colour + " " + kind.word;
        }
    }

    /**
     * What an instruction asks.
     *
     * @param object index of the thing to move
     * @param container index of the thing it belongs in
     */
    record Task(int object, int container) {}

    static Scene of(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<Integer> colours = new ArrayList<>(List.of(1, 2, 3, 5));
        for (int i = colours.size() - 1; i > 0; i--) {
            int k = random.nextInt(i + 1);
            colours.set(k, colours.set(i, colours.get(k)));
        }
        colours.addFirst(0);
        colours.add(4, 4);
        double[][] places = places(random);
        List<Thing> things = new ArrayList<>();
        for (int i = 0; i < SLOTS.size(); i++) {
            int c = colours.get(i);
            things.add(new Thing(COLOURS.get(c), RGB[c], SLOTS.get(i), places[i][0], places[i][1], places[i][2]));
        }
        Thing object = things.get(random.nextInt(4));
        Thing container = things.get(4 + random.nextInt(2));
        return new Scene(seed, List.copyOf(things), "put the " + object.name() + " in the " + container.name());
    }

    private static double[][] places(SplittableRandom random) {
        int n = SLOTS.size();
        double[][] p = new double[n][3];
        // Containers first: they need the most room. A scene that got stuck is thrown away as a whole.
        int i = n - 1;
        for (int tries = 0; i >= 0; tries++) {
            if (tries > 200) {
                tries = 0;
                i = n - 1;
            }
            p[i][0] = random.nextDouble(0.34, 0.66);
            p[i][1] = random.nextDouble(-0.32, 0.32);
            p[i][2] = random.nextDouble(-Math.PI, Math.PI);
            boolean fits = Math.hypot(p[i][0], p[i][1]) < 0.7;
            for (int k = i + 1; fits && k < n; k++) {
                double apart = SLOTS.get(i).container() ? 0.215 : SLOTS.get(k).container() ? 0.16 : 0.11;
                fits = Math.hypot(p[i][0] - p[k][0], p[i][1] - p[k][1]) >= apart;
            }
            if (fits) {
                i--;
            }
        }
        return p;
    }

    /** Writes the start: the arm at home, everything where it was placed. */
    void start(double[] qpos) {
        double[] home = Arm.DESCRIPTION.home();
        System.arraycopy(home, 0, qpos, 0, Arm.AXES);
        qpos[Arm.AXES] = home[Arm.AXES] / 2;
        qpos[Arm.AXES + 1] = home[Arm.AXES] / 2;
        for (int i = 0; i < things.size(); i++) {
            Thing t = things.get(i);
            int at = Stage.qpos(i);
            qpos[at] = t.x;
            qpos[at + 1] = t.y;
            qpos[at + 2] = t.kind.rest;
            qpos[at + 3] = Math.cos(t.yaw / 2);
            qpos[at + 4] = 0;
            qpos[at + 5] = 0;
            qpos[at + 6] = Math.sin(t.yaw / 2);
        }
    }

    /**
     * Understands {@code put the <colour> <object> in the <colour> <container>}.
     *
     * @throws IllegalArgumentException naming what the scene has, if it does not have that
     */
    Task task(String words) {
        Matcher m = TASK.matcher(words);
        if (!m.matches()) {
            throw new IllegalArgumentException("cannot judge \"" + words
                    + "\": say \"put the <colour> <object> in the <colour> <container>\", e.g. \"" + instruction
                    + "\"");
        }
        return new Task(find(m.group(1), false), find(m.group(2), true));
    }

    private int find(String name, boolean container) {
        for (int i = 0; i < things.size(); i++) {
            if (things.get(i).kind.container() == container
                    && things.get(i).name().equalsIgnoreCase(name)) {
                return i;
            }
        }
        throw new IllegalArgumentException("scene " + seed + " has no " + (container ? "container" : "object") + " \""
                + name + "\"; it has "
                + things.stream()
                        .filter(t -> t.kind.container() == container)
                        .map(Thing::name)
                        .collect(Collectors.joining(", ")));
    }
}
