package org.armature.commands.reproduce;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.armature.train.Reproduction;
import org.armature.train.Trainer;
import org.jspecify.annotations.Nullable;

/** All arms with all seeds, several at a time. What one measures is in {@code figures.json} as soon as it is known. */
final class Measurements {
    /** Hears how far all of it is, from 0 to 1. */
    @FunctionalInterface
    interface Listener {
        void progress(String what, double share);
    }

    private static final String FIGURES = "figures.json";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Reproduction reproduction;
    private final Path folder;
    private final Listener listener;
    private final BooleanSupplier stop;
    private final List<Place> places = new ArrayList<>();
    private final Map<String, Map<String, Double>> figures = new ConcurrentHashMap<>();
    private final Map<String, Double> shares = new ConcurrentHashMap<>();
    private final Map<Path, Object> trainings = new ConcurrentHashMap<>();
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    Measurements(Reproduction reproduction, List<Long> seeds, Path folder, Listener listener, BooleanSupplier stop) {
        this.reproduction = reproduction;
        this.folder = folder;
        this.listener = listener;
        this.stop = stop;
        // Arm by arm: those of one seed, side by side, would wait for the network that they share.
        for (String arm : reproduction.arms()) {
            seeds.forEach(seed -> places.add(new Place(arm, seed)));
        }
    }

    static String key(String arm, long seed) {
        return arm + "/" + seed;
    }

    /**
     * Measures what {@code figures.json} does not have.
     *
     * @param resume whether there may be such a file
     * @return figures by {@link #key}, in the order of arms and seeds
     * @throws IOException the first one of a measurement (the others are stopped then), or if a file cannot be used
     */
    Map<String, Map<String, Double>> take(int atOnce, boolean resume) throws IOException {
        Path file = folder.resolve(FIGURES);
        if (Files.exists(file)) {
            if (!resume) {
                throw new IOException(
                        folder + " holds a run already: go on with --resume, or choose another with --run");
            }
            figures.putAll(JSON.readValue(file.toFile(), new TypeReference<Map<String, Map<String, Double>>>() {}));
        }
        places.stream().map(p -> p.key).filter(figures::containsKey).forEach(k -> shares.put(k, 1.0));
        try (ExecutorService workers = Executors.newFixedThreadPool(
                atOnce, Thread.ofPlatform().name("reproduce-", 0).factory())) {
            places.stream().filter(p -> !figures.containsKey(p.key)).forEach(p -> workers.execute(() -> measure(p)));
        }
        switch (failure.get()) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
        return ordered();
    }

    private void measure(Place p) {
        try {
            if (p.stopped()) {
                throw new IOException("stopped before " + p.key + ": run it again with --resume");
            }
            Files.createDirectories(p.folder());
            Files.createDirectories(p.shared());
            figures.put(p.key, reproduction.measure(p.arm, p.seed, p));
            write();
            p.progress("measured", 1);
        } catch (IOException | RuntimeException | Error e) {
            failure.compareAndSet(null, e);
        }
    }

    private synchronized void write() throws IOException {
        Path part = folder.resolve(FIGURES + ".part");
        JSON.writerWithDefaultPrettyPrinter().writeValue(part.toFile(), ordered());
        Files.move(part, folder.resolve(FIGURES), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** Also what an earlier run measured with other seeds, at the end. */
    private Map<String, Map<String, Double>> ordered() {
        Map<String, Map<String, Double>> m = new LinkedHashMap<>();
        for (Place p : places) {
            Map<String, Double> f = figures.get(p.key);
            if (f != null) {
                m.put(p.key, f);
            }
        }
        figures.forEach(m::putIfAbsent);
        return m;
    }

    private final class Place implements Reproduction.Run {
        private final String arm;
        private final long seed;
        private final String key;

        Place(String arm, long seed) {
            this.arm = arm;
            this.seed = seed;
            key = key(arm, seed);
        }

        @Override
        public Path folder() {
            return ofSeed().resolve(arm.replaceAll("[^\\w.]+", "-").toLowerCase(Locale.ROOT));
        }

        @Override
        public Path shared() {
            return ofSeed().resolve("shared");
        }

        private Path ofSeed() {
            return folder.resolve("seed-" + seed);
        }

        @Override
        public void progress(String what, double share) {
            shares.put(key, Math.clamp(share, 0, 1));
            double done = shares.values().stream().mapToDouble(s -> s).sum();
            listener.progress(key + ": " + what, done / places.size());
        }

        @Override
        public boolean stopped() {
            return stop.getAsBoolean() || failure.get() != null;
        }

        @Override
        public Path trained(Trainer trainer, Map<String, ?> config, Path folder, String what, double from, double to)
                throws IOException {
            synchronized (trainings.computeIfAbsent(folder, f -> new Object())) {
                return Reproduction.Run.super.trained(trainer, config, folder, what, from, to);
            }
        }
    }
}
