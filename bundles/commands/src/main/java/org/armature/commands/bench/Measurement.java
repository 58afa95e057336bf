package org.armature.commands.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.armature.compute.CompileOptions;
import org.armature.compute.Executor;
import org.armature.compute.GradientRequest;
import org.armature.compute.Gradients;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.Graph;
import org.armature.graph.Value;
import org.armature.train.Draw;
import org.jspecify.annotations.Nullable;

/**
 * What one workload took.
 *
 * @param compileMs differentiating and compiling, once
 * @param program what it says of itself: of the executor {@code auto}, who was chosen and why
 * @param bytes of all inputs, parameters and outputs of a run
 */
record Measurement(
        Workload workload,
        double medianMs,
        double minMs,
        double compileMs,
        long bytes,
        String executor,
        String device,
        String program,
        int threads) {
    private static final long SEED = 0;

    /** What is done with a workload that is ready to run. */
    @FunctionalInterface
    private interface Use<T> {
        T of(Program p, Program.Binding b, double compileMs, long bytes) throws IOException;
    }

    /**
     * Runs a workload with every tensor pinned: a run copies nothing in or out.
     *
     * @throws IllegalStateException if it trains and there is no service that differentiates
     */
    static Measurement of(
            Workload w, Executor executor, @Nullable Gradients gradients, int threads, int warmUp, int runs)
            throws IOException {
        return ready(w, executor, gradients, threads, (p, b, compileMs, bytes) -> {
            double[] ms = times(b, warmUp, runs);
            String device = executor.devices().getFirst().id();
            return new Measurement(
                    w, ms[ms.length / 2], ms[0], compileMs, bytes, executor.id(), device, p.toString(), threads);
        });
    }

    /**
     * A run for each line that comes in, its milliseconds a line that goes out; after the warm-up, a line says that it is ready.
     * Two programs can so run by turns, where what the machine gives changes from second to second.
     */
    static void paced(
            Workload w,
            Executor executor,
            @Nullable Gradients gradients,
            int threads,
            int warmUp,
            BufferedReader in,
            PrintWriter out)
            throws IOException {
        ready(w, executor, gradients, threads, (p, b, compileMs, bytes) -> {
            times(b, warmUp, 1);
            out.println("ready");
            out.flush();
            while (in.readLine() != null) {
                long start = System.nanoTime();
                b.run();
                out.println((System.nanoTime() - start) / 1e6);
                out.flush();
            }
            return w;
        });
    }

    private static <T> T ready(Workload w, Executor executor, @Nullable Gradients gradients, int threads, Use<T> use)
            throws IOException {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        try {
            long start = System.nanoTime();
            Graph graph = graph(w, gradients);
            graph.inputs().forEach(v -> tensors.put(v.name(), drawn(v)));
            graph.parameters().forEach(v -> tensors.put(v.name(), drawn(v)));
            CompileOptions options = CompileOptions.DEFAULT.withThreads(threads);
            if (!w.training()) {
                Map<String, Tensor> parameters = new LinkedHashMap<>(tensors);
                graph.inputs().forEach(v -> parameters.remove(v.name()));
                options = options.freeze(parameters);
            }
            try (Program p = executor.compile(graph, options);
                    Program.Binding b = p.bind(tensors, Map.of())) {
                double compileMs = (System.nanoTime() - start) / 1e6;
                long bytes = tensors.values().stream()
                                .mapToLong(t -> t.data().byteSize())
                                .sum()
                        + p.outputs().keySet().stream()
                                .mapToLong(n -> b.output(n).data().byteSize())
                                .sum();
                return use.of(p, b, compileMs, bytes);
            }
        } finally {
            tensors.values().forEach(Tensor::close);
        }
    }

    /** What is run: with the way back, if the workload trains. */
    static Graph graph(Workload w, @Nullable Gradients gradients) {
        return w.training() ? backward(w.graph(), gradients) : w.graph();
    }

    /** Sorted. */
    private static double[] times(Program.Binding b, int warmUp, int runs) {
        // Runs of microseconds are timed in groups, as the clock and the compiler of the loop would be most of one.
        long start = System.nanoTime();
        for (int i = 0; i < Math.max(1, warmUp); i++) {
            b.run();
        }
        double once = (System.nanoTime() - start) / (double) Math.max(1, warmUp);
        int group = (int) Math.clamp(2e6 / once, 1, 1000);
        for (int i = 0; group > 1 && i < 5000; i++) {
            b.run();
        }
        double[] ms = new double[runs];
        for (int i = 0; i < runs; i++) {
            long t = System.nanoTime();
            for (int k = 0; k < group; k++) {
                b.run();
            }
            ms[i] = (System.nanoTime() - t) / 1e6 / group;
        }
        Arrays.sort(ms);
        return ms;
    }

    private static Graph backward(Graph forward, @Nullable Gradients gradients) {
        if (gradients == null) {
            throw new IllegalStateException("no service differentiates graphs: start the bundle autodiff");
        }
        List<String> wrt = new ArrayList<>(List.of("x"));
        forward.parameters().stream()
                .map(Value::name)
                .filter(n -> !n.contains("running_"))
                .forEach(wrt::add);
        return gradients.gradients(forward, GradientRequest.of(forward, List.of("y"), wrt));
    }

    /** Inputs are normal; weights are uniform within 1/sqrt(fan in), scales 1 and statistics those of a fresh network. */
    private static Tensor drawn(Value v) {
        Tensor t = Tensor.zeros(v.type());
        String name = v.name();
        Draw draw = Draw.of(SEED, name);
        if (name.equals("x") || name.startsWith(GradientRequest.COTANGENT)) {
            draw.normal(t, 0, 1);
        } else if (v.rank() > 1) {
            double bound = 1 / Math.sqrt(v.shape().size() / (double) v.shape().dim(0));
            draw.uniform(t, -bound, bound);
        } else if (name.endsWith("weight") || name.endsWith("running_var")) {
            draw.uniform(t, 1, 1);
        } else if (!name.endsWith("running_mean")) {
            draw.uniform(t, -0.05, 0.05);
        }
        return t;
    }

    String line() {
        return String.format(
                Locale.ROOT,
                "%-22s %10.4f ms median, %10.4f least, %8.1f GFLOP/s; %s of %.4f GFLOP, %.1f MB pinned,"
                        + " %d thread%s of %s on %s; made in %.0f ms",
                workload.name(),
                medianMs,
                minMs,
                workload.gflop() / medianMs * 1e3,
                workload.measures(),
                workload.gflop(),
                bytes / 1e6,
                threads,
                threads == 1 ? "" : "s",
                executor,
                device,
                compileMs);
    }

    Map<String, Object> json() {
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("workload", workload.name());
        m.put("median_ms", rounded(medianMs));
        m.put("min_ms", rounded(minMs));
        m.put("gflop", rounded(workload.gflop()));
        m.put("executor", executor);
        m.put("device", device);
        m.put("threads", threads);
        m.put("measures", workload.measures());
        m.put("bytes", bytes);
        m.put("compile_ms", rounded(compileMs));
        if (executor.equals("auto")) {
            m.put("choice", program);
        }
        return m;
    }

    private static double rounded(double v) {
        return Math.round(v * 1e4) / 1e4;
    }
}
