package org.armature.simulation;

import org.armature.robot.Simulator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The simulator with real contacts. */
final class Mujoco implements Simulator {
    private static final Logger LOG = LoggerFactory.getLogger(Mujoco.class);

    private final MujocoLibrary library;
    private @Nullable Egl egl;
    private boolean triedEgl;

    /** @throws MujocoLibrary.Refused one sentence, if the library cannot be used */
    Mujoco(String configuredLibrary) throws MujocoLibrary.Refused {
        library = MujocoLibrary.find(configuredLibrary);
        library.selfTest();
    }

    @Override
    public String engine() {
        return "mujoco";
    }

    @Override
    public World open(long seed, long stepNanos) {
        Commands.checkStep(stepNanos);
        return new MujocoWorld(library, this::egl, seed, stepNanos);
    }

    private synchronized @Nullable Egl egl() {
        if (!triedEgl) {
            triedEgl = true;
            try {
                egl = new Egl();
            } catch (IllegalStateException e) {
                LOG.info("OpenGL off: {}; cameras are drawn in plain Java", e.getMessage());
            }
        }
        return egl;
    }

    @Override
    public String toString() {
        return library.toString();
    }
}
