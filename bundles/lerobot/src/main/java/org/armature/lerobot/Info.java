package org.armature.lerobot;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * {@code meta/info.json}.
 *
 * @param fps frames a second
 * @param robot {@code robot_type}
 * @param features by name, in order, without the five that every dataset has
 * @param episodes {@code total_episodes}
 * @param frames {@code total_frames}
 * @param tasks {@code total_tasks}
 * @param dataPath template of the data files
 */
record Info(
        int fps, String robot, Map<String, Feature> features, long episodes, long frames, long tasks, String dataPath) {
    static final String VERSION = "v3.0";
    static final String DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet";
    /** The columns that every dataset has. */
    static final List<String> ALWAYS = List.of("timestamp", "frame_index", "episode_index", "index", "task_index");

    private static final ObjectMapper JSON = new ObjectMapper();

    /**
     * A feature.
     *
     * @param dtype as LeRobot names it
     * @param shape sizes; images are height, width, channels
     * @param names of the elements, may be empty
     */
    record Feature(String dtype, List<Integer> shape, List<String> names) {
        int size() {
            return shape.stream().mapToInt(Integer::intValue).reduce(1, Math::multiplyExact);
        }

        boolean image() {
            return dtype.equals("image") || dtype.equals("video");
        }
    }

    /** @throws IOException naming the file, the key and what to do */
    static Info read(Path dataset) throws IOException {
        Path file = dataset.resolve("meta/info.json");
        if (!Files.isRegularFile(file)) {
            throw new IOException(dataset + " is no LeRobot dataset: it has no meta/info.json");
        }
        JsonNode j;
        try {
            j = JSON.readTree(file.toFile());
        } catch (com.fasterxml.jackson.core.JsonProcessingException e) {
            throw new IOException(file + " is no JSON: " + e.getOriginalMessage(), e);
        }
        String version = j.path("codebase_version").asText("");
        if (!version.startsWith("v3.")) {
            throw new IOException(file + " says codebase_version '" + version + "', but v3 is read: convert with"
                    + " lerobot.datasets.v30.convert_dataset_v21_to_v30");
        }
        int fps = j.path("fps").asInt(0);
        if (fps < 1) {
            throw new IOException(file + " has no fps above 0");
        }
        JsonNode f = j.path("features");
        if (!f.isObject() || f.isEmpty()) {
            throw new IOException(file + " names no features");
        }
        Map<String, Feature> features = new LinkedHashMap<>();
        for (Map.Entry<String, JsonNode> e : f.properties()) {
            if (!ALWAYS.contains(e.getKey())) {
                features.put(e.getKey(), feature(file, e.getKey(), e.getValue()));
            }
        }
        String data = j.path("data_path").asText(DATA);
        if (data.contains("..") || data.startsWith("/") || data.contains("\\") || data.contains(":\\")) {
            throw new IOException(file + " has data_path '" + data + "', which leads out of the dataset");
        }
        return new Info(
                fps,
                j.path("robot_type").asText(""),
                features,
                j.path("total_episodes").asLong(-1),
                j.path("total_frames").asLong(-1),
                j.path("total_tasks").asLong(-1),
                data);
    }

    private static Feature feature(Path file, String name, JsonNode n) throws IOException {
        String dtype = n.path("dtype").asText("");
        if (!dtype.equals("video")) {
            try {
                Column.Kind.of(dtype);
            } catch (IllegalArgumentException e) {
                throw new IOException(file + ": feature " + name + ": " + e.getMessage(), e);
            }
        }
        List<Integer> shape = new ArrayList<>();
        long size = 1;
        for (JsonNode s : n.path("shape")) {
            int v = s.asInt(0);
            size *= v;
            if (v < 1 || size > 1 << 28) {
                throw new IOException(file + ": feature " + name + " has shape " + n.path("shape"));
            }
            shape.add(v);
        }
        List<String> names = new ArrayList<>();
        JsonNode given = n.path("names");
        for (JsonNode s :
                given.isObject() && !given.isEmpty() ? given.iterator().next() : given) {
            names.add(s.asText());
        }
        return new Feature(dtype, List.copyOf(shape), List.copyOf(names));
    }

    /** Writes it, with {@code splits} that make everything training data. */
    void write(Path dataset) throws IOException {
        ObjectNode j = JSON.createObjectNode();
        j.put("codebase_version", VERSION);
        j.put("robot_type", robot);
        j.put("total_episodes", episodes);
        j.put("total_frames", frames);
        j.put("total_tasks", tasks);
        j.put("chunks_size", 1000);
        j.put("data_files_size_in_mb", 100);
        j.put("video_files_size_in_mb", 200);
        j.put("fps", fps);
        j.putObject("splits").put("train", "0:" + episodes);
        j.put("data_path", DATA);
        j.putNull("video_path");
        ObjectNode all = j.putObject("features");
        features.forEach((name, f) -> put(all, name, f));
        put(all, "timestamp", new Feature("float32", List.of(1), List.of()));
        for (String name : ALWAYS.subList(1, 5)) {
            put(all, name, new Feature("int64", List.of(1), List.of()));
        }
        Path file = dataset.resolve("meta/info.json");
        Files.createDirectories(file.getParent());
        JSON.writerWithDefaultPrettyPrinter().writeValue(file.toFile(), j);
    }

    private static void put(ObjectNode all, String name, Feature f) {
        ObjectNode n = all.putObject(name);
        n.put("dtype", f.dtype());
        ArrayNode shape = n.putArray("shape");
        f.shape().forEach(shape::add);
        if (f.names().isEmpty()) {
            n.putNull("names");
        } else {
            ArrayNode names = n.putArray("names");
            f.names().forEach(names::add);
        }
    }

    /** The data file of this chunk and number. */
    Path data(Path dataset, long chunk, long file) {
        return dataset.resolve(dataPath.replace("{chunk_index:03d}", String.format(Locale.ROOT, "%03d", chunk))
                .replace("{file_index:03d}", String.format(Locale.ROOT, "%03d", file)));
    }
}
