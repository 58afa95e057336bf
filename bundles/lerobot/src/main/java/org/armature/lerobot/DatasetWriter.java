package org.armature.lerobot;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.lang.reflect.Array;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.armature.lerobot.Column.Kind;
import org.armature.lerobot.Info.Feature;

/**
 * Writes a LeRobot dataset, version 3: episodes one after another, images as PNG inside the tables. Nothing counts before
 * {@link #close()}; an episode that was begun and not ended is dropped.
 */
final class DatasetWriter implements AutoCloseable {
    private static final long FILE_BYTES = 100L << 20;
    private static final int PIXELS_APART = 4;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Path folder;
    private final int fps;
    private final String robot;
    private final Map<String, Feature> features;
    private final List<Column> columns = new ArrayList<>();
    private final Map<String, Statistics> all = new LinkedHashMap<>();
    private final List<Object[]> episodes = new ArrayList<>();
    private final List<String> tasks = new ArrayList<>();
    private final List<Object[]> pending = new ArrayList<>();
    private ParquetWriter data;
    private int file;
    private long frames;

    /**
     * Into an empty or new folder.
     *
     * @param features names to what they are; {@code video} is not written
     * @throws IOException if the folder has a dataset already
     */
    DatasetWriter(Path folder, int fps, String robot, Map<String, Feature> features) throws IOException {
        if (Files.exists(folder.resolve("meta"))) {
            throw new IOException(folder + " has a dataset already: choose another folder, or merge");
        }
        if (fps < 1) {
            throw new IllegalArgumentException("fps must be above 0, not " + fps);
        }
        this.folder = folder;
        this.fps = fps;
        this.robot = robot;
        this.features = new LinkedHashMap<>(features);
        features.forEach((name, f) -> {
            if (Info.ALWAYS.contains(name)) {
                throw new IllegalArgumentException("feature " + name + " is one that every dataset has");
            }
            Kind kind = Kind.of(f.dtype());
            columns.add(
                    kind == Kind.IMAGE || kind == Kind.TEXT || f.size() == 1
                            ? Column.scalar(name, kind)
                            : Column.list(name, kind));
            if (kind != Kind.TEXT) {
                all.put(name, new Statistics(kind == Kind.IMAGE ? 3 : f.size()));
            }
        });
        columns.add(Column.scalar("timestamp", Kind.FLOAT32));
        for (String name : Info.ALWAYS.subList(1, 5)) {
            columns.add(Column.scalar(name, Kind.INT64));
        }
        for (String name : Info.ALWAYS) {
            all.put(name, new Statistics(1));
        }
        data = next();
    }

    private ParquetWriter next() throws IOException {
        Path path = new Info(fps, robot, features, 0, 0, 0, Info.DATA).data(folder, file / 1000, file % 1000);
        return new ParquetWriter(path, columns, Map.of());
    }

    /** A frame of the episode that is being recorded: a value for every feature, in their order. */
    void add(Object... values) {
        if (values.length != features.size()) {
            throw new IllegalArgumentException(
                    "a frame has " + values.length + " values for the features " + features.keySet());
        }
        Object[] frame = values.clone();
        int i = 0;
        for (Map.Entry<String, Feature> e : features.entrySet()) {
            Feature f = e.getValue();
            check(e.getKey(), f, frame[i]);
            // A feature of one number is a plain column, not a list.
            if (f.size() == 1 && !f.image() && frame[i].getClass().isArray()) {
                frame[i] = Array.get(frame[i], 0);
            }
            i++;
        }
        pending.add(frame);
    }

    private static void check(String name, Feature f, Object value) {
        double[] v = f.image() || f.dtype().equals("string") ? null : doubles(value);
        if (v == null) {
            return;
        }
        if (v.length != f.size()) {
            throw new IllegalArgumentException("feature " + name + " has " + f.size() + " numbers, not " + v.length);
        }
        for (double x : v) {
            if (!Double.isFinite(x)) {
                throw new IllegalArgumentException("feature " + name + " has a number that is not finite");
            }
        }
    }

    private static double[] doubles(Object v) {
        return switch (v) {
            case Number n -> new double[] {n.doubleValue()};
            case Boolean b -> new double[] {b ? 1 : 0};
            case float[] a -> {
                double[] d = new double[a.length];
                for (int i = 0; i < d.length; i++) {
                    d[i] = a[i];
                }
                yield d;
            }
            case double[] a -> a;
            case long[] a -> java.util.Arrays.stream(a).asDoubleStream().toArray();
            case int[] a -> java.util.Arrays.stream(a).asDoubleStream().toArray();
            default ->
                throw new IllegalArgumentException(
                        "a feature cannot be " + v.getClass().getSimpleName());
        };
    }

    /** Frames of the episode so far. */
    int pending() {
        return pending.size();
    }

    /** Forgets the episode so far. */
    void discard() {
        pending.clear();
    }

    /** The frames so far are an episode in which this was asked. */
    void endEpisode(String task) throws IOException {
        if (pending.isEmpty()) {
            return;
        }
        int taskIndex = tasks.indexOf(task);
        if (taskIndex < 0) {
            taskIndex = tasks.size();
            tasks.add(task);
        }
        if (data.size() > FILE_BYTES) {
            data.close();
            file++;
            data = next();
        }
        long episode = episodes.size();
        long from = frames;
        Map<String, Statistics> own = new LinkedHashMap<>();
        all.forEach((name, s) -> own.put(name, new Statistics(s.size())));
        for (int k = 0; k < pending.size(); k++) {
            Object[] frame = pending.get(k);
            Object[] row = new Object[columns.size()];
            System.arraycopy(frame, 0, row, 0, frame.length);
            Object[] always = {(float) ((double) k / fps), (long) k, episode, frames, (long) taskIndex};
            System.arraycopy(always, 0, row, frame.length, always.length);
            data.add(row);
            for (int i = 0; i < row.length; i++) {
                Column c = columns.get(i);
                Statistics s = own.get(c.name());
                if (c.kind() == Kind.IMAGE) {
                    // every fifth image is enough for colours
                    if (k % 5 == 0) {
                        pixels((byte[]) row[i], s, all.get(c.name()));
                    }
                } else if (s != null) {
                    double[] v = doubles(row[i]);
                    s.add(v);
                    all.get(c.name()).add(v);
                }
            }
            frames++;
        }
        Object[] e = new Object[7 + own.size() * (Statistics.NAMES.length + 1)];
        Object[] head = {
            episode, List.of(task), (long) pending.size(), from, frames, (long) file / 1000, (long) file % 1000
        };
        System.arraycopy(head, 0, e, 0, head.length);
        int at = head.length;
        for (Statistics s : own.values()) {
            for (String name : Statistics.NAMES) {
                e[at++] = s.of(name);
            }
            e[at++] = new long[] {s.count()};
        }
        episodes.add(e);
        pending.clear();
    }

    private static void pixels(byte[] png, Statistics... into) throws IOException {
        BufferedImage image = ImageIO.read(new ByteArrayInputStream(png));
        if (image == null) {
            throw new IOException("an image of this episode is neither PNG nor JPEG");
        }
        for (int y = 0; y < image.getHeight(); y += PIXELS_APART) {
            for (int x = 0; x < image.getWidth(); x += PIXELS_APART) {
                int rgb = image.getRGB(x, y);
                double[] v = {(rgb >> 16 & 255) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0};
                for (Statistics s : into) {
                    s.add(v);
                }
            }
        }
    }

    /** Episodes so far. */
    int episodes() {
        return episodes.size();
    }

    /** Writes what makes it a dataset. Without an episode nothing is left. */
    @Override
    public void close() throws IOException {
        data.close();
        if (episodes.isEmpty()) {
            Files.deleteIfExists(new Info(fps, robot, features, 0, 0, 0, Info.DATA).data(folder, 0, 0));
            return;
        }
        writeEpisodes();
        try (ParquetWriter w = new ParquetWriter(
                folder.resolve("meta/tasks.parquet"),
                List.of(Column.scalar("task_index", Kind.INT64), Column.scalar("task", Kind.TEXT)),
                Map.of("pandas", PANDAS_TASKS))) {
            for (int i = 0; i < tasks.size(); i++) {
                w.add((long) i, tasks.get(i));
            }
        }
        writeStatistics();
        new Info(fps, robot, features, episodes.size(), frames, tasks.size(), Info.DATA).write(folder);
    }

    /** The task is the frame's index, as LeRobot expects it. */
    private static final String PANDAS_TASKS = """
            {"index_columns": ["task"], "column_indexes": [{"name": null, "field_name": null, "pandas_type": "unicode",\
             "numpy_type": "object", "metadata": {"encoding": "UTF-8"}}],\
             "columns": [{"name": "task_index", "field_name": "task_index", "pandas_type": "int64",\
             "numpy_type": "int64", "metadata": null},\
             {"name": "task", "field_name": "task", "pandas_type": "unicode", "numpy_type": "object",\
             "metadata": null}], "creator": {"library": "armature", "version": "0.1.0"}, "pandas_version": "2.2.0"}""";

    private void writeEpisodes() throws IOException {
        List<Column> c = new ArrayList<>(List.of(
                Column.scalar("episode_index", Kind.INT64),
                Column.list("tasks", Kind.TEXT),
                Column.scalar("length", Kind.INT64),
                Column.scalar("dataset_from_index", Kind.INT64),
                Column.scalar("dataset_to_index", Kind.INT64),
                Column.scalar("data/chunk_index", Kind.INT64),
                Column.scalar("data/file_index", Kind.INT64)));
        for (String name : all.keySet()) {
            for (String s : Statistics.NAMES) {
                c.add(Column.list("stats/" + name + "/" + s, Kind.FLOAT64));
            }
            c.add(Column.list("stats/" + name + "/count", Kind.INT64));
        }
        c.add(Column.scalar("meta/episodes/chunk_index", Kind.INT64));
        c.add(Column.scalar("meta/episodes/file_index", Kind.INT64));
        try (ParquetWriter w =
                new ParquetWriter(folder.resolve("meta/episodes/chunk-000/file-000.parquet"), c, Map.of())) {
            for (Object[] e : episodes) {
                Object[] row = java.util.Arrays.copyOf(e, e.length + 2);
                row[e.length] = 0L;
                row[e.length + 1] = 0L;
                w.add(row);
            }
        }
    }

    private void writeStatistics() throws IOException {
        ObjectNode j = JSON.createObjectNode();
        all.forEach((name, s) -> {
            boolean image = features.containsKey(name) && features.get(name).image();
            ObjectNode n = j.putObject(name);
            for (String stat : Statistics.NAMES) {
                ArrayNode a = n.putArray(stat);
                for (double v : s.of(stat)) {
                    if (image) {
                        // per channel, [3, 1, 1]
                        a.addArray().addArray().add(v);
                    } else {
                        a.add(v);
                    }
                }
            }
            n.putArray("count").add(s.count());
        });
        JSON.writeValue(folder.resolve("meta/stats.json").toFile(), j);
    }
}
