package org.armature.control;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Path;
import java.util.Arrays;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends a thread that runs a module's code and does not come back: it throws an {@link Evicted} from wherever it is, as
 * {@code Thread.stop} once did. What the thread was in the middle of stays half done, which is why Java lets nobody do this;
 * it is for a module that is refused anyway and would otherwise take a processor, or all memory, for ever.
 *
 * <p>By {@code StopThread} of the JVM's tool interface, which Java code cannot call with an object in hand: a native method
 * of this class is bound to an upcall, which hands the references that the JVM made of its arguments on to the interface.
 */
final class Eviction extends Thread {
    private static final Logger LOG = LoggerFactory.getLogger("armature.guard");
    private static final Linker LINKER = Linker.nativeLinker();

    /** For a thread to come out of its work. */
    private static final long GRACE_MILLIS = 20;

    private static final int TURNS = 10;

    // Positions in the function tables of jni.h and jvmti.h, from 0.
    private static final int JAVA_VM_GET_ENV = 6;
    private static final int JNI_FIND_CLASS = 6;
    private static final int JNI_NEW_GLOBAL_REF = 21;
    private static final int JNI_DELETE_GLOBAL_REF = 22;
    private static final int JNI_GET_OBJECT_CLASS = 31;
    private static final int JNI_GET_STATIC_METHOD_ID = 113;
    private static final int JNI_CALL_STATIC_OBJECT_METHOD_A = 116;
    private static final int JNI_REGISTER_NATIVES = 215;
    private static final int JVMTI_STOP_THREAD = 6;
    private static final int JVMTI_ADD_CAPABILITIES = 141;

    private static final int JNI_VERSION = 0x00010008;
    private static final int JVMTI_VERSION = 0x30010200;
    private static final int CAN_SIGNAL_THREAD = 1 << 10;

    /** What a thread is ended with; made beforehand, as there may be no memory left when it is needed. */
    static final class Evicted extends Error {
        private static final long serialVersionUID = 1L;

        Evicted() {
            super("its thread was ended", null, false, false);
        }
    }

    private static final Evicted EVICTED = new Evicted();
    /** Of the upcall; it goes with this class. */
    private static final Arena ARENA = Arena.ofAuto();

    private static long jvmti;
    private static MethodHandle stopThread;
    private static boolean tried;
    private static volatile boolean possible;

    private Eviction() {
        super("eviction");
    }

    /** Makes everything ready, once; later calls return at once. Without it nothing can be ended. */
    static synchronized void prepare() {
        if (tried) {
            return;
        }
        tried = true;
        Eviction binder = new Eviction();
        binder.setDaemon(true);
        binder.start();
        try {
            binder.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /**
     * Asks {@code thread} to end, in ways that are less and less polite.
     *
     * @return whether it has ended
     */
    static boolean end(Thread thread) throws InterruptedException {
        thread.interrupt();
        thread.join(GRACE_MILLIS);
        // Whoever called it may take this for an ordinary failure and call it again.
        for (int turn = 0; turn < TURNS && thread.isAlive() && of(thread); turn++) {
            thread.join(GRACE_MILLIS);
        }
        return !thread.isAlive();
    }

    /** Whether the thread was told to end; false where that cannot be done. Allocates nothing. */
    static boolean of(Thread thread) {
        return possible && stop(thread, EVICTED) == 0;
    }

    /** JVMTI's error code. */
    private static native int stop(Thread thread, Throwable error);

    /** What {@link #stop} does: environment, class and the arguments as the JVM refers to them. */
    private static int stop(long environment, long type, long thread, long error) {
        try {
            return (int) stopThread.invokeExact(jvmti, thread, error);
        } catch (Throwable t) {
            return -1;
        }
    }

    /** Binds the native method; on a thread of this class, because that is how its class is found. */
    @Override
    public void run() {
        try {
            Realtime.giveWay(10);
            bind();
            possible = true;
        } catch (Throwable t) {
            LOG.info("threads of modules that hang cannot be ended in this JVM: {}", Trial.told(t));
        }
    }

    private static void bind() throws Throwable {
        Path library = Path.of(System.getProperty("java.home"), "lib", "server", System.mapLibraryName("jvm"));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            MemorySegment count = arena.allocate(JAVA_INT);
            MethodHandle machines = LINKER.downcallHandle(
                    SymbolLookup.libraryLookup(library, arena).findOrThrow("JNI_GetCreatedJavaVMs"),
                    FunctionDescriptor.of(JAVA_INT, ADDRESS, JAVA_INT, ADDRESS));
            checked((int) machines.invokeExact(out, 1, count));
            long machine = out.get(JAVA_LONG, 0);
            MethodHandle getEnv = LINKER.downcallHandle(
                    function(machine, JAVA_VM_GET_ENV), FunctionDescriptor.of(JAVA_INT, JAVA_LONG, ADDRESS, JAVA_INT));
            checked((int) getEnv.invokeExact(machine, out, JVMTI_VERSION));
            jvmti = out.get(JAVA_LONG, 0);
            checked((int) getEnv.invokeExact(machine, out, JNI_VERSION));
            long jni = out.get(JAVA_LONG, 0);

            MemorySegment capabilities = arena.allocate(16, 8);
            capabilities.set(JAVA_INT, 0, CAN_SIGNAL_THREAD);
            checked((int)
                    ofLongs(JAVA_INT, jvmti, JVMTI_ADD_CAPABILITIES, 2).invokeExact(jvmti, capabilities.address()));
            stopThread = ofLongs(JAVA_INT, jvmti, JVMTI_STOP_THREAD, 3);

            MethodHandle global = ofLongs(JAVA_LONG, jni, JNI_NEW_GLOBAL_REF, 2);
            long threads = keep(
                    global,
                    ofLongs(JAVA_LONG, jni, JNI_FIND_CLASS, 3),
                    jni,
                    arena.allocateFrom("java/lang/Thread").address(),
                    0);
            long current = (long) ofLongs(JAVA_LONG, jni, JNI_GET_STATIC_METHOD_ID, 4)
                    .invokeExact(
                            jni,
                            threads,
                            arena.allocateFrom("currentThread").address(),
                            arena.allocateFrom("()Ljava/lang/Thread;").address());
            long self =
                    keep(global, ofLongs(JAVA_LONG, jni, JNI_CALL_STATIC_OBJECT_METHOD_A, 3), jni, threads, current);
            long type = keep(global, ofLongs(JAVA_LONG, jni, JNI_GET_OBJECT_CLASS, 3), jni, self, 0);

            MethodHandle upcall = MethodHandles.lookup()
                    .findStatic(
                            Eviction.class,
                            "stop",
                            MethodType.methodType(int.class, long.class, long.class, long.class, long.class));
            MemorySegment method = arena.allocate(3 * ADDRESS.byteSize(), ADDRESS.byteAlignment());
            method.setAtIndex(ADDRESS, 0, arena.allocateFrom("stop"));
            method.setAtIndex(ADDRESS, 1, arena.allocateFrom("(Ljava/lang/Thread;Ljava/lang/Throwable;)I"));
            method.setAtIndex(
                    ADDRESS,
                    2,
                    LINKER.upcallStub(
                            upcall,
                            FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG),
                            ARENA));
            checked((int) ofLongs(JAVA_INT, jni, JNI_REGISTER_NATIVES, 4).invokeExact(jni, type, method.address(), 1L));
            MethodHandle delete = LINKER.downcallHandle(
                    function(jni, JNI_DELETE_GLOBAL_REF), FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG));
            for (long reference : new long[] {threads, self, type}) {
                delete.invokeExact(jni, reference);
            }
        }
    }

    /**
     * A global reference to what {@code make} returns a local one to. A local reference is good until the next native method
     * returns, and linking a call runs some; so the calls are linked on nothing before they count, and take numbers only.
     */
    private static long keep(MethodHandle global, MethodHandle make, long jni, long a, long b) throws Throwable {
        long kept = 0;
        for (int turn = 0; turn < 3; turn++) {
            long local = (long) make.invokeExact(jni, a, b);
            kept = (long) global.invokeExact(jni, turn < 2 ? 0L : local);
        }
        if (kept == 0) {
            throw new IllegalStateException("no reference");
        }
        return kept;
    }

    private static void checked(int code) {
        if (code != 0) {
            throw new IllegalStateException("code " + code);
        }
    }

    private static MethodHandle ofLongs(MemoryLayout result, long table, int index, int arguments) {
        MemoryLayout[] longs = new MemoryLayout[arguments];
        Arrays.fill(longs, JAVA_LONG);
        return LINKER.downcallHandle(function(table, index), FunctionDescriptor.of(result, longs));
    }

    /** An entry of the table of functions that an object of C begins with. */
    private static MemorySegment function(long object, int index) {
        long size = ADDRESS.byteSize();
        return MemorySegment.ofAddress(object)
                .reinterpret(size)
                .get(ADDRESS, 0)
                .reinterpret(size * (index + 1))
                .getAtIndex(ADDRESS, index);
    }
}
