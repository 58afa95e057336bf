package org.armature.control;

import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/**
 * Runs a stranger's code on a thread of its own, with bounds on its time and its allocation. What exceeds them is
 * ended, by {@link Eviction} where it does not listen; where that fails too, nothing waits for it and nothing of it is kept.
 */
final class Trial {
    static final int GIVE_WAY = 5;

    /** What was only slow or late, as a busy machine makes it, is tried again so often, each time after a longer while. */
    static final int SECOND_CHANCES = 3;

    private static final long LOOK_NANOS = 5_000_000;

    /** Below one step of a 50 Hz policy "ten times slower" says nothing but that the newcomer is not compiled yet. */
    private static final double COMPARABLE_MILLIS = 20;

    private static final double TIMES_SLOWER = 10;

    private Trial() {}

    /**
     * The work's result.
     *
     * @param what subject of the sentence, e.g. {@code policy reach 1.0.0}
     * @param gone asked now and then whether the module has left, which ends the trial
     * @throws Refused if it throws anything, takes too long or allocates too much
     */
    static <R> R run(String what, Callable<R> work, long timeoutMillis, long maxBytes, BooleanSupplier gone)
            throws Refused, InterruptedException {
        return run(what, GIVE_WAY, work, timeoutMillis, maxBytes, gone);
    }

    /** @param nice 0 where no robot moves yet, so that there is nothing to give way to */
    static <R> R run(String what, int nice, Callable<R> work, long timeoutMillis, long maxBytes, BooleanSupplier gone)
            throws Refused, InterruptedException {
        AtomicReference<R> result = new AtomicReference<>();
        AtomicReference<String> failure = new AtomicReference<>();
        AtomicReference<MemoryGuard.Share> share = new AtomicReference<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        Realtime.giveWay(nice);
                        share.get().begin();
                        result.set(work.call());
                    } catch (Refused e) {
                        failure.set(e.getMessage());
                    } catch (Throwable t) {
                        failure.set(what + " threw " + told(t));
                    } finally {
                        share.get().end();
                    }
                },
                "trial of " + what);
        thread.setDaemon(true);
        share.set(MemoryGuard.share(thread, maxBytes));
        thread.start();
        long deadline = System.nanoTime() + timeoutMillis * 1_000_000;
        try (MemoryGuard.Share memory = share.get()) {
            // Its end shows in the thread, as what ends it may strike at any line of it. No look allocates.
            while (thread.isAlive() && !memory.exceeded()) {
                LockSupport.parkNanos(LOOK_NANOS);
                if (Thread.interrupted()) {
                    throw new InterruptedException();
                }
                if (gone.getAsBoolean()) {
                    throw new Refused(what + " has left");
                }
                if (System.nanoTime() > deadline) {
                    throw new Refused(what + " did not answer within " + timeoutMillis + " ms");
                }
            }
            if (memory.exceeded()) {
                throw new Refused(what + " allocated " + memory.mebibytes() + " MiB without an answer; at most "
                        + (maxBytes >> 20) + " MiB are allowed");
            }
        } finally {
            if (thread.isAlive()) {
                Eviction.end(thread);
            }
        }
        String why = failure.get();
        if (why != null) {
            throw new Refused(why);
        }
        return result.get();
    }

    /**
     * Compares how long a newcomer takes with how long the module before it did, both in ms.
     *
     * @throws Refused if it is much slower
     */
    static void compare(String what, double ms, double old) throws Refused {
        if (ms > COMPARABLE_MILLIS && ms > TIMES_SLOWER * old) {
            throw new Refused(
                    String.format(
                            Locale.ROOT,
                            "%s takes %.1f ms, more than %.0f times the %.1f ms of the one before",
                            what,
                            ms,
                            TIMES_SLOWER,
                            old),
                    true);
        }
    }

    /** An exception in a few words; asking a stranger's exception for its message may itself fail. */
    static String told(Throwable t) {
        String name = t.getClass().getName();
        try {
            String message = t.getMessage();
            return message == null || message.isBlank()
                    ? name
                    : name + ": " + message.lines().findFirst().orElse("");
        } catch (Throwable worse) {
            return name;
        }
    }
}
