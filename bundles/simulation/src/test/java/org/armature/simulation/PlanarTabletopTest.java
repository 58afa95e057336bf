package org.armature.simulation;

import org.armature.robot.Simulator;

class PlanarTabletopTest extends TabletopContract {
    @Override
    Simulator simulator() {
        return new Planar();
    }
}
