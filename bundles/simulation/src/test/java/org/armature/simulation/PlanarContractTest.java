package org.armature.simulation;

import org.armature.robot.Simulator;
import org.armature.robot.SimulatorContract;

class PlanarContractTest extends SimulatorContract {
    @Override
    protected Simulator simulator() {
        return new Planar();
    }
}
