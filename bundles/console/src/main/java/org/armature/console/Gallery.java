package org.armature.console;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Function;
import java.util.function.Supplier;
import org.armature.show.Figure;
import org.armature.show.FigureSource;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The figures that modules show. Each source is asked on a thread of its own, so that one that hangs or throws costs
 * nothing but its own figures, and only when the time before has returned.
 */
final class Gallery implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Gallery.class);

    /** Most figures of one source. */
    static final int MAX_FIGURES = 200;

    /**
     * A figure's place in the list.
     *
     * @param id number for the addresses under {@code /figures/}, for as long as its source shows it
     * @param heading who shows it
     * @param title its title
     * @param kind name of the record it is
     * @param revision rises when it changes
     */
    record Entry(int id, String heading, String title, String kind, int revision) {}

    /** A figure in its place, and what was made of it so far: once for everyone who looks. */
    private record Hung(Entry entry, Figure figure, Map<String, byte[]> made) {}

    /** What one source shows. */
    private static final class Wall {
        private volatile List<Hung> figures = List.of();
        private volatile boolean asked;
        private @Nullable String failure;
    }

    private final Supplier<List<Sources.Shown>> sources;
    private final Map<FigureSource, Wall> walls = new IdentityHashMap<>();
    private final ExecutorService threads = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "console-figures");
        thread.setDaemon(true);
        thread.setPriority(Thread.MIN_PRIORITY);
        return thread;
    });
    private int ids;

    Gallery(Supplier<List<Sources.Shown>> sources) {
        this.sources = sources;
    }

    /** Asks every source; returns at once. */
    synchronized void ask() {
        List<Sources.Shown> now = sources.get();
        walls.keySet().removeIf(old -> now.stream().noneMatch(shown -> shown.source() == old));
        for (Sources.Shown shown : now) {
            Wall wall = walls.computeIfAbsent(shown.source(), s -> new Wall());
            if (!wall.asked) {
                wall.asked = true;
                try {
                    threads.execute(() -> ask(shown, wall));
                } catch (RejectedExecutionException closed) {
                    return;
                }
            }
        }
    }

    private void ask(Sources.Shown shown, Wall wall) {
        try {
            hang(shown.heading(), shown.source().figures(), wall);
            wall.failure = null;
        } catch (RuntimeException | LinkageError e) {
            if (!e.toString().equals(wall.failure)) {
                wall.failure = e.toString();
                LOG.warn("The figures of {} could not be had: {}", shown.heading(), wall.failure);
            }
        } finally {
            wall.asked = false;
        }
    }

    private synchronized void hang(String heading, SequencedMap<String, Figure> figures, Wall wall) {
        List<Hung> all = new ArrayList<>();
        for (Map.Entry<String, Figure> e : figures.entrySet()) {
            if (all.size() == MAX_FIGURES) {
                break;
            }
            Figure figure = e.getValue();
            String kind = figure.getClass().getSimpleName();
            Hung before = wall.figures.stream()
                    .filter(h -> h.entry.title.equals(e.getKey()))
                    .findFirst()
                    .orElse(null);
            if (before != null && before.figure == figure) {
                all.add(before);
            } else {
                int id = before == null ? ids++ : before.entry.id;
                int revision = before == null ? 0 : before.entry.revision + 1;
                all.add(new Hung(
                        new Entry(id, heading, e.getKey(), kind, revision), figure, new ConcurrentHashMap<>()));
            }
        }
        wall.figures = List.copyOf(all);
    }

    /** Every figure, source by source. */
    synchronized List<Entry> list() {
        return sources.get().stream()
                .map(shown -> walls.get(shown.source()))
                .filter(wall -> wall != null)
                .flatMap(wall -> wall.figures.stream())
                .map(Hung::entry)
                .toList();
    }

    /**
     * A part of a figure as bytes.
     *
     * @param make makes it, null if the figure has no such part
     */
    Optional<byte[]> made(int id, String part, Function<Figure, byte @Nullable []> make) {
        return find(id).map(hung -> hung.made.computeIfAbsent(part, p -> make.apply(hung.figure)));
    }

    private synchronized Optional<Hung> find(int id) {
        return walls.values().stream()
                .flatMap(wall -> wall.figures.stream())
                .filter(hung -> hung.entry.id == id)
                .findFirst();
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
