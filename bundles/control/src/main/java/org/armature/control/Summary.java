package org.armature.control;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Supplier;
import org.armature.robot.Episodes;
import org.armature.robot.LoopMonitor;
import org.armature.robot.Replacement;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.InvalidSyntaxException;
import org.osgi.framework.ServiceReference;

/** The object {@code armature run --json} prints, as JDK types only. */
final class Summary implements Supplier<Map<String, Object>> {
    private final BundleContext context;
    private final LoopRecord record;
    private final Episodes episodes;
    private final Replacement swaps;
    private final GcPauses pauses;
    private final Supplier<String> simulator;
    private final Function<ServiceReference<?>, String> standing;

    /** @param standing the state of a module the control bundle knows more of; empty otherwise */
    Summary(
            BundleContext context,
            LoopRecord record,
            Episodes episodes,
            Replacement swaps,
            GcPauses pauses,
            Supplier<String> simulator,
            Function<ServiceReference<?>, String> standing) {
        this.context = context;
        this.record = record;
        this.episodes = episodes;
        this.swaps = swaps;
        this.pauses = pauses;
        this.simulator = simulator;
        this.standing = standing;
    }

    @Override
    public Map<String, Object> get() {
        LoopMonitor.Stats s = record.stats();
        Episodes.Score score = episodes.score();
        long[] gc = pauses.soFar();
        Map<String, Object> m = new LinkedHashMap<>();
        m.put("start_ms", startMillis());
        m.put("ticks", s.ticks());
        m.put("missed", s.missed());
        m.put(
                "lateness_us",
                named(
                        "p50", micros(s.latenessNanos()[0]),
                        "p99", micros(s.latenessNanos()[1]),
                        "p999", micros(s.latenessNanos()[2]),
                        "max", micros(s.latenessNanos()[3])));
        m.put("gc_pause_ms", named("count", gc[0], "total", gc[1], "max", gc[2]));
        m.put("episodes", score.episodes());
        m.put("successes", score.successes());
        m.put("chunks", s.chunks());
        m.put(
                "chunk_age_ms",
                named("p50", micros(s.chunkAgeNanos()[0]) / 1000, "p99", micros(s.chunkAgeNanos()[1]) / 1000));
        List<Double> steps = new ArrayList<>();
        for (double step : s.maxCommandStep()) {
            steps.add(step);
        }
        m.put("max_command_step", steps);
        m.put("holds", s.holds());
        m.put("faults", s.faults());
        m.put(
                "swaps",
                swaps.history().stream()
                        .map(w -> named(
                                "id", w.id(),
                                "version", w.version(),
                                "ms", Math.round(w.millis() * 10) / 10.0,
                                "outcome", w.outcome().text(),
                                "reason", w.reason()))
                        .toList());
        m.put("modules", modules());
        m.put("policy", swaps.inUse("policy"));
        m.put("simulator", simulator.get());
        m.put("executor", executor());
        return m;
    }

    /** From the start of the JVM to the first tick in which the robot follows a policy; -1 before. */
    private double startMillis() {
        long first = record.firstMotionNanos();
        if (first == 0) {
            return -1;
        }
        long uptime = ManagementFactory.getRuntimeMXBean().getUptime();
        return uptime - Math.round((System.nanoTime() - first) / 1e6);
    }

    private List<Map<String, Object>> modules() {
        List<Map<String, Object>> modules = new ArrayList<>();
        for (ServiceReference<?> r : references("(armature.kind=*)")) {
            Bundle bundle = r.getBundle();
            if (bundle != null) {
                String more = standing.apply(r);
                modules.add(named(
                        "id", String.valueOf(r.getProperty("armature.id")),
                        "kind", String.valueOf(r.getProperty("armature.kind")),
                        "bundle", bundle.getSymbolicName(),
                        "version", bundle.getVersion().toString(),
                        "state", more.isEmpty() ? "active" : more));
            }
        }
        return modules;
    }

    private String executor() {
        return references("(armature.kind=executor)").stream()
                .max(Comparator.naturalOrder())
                .map(r -> String.valueOf(r.getProperty("armature.id")))
                .orElse("none");
    }

    private List<ServiceReference<?>> references(String filter) {
        try {
            ServiceReference<?>[] found = context.getAllServiceReferences(null, filter);
            return found == null ? List.of() : List.of(found);
        } catch (InvalidSyntaxException e) {
            throw new IllegalArgumentException(e);
        }
    }

    private static double micros(long nanos) {
        return Math.round(nanos / 100.0) / 10.0;
    }

    private static Map<String, Object> named(Object... keysAndValues) {
        Map<String, Object> m = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            m.put((String) keysAndValues[i], keysAndValues[i + 1]);
        }
        return m;
    }
}
