package org.armature.training;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.armature.show.Figure;
import org.armature.show.FigureSource;
import org.armature.train.Progress;
import org.jspecify.annotations.Nullable;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/**
 * The curves of training runs, live, and the matrices of similarities that objectives write beside them: those of run folders
 * (anywhere below {@code runs} where this process was started and in the instance folder), whichever process trains there, and
 * those of this process wherever they are. One group a run, one figure a quantity; {@code test.x} lies beside {@code x}.
 */
@Component(
        service = {FigureSource.class, Progress.Listener.class},
        configurationPid = "org.armature.training.figures",
        property = {"armature.id=training", "armature.kind=figures"})
public final class RunFigures implements FigureSource, Progress.Listener {
    private static final int MAX_RUNS = 20;
    private static final int DEPTH = 5;
    private static final long MAX_BYTES = 64L << 20;
    private static final String MATRIX = ".matrix.csv";

    /** Settings. */
    public @interface Config {
        /** Folders with run folders in them, at most five levels down. */
        String[] folders() default {"runs"};
    }

    private record Version(long size, FileTime modified) {}

    /** A file's figures, by their names in the run. */
    private record Read(Version version, SequencedMap<String, Figure> figures) {}

    private final List<Path> folders = new ArrayList<>();
    private final Set<Path> here = ConcurrentHashMap.newKeySet();
    private Map<Path, Read> read = new HashMap<>();

    @Activate
    public RunFigures(BundleContext context, Config config) {
        this(Stream.concat(
                        Arrays.stream(config.folders()).map(Path::of),
                        Stream.ofNullable(context.getProperty("armature.data")).map(data -> Path.of(data, "runs")))
                .toList());
    }

    RunFigures(List<Path> folders) {
        folders.stream().map(f -> f.toAbsolutePath().normalize()).distinct().forEach(this.folders::add);
    }

    @Override
    public void progress(Progress progress) {
        here.add(progress.run().toAbsolutePath().normalize());
    }

    /** The newest runs; a file that has not changed gives the same figures as before. */
    @Override
    public synchronized SequencedMap<String, Figure> figures() {
        Map<Path, String> groups = new HashMap<>();
        here.forEach(run -> groups.put(run, run.getFileName().toString()));
        for (Path folder : folders) {
            try (Stream<Path> files = Files.walk(folder, DEPTH + 1)) {
                files.filter(f -> f.endsWith(Curves.FILE)).forEach(f -> {
                    Path run = f.getParent();
                    // The first slash of a title ends its group.
                    groups.put(run, folder.relativize(run).toString().replace('/', ' '));
                });
            } catch (IOException | UncheckedIOException none) {
                // A folder that is not there has no runs.
            }
        }
        Map<Path, Version> found = new HashMap<>();
        groups.keySet().forEach(run -> version(run.resolve(Curves.FILE)).ifPresent(v -> found.put(run, v)));
        Map<Path, Read> now = new HashMap<>();
        SequencedMap<String, Figure> all = new LinkedHashMap<>();
        Comparator<Map.Entry<Path, Version>> older = Comparator.comparing(e -> e.getValue().modified);
        found.entrySet().stream()
                .sorted(older.reversed())
                .limit(MAX_RUNS)
                .sorted(older)
                .forEach(e -> files(e.getKey()).forEach(file -> {
                    Read r = latest(file);
                    if (r != null) {
                        now.put(file, r);
                        r.figures.forEach((name, figure) -> all.put(groups.get(e.getKey()) + "/" + name, figure));
                    }
                }));
        read = now;
        return all;
    }

    /** The curves, then the matrices by name. */
    private static List<Path> files(Path run) {
        List<Path> all = new ArrayList<>(List.of(run.resolve(Curves.FILE)));
        try (Stream<Path> beside = Files.list(run)) {
            beside.filter(f -> f.getFileName().toString().endsWith(MATRIX))
                    .filter(f -> !f.getFileName().toString().startsWith("."))
                    .sorted()
                    .forEach(all::add);
        } catch (IOException | UncheckedIOException gone) {
            // The run has just been removed.
        }
        return all;
    }

    private @Nullable Read latest(Path file) {
        Version v = version(file).orElse(null);
        Read before = read.get(file);
        if (v == null || before != null && before.version.equals(v)) {
            return v == null ? null : before;
        }
        try {
            String text = Files.readString(file);
            return new Read(v, file.endsWith(Curves.FILE) ? curves(text) : matrix(name(file), text));
        } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException e) {
            return new Read(
                    v,
                    new LinkedHashMap<>(Map.of(
                            "unreadable " + file.getFileName(),
                            new Figure.Table(
                                    List.of("file", "why"), List.of(List.of(file.toString(), e.toString()))))));
        }
    }

    private static String name(Path matrix) {
        String s = matrix.getFileName().toString();
        return s.substring(0, s.length() - MATRIX.length());
    }

    private static Optional<Version> version(Path file) {
        try {
            BasicFileAttributes a = Files.readAttributes(file, BasicFileAttributes.class);
            return a.isRegularFile() && a.size() <= MAX_BYTES
                    ? Optional.of(new Version(a.size(), a.lastModifiedTime()))
                    : Optional.empty();
        } catch (IOException none) {
            // No run folder, or it has just been removed.
            return Optional.empty();
        }
    }

    private record Line(List<Double> x, List<Double> y) {}

    /** The figures of a file that may be written at this moment: its last line counts only when it is whole. */
    private static SequencedMap<String, Figure> curves(String text) {
        SequencedMap<String, SequencedMap<String, Line>> quantities = new LinkedHashMap<>();
        for (String line : text.substring(0, text.lastIndexOf('\n') + 1).split("\n")) {
            String[] f = line.split(",", 3);
            if (f.length == 3 && !f[0].equals("step")) {
                Line l = quantities
                        .computeIfAbsent(f[1].replaceFirst("^test\\.", ""), q -> new LinkedHashMap<>())
                        .computeIfAbsent(f[1], n -> new Line(new ArrayList<>(), new ArrayList<>()));
                l.x.add(Double.parseDouble(f[0]));
                l.y.add(Double.parseDouble(f[2]));
            }
        }
        SequencedMap<String, Figure> figures = new LinkedHashMap<>();
        quantities.forEach((quantity, lines) -> figures.put(
                quantity,
                new Figure.Curves(
                        "step",
                        "",
                        lines.entrySet().stream()
                                .map(e -> series(e.getKey(), e.getValue()))
                                .toList())));
        return figures;
    }

    /** A matrix of similarities from 0 to 1, as {@code HeatMap} writes it. */
    private static SequencedMap<String, Figure> matrix(String name, String text) {
        List<String[]> lines = text.lines().map(l -> l.split(",", -1)).toList();
        List<String> columns = List.of(lines.getFirst()).subList(1, lines.getFirst().length);
        List<String[]> rows = lines.subList(1, lines.size());
        double[] values = rows.stream()
                .flatMap(r -> Arrays.stream(r).skip(1))
                .mapToDouble(Double::parseDouble)
                .toArray();
        SequencedMap<String, Figure> figures = new LinkedHashMap<>();
        figures.put(
                name,
                new Figure.HeatMap(
                        lines.getFirst()[0], rows.stream().map(r -> r[0]).toList(), columns, values, 0, 1));
        return figures;
    }

    /** Sorted: after a resume that overlaps, steps may fall for a moment. */
    private static Figure.Series series(String name, Line line) {
        Integer[] order = new Integer[line.x.size()];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, Comparator.comparing(line.x::get));
        return new Figure.Series(
                name,
                Arrays.stream(order).mapToDouble(line.x::get).toArray(),
                Arrays.stream(order).mapToDouble(line.y::get).toArray());
    }
}
