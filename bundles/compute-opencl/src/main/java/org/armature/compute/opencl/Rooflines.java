package org.armature.compute.opencl;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.WeakHashMap;
import java.util.function.Supplier;
import org.armature.compute.opencl.device.Compiled;
import org.armature.compute.opencl.device.OpenClDevice;
import org.armature.compute.opencl.device.Roof;
import org.armature.show.Figure;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Rooflines of open programs, made while somebody looks and never otherwise. The kernels' times are those of one of a
 * program's own runs, of which one a second is timed; nothing is run for a picture but the measurement of the roof, once a
 * device.
 */
final class Rooflines implements AutoCloseable {
    /** Programs shown: those compiled last. */
    static final int SHOWN = 8;

    private static final long EVERY_NANOS = 1_000_000_000;
    private static final Logger LOG = LoggerFactory.getLogger(Rooflines.class);

    /** A program's figures under the name of their group. */
    private record Drawn(String group, Figure.Scatter roofline, Figure.Table kernels) {}

    private final Supplier<List<OpenClProgram>> programs;
    private final Map<OpenClDevice, Optional<Roof>> roofs = new HashMap<>();
    // Weak: no program stays because it was looked at.
    private final Map<OpenClProgram, Drawn> drawn = new WeakHashMap<>();
    private long asked = System.nanoTime() - EVERY_NANOS;
    private boolean closed;

    /** @param programs the open ones, in the order in which they were compiled */
    Rooflines(Supplier<List<OpenClProgram>> programs) {
        this.programs = programs;
    }

    /** What the newest programs show; the first call after a run of a device's first program measures its roof. */
    synchronized SequencedMap<String, Figure> figures() {
        SequencedMap<String, Figure> all = new LinkedHashMap<>();
        if (closed) {
            return all;
        }
        List<OpenClProgram> open = programs.get();
        drawn.keySet().retainAll(open);
        boolean due = System.nanoTime() - asked >= EVERY_NANOS;
        asked = due ? System.nanoTime() : asked;
        Deque<Drawn> shown = new ArrayDeque<>();
        for (OpenClProgram p : open.reversed()) {
            if (shown.size() == SHOWN) {
                break;
            }
            Drawn d = draw(p);
            if (d != null) {
                shown.addFirst(d);
            }
            if (due) {
                p.timeNext();
            }
        }
        for (Drawn d : shown) {
            all.put(d.group + "/roofline", d.roofline);
            all.put(d.group + "/kernels", d.kernels);
        }
        return all;
    }

    /** The figures of the program's last timed run, null if there was none. */
    private @Nullable Drawn draw(OpenClProgram p) {
        List<Compiled.Timing> timings = p.timings();
        if (!timings.isEmpty()) {
            roofs.computeIfAbsent(p.device(), Rooflines::measured).ifPresent(roof -> {
                Roofline r = Roofline.of(p.device().info().id(), roof, timings);
                drawn.compute(
                        p, (k, old) -> new Drawn(old == null ? group(p.name()) : old.group, r.scatter(), r.table()));
            });
        }
        return drawn.get(p);
    }

    private static Optional<Roof> measured(OpenClDevice device) {
        try {
            return Optional.of(Roof.measure(device));
        } catch (RuntimeException | OutOfMemoryError e) {
            LOG.warn("No rooflines on the device {}: {}", device.info().id(), e.getMessage());
            return Optional.empty();
        }
    }

    /** The graph's name; with a number while another program shown has it. */
    private String group(String graph) {
        // The first slash of a title ends its group.
        String name = graph.replace('/', ' ');
        List<String> taken = drawn.values().stream().map(Drawn::group).toList();
        String free = name;
        for (int n = 2; taken.contains(free); n++) {
            free = name + " (" + n + ")";
        }
        return free;
    }

    /** Waits for what is being measured; shows nothing from then on. */
    @Override
    public synchronized void close() {
        closed = true;
        drawn.clear();
        roofs.clear();
    }
}
