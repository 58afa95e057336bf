package org.armature.control;

import java.lang.management.ManagementFactory;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;

/**
 * Runs a stranger's code on a thread of its own, with bounds on its time and its allocation. What exceeds them is
 * interrupted and abandoned: the JVM cannot end a thread, but nothing waits for it and nothing of it is kept.
 */
final class Trial {
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final long LOOK_MILLIS = 5;

    private Trial() {}

    /** Bytes the thread has allocated since its start. */
    static long allocated(Thread thread) {
        return THREADS.getThreadAllocatedBytes(thread.threadId());
    }

    /**
     * The work's result.
     *
     * @param what subject of the sentence, e.g. {@code policy reach 1.0.0}
     * @param gone asked now and then whether the module has left, which ends the trial
     * @throws Refused if it throws anything, takes too long or allocates too much
     */
    static <R> R run(String what, Callable<R> work, long timeoutMillis, long maxBytes, BooleanSupplier gone)
            throws Refused, InterruptedException {
        AtomicReference<R> result = new AtomicReference<>();
        AtomicReference<String> failure = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(1);
        Thread thread = new Thread(
                () -> {
                    try {
                        Realtime.giveWay(5);
                        result.set(work.call());
                    } catch (Refused e) {
                        failure.set(e.getMessage());
                    } catch (Throwable t) {
                        failure.set(what + " threw " + told(t));
                    } finally {
                        done.countDown();
                    }
                },
                "trial of " + what);
        thread.setDaemon(true);
        thread.start();
        long deadline = System.nanoTime() + timeoutMillis * 1_000_000;
        try {
            while (!done.await(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
                long bytes = allocated(thread);
                if (bytes > maxBytes) {
                    throw new Refused(what + " allocated " + (bytes >> 20) + " MiB without an answer; at most "
                            + (maxBytes >> 20) + " MiB are allowed");
                }
                if (gone.getAsBoolean()) {
                    throw new Refused(what + " has left");
                }
                if (System.nanoTime() > deadline) {
                    throw new Refused(what + " did not answer within " + timeoutMillis + " ms");
                }
            }
        } finally {
            if (done.getCount() > 0) {
                thread.interrupt();
            }
        }
        String why = failure.get();
        if (why != null) {
            throw new Refused(why);
        }
        return result.get();
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
