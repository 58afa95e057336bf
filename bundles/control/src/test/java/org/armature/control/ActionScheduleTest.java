package org.armature.control;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.armature.control.Schedule.Interpolation;
import org.armature.robot.ActionChunk;
import org.armature.robot.PolicySpec.ActionSpace;
import org.junit.jupiter.api.Test;

class ActionScheduleTest {
    private static final long STEP = 20_000_000;
    private final Object me = new Object();

    @Test
    void latencyDropsThePassedActionsAndStartsWhereTheOldScheduleIs() throws BadChunk {
        ActionSchedule s = schedule(Blending.NONE);
        offer(s, line(0, 50, 0.01), 0);
        offer(s, constant(400_000_000, 50, 1.0), 455_000_000);
        double[] out = new double[2];
        at(s, 440_000_000, out);
        assertEquals(0.01 * 440 / 20, out[0], 1e-9, "the way to the new one starts on the old one");
        at(s, 460_000_000, out);
        assertEquals(1.0, out[0], 1e-12, "k0 = ceil(55 / 20) = 3");
    }

    @Test
    void theGripperHoldsFromKnotToKnot() throws BadChunk {
        ActionSchedule s = schedule(Blending.NONE);
        offer(s, new ActionChunk(0, STEP, 2, new double[] {0, 0, 1, 1}), 0);
        double[] out = new double[2];
        at(s, STEP / 2, out);
        assertEquals(0.5, out[0], 1e-12);
        assertEquals(0, out[1], 0);
        at(s, 10 * STEP, out);
        assertEquals(1, out[1], 0, "never beyond the last action");
    }

    @Test
    void cubicGoesThroughTheKnotsWithoutKinks() throws BadChunk {
        ActionSchedule s = new ActionSchedule(robot(), Blending.NONE, 10, Interpolation.CUBIC);
        double[] a = new double[100];
        for (int k = 0; k < 50; k++) {
            a[2 * k] = Math.sin(k * 0.1);
        }
        s.ownedBy(me);
        offer(s, new ActionChunk(0, STEP, 2, a), 0);
        double[] x = new double[2];
        double worst = 0;
        for (long t = STEP; t < 48 * STEP; t += 1_000_000) {
            at(s, t, x);
            worst = Math.max(worst, Math.abs(x[0] - Math.sin(t * 0.1 / STEP)));
        }
        assertTrue(worst < 1e-4, "off by " + worst);
    }

    @Test
    void weightedAverageIsThreeTenthsOld() throws BadChunk {
        ActionSchedule s = schedule(Blending.WEIGHTED);
        offer(s, constant(0, 50, 0), 0);
        offer(s, constant(0, 50, 1), 0);
        double[] out = new double[2];
        at(s, 10 * STEP, out);
        assertEquals(0.7, out[0], 1e-12);
        assertEquals(1, out[1], 1e-12, "a gripper is not averaged");
    }

    @Test
    void realTimeChunkingFadesFromOldToNew() throws BadChunk {
        ActionSchedule s = schedule(Blending.RTC);
        offer(s, constant(0, 50, 0), 0);
        offer(s, constant(0, 50, 1), 5 * STEP);
        double[] out = new double[2];
        double before = -1e-9;
        for (int k = 0; k <= 20; k++) {
            at(s, k * STEP, out);
            assertTrue(out[0] >= before, "rises");
            before = out[0];
            if (k < 5) {
                assertEquals(0, out[0], 1e-12);
            } else if (k >= 15) {
                assertEquals(1, out[0], 1e-12);
            } else {
                assertTrue(out[0] > 0 && out[0] < 1);
            }
        }
    }

    @Test
    void theOnlineEnsembleIsAlgorithmTwo() {
        int h = 4;
        double m = 0.01;
        Ensemble online = new Ensemble(1, h, m);
        java.util.Random random = new java.util.Random(3);
        double[][] chunks = new double[12][h];
        for (int step = 0; step < chunks.length; step++) {
            for (int k = 0; k < h; k++) {
                chunks[step][k] = random.nextDouble();
            }
            double[] mean = online.add(step, chunks[step]);
            double up = 0;
            double down = 0;
            for (int i = 0, from = Math.max(0, step - h + 1); from + i <= step; i++) {
                double w = Math.exp(-m * i);
                up += w * chunks[from + i][step - from - i];
                down += w;
            }
            assertEquals(up / down, mean[0], 1e-12, "step " + step);
        }
    }

    @Test
    void deltasAddToTheMeasuredPosition() throws BadChunk {
        ActionSchedule s = schedule(Blending.NONE);
        assertTrue(s.offer(me, "p", constant(0, 5, 0.1), ActionSpace.DELTA, new double[] {0.5, 0}, 0));
        double[] out = new double[2];
        at(s, 0, out);
        assertEquals(0.6, out[0], 1e-12);
    }

    @Test
    void badChunksAreRefusedWithASentenceAndChangeNothing() throws BadChunk {
        ActionSchedule s = schedule(Blending.NONE);
        long now = 2_000_000_000;
        offer(s, constant(now, 50, 0.5), now);
        Schedule before = s.current();
        ActionChunk nan = constant(now, 5, 0);
        nan.actions()[7] = Double.NaN;
        assertSays(s, nan, now, "action 3 of joint grip is NaN");
        assertSays(s, new ActionChunk(now, STEP, 3, new double[3]), now, "answered for 3 joints, but the robot has 2");
        assertSays(s, constant(now - 1, 50, 0), now, "before that of its last chunk");
        assertSays(s, constant(now + 1_500_000_000, 5, 0), now, "1500 ms in the future");
        assertSays(s, constant(now, 5, 0), now + 1_000_000_000, "older than its horizon of 5 actions");
        assertEquals(before, s.current());
    }

    @Test
    void onlyTheOwnerIsHeard() throws BadChunk {
        ActionSchedule s = schedule(Blending.NONE);
        assertFalse(s.offer(new Object(), "other", constant(0, 5, 0), ActionSpace.ABSOLUTE, new double[2], 0));
        offer(s, constant(0, 5, 0), 0);
        assertNotNull(s.current());
    }

    private void assertSays(ActionSchedule s, ActionChunk chunk, long now, String words) {
        BadChunk e = assertThrows(BadChunk.class, () -> offer(s, chunk, now));
        assertTrue(e.getMessage().contains(words), e.getMessage());
    }

    private void offer(ActionSchedule s, ActionChunk chunk, long now) throws BadChunk {
        assertTrue(s.offer(me, "p", chunk, ActionSpace.ABSOLUTE, new double[2], now));
    }

    private static void at(ActionSchedule s, long t, double[] out) {
        Schedule now = s.current();
        assertNotNull(now);
        now.sample(t, out);
    }

    private ActionSchedule schedule(Blending blending) {
        ActionSchedule s = new ActionSchedule(robot(), blending, 10, Interpolation.LINEAR);
        s.ownedBy(me);
        return s;
    }

    private static org.armature.robot.RobotDescription robot() {
        double[] one = {9, 9};
        return new org.armature.robot.RobotDescription(
                "two",
                java.util.List.of("slide", "grip"),
                new org.armature.robot.JointLimits(new double[] {-9, -9}, one, one, one, one),
                new double[2],
                1,
                java.util.List.of());
    }

    private static ActionChunk constant(long t, int h, double x) {
        double[] a = new double[2 * h];
        Arrays.fill(a, x);
        return new ActionChunk(t, STEP, 2, a);
    }

    private static ActionChunk line(long t, int h, double slope) {
        double[] a = new double[2 * h];
        for (int k = 0; k < h; k++) {
            a[2 * k] = slope * k;
        }
        return new ActionChunk(t, STEP, 2, a);
    }
}
