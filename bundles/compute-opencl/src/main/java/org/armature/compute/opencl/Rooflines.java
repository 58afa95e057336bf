package org.armature.compute.opencl;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
 * Rooflines of open programs, made while somebody looks and never otherwise. The kernels' times come from a program's own
 * runs, of which one a second is timed; nothing is run for a picture but the measurement of the roof, once a device.
 */
final class Rooflines implements AutoCloseable {
    /** Programs shown: those compiled last. */
    static final int SHOWN = 8;

    private static final int TRIES = 3;
    private static final long EVERY_NANOS = 1_000_000_000;
    private static final Logger LOG = LoggerFactory.getLogger(Rooflines.class);

    /** A program's figures under the name of their group. */
    private record Drawn(String group, Figure.Scatter roofline, Figure.Table kernels) {}

    private final Supplier<List<OpenClProgram>> programs;
    private final Map<OpenClDevice, Roof> roofs = new HashMap<>();
    private final Map<OpenClDevice, Integer> failures = new HashMap<>();
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

    /** The figures of the program's last timed runs, null if there was none. */
    private @Nullable Drawn draw(OpenClProgram p) {
        List<Compiled.Timing> timings = p.timings();
        Roof roof = timings.isEmpty() ? null : roof(p.device());
        if (roof != null) {
            Roofline r = Roofline.of(p.device().info().id(), roof, timings);
            Drawn old = drawn.get(p);
            drawn.put(p, new Drawn(old == null ? group(p.name()) : old.group, r.scatter(), r.table()));
        }
        return drawn.get(p);
    }

    /** Measured, unless it is known; null if that fails, as building now and then does. */
    private @Nullable Roof roof(OpenClDevice device) {
        Roof roof = roofs.get(device);
        if (roof == null && failures.getOrDefault(device, 0) < TRIES) {
            try {
                roof = Roof.measure(device);
                roofs.put(device, roof);
            } catch (RuntimeException | OutOfMemoryError e) {
                failures.merge(device, 1, Integer::sum);
                LOG.warn("No rooflines on the device {} yet: {}", device.info().id(), e.getMessage());
            }
        }
        return roof;
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
        failures.clear();
    }
}
