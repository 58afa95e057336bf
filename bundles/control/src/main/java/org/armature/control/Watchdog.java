package org.armature.control;

import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Another thread's look at the loop and at the policy: what has stopped cannot report itself. */
final class Watchdog implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger("armature.watchdog");
    private static final long LOOK_NANOS = 50_000_000;

    private final Supplier<@Nullable ControlLoop> loop;
    private final PolicyDeck policies;
    private final long timeoutNanos;
    private final Thread thread = new Thread(this::run, "watchdog");
    private volatile boolean stopped;

    Watchdog(Supplier<@Nullable ControlLoop> loop, PolicyDeck policies, long timeoutMillis) {
        this.loop = loop;
        this.policies = policies;
        this.timeoutNanos = timeoutMillis * 1_000_000;
        thread.setDaemon(true);
        thread.setPriority(Thread.MAX_PRIORITY);
    }

    void start() {
        thread.start();
    }

    private void run() {
        ControlLoop accused = null;
        while (!stopped) {
            LockSupport.parkNanos(LOOK_NANOS);
            try {
                policies.watch();
                ControlLoop l = loop.get();
                if (l != null) {
                    l.notes().forEach(LOG::warn);
                    boolean stuck = l.alive() && System.nanoTime() - l.heartbeat() > timeoutNanos;
                    if (stuck && accused != l) {
                        String why = "the loop has not ticked for " + timeoutNanos / 1_000_000 + " ms";
                        LOG.error("{}", why);
                        l.fault(why);
                    }
                    accused = stuck ? l : null;
                }
            } catch (OutOfMemoryError e) {
                // Whoever took the memory is found at one of the next looks: the watchdog must not be its victim.
                LockSupport.parkNanos(LOOK_NANOS);
            }
        }
    }

    @Override
    public void close() {
        stopped = true;
        LockSupport.unpark(thread);
    }
}
