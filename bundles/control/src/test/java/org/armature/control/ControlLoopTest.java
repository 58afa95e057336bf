package org.armature.control;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import org.armature.robot.ActionChunk;
import org.armature.robot.LoopMonitor.State;
import org.armature.robot.PolicySpec.ActionSpace;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Ticks by hand, on this thread. */
class ControlLoopTest {
    private final Object me = new Object();
    private final Mirror driver = new Mirror();
    private final LoopClock clock = new LoopClock(1);
    private final LoopRecord record = new LoopRecord(1000);
    private ActionSchedule schedule;
    private ControlLoop loop;

    @BeforeEach
    void aLoop() {
        schedule = new ActionSchedule(driver.describe(), Blending.NONE, 10, Schedule.Interpolation.LINEAR);
        schedule.ownedBy(me);
        loop = new ControlLoop(driver, driver.describe(), schedule, LoopSettings.standard(), clock, record, true);
        loop.policyPresent(true);
    }

    @Test
    void holdsUntilArmedThenFollowsChunks() throws BadChunk {
        wave(0, 1000);
        ticks(50);
        assertArrayEquals(new double[3], loop.command());
        loop.arm();
        ticks(1);
        assertEquals(State.RUNNING, record.state());
        ticks(400);
        assertTrue(Math.abs(loop.command()[0]) > 0.05, "moves");
    }

    @Test
    void theEmergencyStopHoldsTheCommandWithinOneTickUntilAPersonArms() throws BadChunk {
        wave(0, 1000);
        loop.arm();
        ticks(300);
        double[] before = loop.command();
        loop.emergencyStop("test");
        ticks(1);
        assertArrayEquals(before, loop.command(), 0);
        assertEquals(State.ESTOP, record.state());
        assertEquals("test", record.reason());
        ticks(200);
        assertArrayEquals(before, loop.command(), 0);
        loop.arm();
        ticks(300);
        assertEquals(State.RUNNING, record.state());
    }

    @Test
    void withoutChunksItDeceleratesAndHoldsAndANewChunkGoesOn() throws BadChunk {
        wave(0, 20);
        loop.arm();
        ticks(200);
        assertEquals(State.RUNNING, record.state(), "not stale yet");
        ticks(800);
        assertEquals(State.HOLDING, record.state());
        assertEquals(1, record.stats().holds());
        wave(clock.nanos(), 100);
        ticks(10);
        assertEquals(State.RUNNING, record.state());
    }

    @Test
    void withoutAPolicyTheEndOfTheScheduleIsAHoldAtOnce() throws BadChunk {
        wave(0, 20);
        loop.arm();
        ticks(10);
        loop.policyPresent(false);
        ticks(700);
        assertEquals(State.HOLDING, record.state());
        assertEquals("no policy", record.reason());
    }

    @Test
    void aStateThatStaysAwayHoldsThenFaults() throws BadChunk {
        wave(0, 1000);
        loop.arm();
        ticks(100);
        driver.silent = true;
        ticks(210);
        assertEquals(State.HOLDING, record.state());
        ticks(1000);
        assertEquals(State.FAULT, record.state());
        driver.silent = false;
        ticks(100);
        assertEquals(State.FAULT, record.state(), "only a person leaves it");
        loop.arm();
        ticks(5);
        assertEquals(State.RUNNING, record.state());
    }

    @Test
    void aRobotThatDoesNotFollowIsAFault() throws BadChunk {
        wave(0, 1000);
        loop.arm();
        ticks(100);
        driver.offset = 2;
        ticks(400);
        assertEquals(State.FAULT, record.state());
        assertTrue(record.reason().contains("does not follow"), record.reason());
    }

    @Test
    void goesHomeWithinItsLimitsDeafToChunks() throws BadChunk {
        wave(0, 1000);
        loop.arm();
        ticks(400);
        loop.homing(true);
        for (int i = 0; i < 3000 && !loop.atHome(); i++) {
            ticks(1);
        }
        assertTrue(loop.atHome());
        assertArrayEquals(driver.describe().home(), loop.command(), 1e-3);
    }

    @Test
    void aTickAllocatesNothing() throws BadChunk {
        WarmUp.run(24_000);
        wave(0, 10_000);
        loop.arm();
        ticks(2000);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        // What a compiler's or linker's first visit leaves once does not count; a byte a tick would be in every round.
        long least = Long.MAX_VALUE;
        for (int round = 0; round < 5 && least > 0; round++) {
            long before = threads.getCurrentThreadAllocatedBytes();
            ticks(20_000);
            least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
        }
        assertEquals(0, least, "bytes in 20,000 ticks");
        assertEquals(State.RUNNING, record.state());
    }

    @Test
    void rowsAreRecordedAndCommandStepsCounted() throws BadChunk {
        wave(0, 1000);
        loop.arm();
        ticks(1000);
        var rows = record.rows(-1, 5, 10);
        assertEquals(5, rows.size());
        assertEquals(990, rows.getLast().tick());
        assertEquals(1, rows.getLast().chunk());
        assertTrue(record.stats().maxCommandStep()[0] > 0);
        assertTrue(record.stats().maxCommandStep()[0] <= 2e-3 + 1e-12, "within the velocity limit");
    }

    private void ticks(int n) {
        for (int i = 0; i < n; i++) {
            loop.step(0);
        }
    }

    private void wave(long from, int h) throws BadChunk {
        double[] a = new double[3 * h];
        for (int k = 0; k < h; k++) {
            a[3 * k] = 0.4 * Math.sin(k * 0.04);
            a[3 * k + 1] = -a[3 * k];
        }
        assertTrue(schedule.offer(
                me,
                "wave",
                new ActionChunk(from, 20_000_000, 3, a),
                ActionSpace.ABSOLUTE,
                new double[3],
                clock.nanos()));
    }

    /** Where the command was. */
    static final class Mirror implements org.armature.robot.RobotDriver {
        private final FakeDriver described = new FakeDriver(3, 0, 0, 1);
        private final double[] at = new double[3];
        boolean silent;
        double offset;

        @Override
        public org.armature.robot.RobotDescription describe() {
            return described.describe();
        }

        @Override
        public Clock clock() {
            return Clock.OWN;
        }

        @Override
        public void connect() {}

        @Override
        public long read(double[] position, double[] velocity) {
            if (silent) {
                return -1;
            }
            for (int j = 0; j < 3; j++) {
                position[j] = at[j] + offset;
            }
            return 1;
        }

        @Override
        public void write(double[] command) {
            System.arraycopy(command, 0, at, 0, 3);
        }

        @Override
        public Status status() {
            return Status.CONNECTED;
        }

        @Override
        public void close() {}
    }
}
