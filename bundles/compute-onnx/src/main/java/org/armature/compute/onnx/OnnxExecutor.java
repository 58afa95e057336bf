package org.armature.compute.onnx;

import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnxruntime.OnnxTensorLike;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtProvider;
import ai.onnxruntime.OrtSession;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.armature.compute.CompileOptions;
import org.armature.compute.Device;
import org.armature.compute.Executor;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Attribute;
import org.armature.graph.DType;
import org.armature.graph.Graph;
import org.armature.graph.Node;
import org.armature.graph.Rewriter;
import org.armature.graph.Value;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;

/**
 * Runs graphs on ONNX Runtime: on the CPU, and on CUDA when the runtime's CUDA jar is installed.
 *
 * <p>Sessions of equal graphs are shared and a few idle ones kept, because making one costs milliseconds. Inputs and outputs
 * are the tensors' own memory. FLOAT, DOUBLE, FLOAT16, BOOL and the signed integers pass as they are; unsigned integers of 16
 * to 64 bits, for which the runtime's Java interface has no type, enter and leave as signed ones of the same bits.
 *
 * <p>With the system property {@value #PROFILE} each session leaves in that folder the model it was made of ({@code
 * NAME-N.onnx}) and, when it closes, the runtime's profile: a JSON trace with every node's time in every run.
 */
@Component(property = {"armature.id=onnx", "armature.kind=executor"})
public final class OnnxExecutor implements Executor, AutoCloseable {
    private static final int IDLE_SESSIONS = 8;
    private static final String PROFILE = "armature.onnx.profile";

    private final OrtEnvironment environment;
    private final Map<Key, Session> sessions = new HashMap<>();
    private final LinkedHashMap<Key, Session> idle = new LinkedHashMap<>();
    private final AtomicInteger profiles = new AtomicInteger();
    private boolean closed;

    private record Key(Graph graph, CompileOptions options) {}

    @Activate
    public OnnxExecutor(BundleContext context) {
        this(Optional.of(context.getDataFile("").toPath()));
    }

    /** Outside a framework. */
    public OnnxExecutor() {
        this(Optional.empty());
    }

    private OnnxExecutor(Optional<Path> data) {
        data.ifPresent(NativeLibraries::unpack);
        environment = OrtEnvironment.getEnvironment(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR, "armature");
    }

    @Override
    public String id() {
        return "onnx";
    }

    @Override
    public List<Device> devices() {
        List<Device> all = new ArrayList<>();
        all.add(new Device(
                "cpu", "ONNX Runtime " + environment.getVersion() + " on " + System.getProperty("os.arch"), 0));
        if (OrtEnvironment.getAvailableProviders().contains(OrtProvider.CUDA)) {
            all.add(new Device("cuda:0", "ONNX Runtime " + environment.getVersion() + " on CUDA", 0));
        }
        return all;
    }

    @Override
    public Program compile(Graph graph, CompileOptions options) {
        Key key = new Key(graph, options);
        boolean share = options.cache() && options.frozen().isEmpty();
        if (share) {
            Session found = borrow(key);
            if (found != null) {
                return new OnnxProgram(found, () -> giveBack(key, found));
            }
        }
        Session made = session(graph, options);
        if (!share) {
            return new OnnxProgram(made, made::close);
        }
        Session kept;
        synchronized (this) {
            if (closed) {
                made.close();
                throw new IllegalStateException("the executor is closed: look it up again");
            }
            kept = sessions.computeIfAbsent(key, k -> made);
            kept.users++;
        }
        if (kept != made) {
            made.close();
        }
        return new OnnxProgram(kept, () -> giveBack(key, kept));
    }

    private synchronized @Nullable Session borrow(Key key) {
        Session s = sessions.get(key);
        if (s != null) {
            s.users++;
            idle.remove(key);
        }
        return s;
    }

    private void giveBack(Key key, Session session) {
        List<Session> drop = new ArrayList<>();
        synchronized (this) {
            if (--session.users > 0) {
                return;
            }
            if (closed) {
                drop.add(session);
            } else {
                idle.put(key, session);
                while (idle.size() > IDLE_SESSIONS) {
                    Map.Entry<Key, Session> oldest = idle.pollFirstEntry();
                    sessions.remove(oldest.getKey());
                    drop.add(oldest.getValue());
                }
            }
        }
        drop.forEach(Session::close);
    }

    /** Closes idle sessions now; those in use close with their programs. */
    @Deactivate
    @Override
    public void close() {
        List<Session> drop;
        synchronized (this) {
            closed = true;
            drop = List.copyOf(idle.values());
            idle.clear();
            sessions.clear();
        }
        drop.forEach(Session::close);
    }

    private Session session(Graph graph, CompileOptions options) {
        if (options.device().startsWith("cuda")
                && !OrtEnvironment.getAvailableProviders().contains(OrtProvider.CUDA)) {
            throw new UnsupportedOperationException("device " + options.device() + ": this ONNX Runtime ("
                    + environment.getVersion() + ") was built without CUDA. Put its jar onnxruntime_gpu in the place of"
                    + " onnxruntime, or ask for device cpu");
        }
        Graph signed = signed(lowered(graph, options));
        Map<String, OnnxTensorLike> frozen = new LinkedHashMap<>();
        OnnxWriter.Weights weights = new OnnxWriter.Weights() {
            @Override
            public boolean has(String name) {
                return options.frozen().containsKey(name);
            }

            @Override
            public void write(String name, TensorProto.Builder t) {
                Tensor data = options.frozen().get(name);
                OnnxWriter.external(t, name, 0, data.data().byteSize());
            }
        };
        OnnxWriter.Written written = OnnxWriter.write(signed, weights);
        try (OrtSession.SessionOptions o = new OrtSession.SessionOptions()) {
            int threads = options.threads() > 0
                    ? options.threads()
                    : Runtime.getRuntime().availableProcessors();
            o.setIntraOpNumThreads(Work.isSmall(signed) ? 1 : threads);
            o.setInterOpNumThreads(1);
            // The block planned after the first run comes beside what that run has left in the allocator.
            o.setMemoryPatternOptimization(!Work.isLarge(signed));
            o.setOptimizationLevel(
                    switch (options.optimization()) {
                        case NONE -> OrtSession.SessionOptions.OptLevel.NO_OPT;
                        case BASIC -> OrtSession.SessionOptions.OptLevel.BASIC_OPT;
                        case ALL -> OrtSession.SessionOptions.OptLevel.ALL_OPT;
                    });
            // Threads that wait for work must not take a core from the control loop once a run is over.
            o.addConfigEntry("session.force_spinning_stop", "1");
            if (options.device().startsWith("cuda")) {
                o.addCUDA(
                        options.device().contains(":")
                                ? Integer.parseInt(options.device().split(":")[1])
                                : 0);
            }
            for (Value v : graph.parameters()) {
                Tensor t = options.frozen().get(v.name());
                if (t != null) {
                    OnnxProgram.check(v.name(), v.type(), t);
                    frozen.put(v.name(), OnnxProgram.wrap(environment, t));
                }
            }
            if (!frozen.isEmpty()) {
                o.addExternalInitializers(frozen);
            }
            String profile = System.getProperty(PROFILE);
            if (profile != null) {
                profile(Path.of(profile), graph.name(), written, o);
            }
            OrtSession session = environment.createSession(written.model().toByteArray(), o);
            return new Session(environment, session, graph, options.frozen(), frozen, written.outputNames());
        } catch (OrtException e) {
            frozen.values().forEach(OnnxTensorLike::close);
            throw new UnsupportedOperationException(
                    "ONNX Runtime cannot run graph " + graph.name() + ": " + OnnxProgram.reason(e), e);
        }
    }

    private void profile(Path folder, String name, OnnxWriter.Written written, OrtSession.SessionOptions o)
            throws OrtException {
        Path stem = folder.resolve(name.replaceAll("[^\\w.-]", "_") + "-" + profiles.getAndIncrement());
        try {
            Files.createDirectories(folder);
            Files.write(Path.of(stem + ".onnx"), written.model().toByteArray());
        } catch (IOException e) {
            throw new UncheckedIOException("-D" + PROFILE + ": cannot write " + stem + ".onnx: " + e.getMessage(), e);
        }
        o.enableProfiling(stem.toString());
    }

    /** The same in operators that the runtime has kernels for, and fast ones where that is allowed. */
    static Graph lowered(Graph graph, CompileOptions options) {
        Graph g = BatchStatistics.asReductions(Fourier.lowered(graph.flat()));
        return options.optimization() == CompileOptions.Optimization.ALL ? GradientKernels.chosen(g) : g;
    }

    /** Unsigned integers at the graph's border as signed ones of the same bits. */
    private static Graph signed(Graph graph) {
        if (graph.inputs().stream().noneMatch(v -> v.dtype() != signed(v.dtype()))
                && graph.outputs().values().stream().noneMatch(v -> v.dtype() != signed(v.dtype()))) {
            return graph;
        }
        Graph.Builder b = Graph.builder(graph.name(), graph.opset());
        Rewriter r = new Rewriter(graph, b);
        for (Value v : graph.inputs()) {
            r.replace(v, cast(b.input(v.name(), signed(v.dtype()), v.shape()), v.dtype()));
        }
        for (Value v : graph.parameters()) {
            r.replace(v, b.parameter(v.name(), v.dtype(), v.shape()));
        }
        for (Node n : graph.nodes()) {
            r.copy(n);
        }
        graph.outputs().forEach((k, v) -> b.output(k, cast(r.get(v), signed(v.dtype()))));
        return b.build();
    }

    private static Value cast(Value v, DType to) {
        return v.dtype() == to ? v : v.builder().node("Cast", List.of(v), Map.of("to", Attribute.of((long) to.onnx())));
    }

    private static DType signed(DType t) {
        return switch (t) {
            case UINT16 -> DType.INT16;
            case UINT32 -> DType.INT32;
            case UINT64 -> DType.INT64;
            default -> t;
        };
    }

    /** A session and who uses it. */
    static final class Session {
        final OrtEnvironment environment;
        final OrtSession ort;
        final Graph graph;
        final List<String> outputNames;
        private final Map<String, Tensor> frozen;
        private final Map<String, OnnxTensorLike> wrapped;
        private int users;

        Session(
                OrtEnvironment environment,
                OrtSession ort,
                Graph graph,
                Map<String, Tensor> frozen,
                Map<String, OnnxTensorLike> wrapped,
                List<String> outputNames) {
            this.environment = environment;
            this.ort = ort;
            this.graph = graph;
            this.frozen = frozen;
            this.wrapped = wrapped;
            this.outputNames = outputNames;
        }

        boolean isFrozen(String parameter) {
            return frozen.containsKey(parameter);
        }

        void close() {
            try {
                ort.close();
            } catch (OrtException e) {
                throw new IllegalStateException("ONNX Runtime could not close a session: " + e.getMessage(), e);
            } finally {
                wrapped.values().forEach(OnnxTensorLike::close);
            }
        }
    }
}
