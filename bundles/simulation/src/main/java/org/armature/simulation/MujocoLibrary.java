package org.armature.simulation;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_DOUBLE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * MuJoCo's shared library: found, loaded, and checked before anything is built on it.
 *
 * <p>Stepping uses the state functions alone. The few struct offsets rendering needs come from a resource per version,
 * made by {@code setup/offsets.sh} from that version's headers; a version without a resource is refused, never guessed.
 */
final class MujocoLibrary {
    /** The library cannot be used; the message says why and what to do. */
    static final class Refused extends Exception {
        private static final long serialVersionUID = 1;

        Refused(String message) {
            super(message);
        }
    }

    private static final Logger LOG = LoggerFactory.getLogger(MujocoLibrary.class);
    private static final String HINT =
            "run bundles/simulation/setup/mujoco.sh, or set armature.mujoco.library to libmujoco.so of mujoco-core 4.0.0";
    private static final int ERROR_SIZE = 2000;
    private static final int TIME = 1;
    private static final int QPOS = 2;

    private final Arena arena = Arena.ofAuto();
    private final SymbolLookup symbols;
    private final Properties version;
    private final Path path;

    final MemorySegment step;
    final MemorySegment forward;
    final MemorySegment setState;
    final MemorySegment getState;

    private MujocoLibrary(Path path) throws Refused {
        this.path = path;
        try {
            symbols = SymbolLookup.libraryLookup(path, arena);
        } catch (IllegalArgumentException e) {
            throw new Refused("MuJoCo off: " + path + " cannot be loaded on " + System.getProperty("os.arch") + " ("
                    + e.getMessage() + "); " + HINT);
        }
        int number = Native.number(symbol("mj_version"));
        version = offsets(number, path);
        step = symbol("mj_step");
        forward = symbol("mj_forward");
        setState = symbol("mj_setState");
        getState = symbol("mj_getState");
        keepAlive();
    }

    /**
     * Loads the library named by {@code configured}, else by the system property {@code armature.mujoco.library}, the
     * environment's {@code MUJOCO_LIBRARY}, else the one in the set-up's cache folder.
     *
     * @throws Refused one sentence: what is wrong and what to do
     */
    static MujocoLibrary find(String configured) throws Refused {
        String named = Stream.of(
                        configured,
                        System.getProperty("armature.mujoco.library", ""),
                        Optional.ofNullable(System.getenv("MUJOCO_LIBRARY")).orElse(""))
                .filter(s -> !s.isBlank())
                .findFirst()
                .orElse("");
        if (!named.isEmpty()) {
            Path path = Path.of(named).toAbsolutePath();
            if (!Files.isRegularFile(path)) {
                throw new Refused("MuJoCo off: there is no file " + path + "; " + HINT);
            }
            return new MujocoLibrary(path);
        }
        String cache = System.getenv("ARMATURE_CACHE");
        Path folder = (cache != null && !cache.isBlank()
                        ? Path.of(cache)
                        : Path.of(System.getProperty("user.home"), ".cache", "armature"))
                .resolve("mujoco");
        if (Files.isDirectory(folder)) {
            try (Stream<Path> files = Files.list(folder)) {
                Optional<Path> newest = files.filter(
                                f -> f.getFileName().toString().startsWith("libmujoco.so"))
                        .max(Path::compareTo);
                if (newest.isPresent()) {
                    return new MujocoLibrary(newest.get());
                }
            } catch (IOException e) {
                throw new Refused("MuJoCo off: cannot list " + folder + " (" + e.getMessage() + "); " + HINT);
            }
        }
        throw new Refused("MuJoCo off: no library in " + folder + "; " + HINT);
    }

    private static Properties offsets(int number, Path path) throws Refused {
        Properties p = new Properties();
        try (InputStream in = MujocoLibrary.class.getResourceAsStream("mujoco-" + number + ".properties")) {
            if (in == null) {
                throw new Refused("MuJoCo off: the layout of version " + number + " (" + path
                        + ") is not known; use mujoco-core 4.0.0, or make it known with"
                        + " bundles/simulation/setup/offsets.sh");
            }
            p.load(in);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (!System.getProperty("os.arch").equals("amd64")) {
            throw new Refused(
                    "MuJoCo off: struct layouts are known for amd64 only, this is " + System.getProperty("os.arch"));
        }
        return p;
    }

    /**
     * By default a fatal error inside MuJoCo ends the process. C frames cannot be unwound from here, so the thread that
     * met it is parked for good: the JVM lives, and the loop's watchdog reports the hang.
     */
    private void keepAlive() throws Refused {
        try {
            MethodHandles.Lookup lookup = MethodHandles.lookup();
            MethodType text = MethodType.methodType(void.class, MemorySegment.class);
            FunctionDescriptor shape = FunctionDescriptor.ofVoid(ADDRESS);
            Linker linker = Linker.nativeLinker();
            MemorySegment fatal =
                    linker.upcallStub(lookup.findStatic(MujocoLibrary.class, "fatal", text), shape, arena);
            MemorySegment warn =
                    linker.upcallStub(lookup.findStatic(MujocoLibrary.class, "warning", text), shape, arena);
            symbol("mju_user_error").reinterpret(8).set(ADDRESS, 0, fatal);
            symbol("mju_user_warning").reinterpret(8).set(ADDRESS, 0, warn);
        } catch (ReflectiveOperationException e) {
            throw new AssertionError(e);
        }
    }

    private static void fatal(MemorySegment text) {
        LOG.error("MuJoCo failed for good: {}; its thread stops here, reset the simulator", string(text));
        while (true) {
            LockSupport.park();
        }
    }

    private static void warning(MemorySegment text) {
        LOG.warn("MuJoCo: {}", string(text));
    }

    private static String string(MemorySegment text) {
        return text.reinterpret(ERROR_SIZE).getString(0);
    }

    /** A function's or variable's address. */
    MemorySegment symbol(String name) throws Refused {
        return symbols.find(name)
                .orElseThrow(() -> new Refused("MuJoCo off: " + path + " has no " + name + "; " + HINT));
    }

    /** The same, once the library is known to be complete. */
    MemorySegment known(String name) {
        try {
            return symbol(name);
        } catch (Refused e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
    }

    /** A number of this version's layout. */
    int layout(String key) {
        return Integer.parseInt(version.getProperty(key));
    }

    /** E.g. {@code 4.0.0}. */
    String versionString() {
        return string(MemorySegment.ofAddress(pointer("mj_versionString")));
    }

    private long pointer(String name) {
        return Native.pointer(known(name));
    }

    Path path() {
        return path;
    }

    /**
     * Compiles a model from MJCF text.
     *
     * @return address of the mjModel, to be freed with {@link #freeModel}
     * @throws IllegalArgumentException with MuJoCo's own words when the model is bad
     */
    long compile(String xml) {
        try (Arena local = Arena.ofConfined()) {
            MemorySegment error = local.allocate(ERROR_SIZE);
            long spec = Native.pointer(
                    known("mj_parseXMLString"), local.allocateFrom(xml).address(), 0L, error.address(), ERROR_SIZE);
            if (spec == 0) {
                throw bad(error.getString(0));
            }
            try {
                long model = Native.pointer(known("mj_compile"), spec, 0L);
                if (model == 0) {
                    throw bad(string(MemorySegment.ofAddress(Native.pointer(known("mjs_getError"), spec))));
                }
                return model;
            } finally {
                Native.run(known("mj_deleteSpec"), spec);
            }
        }
    }

    private static IllegalArgumentException bad(String words) {
        return new IllegalArgumentException(
                "MuJoCo refuses the model: " + words.strip().replaceAll("\\s*\\n\\s*", "; "));
    }

    long makeData(long model) {
        long data = Native.pointer(known("mj_makeData"), model);
        if (data == 0) {
            throw new IllegalStateException("MuJoCo could not allocate its data: give the process more memory");
        }
        return data;
    }

    void freeModel(long model) {
        Native.run(known("mj_deleteModel"), model);
    }

    void freeData(long data) {
        Native.run(known("mj_deleteData"), data);
    }

    int stateSize(long model, int signature) {
        return Native.number(known("mj_stateSize"), model, signature);
    }

    int id(long model, String typeKey, String name) {
        try (Arena local = Arena.ofConfined()) {
            return Native.number(
                    known("mj_name2id"),
                    model,
                    layout(typeKey),
                    local.allocateFrom(name).address());
        }
    }

    /**
     * Checks that this library's structs lie where the resource says, by writing through the state functions and reading
     * through the offsets.
     *
     * @throws Refused if they do not
     */
    void selfTest() throws Refused {
        long model = compile("""
                <mujoco><worldbody><body><joint name="a" axis="0 0 1"/><geom size=".1"/>
                <body pos="1 0 0"><joint name="b" axis="0 0 1"/><geom name="g" size=".1" rgba=".25 .5 .75 1"/></body></body>
                </worldbody><actuator><motor joint="a"/><motor joint="b"/><motor joint="b"/></actuator></mujoco>""");
        long data = makeData(model);
        try (Arena local = Arena.ofConfined()) {
            int control = layout("mjSTATE_CTRL");
            MemorySegment in = local.allocate(JAVA_DOUBLE, 3);
            MemorySegment out = local.allocate(JAVA_DOUBLE, 3);
            for (int i = 0; i < 3; i++) {
                in.setAtIndex(JAVA_DOUBLE, i, i + 0.5);
            }
            boolean right = stateSize(model, QPOS) == 2 && stateSize(model, control) == 3;
            if (right) {
                Native.run(setState, model, data, in.address(), control);
                Native.run(getState, model, data, out.address(), control);
                right = in.mismatch(out) < 0;
                Native.run(setState, model, data, in.address(), TIME | QPOS);
                right = right
                        && at(data + layout("mjData.time")) == 0.5
                        && at(read(data + layout("mjData.qpos"))) == 1.5
                        && at(read(data + layout("mjData.qpos")) + 8) == 2.5
                        && rgb(read(model + layout("mjModel.geom_rgba")), id(model, "mjOBJ_GEOM", "g")) == 0.75f;
            }
            if (!right) {
                throw new Refused("MuJoCo off: " + path + " says it is version " + versionString()
                        + ", but its structs are laid out otherwise; " + HINT);
            }
        } finally {
            freeData(data);
            freeModel(model);
        }
    }

    private static long read(long address) {
        return MemorySegment.ofAddress(address).reinterpret(8).get(JAVA_LONG, 0);
    }

    private static double at(long address) {
        return MemorySegment.ofAddress(address).reinterpret(8).get(JAVA_DOUBLE, 0);
    }

    private static float rgb(long rgba, int geom) {
        return MemorySegment.ofAddress(rgba)
                .reinterpret(16L * (geom + 1))
                .get(java.lang.foreign.ValueLayout.JAVA_FLOAT, 16L * geom + 8);
    }

    /** The colours of a model's geoms, {@code [n, 4]} float32, writable while the model lives. */
    MemorySegment colours(long model, int geoms) {
        return MemorySegment.ofAddress(read(model + layout("mjModel.geom_rgba")))
                .reinterpret(16L * geoms);
    }

    @Override
    public String toString() {
        return "MuJoCo " + versionString() + " (" + path + ")";
    }

    /** For tests: whether a library can be had, else why not. */
    static @Nullable String missing() {
        try {
            find("").selfTest();
            return null;
        } catch (Refused e) {
            return e.getMessage();
        }
    }
}
