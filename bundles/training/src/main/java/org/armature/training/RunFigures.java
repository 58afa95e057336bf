package org.armature.training;

import java.io.IOException;
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
import java.util.SequencedMap;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.armature.show.Figure;
import org.armature.show.FigureSource;
import org.armature.train.Progress;
import org.osgi.framework.BundleContext;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;

/**
 * The curves of training runs, live: those of run folders ({@code runs} where this process was started and in the instance
 * folder), whichever process trains there, and those of this process wherever they are. One group a run, one figure a
 * quantity; {@code test.x} lies beside {@code x}.
 */
@Component(
        service = {FigureSource.class, Progress.Listener.class},
        configurationPid = "org.armature.training.figures",
        property = {"armature.id=training", "armature.kind=figures"})
public final class RunFigures implements FigureSource, Progress.Listener {
    private static final int MAX_RUNS = 20;
    private static final long MAX_BYTES = 64L << 20;

    /** Settings. */
    public @interface Config {
        /** Folders whose sub-folders are run folders. */
        String[] folders() default {"runs"};
    }

    private record Version(long size, FileTime modified) {}

    private record Run(Version version, SequencedMap<String, Figure> figures) {}

    private final List<Path> folders = new ArrayList<>();
    private final Set<Path> here = ConcurrentHashMap.newKeySet();
    private Map<Path, Run> read = new HashMap<>();

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

    /** The newest runs; a run whose file has not changed gives the same figures as before. */
    @Override
    public synchronized SequencedMap<String, Figure> figures() {
        Map<Path, Version> found = new HashMap<>();
        here.forEach(run -> look(run, found));
        for (Path folder : folders) {
            try (Stream<Path> runs = Files.list(folder)) {
                runs.forEach(run -> look(run, found));
            } catch (IOException | java.io.UncheckedIOException none) {
                // A folder that is not there has no runs.
            }
        }
        Map<Path, Run> now = new HashMap<>();
        SequencedMap<String, Figure> all = new LinkedHashMap<>();
        found.entrySet().stream()
                .sorted(Comparator.comparing((Map.Entry<Path, Version> e) -> e.getValue().modified)
                        .reversed())
                .limit(MAX_RUNS)
                .sorted(Comparator.comparing(e -> e.getValue().modified))
                .forEach(e -> {
                    Run before = read.get(e.getKey());
                    Run run = before != null && before.version.equals(e.getValue())
                            ? before
                            : new Run(e.getValue(), curves(e.getKey()));
                    now.put(e.getKey(), run);
                    run.figures.forEach((name, figure) -> all.put(e.getKey().getFileName() + "/" + name, figure));
                });
        read = now;
        return all;
    }

    private static void look(Path run, Map<Path, Version> found) {
        try {
            BasicFileAttributes a = Files.readAttributes(run.resolve(Curves.FILE), BasicFileAttributes.class);
            if (a.isRegularFile() && a.size() <= MAX_BYTES) {
                found.put(run, new Version(a.size(), a.lastModifiedTime()));
            }
        } catch (IOException none) {
            // No run folder, or it has just been removed.
        }
    }

    private record Line(List<Double> x, List<Double> y) {}

    /** The figures of a file that may be written at this moment: its last line counts only when it is whole. */
    private static SequencedMap<String, Figure> curves(Path run) {
        SequencedMap<String, SequencedMap<String, Line>> quantities = new LinkedHashMap<>();
        try {
            String text = Files.readString(run.resolve(Curves.FILE));
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
        } catch (IOException | NumberFormatException e) {
            return new LinkedHashMap<>(Map.of(
                    "unreadable",
                    new Figure.Table(
                            List.of("file", "why"),
                            List.of(List.of(run.resolve(Curves.FILE).toString(), e.toString())))));
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
