package org.armature.robot;

import org.osgi.annotation.versioning.ProviderType;

/** The sequence of scenes of a simulated robot, with its score. Any thread. */
@ProviderType
public interface Episodes {
    /**
     * The score so far.
     *
     * @param episodes episodes ended
     * @param successes of these, fulfilled in time
     * @param seed seed of the scene now
     * @param instruction what is asked now
     * @param elapsedNanos robot time since the scene was placed
     */
    record Score(long episodes, long successes, long seed, String instruction, long elapsedNanos) {}

    /** The score so far. */
    Score score();

    /** Ends the episode without counting it and places the next scene. */
    void skip();
}
