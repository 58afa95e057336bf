package org.armature.robot;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.management.ManagementFactory;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** The laws of {@link RobotDriver}: extend it with a driver whose robot is there. */
public abstract class RobotDriverContract {
    /** A new driver, not connected. */
    protected abstract RobotDriver driver() throws Exception;

    /** What one thread allocates, if the JVM counts it. */
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();

    @Test
    void describesItselfBeforeItIsConnectedAndTheSameAfter() throws Exception {
        try (RobotDriver d = driver()) {
            RobotDescription before = d.describe();
            assertEquals(RobotDriver.Status.DISCONNECTED, d.status());
            d.connect();
            assertEquals(before.joints(), d.describe().joints());
            assertEquals(before.name(), d.describe().name());
            assertNotEquals(RobotDriver.Status.DISCONNECTED, d.status());
        }
    }

    @Test
    void homeIsWithinTheLimits() throws Exception {
        try (RobotDriver d = driver()) {
            RobotDescription r = d.describe();
            for (int j = 0; j < r.home().length; j++) {
                assertTrue(
                        r.home()[j] >= r.limits().lower()[j]
                                && r.home()[j] <= r.limits().upper()[j],
                        "home of " + r.joints().get(j) + " is " + r.home()[j]);
            }
        }
    }

    @Test
    void readsFiniteStatesWhoseTimesNeverFall() throws Exception {
        try (RobotDriver d = driver()) {
            d.connect();
            int n = d.describe().joints().size();
            double[] q = new double[n];
            double[] qd = new double[n];
            double[] command = null;
            long last = Long.MIN_VALUE;
            int states = 0;
            long end = System.nanoTime() + 5_000_000_000L;
            while (states < 50 && System.nanoTime() < end) {
                long t = d.read(q, qd);
                if (t >= 0) {
                    states++;
                    assertTrue(t >= last, "time fell from " + last + " to " + t);
                    last = t;
                    for (int j = 0; j < n; j++) {
                        assertTrue(
                                Double.isFinite(q[j]) && Double.isFinite(qd[j]),
                                d.describe().joints().get(j));
                    }
                    command = command == null ? q.clone() : command;
                }
                if (command != null) {
                    d.write(command);
                }
                LockSupport.parkNanos(1_000_000);
            }
            assertTrue(states >= 50, states + " states came within 5 s");
        }
    }

    @Test
    void readAndWriteAllocateNothing() throws Exception {
        try (RobotDriver d = driver()) {
            d.connect();
            int n = d.describe().joints().size();
            double[] q = new double[n];
            double[] qd = new double[n];
            while (d.read(q, qd) < 0) {
                LockSupport.parkNanos(1_000_000);
            }
            double[] command = q.clone();
            long least = Long.MAX_VALUE;
            for (int round = 0; round < 5 && least > 0; round++) {
                long before = THREADS.getCurrentThreadAllocatedBytes();
                for (int i = 0; i < 500; i++) {
                    d.read(q, qd);
                    d.write(command);
                }
                least = Math.min(least, THREADS.getCurrentThreadAllocatedBytes() - before);
            }
            assertEquals(0, least, "bytes in 500 reads and writes");
        }
    }

    @Test
    void closeTwiceIsHarmlessAndAfterItNothingComes() throws Exception {
        RobotDriver d = driver();
        d.close();
        d.connect();
        d.close();
        d.close();
        assertEquals(RobotDriver.Status.DISCONNECTED, d.status());
        int n = d.describe().joints().size();
        assertTrue(d.read(new double[n], new double[n]) < 0);
        d.write(new double[n]);
    }

    @Test
    void canBeConnectedAgainAfterClose() throws Exception {
        try (RobotDriver d = driver()) {
            d.connect();
            d.close();
            d.connect();
            assertNotEquals(RobotDriver.Status.DISCONNECTED, d.status());
        }
    }
}
