package org.armature.simulation;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;

/** OpenGL without a screen: EGL's surfaceless platform, which Mesa's llvmpipe serves without any GPU. */
final class Egl {
    private static final int SURFACELESS = 0x31DD;
    private static final int OPENGL_API = 0x30A2;
    private static final int[] CONFIG = {
        0x3024, 8, // red size
        0x3023, 8, // green size
        0x3022, 8, // blue size
        0x3021, 8, // alpha size
        0x3025, 24, // depth size
        0x3026, 8, // stencil size
        0x3033, 1, // surface type: pbuffer
        0x3040, 8, // renderable type: OpenGL
        0x3038
    };

    private final Arena arena = Arena.ofAuto();
    private final SymbolLookup symbols;
    private final long display;
    private final long config;
    private final MemorySegment makeCurrent;

    /** @throws IllegalStateException one sentence, if there is no EGL or it offers no OpenGL */
    Egl() {
        try {
            symbols = SymbolLookup.libraryLookup("libEGL.so.1", arena);
        } catch (IllegalArgumentException e) {
            throw new IllegalStateException("libEGL.so.1 not found: install libegl1 libegl-mesa0 libgl1-mesa-dri", e);
        }
        try (Arena local = Arena.ofConfined()) {
            long entry = Native.pointer(
                    symbol("eglGetProcAddress"),
                    local.allocateFrom("eglGetPlatformDisplayEXT").address());
            check(entry, "eglGetPlatformDisplayEXT");
            display = Native.pointer(MemorySegment.ofAddress(entry), SURFACELESS, 0L, 0L);
            check(display, "a surfaceless display");
            check(Native.number(symbol("eglInitialize"), display, 0L, 0L), "eglInitialize");
            check(Native.number(symbol("eglBindAPI"), OPENGL_API), "OpenGL");
            MemorySegment wanted = local.allocateFrom(JAVA_INT, CONFIG);
            MemorySegment found = local.allocate(JAVA_LONG);
            MemorySegment count = local.allocate(JAVA_INT);
            check(
                    Native.number(
                            symbol("eglChooseConfig"), display, wanted.address(), found.address(), 1, count.address()),
                    "eglChooseConfig");
            check(count.get(JAVA_INT, 0), "a configuration with 24 bits of depth");
            config = found.get(JAVA_LONG, 0);
        }
        makeCurrent = symbol("eglMakeCurrent");
    }

    private MemorySegment symbol(String name) {
        return symbols.find(name).orElseThrow(() -> new IllegalStateException("libEGL.so.1 has no " + name));
    }

    private static void check(long result, String what) {
        if (result == 0) {
            throw new IllegalStateException("EGL offers no " + what + ": install libegl-mesa0 libgl1-mesa-dri");
        }
    }

    long createContext() {
        // The client API is bound per thread.
        Native.number(symbol("eglBindAPI"), OPENGL_API);
        long context = Native.pointer(symbol("eglCreateContext"), display, config, 0L, 0L);
        check(context, "another OpenGL context");
        return context;
    }

    void destroyContext(long context) {
        Native.number(symbol("eglDestroyContext"), display, context);
    }

    /** Makes a context current on this thread, whichever it is. */
    void enter(long context) {
        Native.number(symbol("eglBindAPI"), OPENGL_API);
        check(Native.number(makeCurrent, display, 0L, 0L, context), "current context");
    }

    /** Lets go of it, so that another thread may use or free it. */
    void leave() {
        Native.number(makeCurrent, display, 0L, 0L, 0L);
    }
}
