package org.armature.tabletop;

import org.armature.robot.Observation;

/** Whatever points at where the words say to take hold and to let go. */
interface Pointer extends AutoCloseable {
    /** A new scene or another instruction. */
    void forget();

    /**
     * Looks at what is seen now; {@code words} is {@link Phrases#encode}, {@code hand} is {@link Features#hand}, {@code rested}
     * {@link Features#rested}.
     */
    void look(Observation seen, float[] words, float[] hand, double rested);

    /** {@code [5]}: x, y, z in metres, cosine and sine of four times the fingers' heading, shorter than 1 when unsure. */
    float[] grasp();

    /** {@code [3]}: x, y, z in metres. */
    float[] place();

    @Override
    void close();
}
