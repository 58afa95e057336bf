package org.armature.control;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.armature.robot.ActionChunk;
import org.armature.robot.Observation;
import org.armature.robot.Policy;
import org.armature.robot.PolicySpec;
import org.armature.robot.Replacement.Outcome;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which policy drives. A newcomer that outranks the driving one is warmed and run in the shadow on the last real
 * observations, compared, and only then takes over; one that misbehaves afterwards is replaced by the one before. All
 * decisions are made on one thread, so they come one after another.
 */
final class PolicyDeck implements AutoCloseable, PolicyRunner.Complaints {
    private static final Logger LOG = LoggerFactory.getLogger("armature.policy");
    private static final int SHADOW_RUNS = 3;
    private static final long PATIENCE_FOR_CAMERAS = 2_000_000_000L;

    private static final long SHORTAGE_NANOS = 100_000_000L;

    private static final class Candidate {
        final Module<Policy> module;
        final long since = System.nanoTime();
        volatile boolean refused;
        volatile boolean approved;
        volatile boolean gone;
        /** How often it was late; the deciding thread's. */
        int lapses;

        Candidate(Module<Policy> module) {
            this.module = module;
        }
    }

    private final Hub hub;
    private final LoopClock clock;
    private final LoopRecord record;
    private final Swaps swaps;
    private final DeckSettings settings;
    private final PerceptionDeck perceptions;
    private final ScheduledExecutorService decisions;
    private final List<Candidate> candidates = new ArrayList<>();
    private final Runnable reconsider = this::reconsider;
    private volatile @Nullable ControlLoop loop;
    private volatile @Nullable PolicyRunner runner;
    private volatile @Nullable Candidate driving;
    private volatile boolean paused;
    private volatile double oldMillis;
    private volatile @Nullable Thread decider;

    PolicyDeck(
            Hub hub,
            LoopClock clock,
            LoopRecord record,
            Swaps swaps,
            DeckSettings settings,
            PerceptionDeck perceptions) {
        this.perceptions = perceptions;
        this.hub = hub;
        this.clock = clock;
        this.record = record;
        this.swaps = swaps;
        this.settings = settings;
        decisions = Executors.newSingleThreadScheduledExecutor(r -> {
            Thread t = new Thread(r, "policies");
            t.setDaemon(true);
            decider = t;
            return t;
        });
    }

    /** A policy came. Returns at once. */
    void added(Module<Policy> module) {
        Candidate c = new Candidate(module);
        synchronized (candidates) {
            candidates.add(c);
        }
        decide(reconsider);
    }

    /** A policy goes; returns when it is no longer called, or after the stop time. */
    void removed(Policy service) {
        List<Candidate> leaving;
        synchronized (candidates) {
            leaving = candidates.stream()
                    .filter(c -> c.module.service() == service)
                    .toList();
            candidates.removeAll(leaving);
        }
        leaving.forEach(c -> c.gone = true);
        PolicyRunner r = runner;
        Candidate d = driving;
        if (r != null && d != null && leaving.contains(d)) {
            // At once, whatever trial the deciding thread is busy with.
            r.stop(settings.stopMillis());
        }
        Future<?> drained = decide(() -> {
            if (driving != null && leaving.contains(driving)) {
                retire();
            }
        });
        await(drained);
        decide(reconsider);
    }

    /** The robot changed; null while there is none. Returns when no policy acts for the old one any more. */
    void robot(@Nullable ControlLoop next) {
        await(decide(() -> {
            retire();
            loop = next;
        }));
        decide(reconsider);
    }

    /** While paused no policy is asked: the scene is being set. */
    void pause(boolean wanted) {
        paused = wanted;
        PolicyRunner r = runner;
        if (r != null) {
            r.pause(wanted);
        }
    }

    /** Id of the driving policy, or empty. */
    String driving() {
        Candidate c = driving;
        return c == null ? "" : c.module.id();
    }

    /** What stands of a policy: driving, refused, or standing by. */
    String standing(Object service) {
        Candidate d = driving;
        if (d != null && d.module.service() == service) {
            return "driving";
        }
        synchronized (candidates) {
            return candidates.stream()
                    .filter(c -> c.module.service() == service)
                    .findFirst()
                    .map(c -> c.refused ? "refused" : "standby")
                    .orElse("");
        }
    }

    /** The watchdog's look; cheap, any thread. */
    void watch() {
        PolicyRunner r = runner;
        if (r == null) {
            return;
        }
        String why = r.overdue();
        if (why == null ? r.died() : perceptions.blame(r.thread(), why, r.late())) {
            decide(() -> {
                Candidate d = driving;
                if (runner == r && d != null) {
                    take(d);
                }
            });
        } else if (why != null) {
            rollBack(r, why, r.late());
        }
    }

    @Override
    public void misbehaved(PolicyRunner by, String reason, boolean fatal) {
        if (!fatal) {
            LOG.warn("{}", reason);
            return;
        }
        rollBack(by, reason, false);
    }

    private void rollBack(PolicyRunner by, String reason, boolean late) {
        long since = System.nanoTime();
        decide(() -> {
            Candidate bad = driving;
            if (runner != by || bad == null) {
                return;
            }
            bad.refused = true;
            ControlLoop l = loop;
            if (l != null) {
                l.schedule().ownedBy(null);
                l.schedule().clear();
            }
            by.stop(0);
            Candidate back = choose(null);
            boolean again = back == null && late && ++bad.lapses <= Trial.SECOND_CHANCES;
            String told = reason
                    + (back != null
                            ? "; policy " + back.module.named() + " is back"
                            : "; there is no other policy, so the robot holds"
                                    + (again ? ", and it is tried again in " + bad.lapses + " s" : ""));
            runner = null;
            driving = null;
            try {
                if (back == null) {
                    tellLoop();
                } else {
                    take(back);
                }
            } finally {
                // Who reads the history removes the module, and with it what it holds.
                swaps.record(bad.module, since, Outcome.ROLLED_BACK, told);
            }
            if (again) {
                decisions.schedule(safe(() -> pardon(bad)), bad.lapses, TimeUnit.SECONDS);
            }
        });
    }

    /** A busy machine makes the best policy late; without another one its robot should not hold for ever. */
    private void pardon(Candidate late) {
        if (!late.gone && driving == null) {
            late.refused = false;
            late.approved = false;
            reconsider();
        }
    }

    /** Slow among the programs that start with it, a policy may be quick among those that run. */
    private void again(Candidate slow) {
        if (!slow.gone) {
            slow.refused = false;
            reconsider();
        }
    }

    @Override
    public void close() {
        await(decide(this::retire));
        decisions.shutdownNow();
    }

    // ---- on the deciding thread ----

    private void reconsider() {
        while (loop != null) {
            Candidate best = best();
            if (best == null || best == driving) {
                break;
            }
            if (best.approved && best.module.outranks(moduleOf(driving))) {
                take(best);
                break;
            }
            try {
                double ms = shadow(best);
                if (best.gone) {
                    continue;
                }
                Candidate old = driving;
                best.approved = true;
                take(best);
                swaps.record(best.module, best.since, Outcome.CUT_OVER, praise(old, best, ms));
            } catch (Refused e) {
                if (!best.gone) {
                    best.refused = true;
                    Candidate old = driving;
                    swaps.record(
                            best.module,
                            best.since,
                            Outcome.REFUSED,
                            e.getMessage() + (old == null ? "" : "; policy " + old.module.named() + " goes on"));
                    if (e.slow && ++best.lapses <= Trial.SECOND_CHANCES) {
                        decisions.schedule(safe(() -> again(best)), 2L * best.lapses, TimeUnit.SECONDS);
                    }
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
        tellLoop();
    }

    private static String praise(@Nullable Candidate old, Candidate now, double ms) {
        String took = String.format(java.util.Locale.ROOT, "answered in %.1f ms", ms);
        return old == null ? "drives: " + took : "takes over from " + old.module.named() + ": " + took;
    }

    private static @Nullable Module<Policy> moduleOf(@Nullable Candidate c) {
        return c == null ? null : c.module;
    }

    private @Nullable Candidate best() {
        Candidate d = driving;
        Candidate best = choose(d);
        return best != null && d != null && !d.gone && !best.module.outranks(d.module) ? d : best;
    }

    /** The first of those not refused, other than {@code except}; null if there is none. */
    private @Nullable Candidate choose(@Nullable Candidate except) {
        synchronized (candidates) {
            return candidates.stream()
                    .filter(c -> !c.refused && c != except)
                    .max(Comparator.comparingInt((Candidate c) -> c.module.ranking())
                            .thenComparingLong(c -> c.module.order()))
                    .orElse(except);
        }
    }

    /** Warms it and asks it about the last real observations; the wall milliseconds of its best answer. */
    private double shadow(Candidate c) throws Refused, InterruptedException {
        ControlLoop robot = loop;
        if (robot == null) {
            throw new Refused("the robot has left");
        }
        String what = "policy " + c.module.named();
        Policy policy = c.module.service();
        awaitSight(c);
        double ms = Trial.run(
                what,
                () -> {
                    PolicySpec spec = policy.spec();
                    Answer.check(what, spec, robot.robot());
                    policy.reset();
                    double best = Double.POSITIVE_INFINITY;
                    // With nobody driving there is nothing to compare with and nothing to lose but time.
                    int runs = runner == null ? 1 : SHADOW_RUNS;
                    for (int i = 0; i < runs; i++) {
                        Observation seen = hub.latest().orElseThrow(() -> new Refused("the robot has left"));
                        long begun = System.nanoTime();
                        ActionChunk chunk = policy.act(seen);
                        best = Math.min(best, (System.nanoTime() - begun) / 1e6);
                        Answer.check(what, chunk, spec, seen, robot.robot());
                    }
                    policy.reset();
                    double horizon = spec.horizon() * spec.periodNanos() / clock.speed() / 1e6;
                    // A robot that nobody drives is better off with a slow policy, which may only be cold, than with
                    // none.
                    if (runner != null && best > horizon) {
                        throw new Refused(what + " takes " + Math.round(best) + " ms for a chunk that lasts "
                                + Math.round(horizon) + " ms");
                    }
                    return best;
                },
                settings.trialMillis(),
                settings.maxBytes(),
                () -> c.gone);
        PolicyRunner now = runner;
        double old = now == null ? 0 : now.millis() == 0 ? oldMillis : now.millis();
        if (old > 0) {
            Trial.compare(what, ms, old);
        }
        return ms;
    }

    /** Waits until there is something to look at. */
    private void awaitSight(Candidate c) throws Refused, InterruptedException {
        long deadline = System.nanoTime() + PATIENCE_FOR_CAMERAS;
        while (!c.gone) {
            var seen = hub.latest();
            if (seen.isPresent() && (hub.complete(seen.get()) || System.nanoTime() > deadline)) {
                return;
            }
            if (seen.isEmpty() && System.nanoTime() > deadline) {
                throw new Refused("policy " + c.module.named() + " could not be tried: the robot sends no state");
            }
            TimeUnit.MILLISECONDS.sleep(2);
        }
        throw new Refused("policy " + c.module.named() + " has left");
    }

    private void take(Candidate next) {
        ControlLoop l = loop;
        if (l == null || next.gone) {
            return;
        }
        PolicyRunner old = runner;
        PolicyRunner fresh = new PolicyRunner(next.module, l, hub, clock, record, settings, this);
        fresh.pause(paused);
        oldMillis = old == null ? 0 : old.millis();
        l.schedule().ownedBy(fresh);
        runner = fresh;
        driving = next;
        fresh.start();
        tellLoop();
        LOG.info("policy {} drives", next.module.named());
        if (old != null && !old.stop(settings.stopMillis())) {
            LOG.warn("a policy that was replaced did not finish its answer; its thread was abandoned");
        }
    }

    private void retire() {
        PolicyRunner r = runner;
        runner = null;
        driving = null;
        ControlLoop l = loop;
        if (l != null) {
            l.schedule().ownedBy(null);
        }
        if (r != null) {
            r.stop(settings.stopMillis());
        }
        tellLoop();
    }

    private void tellLoop() {
        ControlLoop l = loop;
        if (l != null) {
            l.policyPresent(runner != null);
        }
    }

    private Future<?> decide(Runnable step) {
        if (Thread.currentThread() == decider) {
            step.run();
            return java.util.concurrent.CompletableFuture.completedFuture(null);
        }
        try {
            return decisions.submit(safe(step));
        } catch (RejectedExecutionException e) {
            return java.util.concurrent.CompletableFuture.completedFuture(null);
        }
    }

    /** {@code step}, whose failure ends neither the deciding thread nor the robot's work. */
    private Runnable safe(Runnable step) {
        return () -> {
            Runnable next = step;
            while (next != null && !decisions.isShutdown()) {
                try {
                    next.run();
                    next = null;
                } catch (RuntimeException e) {
                    LOG.error("deciding about policies failed", e);
                    next = null;
                } catch (OutOfMemoryError e) {
                    // Whoever took the memory exceeds its own bounds and goes; then somebody must drive.
                    LockSupport.parkNanos(SHORTAGE_NANOS);
                    next = reconsider;
                }
            }
        };
    }

    private void await(Future<?> step) {
        try {
            step.get(2 * settings.stopMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (java.util.concurrent.ExecutionException | java.util.concurrent.TimeoutException e) {
            LOG.warn("a leaving policy was not waited for any longer");
        }
    }
}
