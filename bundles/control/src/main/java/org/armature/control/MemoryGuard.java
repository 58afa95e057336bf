package org.armature.control;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Looks every two milliseconds at what the threads that run modules' code have allocated, and ends one that has taken more
 * than its share, before the others find the heap full. A look allocates nothing.
 */
final class MemoryGuard {
    private static final com.sun.management.ThreadMXBean THREADS =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final long LOOK_NANOS = 2_000_000;
    /** What is thrown while a thread unwinds does harm. */
    private static final long UNWIND_NANOS = 4_000_000;

    private static final long PATIENCE_NANOS = 100_000_000;
    private static final Share[] NONE = {};

    private static volatile Share[] shares = NONE;
    private static @Nullable Thread thread;

    private MemoryGuard() {}

    /** One thread's work, with what it may allocate from {@link #begin()} to {@link #end()}. No method allocates. */
    static final class Share implements AutoCloseable {
        private static final long IDLE = Long.MAX_VALUE;

        private final Thread thread;
        private final long most;
        private volatile long before = IDLE;
        private volatile long taken;
        private volatile boolean closed;
        /** When it was last evicted, and what it had allocated in all by then; the guard's own. */
        private long evictedAt;

        private long evictedWith;

        private Share(Thread thread, long most) {
            this.thread = thread;
            this.most = most;
        }

        /** A piece of work begins. */
        void begin() {
            before = allocated(thread);
        }

        /** It is done. */
        void end() {
            exceeded();
            before = IDLE;
        }

        /** Whether any piece of work took more than its share. */
        boolean exceeded() {
            long since = before;
            if (since != IDLE && taken == 0) {
                long bytes = allocated(thread) - since;
                if (bytes > most) {
                    taken = bytes;
                }
            }
            return taken > 0;
        }

        /** What it had allocated when it was found out, MiB. */
        long mebibytes() {
            return taken >> 20;
        }

        @Override
        public void close() {
            closed = true;
        }

        /** Who was evicted may have been called again by code that took this for an ordinary failure, so once is not enough. */
        private void look() {
            if (closed || before == IDLE || !exceeded() || !thread.isAlive()) {
                return;
            }
            long now = System.nanoTime();
            long bytes = allocated(thread);
            if (evictedAt == 0
                    || now - evictedAt > UNWIND_NANOS && bytes - evictedWith > most >> 4
                    || now - evictedAt > PATIENCE_NANOS) {
                evictedAt = now;
                evictedWith = bytes;
                Eviction.of(thread);
            }
        }
    }

    /** Bytes a thread has allocated since its start. */
    static long allocated(Thread thread) {
        return THREADS.getThreadAllocatedBytes(thread.threadId());
    }

    /** Guards {@code thread} until the share is closed. */
    static synchronized Share share(Thread thread, long mostBytes) {
        Share share = new Share(thread, mostBytes);
        shares = Stream.concat(Arrays.stream(shares).filter(s -> !s.closed), Stream.of(share))
                .toArray(Share[]::new);
        if (MemoryGuard.thread == null) {
            Thread guard = new Thread(MemoryGuard::run, "memory-guard");
            guard.setDaemon(true);
            guard.setPriority(Thread.MAX_PRIORITY);
            MemoryGuard.thread = guard;
            guard.start();
        }
        return share;
    }

    private static void run() {
        Eviction.prepare();
        do {
            LockSupport.parkNanos(LOOK_NANOS);
            for (Share share : shares) {
                share.look();
            }
        } while (!idle());
    }

    /** Nothing to guard, nothing that keeps this bundle. */
    private static synchronized boolean idle() {
        for (Share share : shares) {
            if (!share.closed) {
                return false;
            }
        }
        shares = NONE;
        thread = null;
        return true;
    }
}
