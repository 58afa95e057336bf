package org.armature.simulation;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.armature.robot.Simulator;
import org.armature.robot.SimulatorContract;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;

class MujocoContractTest extends SimulatorContract {
    private static @Nullable Simulator mujoco;

    @BeforeAll
    static void load() throws MujocoLibrary.Refused {
        String missing = MujocoLibrary.missing();
        assumeTrue(missing == null, missing);
        mujoco = new Mujoco("");
    }

    @Override
    protected Simulator simulator() {
        return java.util.Objects.requireNonNull(mujoco);
    }
}
