package org.armature.control;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.List;
import org.armature.robot.ActionChunk;
import org.armature.robot.PolicySpec.ActionSpace;
import org.armature.robot.RealTimeChunking;
import org.armature.robot.RobotDescription;
import org.jspecify.annotations.Nullable;

/**
 * Turns chunks into the one {@link Schedule} the loop follows. Policies' threads offer under a lock; the loop reads one
 * reference with acquire semantics and never meets that lock.
 */
final class ActionSchedule {
    private static final long FUTURE = 1_000_000_000L;
    private static final VarHandle CURRENT;

    static {
        try {
            CURRENT = MethodHandles.lookup().findVarHandle(ActionSchedule.class, "current", Schedule.class);
        } catch (ReflectiveOperationException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    private final List<String> joints;
    private final int gripper;
    private final Blending blending;
    private final int executionHorizon;
    private final Schedule.Interpolation interpolation;
    private @Nullable Schedule current;
    private @Nullable Object owner;
    private @Nullable Ensemble ensemble;
    private long ensemblePeriod;
    private int ensembleHorizon;
    private long lastObservation = Long.MIN_VALUE;
    private long chunks;

    ActionSchedule(
            RobotDescription robot, Blending blending, int executionHorizon, Schedule.Interpolation interpolation) {
        this.joints = robot.joints();
        this.gripper = robot.gripper();
        this.blending = blending;
        this.executionHorizon = executionHorizon;
        this.interpolation = interpolation;
    }

    /** The schedule now. Loop thread and others; one acquire read. */
    @Nullable
    Schedule current() {
        return (Schedule) CURRENT.getAcquire(this);
    }

    /** From now on only chunks of this owner are taken: a drained policy's last answer comes to nothing. */
    synchronized void ownedBy(@Nullable Object newOwner) {
        owner = newOwner;
        ensemble = null;
        lastObservation = Long.MIN_VALUE;
    }

    /** Nothing to follow: the loop decelerates to a stop. */
    synchronized void clear() {
        ensemble = null;
        lastObservation = Long.MIN_VALUE;
        CURRENT.setRelease(this, (Schedule) null);
    }

    /**
     * Checks a chunk and publishes what becomes of it.
     *
     * @param measured {@code [J]} positions of the observation, what deltas add to
     * @param now robot time of arrival
     * @return false if {@code by} no longer owns the schedule
     * @throws BadChunk naming joint, value and limit; the schedule stays as it was
     */
    synchronized boolean offer(
            Object by, String policy, ActionChunk chunk, ActionSpace space, double[] measured, long now)
            throws BadChunk {
        if (by != owner) {
            return false;
        }
        check(policy, chunk, joints, lastObservation, now);
        long period = chunk.periodNanos();
        double[] wanted = absolute(chunk, space, measured);
        Schedule old = current();
        int n = joints.size();
        int h = chunk.horizon();
        if (blending == Blending.ACT) {
            if (ensemble == null || ensemblePeriod != period || ensembleHorizon != h) {
                ensemble = new Ensemble(n, h, 0.01);
                ensemblePeriod = period;
                ensembleHorizon = h;
            }
            double[] voted = ensemble.add(Math.floorDiv(chunk.observationNanos() + period / 2, period), wanted);
            keepGripper(wanted, voted);
            wanted = voted;
        }
        joinTo(old, chunk, wanted, now);
        lastObservation = chunk.observationNanos();
        chunks++;
        CURRENT.setRelease(
                this, new Schedule(chunks, chunk.observationNanos(), period, n, wanted, gripper, interpolation));
        return true;
    }

    /**
     * Latency compensation: knots before k0 = ceil((now - t_obs) / T_p) have passed and are replaced by what the robot
     * was doing, so that the way to knot k0 starts where the old schedule is; later ones are blended where both overlap.
     */
    private void joinTo(@Nullable Schedule old, ActionChunk chunk, double[] wanted, long now) {
        if (old == null || old.joints != joints.size()) {
            return;
        }
        int n = joints.size();
        int h = chunk.horizon();
        long t0 = chunk.observationNanos();
        int k0 = (int) Math.clamp(Math.ceilDiv(now - t0, chunk.periodNanos()), 0, h);
        double[] weights = RealTimeChunking.prefixWeights(
                Math.min(k0, h), Math.min(h, k0 + executionHorizon), h, RealTimeChunking.Weights.LINEAR);
        double[] was = new double[n];
        for (int k = 0; k < h; k++) {
            long t = t0 + k * chunk.periodNanos();
            if (old.endedAt(t) && k >= k0) {
                break;
            }
            old.sample(t, was);
            double keep = k < k0
                    ? 1
                    : switch (blending) {
                        case NONE, ACT -> 0;
                        case WEIGHTED -> 0.3;
                        case AVERAGE -> 0.5;
                        case CONSERVATIVE -> 0.7;
                        case RTC -> weights[k];
                    };
            for (int j = 0; j < n; j++) {
                if (j != gripper || k < k0) {
                    wanted[k * n + j] = keep * was[j] + (1 - keep) * wanted[k * n + j];
                }
            }
        }
    }

    private double[] absolute(ActionChunk chunk, ActionSpace space, double[] measured) {
        double[] wanted = chunk.actions().clone();
        if (space == ActionSpace.DELTA) {
            for (int i = 0; i < wanted.length; i++) {
                wanted[i] += measured[i % measured.length];
            }
        }
        return wanted;
    }

    private void keepGripper(double[] from, double[] to) {
        for (int i = gripper; gripper >= 0 && i < to.length; i += joints.size()) {
            to[i] = from[i];
        }
    }

    /** @throws BadChunk if it must not be followed */
    static void check(String policy, ActionChunk chunk, List<String> joints, long lastObservation, long now)
            throws BadChunk {
        if (chunk.joints() != joints.size()) {
            throw new BadChunk("policy " + policy + " answered for " + chunk.joints() + " joints, but the robot has "
                    + joints.size() + " (" + String.join(", ", joints) + ")");
        }
        for (int i = 0; i < chunk.actions().length; i++) {
            if (!Double.isFinite(chunk.actions()[i])) {
                throw new BadChunk("policy " + policy + ": action " + i / chunk.joints() + " of joint "
                        + joints.get(i % chunk.joints()) + " is " + chunk.actions()[i] + "; the chunk was discarded");
            }
        }
        if (chunk.observationNanos() < lastObservation) {
            throw new BadChunk("policy " + policy + ": the chunk's observation time " + chunk.observationNanos()
                    + " ns is before that of its last chunk, " + lastObservation + " ns; the chunk was discarded");
        }
        if (chunk.observationNanos() - now > FUTURE) {
            throw new BadChunk("policy " + policy + ": the chunk starts " + (chunk.observationNanos() - now) / 1_000_000
                    + " ms in the future, more than 1000 ms; the chunk was discarded");
        }
        if (chunk.endNanos() < now) {
            throw new BadChunk(
                    "policy " + policy + ": the chunk ended " + (now - chunk.endNanos()) / 1_000_000
                            + " ms ago, it is older than its horizon of " + chunk.horizon()
                            + " actions and was discarded",
                    true);
        }
    }
}
