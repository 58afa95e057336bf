package org.armature.simulation;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.armature.robot.Simulator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;

class MujocoTabletopTest extends TabletopContract {
    private static @Nullable Simulator mujoco;

    @BeforeAll
    static void load() throws MujocoLibrary.Refused {
        String missing = MujocoLibrary.missing();
        assumeTrue(missing == null, missing);
        mujoco = new Mujoco("");
    }

    @Override
    Simulator simulator() {
        return java.util.Objects.requireNonNull(mujoco);
    }
}
