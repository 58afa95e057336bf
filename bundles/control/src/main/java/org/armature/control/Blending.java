package org.armature.control;

import java.util.Arrays;
import java.util.stream.Collectors;

/** How a new chunk is joined to the rest of the old one. */
enum Blending {
    /** The new chunk alone ({@code latest_only}). */
    NONE("none"),
    /** 0.3 old + 0.7 new, LeRobot's {@code weighted_average}. */
    WEIGHTED("weighted"),
    /** Half and half. */
    AVERAGE("average"),
    /** 0.7 old + 0.3 new. */
    CONSERVATIVE("conservative"),
    /** Temporal ensembling of ACT; wants a chunk at every policy step. */
    ACT("act"),
    /** Prefix weights of real-time chunking: old first, fading into new. */
    RTC("rtc");

    final String text;

    Blending(String text) {
        this.text = text;
    }

    static Blending of(String text) {
        return Arrays.stream(values())
                .filter(b -> b.text.equals(text))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("ensembling is '" + text + "', but must be one of "
                        + Arrays.stream(values()).map(b -> b.text).collect(Collectors.joining(", "))));
    }
}
