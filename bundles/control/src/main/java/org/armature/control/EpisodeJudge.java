package org.armature.control;

import java.util.concurrent.locks.LockSupport;
import java.util.function.BiFunction;
import org.armature.robot.Episodes;
import org.armature.robot.LoopMonitor.State;
import org.armature.robot.Simulator;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sets scene after scene, looks a few times a second whether the task is done, and keeps the score. Between two scenes the
 * robot goes home within its limits, so that the command goes on where the new scene's robot stands.
 */
final class EpisodeJudge implements Episodes, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger("armature.episodes");
    private static final double LOOKS_A_SECOND = 5;

    private final Hub hub;
    private final LoopClock clock;
    private final LoopRecord record;
    private final PolicyDeck deck;
    private final String fixedInstruction;
    private final long limitNanos;
    private final Thread thread = new Thread(this::run, "episodes");
    private volatile Score score = new Score(0, 0, 0, "", 0);
    private volatile boolean skipWanted;
    private volatile boolean stopped;
    private volatile @Nullable Stage stage;
    private volatile @Nullable BiFunction<String, Long, String> wording;
    private volatile Asked asked = new Asked("", "");
    private long elapsed;
    private long lookedAt;

    private record Stage(Staged scene, ControlLoop loop) {}

    /** What a scene asks, in its own words and in those the robot hears. */
    private record Asked(String task, String said) {}

    EpisodeJudge(
            Hub hub,
            LoopClock clock,
            LoopRecord record,
            PolicyDeck deck,
            String fixedInstruction,
            double limitSeconds) {
        if (!(limitSeconds > 0)) {
            throw new IllegalArgumentException("episodeSeconds must be positive, not " + limitSeconds);
        }
        this.hub = hub;
        this.clock = clock;
        this.record = record;
        this.deck = deck;
        this.fixedInstruction = fixedInstruction;
        limitNanos = (long) (limitSeconds * 1e9);
        thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    /** How a scene's task and its seed become what the robot hears; null for the scene's own words. */
    void wording(@Nullable BiFunction<String, Long, String> next) {
        wording = next;
    }

    /** A simulated robot is there; its first scene stands already. */
    void opened(Staged scene, ControlLoop loop) {
        score = new Score(score.episodes(), score.successes(), scene.seed(), "", 0);
        hub.nextEpisode(clock.nanos());
        ask(scene.world(), scene.seed());
        stage = new Stage(scene, loop);
    }

    /** It has left. */
    void closed() {
        stage = null;
        deck.pause(false);
    }

    @Override
    public Score score() {
        Score s = score;
        return new Score(s.episodes(), s.successes(), s.seed(), hub.instruction(), s.elapsedNanos());
    }

    @Override
    public void skip() {
        skipWanted = true;
    }

    @Override
    public void close() {
        stopped = true;
        LockSupport.unpark(thread);
        try {
            thread.join(2000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        Stage last = null;
        while (!stopped) {
            LockSupport.parkNanos((long) (1e9 / LOOKS_A_SECOND / Math.max(1, clock.speed())));
            Stage now = stage;
            if (now == null) {
                last = null;
                continue;
            }
            if (now != last) {
                last = now;
                elapsed = 0;
                lookedAt = clock.nanos();
            }
            try {
                look(now);
            } catch (RuntimeException e) {
                // The world may close under the judge's eyes.
                LOG.debug("the scene could not be judged", e);
            } catch (OutOfMemoryError e) {
                // A module may have taken all memory for a moment; the next look finds some again.
            }
        }
    }

    private void look(Stage now) {
        long t = clock.nanos();
        if (record.state() == State.RUNNING) {
            elapsed += t - lookedAt;
        }
        lookedAt = t;
        Asked own = asked;
        String heard = hub.instruction();
        if (wording != null && fixedInstruction.isEmpty() && heard.equals(own.task) && own.said.equals(own.task)) {
            // who finds other words came after the scene
            ask(now.scene.world(), score.seed());
            return;
        }
        boolean done = fulfilled(now.scene.world(), heard.equals(own.said) ? own.task : heard);
        boolean over = elapsed > limitNanos;
        Score s = score;
        if (done || over) {
            LOG.info(
                    "episode {} (seed {}): '{}' {} after {} s",
                    s.episodes() + 1,
                    s.seed(),
                    heard,
                    done ? "done" : "not done",
                    elapsed / 100_000_000 / 10.0);
            score = new Score(s.episodes() + 1, s.successes() + (done ? 1 : 0), s.seed(), "", elapsed);
            next(now, heard);
        } else if (skipWanted) {
            next(now, heard);
        } else {
            score = new Score(s.episodes(), s.successes(), s.seed(), "", elapsed);
        }
    }

    private boolean fulfilled(Simulator.World world, String asked) {
        try {
            return world.scoring().fulfilled(asked);
        } catch (IllegalArgumentException e) {
            LOG.debug("{}", e.getMessage());
            return false;
        }
    }

    /** Home, then the next scene at a tick boundary, then the policies again. */
    private void next(Stage now, String heard) {
        skipWanted = false;
        deck.pause(true);
        now.loop.schedule().clear();
        now.loop.homing(true);
        if (!until(now, now.loop::atHome)) {
            return;
        }
        long seed = score.seed() + 1;
        now.scene.stage(seed);
        if (!until(now, now.scene::staged)) {
            return;
        }
        now.loop.schedule().clear();
        hub.nextEpisode(clock.nanos() + 1);
        if (hub.instruction().equals(heard)) {
            // What a person has asked for meanwhile stays.
            ask(now.scene.world(), seed);
        }
        score = new Score(score.episodes(), score.successes(), seed, "", 0);
        elapsed = 0;
        lookedAt = clock.nanos();
        now.loop.homing(false);
        deck.pause(false);
    }

    private boolean until(Stage now, java.util.function.BooleanSupplier reached) {
        while (!reached.getAsBoolean()) {
            if (stopped || stage != now || !now.loop.alive()) {
                return false;
            }
            LockSupport.parkNanos(1_000_000);
        }
        return true;
    }

    private void ask(Simulator.World world, long seed) {
        String task = fixedInstruction.isEmpty() ? world.scoring().instruction() : fixedInstruction;
        String said = task;
        BiFunction<String, Long, String> words = wording;
        if (words != null && fixedInstruction.isEmpty()) {
            try {
                said = words.apply(task, seed);
            } catch (RuntimeException e) {
                LOG.warn("'{}' is asked as it is: no other words were found: {}", task, e.getMessage());
                wording = null;
            }
        }
        asked = new Asked(task, said);
        hub.instruct(said);
    }
}
