package org.armature.control;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.armature.robot.JointLimits;
import org.armature.robot.Replacement.Outcome;
import org.armature.robot.RobotDescription;
import org.armature.robot.RobotDriver;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which driver is on the wire. One at a time: a newcomer that outranks it is connected and read in the shadow while the
 * old one goes on, then the robot is brought to a hold, the old wire closed and the new one taken.
 */
final class DriverDeck implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger("armature.driver");
    private static final int SHADOW_READS = 50;
    private static final long RETRY_MILLIS = 2000;
    private static final long PROBATION_NANOS = 10_000_000_000L;
    private static final long TRIAL_BYTES = 1L << 30;

    /** Told which robot there is. Called on the deciding thread. */
    interface Listener {
        /** A loop is about to start for this driver. */
        ControlLoop connected(RobotDriver driver, RobotDescription robot);

        /** The loop has ended; the wire is about to be closed. */
        void leaving(ControlLoop loop);

        /** Something that must be told before the wire is opened. */
        default void connecting(RobotDriver driver) {}
    }

    private static final class Candidate {
        final Module<RobotDriver> module;
        final long since = System.nanoTime();
        volatile boolean refused;
        /** Taken, and then lost its robot while another driver was there: not tried again. */
        volatile boolean banned;

        volatile boolean gone;
        long takenAt;
        String lastReason = "";

        Candidate(Module<RobotDriver> module) {
            this.module = module;
        }
    }

    private final String wanted;
    private final Swaps swaps;
    private final DeckSettings settings;
    private final Listener listener;
    private final ScheduledExecutorService decisions;
    private final List<Candidate> candidates = new ArrayList<>();
    private volatile @Nullable Candidate current;
    private volatile @Nullable ControlLoop loop;
    private volatile @Nullable Thread decider;

    /** @param wanted armature.id of the one driver to use, or empty */
    DriverDeck(String wanted, Swaps swaps, DeckSettings settings, Listener listener) {
        this.wanted = wanted;
        this.swaps = swaps;
        this.settings = settings;
        this.listener = listener;
        decisions = new ScheduledThreadPoolExecutor(1, r -> {
            Thread t = new Thread(r, "drivers");
            t.setDaemon(true);
            decider = t;
            return t;
        });
        decisions.scheduleWithFixedDelay(this::look, RETRY_MILLIS, RETRY_MILLIS, TimeUnit.MILLISECONDS);
    }

    void added(Module<RobotDriver> module) {
        if (!wanted.isEmpty() && !module.id().equals(wanted)) {
            LOG.info("driver {} stays aside: the configuration wants {}", module.named(), wanted);
            return;
        }
        synchronized (candidates) {
            candidates.add(new Candidate(module));
        }
        decide(this::reconsider);
    }

    /** A driver goes: the robot is brought to a hold first. Returns when the driver is no longer called. */
    void removed(RobotDriver service) {
        List<Candidate> leaving;
        synchronized (candidates) {
            leaving = candidates.stream()
                    .filter(c -> c.module.service() == service)
                    .toList();
            candidates.removeAll(leaving);
        }
        leaving.forEach(c -> c.gone = true);
        await(decide(() -> {
            if (current != null && leaving.contains(current)) {
                letGo();
            }
        }));
        decide(this::reconsider);
    }

    @Nullable
    ControlLoop loop() {
        return loop;
    }

    /** The driver on the wire. */
    @Nullable
    RobotDriver driver() {
        Candidate c = current;
        return c == null ? null : c.module.service();
    }

    /** Id of the driver on the wire, or empty. */
    String driving() {
        Candidate c = current;
        return c == null ? "" : c.module.id();
    }

    String standing(Object service) {
        Candidate c = current;
        return c != null && c.module.service() == service ? "driving" : "standby";
    }

    @Override
    public void close() {
        await(decide(this::letGo));
        decisions.shutdownNow();
    }

    // ---- on the deciding thread ----

    /** Now and then: a wire that broke is opened again, one that could not be opened is tried again. */
    private void look() {
        try {
            Candidate c = current;
            ControlLoop l = loop;
            if (c != null
                    && l != null
                    && (!l.alive() || c.module.service().status() == RobotDriver.Status.DISCONNECTED)) {
                boolean young = System.nanoTime() - c.takenAt < PROBATION_NANOS;
                letGo();
                Candidate back = young ? other(c) : null;
                if (back == null) {
                    LOG.warn("driver {} lost its robot; connecting again", c.module.named());
                } else {
                    c.banned = true;
                    swaps.record(
                            c.module,
                            c.takenAt,
                            Outcome.ROLLED_BACK,
                            "driver " + c.module.named() + " lost its robot; driver " + back.module.named()
                                    + " is back");
                }
            }
            if (current == null) {
                synchronized (candidates) {
                    candidates.forEach(x -> x.refused = false);
                }
                reconsider();
            }
        } catch (RuntimeException e) {
            LOG.error("looking after the driver failed", e);
        }
    }

    private void reconsider() {
        while (true) {
            Candidate best = best();
            if (best == null || best == current) {
                return;
            }
            try {
                RobotDescription robot = tryOut(best);
                Candidate old = current;
                if (best.gone) {
                    close(best);
                    continue;
                }
                letGo();
                take(best, robot);
                swaps.record(
                        best.module,
                        best.since,
                        Outcome.CUT_OVER,
                        (old == null ? "connected to " : "takes over from " + old.module.named() + ": connected to ")
                                + robot.name() + " with " + robot.joints().size() + " joints");
            } catch (Refused e) {
                best.refused = true;
                close(best);
                String why = String.valueOf(e.getMessage());
                if (!best.gone && !why.equals(best.lastReason)) {
                    best.lastReason = why;
                    Candidate old = current;
                    swaps.record(
                            best.module,
                            best.since,
                            Outcome.REFUSED,
                            why + (old == null ? "" : "; driver " + old.module.named() + " goes on"));
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private @Nullable Candidate best() {
        synchronized (candidates) {
            return candidates.stream()
                    .filter(c -> !c.refused && !c.banned)
                    .max(Comparator.comparingInt((Candidate c) -> c.module.ranking())
                            .thenComparingLong(c -> c.module.order()))
                    .orElse(null);
        }
    }

    private @Nullable Candidate other(Candidate than) {
        synchronized (candidates) {
            return candidates.stream()
                    .filter(c -> c != than && !c.banned)
                    .findFirst()
                    .orElse(null);
        }
    }

    /** Connects it and reads it in the shadow; nothing is written. */
    private RobotDescription tryOut(Candidate c) throws Refused, InterruptedException {
        RobotDriver driver = c.module.service();
        String what = "driver " + c.module.named();
        listener.connecting(driver);
        return Trial.run(
                what,
                loop() == null ? 0 : Trial.GIVE_WAY,
                () -> {
                    RobotDescription robot = driver.describe();
                    try {
                        driver.connect();
                    } catch (java.io.IOException e) {
                        throw new Refused(String.valueOf(e.getMessage()));
                    }
                    shadow(what, driver, robot);
                    return robot;
                },
                settings.trialMillis() * 2,
                TRIAL_BYTES,
                () -> c.gone);
    }

    private static void shadow(String what, RobotDriver driver, RobotDescription robot)
            throws Refused, InterruptedException {
        int n = robot.joints().size();
        double[] q = new double[n];
        double[] qd = new double[n];
        int came = 0;
        for (int i = 0; i < SHADOW_READS && came < 3; i++) {
            if (driver.read(q, qd) >= 0) {
                came++;
                sane(what, q, qd, robot);
            } else {
                TimeUnit.MILLISECONDS.sleep(10);
            }
        }
        if (came == 0) {
            throw new Refused(what + " is connected, but no state came from robot " + robot.name());
        }
        if (driver.status() == RobotDriver.Status.FAULT) {
            throw new Refused(what + ": robot " + robot.name() + " reports a fault; clear it at the robot");
        }
    }

    private static void sane(String what, double[] q, double[] qd, RobotDescription robot) throws Refused {
        JointLimits limits = robot.limits();
        for (int j = 0; j < q.length; j++) {
            if (!Double.isFinite(q[j]) || !Double.isFinite(qd[j])) {
                throw new Refused(what + " reads position " + q[j] + " and velocity " + qd[j] + " of joint "
                        + robot.joints().get(j));
            }
            double range = Math.max(1e-3, 0.05 * (limits.upper()[j] - limits.lower()[j]));
            if (q[j] < limits.lower()[j] - range || q[j] > limits.upper()[j] + range) {
                throw new Refused(what + " reads " + (float) q[j] + " of joint "
                        + robot.joints().get(j)
                        + ", far outside its limits " + (float) limits.lower()[j] + " to " + (float) limits.upper()[j]
                        + ": are the units radians and metres?");
            }
        }
    }

    private void take(Candidate c, RobotDescription robot) throws Refused {
        try {
            current = c;
            c.takenAt = System.nanoTime();
            loop = listener.connected(c.module.service(), robot);
        } catch (RuntimeException e) {
            current = null;
            throw new Refused("driver " + c.module.named() + " could not be taken: " + Trial.told(e));
        }
    }

    private void letGo() {
        ControlLoop l = loop;
        Candidate c = current;
        if (l != null) {
            if (!l.leave(settings.stopMillis())) {
                LOG.warn(
                        "the robot did not come to a hold within {} ms; its driver is closed all the same",
                        settings.stopMillis());
            }
            loop = null;
            listener.leaving(l);
        }
        current = null;
        if (c != null) {
            close(c);
        }
    }

    private static void close(Candidate c) {
        try {
            c.module.service().close();
        } catch (RuntimeException | LinkageError e) {
            LOG.warn("driver {} did not close cleanly: {}", c.module.named(), Trial.told(e));
        }
    }

    private Future<?> decide(Runnable step) {
        if (Thread.currentThread() == decider) {
            step.run();
            return CompletableFuture.completedFuture(null);
        }
        try {
            return decisions.submit(() -> {
                try {
                    step.run();
                } catch (RuntimeException e) {
                    LOG.error("deciding about drivers failed", e);
                }
            });
        } catch (RejectedExecutionException e) {
            return CompletableFuture.completedFuture(null);
        }
    }

    private void await(Future<?> step) {
        try {
            step.get(2 * settings.stopMillis() + settings.trialMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            LOG.warn("a leaving driver was not waited for any longer");
        }
    }
}
