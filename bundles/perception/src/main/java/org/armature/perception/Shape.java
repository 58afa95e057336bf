package org.armature.perception;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Shapes people name; bowl and tray are the hollow ones. */
enum Shape {
    CUBE("cube", "block", "box", "brick"),
    CYLINDER("cylinder", "can", "tube", "puck"),
    BALL("ball", "sphere"),
    BOWL("bowl", "cup", "dish"),
    TRAY("tray", "plate", "bin", "crate", "basket");

    private final List<String> names;

    Shape(String... names) {
        this.names = List.of(names);
    }

    /** The usual name. */
    String word() {
        return names.getFirst();
    }

    /** The shape called {@code word}, lower case, or null. */
    static @Nullable Shape named(String word) {
        for (Shape s : values()) {
            if (s.names.contains(word)) {
                return s;
            }
        }
        return null;
    }
}
