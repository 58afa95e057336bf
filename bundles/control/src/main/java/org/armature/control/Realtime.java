package org.armature.control;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.ArrayList;
import java.util.List;

/**
 * What Linux offers a thread that must not be late, by FFM. Every call is for the calling thread, and each that is refused
 * becomes one sentence saying what would lift it.
 */
final class Realtime {
    private static final boolean LINUX = System.getProperty("os.name", "").equals("Linux");
    private static final int SCHED_FIFO = 1;
    private static final int MCL_CURRENT_AND_FUTURE = 3;
    private static final int PR_SET_TIMERSLACK = 29;
    private static final int CLOCK_MONOTONIC = 1;
    private static final int TIMER_ABSTIME = 1;
    private static final int PRIO_PROCESS = 0;

    private Realtime() {}

    private static final class Libc {
        static final Linker LINKER = Linker.nativeLinker();
        static final StructLayout STATE = Linker.Option.captureStateLayout();
        static final VarHandle ERRNO = STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
        static final MethodHandle SETSCHEDULER = checked("sched_setscheduler", JAVA_INT, JAVA_INT, ADDRESS);
        static final MethodHandle SETAFFINITY = checked("sched_setaffinity", JAVA_INT, JAVA_LONG, ADDRESS);
        static final MethodHandle MLOCKALL = checked("mlockall", JAVA_INT);
        static final MethodHandle PRCTL = checked("prctl", JAVA_INT, JAVA_LONG);
        static final MethodHandle SETPRIORITY = checked("setpriority", JAVA_INT, JAVA_INT, JAVA_INT);

        static MethodHandle checked(String name, MemoryLayout... arguments) {
            return LINKER.downcallHandle(
                    LINKER.defaultLookup().findOrThrow(name),
                    FunctionDescriptor.of(JAVA_INT, arguments),
                    Linker.Option.captureCallState("errno"));
        }
    }

    /** Waits by {@code clock_nanosleep} on an absolute deadline of the monotonic clock. */
    static final class Sleeper {
        private static final MethodHandle NANOSLEEP = Libc.LINKER.downcallHandle(
                Libc.LINKER.defaultLookup().findOrThrow("clock_nanosleep"),
                FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_INT, ADDRESS, ADDRESS));
        private static final MethodHandle GETTIME = Libc.LINKER.downcallHandle(
                Libc.LINKER.defaultLookup().findOrThrow("clock_gettime"),
                FunctionDescriptor.of(JAVA_INT, JAVA_INT, ADDRESS));

        private final MemorySegment timespec = Arena.ofAuto().allocate(16, 8);
        private final long offset;

        Sleeper() {
            offset = measureOffset();
        }

        /** clock_gettime minus nanoTime: the tightest of a thousand brackets, as a single cold call is off by class loading. */
        private long measureOffset() {
            long tightest = Long.MAX_VALUE;
            long best = 0;
            try {
                for (int i = 0; i < 1000; i++) {
                    long before = System.nanoTime();
                    int ignored = (int) GETTIME.invokeExact(CLOCK_MONOTONIC, timespec);
                    long after = System.nanoTime();
                    if (after - before < tightest) {
                        tightest = after - before;
                        best = timespec.get(JAVA_LONG, 0) * 1_000_000_000L
                                + timespec.get(JAVA_LONG, 8)
                                - (before + (after - before) / 2);
                    }
                }
            } catch (Throwable t) {
                throw new IllegalStateException("clock_gettime failed: " + t.getMessage(), t);
            }
            return best;
        }

        /** Returns at or after {@code deadline} on the scale of {@link System#nanoTime()}. Allocates nothing. */
        void until(long deadline) {
            long at = deadline + offset;
            timespec.set(JAVA_LONG, 0, at / 1_000_000_000L);
            timespec.set(JAVA_LONG, 8, at % 1_000_000_000L);
            try {
                int ignored = (int) NANOSLEEP.invokeExact(CLOCK_MONOTONIC, TIMER_ABSTIME, timespec, MemorySegment.NULL);
            } catch (Throwable t) {
                throw new IllegalStateException(t);
            }
        }
    }

    /** Loads and links everything, so that the loop's thread finds it ready. */
    static void prepare() {
        if (LINUX) {
            timerSlack();
        }
    }

    static boolean canSleep() {
        return LINUX;
    }

    /** Sets the calling thread up; each refusal is a sentence. */
    static List<String> setUp(int fifoPriority, int affinity, boolean lockMemory) {
        List<String> refused = new ArrayList<>();
        if (!LINUX) {
            if (fifoPriority > 0 || affinity >= 0 || lockMemory) {
                refused.add("real-time scheduling is only known for Linux; the loop runs with the ordinary scheduler");
            }
            return refused;
        }
        timerSlack();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Libc.STATE);
            if (fifoPriority > 0) {
                MemorySegment parameter = arena.allocateFrom(JAVA_INT, fifoPriority);
                if ((int) Libc.SETSCHEDULER.invokeExact(state, 0, SCHED_FIFO, parameter) != 0) {
                    refused.add("SCHED_FIFO " + fifoPriority + " was refused (errno " + errno(state)
                            + "): allow it with CAP_SYS_NICE or an rtprio limit, see ulimit -r");
                }
            }
            if (affinity >= 0) {
                MemorySegment mask = arena.allocate(128, 8);
                if (affinity < 1024) {
                    mask.set(JAVA_LONG, affinity / 64 * 8L, 1L << (affinity % 64));
                }
                if ((int) Libc.SETAFFINITY.invokeExact(state, 0, mask.byteSize(), mask) != 0) {
                    refused.add("processor " + affinity + " was refused (errno " + errno(state)
                            + "): set affinity to one of the processors this process may use");
                }
            }
            if (lockMemory && (int) Libc.MLOCKALL.invokeExact(state, MCL_CURRENT_AND_FUTURE) != 0) {
                refused.add("locking memory was refused (errno " + errno(state)
                        + "): allow it with CAP_IPC_LOCK or a memlock limit, see ulimit -l");
            }
        } catch (Throwable t) {
            refused.add("real-time scheduling could not be asked for: " + t.getMessage());
        }
        return refused;
    }

    /** Makes the calling thread give way to others. */
    static void giveWay(int nice) {
        if (!LINUX) {
            return;
        }
        try (Arena arena = Arena.ofConfined()) {
            int ignored = (int) Libc.SETPRIORITY.invokeExact(arena.allocate(Libc.STATE), PRIO_PROCESS, 0, nice);
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    private static void timerSlack() {
        try (Arena arena = Arena.ofConfined()) {
            int ignored = (int) Libc.PRCTL.invokeExact(arena.allocate(Libc.STATE), PR_SET_TIMERSLACK, 1L);
        } catch (Throwable t) {
            throw new IllegalStateException(t);
        }
    }

    private static int errno(MemorySegment state) {
        return (int) Libc.ERRNO.get(state, 0L);
    }
}
