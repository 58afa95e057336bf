package org.armature.simulation;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/**
 * Calls of C functions by shape. Handles are constants and take the function's address first, so that the stepping thread
 * pays for neither a lookup nor an allocation; pointers travel as {@code long}.
 */
final class Native {
    /** {@code mjrRect}, passed by value. */
    static final MemoryLayout RECT = MemoryLayout.structLayout(JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);

    private static final MethodHandle V_P = handle(FunctionDescriptor.ofVoid(JAVA_LONG));
    private static final MethodHandle V_PP = handle(FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG));
    private static final MethodHandle V_PPI = handle(FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle V_PPPI =
            handle(FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle V_IP = handle(FunctionDescriptor.ofVoid(JAVA_INT, JAVA_LONG));
    private static final MethodHandle V_IIP = handle(FunctionDescriptor.ofVoid(JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle V_RECT_PP = handle(FunctionDescriptor.ofVoid(RECT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle V_PP_RECT_P =
            handle(FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG, RECT, JAVA_LONG));
    private static final MethodHandle V_UPDATE = handle(
            FunctionDescriptor.ofVoid(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG));
    private static final MethodHandle I = handle(FunctionDescriptor.of(JAVA_INT));
    private static final MethodHandle I_I = handle(FunctionDescriptor.of(JAVA_INT, JAVA_INT));
    private static final MethodHandle I_PI = handle(FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT));
    private static final MethodHandle I_PP = handle(FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle I_PPP = handle(FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle I_PIP = handle(FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG));
    private static final MethodHandle I_PPPP =
            handle(FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle I_PPPIP =
            handle(FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG));
    private static final MethodHandle P = handle(FunctionDescriptor.of(JAVA_LONG));
    private static final MethodHandle P_P = handle(FunctionDescriptor.of(JAVA_LONG, JAVA_LONG));
    private static final MethodHandle P_PP = handle(FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle P_PII = handle(FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT));
    private static final MethodHandle P_IPP = handle(FunctionDescriptor.of(JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle P_PPPI =
            handle(FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle P_PPPP =
            handle(FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));

    private Native() {}

    private static MethodHandle handle(FunctionDescriptor shape) {
        return Linker.nativeLinker().downcallHandle(shape);
    }

    static void run(MemorySegment f, long a) {
        try {
            V_P.invokeExact(f, a);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static void run(MemorySegment f, long a, long b) {
        try {
            V_PP.invokeExact(f, a, b);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static void run(MemorySegment f, long a, long b, int c) {
        try {
            V_PPI.invokeExact(f, a, b, c);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static void run(MemorySegment f, long a, long b, long c, int d) {
        try {
            V_PPPI.invokeExact(f, a, b, c, d);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static void run(MemorySegment f, int a, long b) {
        try {
            V_IP.invokeExact(f, a, b);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static void run(MemorySegment f, int a, int b, long c) {
        try {
            V_IIP.invokeExact(f, a, b, c);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static void run(MemorySegment f, MemorySegment a, long b, long c) {
        try {
            V_RECT_PP.invokeExact(f, a, b, c);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static void run(MemorySegment f, long a, long b, MemorySegment c, long d) {
        try {
            V_PP_RECT_P.invokeExact(f, a, b, c, d);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static void run(MemorySegment f, long a, long b, long c, long d, long e, int k, long g) {
        try {
            V_UPDATE.invokeExact(f, a, b, c, d, e, k, g);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static int number(MemorySegment f) {
        try {
            return (int) I.invokeExact(f);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static int number(MemorySegment f, int a) {
        try {
            return (int) I_I.invokeExact(f, a);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static int number(MemorySegment f, long a, int b) {
        try {
            return (int) I_PI.invokeExact(f, a, b);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static int number(MemorySegment f, long a, long b) {
        try {
            return (int) I_PP.invokeExact(f, a, b);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static int number(MemorySegment f, long a, long b, long c) {
        try {
            return (int) I_PPP.invokeExact(f, a, b, c);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static int number(MemorySegment f, long a, int b, long c) {
        try {
            return (int) I_PIP.invokeExact(f, a, b, c);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static int number(MemorySegment f, long a, long b, long c, long d) {
        try {
            return (int) I_PPPP.invokeExact(f, a, b, c, d);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static int number(MemorySegment f, long a, long b, long c, int d, long e) {
        try {
            return (int) I_PPPIP.invokeExact(f, a, b, c, d, e);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static long pointer(MemorySegment f) {
        try {
            return (long) P.invokeExact(f);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static long pointer(MemorySegment f, long a) {
        try {
            return (long) P_P.invokeExact(f, a);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static long pointer(MemorySegment f, long a, long b) {
        try {
            return (long) P_PP.invokeExact(f, a, b);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static long pointer(MemorySegment f, long a, int b, int c) {
        try {
            return (long) P_PII.invokeExact(f, a, b, c);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static long pointer(MemorySegment f, int a, long b, long c) {
        try {
            return (long) P_IPP.invokeExact(f, a, b, c);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static long pointer(MemorySegment f, long a, long b, long c, int d) {
        try {
            return (long) P_PPPI.invokeExact(f, a, b, c, d);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    static long pointer(MemorySegment f, long a, long b, long c, long d) {
        try {
            return (long) P_PPPP.invokeExact(f, a, b, c, d);
        } catch (Throwable error) {
            throw failed(error);
        }
    }

    /** A downcall throws nothing but what the linker itself finds wrong. */
    private static AssertionError failed(Throwable e) {
        return new AssertionError("a native call could not be made", e);
    }
}
