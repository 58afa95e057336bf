package org.armature.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.locks.LockSupport;
import org.armature.robot.RobotDriver;
import org.armature.robot.RobotDriverContract;
import org.junit.jupiter.api.Test;

class FakeDriverTest extends RobotDriverContract {
    @Override
    protected RobotDriver driver() {
        return new FakeDriver(7, 2, 0.1, 3);
    }

    @Test
    void theJointsAreWhereTheCommandsOfTheLatencyAgoWantedThem() {
        FakeDriver d = new FakeDriver(2, 20, 0, 1);
        d.connect();
        double[] q = new double[2];
        d.write(new double[] {0.5, 0});
        d.read(q, new double[2]);
        assertEquals(0, q[0], 0);
        long end = System.nanoTime() + 25_000_000;
        while (System.nanoTime() < end) {
            LockSupport.parkNanos(1_000_000);
        }
        d.read(q, new double[2]);
        assertEquals(0.5, q[0], 0);
    }

    @Test
    void statesGetLostAtTheRateThatIsAsked() {
        FakeDriver d = new FakeDriver(2, 0, 0.3, 9);
        d.connect();
        int lost = 0;
        for (int i = 0; i < 10_000; i++) {
            lost += d.read(new double[2], new double[2]) < 0 ? 1 : 0;
        }
        assertTrue(lost > 2700 && lost < 3300, lost + " of 10000");
    }

    @Test
    void aLoopRidesThroughLostStates() {
        FakeDriver d = new FakeDriver(3, 2, 0.5, 9);
        d.connect();
        LoopRecord record = new LoopRecord(1000);
        ActionSchedule s = new ActionSchedule(d.describe(), Blending.NONE, 10, Schedule.Interpolation.LINEAR);
        ControlLoop loop =
                new ControlLoop(d, d.describe(), s, LoopSettings.standard(), new LoopClock(1), record, false);
        loop.arm();
        for (int i = 0; i < 2000; i++) {
            loop.step(0);
        }
        assertEquals(0, record.stats().faults());
    }

    @Test
    void nonsenseIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> new FakeDriver(0, 0, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> new FakeDriver(3, -1, 0, 1));
        assertThrows(IllegalArgumentException.class, () -> new FakeDriver(3, 0, Double.NaN, 1));
    }
}
