package org.armature.robot;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/**
 * The laws of {@link Policy}. Extend it, say which policy and what it sees, and get its tests; the runtime's own shadow run
 * asks for no less.
 */
public abstract class PolicyContract {
    /** A new policy, ready to act. */
    protected abstract Policy policy();

    /** The robot it is made for. */
    protected abstract RobotDescription robot();

    /** Something it may see at this robot time: joints within their limits and the cameras it needs. */
    protected abstract Observation observation(long timeNanos);

    /** Wall time an answer may take on a slow machine. */
    protected Duration patience() {
        return Duration.ofSeconds(10);
    }

    @Test
    void itsSpecFitsTheRobotAndStaysTheSame() {
        Policy p = policy();
        assertEquals(robot().joints().size(), p.spec().joints(), "joints of spec() and of the robot");
        PolicySpec before = p.spec();
        act(p, observation(1_000_000_000));
        assertEquals(before, p.spec());
    }

    @Test
    void theChunkFitsTheSpec() {
        Policy p = policy();
        ActionChunk c = act(p, observation(1_000_000_000));
        assertEquals(p.spec().joints(), c.joints());
        assertEquals(p.spec().horizon(), c.horizon());
        assertEquals(p.spec().periodNanos(), c.periodNanos());
    }

    @Test
    void theChunkStartsAtTheObservation() {
        Policy p = policy();
        for (long t = 1; t <= 3; t++) {
            assertEquals(
                    t * 1_000_000_000, act(p, observation(t * 1_000_000_000)).observationNanos());
        }
    }

    @Test
    void allActionsAreFiniteAndWithinTheLimits() {
        Policy p = policy();
        Observation seen = observation(1_000_000_000);
        ActionChunk c = act(p, seen);
        JointLimits limits = robot().limits();
        for (int k = 0; k < c.horizon(); k++) {
            for (int j = 0; j < c.joints(); j++) {
                double q = c.at(k, j) + (p.spec().space() == PolicySpec.ActionSpace.DELTA ? seen.position()[j] : 0);
                String where = "action " + k + " of joint " + robot().joints().get(j) + " is " + q;
                assertTrue(Double.isFinite(q), where);
                assertTrue(q >= limits.lower()[j] - 1e-3 && q <= limits.upper()[j] + 1e-3, where);
            }
        }
    }

    @Test
    void afterAResetEqualObservationsGiveEqualChunks() {
        Policy p = policy();
        p.reset();
        double[] first = act(p, observation(1_000_000_000)).actions();
        act(p, observation(2_000_000_000));
        p.reset();
        assertArrayEquals(first, act(p, observation(1_000_000_000)).actions());
        p.reset();
        p.reset();
        assertArrayEquals(first, act(p, observation(1_000_000_000)).actions());
    }

    @Test
    void theObservationIsNotWrittenAndNotKeptInTheChunk() {
        Observation seen = observation(1_000_000_000);
        double[] position = seen.position().clone();
        double[] velocity = seen.velocity().clone();
        ActionChunk c = act(policy(), seen);
        double[] actions = c.actions().clone();
        assertArrayEquals(position, seen.position());
        assertArrayEquals(velocity, seen.velocity());
        Arrays.fill(seen.position(), 99);
        assertArrayEquals(actions, c.actions());
    }

    @Test
    void aChunkOnceGivenIsNeverWrittenAgain() {
        Policy p = policy();
        ActionChunk c = act(p, observation(1_000_000_000));
        double[] actions = c.actions().clone();
        act(p, observation(2_000_000_000));
        assertArrayEquals(actions, c.actions());
    }

    private ActionChunk act(Policy p, Observation seen) {
        ActionChunk c = assertTimeoutPreemptively(patience(), () -> p.act(seen), "act() took too long");
        assertNotNull(c, "act() answered null");
        return c;
    }
}
