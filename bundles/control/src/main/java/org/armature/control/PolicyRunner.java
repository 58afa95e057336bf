package org.armature.control;

import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import org.armature.robot.ActionChunk;
import org.armature.robot.Observation;
import org.armature.robot.Policy;
import org.armature.robot.PolicySpec;
import org.jspecify.annotations.Nullable;

/** One policy driving: its thread asks for chunks and offers them to the schedule, until it is told to stop. */
final class PolicyRunner {
    private static final long IDLE_NANOS = 2_000_000;
    private static final long PATIENCE_FOR_CAMERAS = 1_000_000_000L;
    private static final int PROBATION = 10;
    private static final int FORGIVEN = 3;

    /** Told what a policy did wrong. */
    interface Complaints {
        /** @param fatal whether it must go; otherwise it was a slip that is forgiven */
        void misbehaved(PolicyRunner runner, String reason, boolean fatal);
    }

    private final Module<Policy> module;
    private final ControlLoop loop;
    private final Hub hub;
    private final LoopClock clock;
    private final LoopRecord record;
    private final DeckSettings settings;
    private final Complaints complaints;
    private final Thread thread;
    private final MemoryGuard.Share memory;
    private volatile boolean stopped;
    private volatile long actingSince;
    private volatile double millis;
    private volatile boolean paused;

    PolicyRunner(
            Module<Policy> module,
            ControlLoop loop,
            Hub hub,
            LoopClock clock,
            LoopRecord record,
            DeckSettings settings,
            Complaints complaints) {
        this.module = module;
        this.loop = loop;
        this.hub = hub;
        this.clock = clock;
        this.record = record;
        this.settings = settings;
        this.complaints = complaints;
        thread = new Thread(this::run, "policy-" + module.id());
        thread.setDaemon(true);
        memory = MemoryGuard.share(thread, settings.maxBytes());
    }

    void start() {
        thread.start();
    }

    /** While paused nothing is asked and nothing offered. */
    void pause(boolean wanted) {
        paused = wanted;
    }

    /** Typical wall time of an answer, milliseconds; 0 before the first. */
    double millis() {
        return millis;
    }

    Thread thread() {
        return thread;
    }

    /** Why the answer now being worked on is beyond its bounds, or null. Any thread. */
    @Nullable
    String overdue() {
        if (memory.exceeded()) {
            return "policy " + module.named() + " allocated " + memory.mebibytes() + " MiB in one answer";
        }
        long since = actingSince;
        if (since == 0) {
            return null;
        }
        return System.nanoTime() - since > settings.actMillis() * 1_000_000
                ? "policy " + module.named() + " did not answer within " + settings.actMillis() + " ms"
                : null;
    }

    /** Whether being late is all that {@link #overdue} has to say. */
    boolean late() {
        return !memory.exceeded();
    }

    /** Whether its thread ended by itself, which only an error of the runtime's own, or a lack of memory, can do. */
    boolean died() {
        return !stopped && thread.getState() == Thread.State.TERMINATED;
    }

    /**
     * Drains: the answer in work is waited for and dropped.
     *
     * @return whether the thread ended; if not it is abandoned
     */
    boolean stop(long timeoutMillis) {
        stopped = true;
        LockSupport.unpark(thread);
        if (Thread.currentThread() == thread) {
            return true;
        }
        try {
            // join(0) would wait for ever.
            thread.join(Math.max(1, timeoutMillis));
            return !thread.isAlive() || Eviction.end(thread);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return !thread.isAlive();
        }
    }

    private void run() {
        try {
            drive();
        } finally {
            memory.close();
        }
    }

    private void drive() {
        Policy policy = module.service();
        long episode = -1;
        long answers = 0;
        int slips = 0;
        String instruction = "";
        long lastObserved = Long.MIN_VALUE;
        PolicySpec spec = null;
        while (!stopped) {
            try {
                Optional<Observation> latest = paused ? Optional.empty() : hub.latest();
                if (latest.isEmpty()) {
                    LockSupport.parkNanos(IDLE_NANOS);
                    continue;
                }
                Observation seen = latest.get();
                boolean fresh = seen.episode() != episode;
                if (fresh && !ready(seen)) {
                    LockSupport.parkNanos(IDLE_NANOS);
                    continue;
                }
                boolean asked = fresh || !seen.instruction().equals(instruction) || lastObserved == Long.MIN_VALUE;
                long due = asked ? seen.timeNanos() : due(lastObserved, spec);
                if (seen.timeNanos() < due) {
                    double wall = (due - seen.timeNanos()) / clock.speed();
                    LockSupport.parkNanos((long) Math.clamp(wall, 200_000, 10_000_000));
                    continue;
                }
                if (fresh) {
                    policy.reset();
                    episode = seen.episode();
                }
                memory.begin();
                long begun = System.nanoTime();
                actingSince = begun;
                if (spec == null) {
                    spec = policy.spec();
                }
                ActionChunk chunk = policy.act(seen);
                actingSince = 0;
                memory.end();
                double took = (System.nanoTime() - begun) / 1e6;
                millis = millis == 0 ? took : 0.8 * millis + 0.2 * took;
                instruction = seen.instruction();
                lastObserved = seen.timeNanos();
                if (stopped || paused || hub.episode() != seen.episode()) {
                    continue;
                }
                Answer.check("policy " + module.named(), chunk, spec, seen, loop.robot());
                long now = clock.nanos();
                if (loop.schedule().offer(this, module.named(), chunk, spec.space(), seen.position(), now)) {
                    record.accepted(now - chunk.observationNanos());
                    answers++;
                    slips = 0;
                }
            } catch (Throwable t) {
                actingSince = 0;
                memory.end();
                if (stopped || memory.exceeded()) {
                    // The watchdog reports what was taken: here there may be no memory to say so.
                    return;
                }
                String why = t instanceof Refused || t instanceof BadChunk
                        ? String.valueOf(t.getMessage())
                        : "policy " + module.named() + " threw " + Trial.told(t);
                if (t instanceof OutOfMemoryError) {
                    // Somebody else took the memory; whoever that is exceeds its own bounds.
                    complaints.misbehaved(this, why + ", though it took little memory itself", false);
                    LockSupport.parkNanos(50_000_000);
                    continue;
                }
                slips++;
                boolean late = t instanceof BadChunk b && b.late;
                boolean fatal = late ? slips >= PROBATION : answers < PROBATION || slips >= FORGIVEN;
                complaints.misbehaved(this, why, fatal);
                if (fatal) {
                    return;
                }
                LockSupport.parkNanos(50_000_000);
            }
        }
    }

    /** A new scene is acted on when every camera has shown it, or has had its time. */
    private boolean ready(Observation seen) {
        return hub.complete(seen) || seen.timeNanos() - hub.sceneSinceNanos() > PATIENCE_FOR_CAMERAS;
    }

    /** Robot time from which the next chunk is wanted. */
    private long due(long lastObserved, @Nullable PolicySpec spec) {
        Schedule s = loop.schedule().current();
        long soonest = lastObserved + (long) (1e9 / settings.policyHz());
        if (s == null || spec == null) {
            return soonest;
        }
        if (settings.everyStep()) {
            return lastObserved + s.periodNanos;
        }
        long rest = (long) (settings.replan() * s.horizon() * s.periodNanos);
        return Math.max(soonest, s.endNanos() - rest);
    }
}
