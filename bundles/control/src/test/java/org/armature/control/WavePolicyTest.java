package org.armature.control;

import java.util.Map;
import org.armature.robot.Observation;
import org.armature.robot.Policy;
import org.armature.robot.PolicyContract;
import org.armature.robot.RobotDescription;

/** The contract kit, tried on the simplest policy there is. */
class WavePolicyTest extends PolicyContract {
    @Override
    protected Policy policy() {
        return new PolicyDeckTest.Wave();
    }

    @Override
    protected RobotDescription robot() {
        return new FakeDriver(PolicyDeckTest.J, 0, 0, 1).describe();
    }

    @Override
    protected Observation observation(long timeNanos) {
        return new Observation(
                timeNanos, new double[PolicyDeckTest.J], new double[PolicyDeckTest.J], Map.of(), "wave", 0);
    }
}
