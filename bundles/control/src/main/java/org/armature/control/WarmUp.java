package org.armature.control;

import java.util.concurrent.CompletableFuture;
import org.armature.robot.ActionChunk;
import org.armature.robot.JointLimits;
import org.armature.robot.PolicySpec.ActionSpace;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDriver;

/**
 * Runs the loop's own code against stubs, at full speed, while the rest of the runtime starts: the first seconds of a cold
 * JVM are not representative.
 */
final class WarmUp {
    private static final int TICKS = 12_000;
    private static final int JOINTS = 8;

    private WarmUp() {}

    private static final class Once {
        static final CompletableFuture<Void> DONE = new CompletableFuture<>();

        static {
            Thread t = new Thread(
                    () -> {
                        try {
                            Realtime.prepare();
                            run(TICKS);
                            DONE.complete(null);
                        } catch (Throwable e) {
                            DONE.completeExceptionally(e);
                        }
                    },
                    "warm-up");
            t.setDaemon(true);
            t.start();
        }
    }

    /** Starts it, once in the process. */
    static CompletableFuture<Void> started() {
        return Once.DONE;
    }

    /** Three kinds of driver, so that the call site is compiled for any driver and not for the one it saw. */
    static void run(int ticks) throws BadChunk {
        RobotDriver[] kinds = {new Still(), new Echo(), new Lost()};
        for (int i = 0; i < 3 * 8; i++) {
            RobotDriver driver = kinds[i % 3];
            LoopSettings settings = LoopSettings.standard();
            RobotDescription robot = driver.describe();
            ActionSchedule schedule =
                    new ActionSchedule(robot, Blending.NONE, 10, Schedule.Interpolation.values()[i % 2]);
            LoopClock clock = new LoopClock(1);
            ControlLoop loop =
                    new ControlLoop(driver, robot, schedule, settings, clock, new LoopRecord(1000), i % 2 == 0);
            schedule.ownedBy(robot);
            double[] actions = new double[100 * JOINTS];
            for (int k = 0; k < actions.length; k++) {
                actions[k] = 0.3 * Math.sin(k * 0.01);
            }
            schedule.offer(
                    robot,
                    "warm-up",
                    new ActionChunk(0, 10_000_000, JOINTS, actions),
                    ActionSpace.ABSOLUTE,
                    new double[JOINTS],
                    0);
            loop.policyPresent(true);
            loop.arm();
            loop.warmUp(ticks / 24);
            loop.homing(true);
            schedule.clear();
            loop.warmUp(20);
        }
    }

    private static class Still implements RobotDriver {
        final double[] at = new double[JOINTS];

        @Override
        public RobotDescription describe() {
            double[] one = new double[JOINTS];
            double[] minus = new double[JOINTS];
            java.util.Arrays.fill(one, 1);
            java.util.Arrays.fill(minus, -1);
            return new RobotDescription(
                    "warm-up",
                    java.util.Collections.nCopies(JOINTS, "joint"),
                    new JointLimits(minus, one, one, one, one),
                    new double[JOINTS],
                    JOINTS - 1,
                    java.util.List.of());
        }

        @Override
        public Clock clock() {
            return Clock.OWN;
        }

        @Override
        public void connect() {}

        @Override
        public long read(double[] position, double[] velocity) {
            System.arraycopy(at, 0, position, 0, JOINTS);
            return System.nanoTime();
        }

        @Override
        public void write(double[] command) {}

        @Override
        public Status status() {
            return Status.CONNECTED;
        }

        @Override
        public void close() {}
    }

    private static final class Echo extends Still {
        @Override
        public void write(double[] command) {
            System.arraycopy(command, 0, at, 0, JOINTS);
        }

        @Override
        public Status status() {
            return Status.DEGRADED;
        }
    }

    private static final class Lost extends Still {
        private int count;

        @Override
        public long read(double[] position, double[] velocity) {
            return count++ % 2 == 0 ? super.read(position, velocity) : -1;
        }

        @Override
        public Status status() {
            return count % 900 == 899 ? Status.FAULT : Status.CONNECTED;
        }

        @Override
        public void write(double[] command) {
            at[0] = command[0];
        }
    }
}
