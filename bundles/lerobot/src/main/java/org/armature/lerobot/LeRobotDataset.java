package org.armature.lerobot;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.armature.lerobot.Info.Feature;
import org.jspecify.annotations.Nullable;

/** A LeRobot dataset in a folder: what it says about itself, and its rows. */
final class LeRobotDataset {
    /**
     * An episode.
     *
     * @param tasks what was asked
     * @param from index of its first frame
     * @param to index after its last frame
     * @param chunk folder of its data
     * @param file number of its data file there
     */
    record Episode(long index, List<String> tasks, long from, long to, long chunk, long file) {
        long length() {
            return to - from;
        }
    }

    private final Path folder;
    private final Info info;
    private final List<String> tasks;
    private final List<Episode> episodes;

    private LeRobotDataset(Path folder, Info info, List<String> tasks, List<Episode> episodes) {
        this.folder = folder;
        this.info = info;
        this.tasks = tasks;
        this.episodes = episodes;
    }

    /** Reads {@code meta/}. */
    static LeRobotDataset open(Path folder) throws IOException {
        Info info = Info.read(folder);
        List<String> tasks = tasks(folder.resolve("meta/tasks.parquet"));
        List<Episode> episodes = new ArrayList<>();
        for (Path file : parquet(folder.resolve("meta/episodes"))) {
            episodes(file, episodes);
        }
        if (episodes.isEmpty()) {
            throw new IOException(folder + " has no episodes: meta/episodes is missing or empty");
        }
        return new LeRobotDataset(folder, info, tasks, List.copyOf(episodes));
    }

    private static List<Path> parquet(Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> s = Files.walk(folder, 2)) {
            return s.filter(f -> f.toString().endsWith(".parquet")).sorted().toList();
        }
    }

    private static List<String> tasks(Path file) throws IOException {
        try (Table t = Table.open(file)) {
            // pandas names an index it was not told a name for
            String column = t.has("task") ? "task" : "__index_level_0__";
            double[] index = t.numbers("task_index").numbers();
            Table.Values words = t.texts(column);
            String[] all = new String[index.length];
            for (int i = 0; i < index.length; i++) {
                int k = (int) index[i];
                if (k < 0 || k >= all.length || all[k] != null) {
                    throw new IOException(file + " numbers its " + all.length + " tasks wrongly: task_index " + k);
                }
                all[k] = words.text(i);
            }
            return List.of(all);
        }
    }

    private static void episodes(Path file, List<Episode> into) throws IOException {
        try (Table t = Table.open(file)) {
            double[] index = t.numbers("episode_index").numbers();
            double[] from = t.numbers("dataset_from_index").numbers();
            double[] to = t.numbers("dataset_to_index").numbers();
            double[] chunk = t.numbers("data/chunk_index").numbers();
            double[] number = t.numbers("data/file_index").numbers();
            Table.Values tasks = t.texts("tasks");
            for (int i = 0; i < index.length; i++) {
                List<String> asked = new ArrayList<>();
                for (int k = tasks.starts()[i]; k < tasks.starts()[i + 1]; k++) {
                    asked.add(tasks.text(k));
                }
                into.add(new Episode(
                        (long) index[i], List.copyOf(asked), (long) from[i], (long) to[i], (long) chunk[i], (long)
                                number[i]));
            }
        }
    }

    Path folder() {
        return folder;
    }

    Info info() {
        return info;
    }

    /** What is asked, by {@code task_index}. */
    List<String> tasks() {
        return tasks;
    }

    List<Episode> episodes() {
        return episodes;
    }

    /** Where an episode's rows are. */
    Path file(Episode e) {
        return info.data(folder, e.chunk(), e.file());
    }

    /** Data files with the episodes in them, in order. */
    Map<Path, List<Episode>> files() {
        Map<Path, List<Episode>> m = new LinkedHashMap<>();
        episodes.forEach(e -> m.computeIfAbsent(file(e), f -> new ArrayList<>()).add(e));
        return m;
    }

    /** A feature's numbers in a data file: {@code [rows, size]}. */
    double[] numbers(Table table, String name) throws IOException {
        Feature f = info.features().get(name);
        Table.Values v = table.numbers(name);
        int size = f == null ? 1 : f.size();
        if (table.rows() > 0 && v.width() != size) {
            throw new IOException(folder + ": feature " + name + " has rows of " + v.width()
                    + " numbers, but info.json says " + (f == null ? "1" : f.shape()));
        }
        return java.util.Objects.requireNonNull(v.numbers());
    }

    /** Everything that is wrong with it, in sentences; empty if nothing is. */
    List<String> check() {
        List<String> wrong = new ArrayList<>();
        long expected = 0;
        for (int i = 0; i < episodes.size(); i++) {
            Episode e = episodes.get(i);
            if (e.index() != i) {
                wrong.add("episode " + i + " is numbered " + e.index());
            }
            if (e.from() != expected || e.to() <= e.from()) {
                wrong.add("episode " + e.index() + " has the frames " + e.from() + " to " + e.to()
                        + ", but should begin at " + expected
                        + (e.from() > expected ? ": there is a gap" : ": it overlaps or is empty"));
            }
            expected = Math.max(expected, e.to());
            for (String task : e.tasks()) {
                if (!tasks.contains(task)) {
                    wrong.add("episode " + e.index() + " is about '" + task + "', which tasks.parquet does not have");
                }
            }
        }
        total(wrong, "total_episodes", info.episodes(), episodes.size());
        total(wrong, "total_frames", info.frames(), expected);
        total(wrong, "total_tasks", info.tasks(), tasks.size());
        files().forEach((file, inside) -> {
            try (Table t = Table.open(file)) {
                checkFile(t, file, inside, wrong);
            } catch (IOException e) {
                wrong.add(e.getMessage());
            }
        });
        return wrong;
    }

    private static void total(List<String> wrong, String key, long said, long is) {
        if (said >= 0 && said != is) {
            wrong.add("info.json says " + key + " " + said + ", but there are " + is);
        }
    }

    private void checkFile(Table t, Path file, List<Episode> inside, List<String> wrong) throws IOException {
        long rows = inside.stream().mapToLong(Episode::length).sum();
        if (rows != t.rows()) {
            wrong.add(file + " has " + t.rows() + " rows, but its episodes have " + rows);
            return;
        }
        for (Map.Entry<String, Feature> e : info.features().entrySet()) {
            Feature f = e.getValue();
            if (f.dtype().equals("video")) {
                continue;
            }
            if (f.dtype().equals("image") || f.dtype().equals("string")) {
                if (!t.has(e.getKey()) && !t.has(e.getKey() + "\nbytes")) {
                    wrong.add(file + " has no column " + e.getKey());
                }
                continue;
            }
            double[] v = numbers(t, e.getKey());
            for (int i = 0; i < v.length; i++) {
                if (!Double.isFinite(v[i])) {
                    wrong.add(file + ": " + e.getKey() + " is " + v[i] + " in row " + i / f.size());
                    break;
                }
            }
        }
        double[] index = numbers(t, "index");
        double[] frame = numbers(t, "frame_index");
        double[] episode = numbers(t, "episode_index");
        double[] task = numbers(t, "task_index");
        double[] time = numbers(t, "timestamp");
        int row = 0;
        for (Episode e : inside) {
            for (int k = 0; k < e.length(); k++, row++) {
                String what = index[row] != e.from() + k
                        ? "index " + (long) index[row]
                        : frame[row] != k
                                ? "frame_index " + (long) frame[row]
                                : episode[row] != e.index()
                                        ? "episode_index " + (long) episode[row]
                                        : task[row] < 0 || task[row] >= tasks.size()
                                                ? "task_index " + (long) task[row]
                                                : Math.abs(time[row] - (double) k / info.fps()) > 1e-3
                                                        ? "timestamp " + time[row]
                                                        : null;
                if (what != null) {
                    wrong.add(file + " has " + what + " in row " + row + ", which is frame " + k + " of episode "
                            + e.index());
                    return;
                }
            }
        }
    }

    /** Bytes of an image column, or null where this dataset has none of that name as images. */
    static Table.@Nullable Values images(Table t, String name) throws IOException {
        return t.has(name + "\nbytes") ? t.texts(name + "\nbytes") : null;
    }
}
