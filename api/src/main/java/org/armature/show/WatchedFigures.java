package org.armature.show;

import java.util.LinkedHashMap;
import java.util.Objects;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Figures that take longer than a look at them: made from the newest input, on one thread of low priority, while somebody
 * looks, and never otherwise. Whoever looks gets what was made last.
 *
 * @param <T> what figures are made from; an equal input is not drawn twice
 */
public final class WatchedFigures<T> implements AutoCloseable {
    private static final System.Logger LOG = System.getLogger(WatchedFigures.class.getName());
    private static final int LAST_SECONDS = 30;

    private final String name;
    private final Function<T, SequencedMap<String, Figure>> draw;
    private final ExecutorService thread;
    private final AtomicBoolean drawing = new AtomicBoolean();
    private volatile SequencedMap<String, Figure> figures = new LinkedHashMap<>();
    // Only the thread's own.
    private @Nullable T drawn;
    private String failure = "";

    /**
     * Nothing drawn yet.
     *
     * @param name of the thread, and in messages
     * @param draw makes the figures; what it throws is logged once, and the figures of before stay
     */
    public WatchedFigures(String name, Function<T, SequencedMap<String, Figure>> draw) {
        this.name = name;
        this.draw = draw;
        thread = Executors.newSingleThreadExecutor(Thread.ofPlatform()
                .name(name)
                .daemon()
                .priority(Thread.MIN_PRIORITY)
                .factory());
    }

    /**
     * What was made last; if there is an input that is not drawn yet and nothing is under way, the next is begun.
     *
     * @param newest empty if there is nothing to draw
     */
    public SequencedMap<String, Figure> of(Optional<T> newest) {
        if (newest.isPresent() && drawing.compareAndSet(false, true)) {
            thread.execute(() -> {
                try {
                    show(newest.get());
                } finally {
                    drawing.set(false);
                }
            });
        }
        return figures;
    }

    private void show(T input) {
        if (Objects.equals(input, drawn)) {
            return;
        }
        drawn = input;
        try {
            figures = draw.apply(input);
            failure = "";
        } catch (RuntimeException e) {
            String said = String.valueOf(e.getMessage());
            if (!said.equals(failure)) {
                LOG.log(System.Logger.Level.WARNING, "No figure of {0}: {1}", name, said);
            }
            failure = said;
        }
    }

    /**
     * Waits for what is being drawn.
     *
     * @throws IllegalStateException if that takes longer than half a minute, or the wait is interrupted
     */
    @Override
    public void close() {
        thread.shutdown();
        try {
            if (!thread.awaitTermination(LAST_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException(name + " did not end its last figures");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while " + name + " ended its last figures", e);
        }
    }
}
