package org.armature.control;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.armature.robot.CameraFrame;
import org.armature.robot.Observation;
import org.armature.robot.Perception;
import org.armature.robot.Replacement.Outcome;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which perception module policies see. They are given this one, which hands each call to the module that passed its trial
 * on the last real frames; a module that throws or answers nonsense is replaced by the one before within the same call.
 */
final class PerceptionDeck implements Perception, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger("armature.perception");
    private static final Pattern THING = Pattern.compile("\\b(?:the|a|an)\\s+(\\w+\\s+\\w+)");
    private static final long PATIENCE_FOR_CAMERAS = 5_000_000_000L;
    private static final double UNTRIED = 1e-3;

    private static final class Candidate {
        final Module<Perception> module;
        final long since = System.nanoTime();
        /** Threads that are in it now: a module goes when they have come out. */
        final java.util.Set<Thread> inside = ConcurrentHashMap.newKeySet();

        volatile boolean refused;
        volatile boolean gone;
        volatile double millis;
        /** How often it was late, and tried again; under the lock of the candidates. */
        int lapses;

        Candidate(Module<Perception> module) {
            this.module = module;
        }
    }

    private final Hub hub;
    private final Swaps swaps;
    private final DeckSettings settings;
    private final Consumer<Boolean> offered;
    private final ScheduledExecutorService decisions;
    private final List<Candidate> candidates = new ArrayList<>();
    private volatile @Nullable Candidate active;
    private volatile @Nullable Candidate hoarder;

    /** @param offered told whether there is a module to offer to policies, on the deciding thread */
    PerceptionDeck(Hub hub, Swaps swaps, DeckSettings settings, Consumer<Boolean> offered) {
        this.hub = hub;
        this.swaps = swaps;
        this.settings = settings;
        this.offered = offered;
        decisions = Executors.newSingleThreadScheduledExecutor(r -> {
            Thread t = new Thread(r, "perceptions");
            t.setDaemon(true);
            return t;
        });
    }

    void added(Module<Perception> module) {
        synchronized (candidates) {
            candidates.add(new Candidate(module));
        }
        decide(this::reconsider);
    }

    /** A module goes; returns when no call is in it, or after the stop time. */
    void removed(Perception service) {
        List<Candidate> leaving;
        synchronized (candidates) {
            leaving = candidates.stream()
                    .filter(c -> c.module.service() == service)
                    .toList();
            candidates.removeAll(leaving);
        }
        leaving.forEach(c -> c.gone = true);
        Candidate was = active;
        if (was != null && leaving.contains(was)) {
            active = null;
        }
        long end = System.nanoTime() + settings.stopMillis() * 1_000_000;
        for (Candidate c : leaving) {
            while (!c.inside.isEmpty() && System.nanoTime() < end) {
                java.util.concurrent.locks.LockSupport.parkNanos(1_000_000);
            }
        }
        decide(this::reconsider);
    }

    /** Id of the module that sees, or empty. */
    String seeing() {
        Candidate a = active;
        return a == null ? "" : a.module.id();
    }

    String standing(Object service) {
        Candidate a = active;
        if (a != null && a.module.service() == service) {
            return "seeing";
        }
        synchronized (candidates) {
            return candidates.stream().anyMatch(c -> c.module.service() == service && c.refused)
                    ? "refused"
                    : "standby";
        }
    }

    /**
     * Whether this thread hangs in a perception module, or was ended there; if so that module is the one to go.
     *
     * @param late whether being late is all there is to say against it
     */
    boolean blame(Thread thread, String reason, boolean late) {
        Candidate a = active;
        if (a == null || a != hoarder && !a.inside.contains(thread)) {
            return false;
        }
        rollBack(a, reason.replaceFirst("^policy \\S+( \\S+)?", "perception " + a.module.named()), late);
        return true;
    }

    @Override
    public List<Detection> detect(CameraFrame frame, String words) {
        while (true) {
            Candidate a = active;
            if (a == null) {
                throw new IllegalStateException("there is no perception module to ask for '" + words + "'");
            }
            String wrong;
            long before = MemoryGuard.allocated(Thread.currentThread());
            a.inside.add(Thread.currentThread());
            try {
                List<Detection> found = a.module.service().detect(frame, words);
                wrong = nonsense(found, frame);
                if (wrong == null) {
                    return found;
                }
            } catch (OutOfMemoryError | Eviction.Evicted e) {
                // Whoever asks has its part in what was taken, or somebody else took it all.
                if (MemoryGuard.allocated(Thread.currentThread()) - before > settings.maxBytes() / 2) {
                    hoarder = a;
                }
                throw e;
            } catch (RuntimeException | LinkageError | StackOverflowError e) {
                wrong = "threw " + Trial.told(e);
            } finally {
                a.inside.remove(Thread.currentThread());
            }
            rollBack(a, "perception " + a.module.named() + " " + wrong, false);
        }
    }

    private void rollBack(Candidate bad, String reason, boolean late) {
        Candidate back;
        // Seconds, if at all.
        int again = 0;
        synchronized (candidates) {
            if (active != bad) {
                return;
            }
            bad.refused = true;
            back = candidates.stream()
                    .filter(c -> !c.refused && c.millis > 0)
                    .max(order())
                    .orElse(null);
            active = back;
            if (back == null && late && bad.lapses < Trial.SECOND_CHANCES) {
                again = ++bad.lapses;
            }
        }
        swaps.record(
                bad.module,
                System.nanoTime(),
                Outcome.ROLLED_BACK,
                reason
                        + (back == null
                                ? "; there is no other perception module"
                                        + (again > 0 ? ", and it is tried again in " + again + " s" : "")
                                : "; perception " + back.module.named() + " is back"));
        decide(this::reconsider);
        if (again > 0) {
            after(again, () -> pardon(bad));
        }
    }

    /** A busy machine makes the best module late; without another one its policies should not be blind for ever. */
    private void pardon(Candidate late) {
        if (!late.gone && active == null) {
            late.refused = false;
            late.millis = 0;
            reconsider();
        }
    }

    @Override
    public void close() {
        decisions.shutdownNow();
        active = null;
        offered.accept(false);
    }

    // ---- on the deciding thread ----

    private void reconsider() {
        while (true) {
            Candidate best;
            synchronized (candidates) {
                best = candidates.stream().filter(c -> !c.refused).max(order()).orElse(null);
            }
            Candidate old = active;
            if (best == null || best == old) {
                break;
            }
            try {
                boolean known = best.millis > 0;
                double ms = trial(best, old);
                if (best.gone) {
                    continue;
                }
                best.millis = Math.max(ms, UNTRIED);
                active = best;
                if (!known) {
                    swaps.record(
                            best.module,
                            best.since,
                            Outcome.CUT_OVER,
                            (old == null ? "sees: " : "takes over from " + old.module.named() + ": ")
                                    + (ms == 0
                                            ? "there was no frame yet to try it on"
                                            : String.format(Locale.ROOT, "looked at the last frames in %.1f ms", ms)));
                }
            } catch (Refused e) {
                best.refused = true;
                if (!best.gone) {
                    swaps.record(
                            best.module,
                            best.since,
                            Outcome.REFUSED,
                            e.getMessage() + (old == null ? "" : "; perception " + old.module.named() + " goes on"));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
        offered.accept(active != null);
    }

    private static Comparator<Candidate> order() {
        return Comparator.comparingInt((Candidate c) -> c.module.ranking()).thenComparingLong(c -> c.module.order());
    }

    /** Shows it the last real frames and asks for what the robot is asked for; without cameras there is nothing to try. */
    private double trial(Candidate c, @Nullable Candidate old) throws Refused, InterruptedException {
        String what = "perception " + c.module.named();
        Observation seen = sight(c, old == null);
        if (seen == null || seen.cameras().isEmpty()) {
            return 0;
        }
        List<String> words = things(seen.instruction());
        double ms = Trial.run(
                what,
                () -> {
                    double best = Double.POSITIVE_INFINITY;
                    for (int i = 0; i < 3; i++) {
                        long begun = System.nanoTime();
                        for (CameraFrame frame : seen.cameras().values()) {
                            for (String thing : words) {
                                String wrong = nonsense(c.module.service().detect(frame, thing), frame);
                                if (wrong != null) {
                                    throw new Refused(what + " " + wrong + " when asked for '" + thing + "'");
                                }
                            }
                        }
                        best = Math.min(best, (System.nanoTime() - begun) / 1e6);
                    }
                    return best;
                },
                settings.trialMillis(),
                settings.maxBytes(),
                () -> c.gone);
        if (old != null && old.millis > UNTRIED) {
            Trial.compare(what, ms, old.millis);
        }
        return ms;
    }

    /** The last observation with all its cameras; the very first module is not kept waiting, as the robot waits for it. */
    private @Nullable Observation sight(Candidate c, boolean first) throws InterruptedException {
        long end = System.nanoTime() + PATIENCE_FOR_CAMERAS;
        while (!c.gone) {
            Observation seen = hub.latest().orElse(null);
            if (seen != null && !seen.cameras().isEmpty() && hub.complete(seen)) {
                return seen;
            }
            if (first || System.nanoTime() > end) {
                return seen;
            }
            TimeUnit.MILLISECONDS.sleep(5);
        }
        return null;
    }

    static List<String> things(String instruction) {
        List<String> things = new ArrayList<>();
        Matcher m = THING.matcher(instruction);
        while (m.find()) {
            things.add(m.group(1));
        }
        return things.isEmpty() ? List.of(instruction) : things;
    }

    private static @Nullable String nonsense(@Nullable List<Detection> found, CameraFrame frame) {
        if (found == null) {
            return "answered null";
        }
        // Without these a position is not promised.
        boolean placed = frame.depthOrNull() != null && frame.intrinsicsOrNull() != null && frame.poseOrNull() != null;
        for (Detection d : found) {
            if (!Double.isFinite(d.score())) {
                return "gave the score " + d.score();
            }
            for (double x : d.centre()) {
                if (placed && !Double.isFinite(x)) {
                    return "saw something at " + x;
                }
            }
        }
        return null;
    }

    private void decide(Runnable step) {
        after(0, step);
    }

    private void after(long seconds, Runnable step) {
        try {
            Future<?> ignored = decisions.schedule(
                    () -> {
                        try {
                            step.run();
                        } catch (RuntimeException e) {
                            LOG.error("deciding about perception failed", e);
                        }
                    },
                    seconds,
                    TimeUnit.SECONDS);
        } catch (RejectedExecutionException e) {
            LOG.debug("closed", e);
        }
    }

    /** For tests: waits until everything decided so far is done. */
    void settle() throws InterruptedException, ExecutionException, TimeoutException {
        CompletableFuture<Void> done = new CompletableFuture<>();
        decide(() -> done.complete(null));
        done.get(10, TimeUnit.SECONDS);
    }
}
