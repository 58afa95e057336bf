package org.armature.compute.opencl;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.armature.compute.CompileOptions;
import org.armature.compute.Device;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.opencl.device.BinaryCache;
import org.armature.compute.opencl.device.Devices;
import org.armature.compute.opencl.device.OpenClDevice;
import org.armature.compute.opencl.device.Signals;
import org.armature.compute.opencl.device.Tuning;
import org.armature.graph.Graph;
import org.armature.show.Figure;
import org.armature.show.FigureSource;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compiles graphs into OpenCL kernels: any GPU with a driver, and CPUs through PoCL. OpenCL is looked for when it is needed
 * first; where there is none, there is no device, the log says so once, and compiling throws with the same sentence.
 *
 * <p>Its figures are the rooflines of its programs, see {@link Rooflines}.
 */
@Component(
        service = {Executor.class, FigureSource.class},
        property = {"armature.id=opencl", "armature.kind=executor", "service.ranking:Integer=-100"},
        configurationPid = "compute.opencl")
public final class OpenClExecutor implements Executor, FigureSource, AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(OpenClExecutor.class);

    /** Settings, PID {@code compute.opencl}. */
    public @interface Config {
        /** File name of the OpenCL loader; empty looks for the usual ones. */
        String library() default "";

        /** Id of the default device; empty takes the first. */
        String device() default "";

        /** Folder for built kernels; empty is {@code ~/.cache/armature/opencl}. */
        String cache() default "";

        /** How long to look for better blocks of products: off, quick or full, see the bundle's README. */
        String tune() default "quick";

        /** Whether CPUs get the kernels for GPUs, and copies of tensors: for writing such kernels without a GPU. */
        boolean gpu() default false;
    }

    private final String library;
    private final String preferred;
    private final Path cache;
    private final Tuning tuning;
    private final boolean gpu;
    private final Map<String, OpenClDevice> open = new HashMap<>();
    private final Set<OpenClProgram> programs = new LinkedHashSet<>();
    private final Rooflines rooflines = new Rooflines(this::programs);
    private @Nullable List<Devices.Info> found;
    private String missing = "";
    private boolean closed;

    @Activate
    public OpenClExecutor(Config config) {
        this(
                config.library(),
                config.device(),
                config.cache().isEmpty()
                        ? Path.of(System.getProperty("user.home", "."), ".cache", "armature", "opencl")
                        : Path.of(config.cache()),
                Tuning.of(config.tune()),
                config.gpu());
    }

    /**
     * Without a framework.
     *
     * @param library file name of the OpenCL loader, empty for the usual ones
     * @param device id of the default device, empty for the first
     * @param cache folder for built kernels
     */
    public OpenClExecutor(String library, String device, Path cache) {
        this(library, device, cache, Tuning.OFF, false);
    }

    OpenClExecutor(String library, String device, Path cache, Tuning tuning, boolean gpu) {
        this.tuning = tuning;
        this.gpu = gpu;
        this.library = library;
        this.preferred = device;
        this.cache = cache;
    }

    @Override
    public String id() {
        return "opencl";
    }

    private synchronized List<Devices.Info> found() {
        List<Devices.Info> all = found;
        if (all == null) {
            try {
                all = Devices.find(library);
                all = java.util.stream.Stream.concat(
                                all.stream().filter(d -> d.id().equals(preferred)),
                                all.stream().filter(d -> !d.id().equals(preferred)))
                        .map(d -> gpu && d.cpu() ? d.asGpu() : d)
                        .toList();
                if (all.stream().anyMatch(Devices.Info::cpu) && !Signals.areChained()) {
                    LOG.warn("Building kernels for the CPU may fail or end the process: start the JVM with"
                            + " LD_PRELOAD=$JAVA_HOME/lib/libjsig.so, as ./armature does");
                }
            } catch (IllegalStateException | LinkageError e) {
                missing = String.valueOf(e.getMessage());
                LOG.info("{}", missing);
                all = List.of();
            }
            found = all;
        }
        return all;
    }

    @Override
    public List<Device> devices() {
        return found().stream()
                .map(d -> new Device(d.id(), d.name() + ", " + d.version(), d.memory()))
                .toList();
    }

    private synchronized OpenClDevice device(String id) {
        if (closed) {
            throw new IllegalStateException("the executor opencl is closed: look it up again");
        }
        List<Devices.Info> all = found();
        if (all.isEmpty()) {
            throw new UnsupportedOperationException(missing);
        }
        Devices.Info info = id.isEmpty()
                ? all.getFirst()
                : all.stream()
                        .filter(d -> d.id().equals(id))
                        .findFirst()
                        .orElseThrow(() ->
                                new UnsupportedOperationException("there is no OpenCL device " + id + ": there is "
                                        + all.stream().map(Devices.Info::id).toList()));
        return open.computeIfAbsent(
                info.id(),
                k -> new OpenClDevice(info, new BinaryCache(cache.resolve("kernels")), cache.resolve("failed")));
    }

    @Override
    public Program compile(Graph graph, CompileOptions options) {
        return compile(graph, options, tuning);
    }

    /** Compiles; looks for better blocks as long as is said here. */
    Program compile(Graph graph, CompileOptions options, Tuning tuning) {
        OpenClDevice device = device(options.device());
        OpenClProgram[] made = new OpenClProgram[1];
        made[0] = new OpenClProgram(device, graph, options, tuning, () -> forget(made[0]));
        synchronized (this) {
            if (!closed) {
                programs.add(made[0]);
                return made[0];
            }
        }
        made[0].close();
        throw new IllegalStateException("the executor opencl is closed: look it up again");
    }

    private synchronized void forget(@Nullable Program p) {
        programs.remove(p);
    }

    private synchronized List<OpenClProgram> programs() {
        return List.copyOf(programs);
    }

    @Override
    public SequencedMap<String, Figure> figures() {
        return rooflines.figures();
    }

    /** Waits for runs in progress, then closes every program and device. */
    @Deactivate
    @Override
    public void close() {
        rooflines.close();
        List<OpenClProgram> drop;
        synchronized (this) {
            closed = true;
            drop = List.copyOf(programs);
        }
        drop.forEach(Program::close);
        synchronized (this) {
            open.values().forEach(OpenClDevice::close);
            open.clear();
        }
    }
}
