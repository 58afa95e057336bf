package org.armature.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.armature.compute.Tensor;
import org.armature.graph.TensorType;
import org.armature.model.Checkpoint;
import org.armature.model.Parameters;

/** A model in several safetensors files, with the index ({@code model.safetensors.index.json}) that tells which has what. */
final class Shards implements Checkpoint {
    static final long MAX_INDEX = 100_000_000;

    private final Map<String, Safetensors> byTensor;
    private final Set<Safetensors> files;
    private final Map<String, String> metadata;

    private Shards(Map<String, Safetensors> byTensor, Set<Safetensors> files, Map<String, String> metadata) {
        this.byTensor = Collections.unmodifiableMap(byTensor);
        this.files = files;
        this.metadata = Collections.unmodifiableMap(metadata);
    }

    static Shards open(Path index) throws IOException {
        if (Files.size(index) > MAX_INDEX) {
            throw new MalformedFile(index.toString(), "is an index of more than " + MAX_INDEX + " bytes");
        }
        JsonNode root = Json.tree(index);
        if (!(root.get("weight_map") instanceof JsonNode map) || !map.isObject()) {
            throw new MalformedFile(index.toString(), "has no object named 'weight_map'");
        }
        Map<String, Safetensors> opened = new LinkedHashMap<>();
        Map<String, Safetensors> byTensor = new LinkedHashMap<>();
        Map<String, String> metadata = new LinkedHashMap<>();
        try {
            for (Map.Entry<String, JsonNode> e : map.properties()) {
                String file = e.getValue().asText();
                Safetensors shard = opened.get(file);
                if (shard == null) {
                    shard = Safetensors.open(beside(index, file));
                    opened.put(file, shard);
                    metadata.putAll(shard.metadata());
                }
                if (!shard.has(e.getKey())) {
                    throw new MalformedFile(
                            index.toString(),
                            "says tensor " + Header.quote(e.getKey()) + " is in " + Header.quote(file)
                                    + ", which lacks it");
                }
                byTensor.put(e.getKey(), shard);
            }
            return new Shards(byTensor, new LinkedHashSet<>(opened.values()), metadata);
        } catch (Throwable e) {
            opened.values().forEach(Safetensors::close);
            throw e;
        }
    }

    static void write(
            Path index, List<Map<String, Tensor>> parts, SafetensorsFormat format, Map<String, String> metadata)
            throws IOException {
        Files.deleteIfExists(index);
        String stem = index.getFileName().toString().replaceFirst("\\.safetensors\\.index\\.json$", "");
        Map<String, String> shardOf = new LinkedHashMap<>();
        long total = 0;
        for (int i = 0; i < parts.size(); i++) {
            String name = String.format(Locale.ROOT, "%s-%05d-of-%05d.safetensors", stem, i + 1, parts.size());
            Path shard = beside(index, name);
            format.write(shard, parts.get(i), metadata);
            for (Map.Entry<String, Tensor> e : parts.get(i).entrySet()) {
                shardOf.put(e.getKey(), name);
                total += e.getValue().data().byteSize();
            }
        }
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (JsonGenerator g = new JsonFactory().createGenerator(out).useDefaultPrettyPrinter()) {
            g.writeStartObject();
            g.writeObjectFieldStart("metadata");
            g.writeNumberField("total_size", total);
            g.writeEndObject();
            g.writeObjectFieldStart("weight_map");
            for (Map.Entry<String, String> e : shardOf.entrySet()) {
                g.writeStringField(e.getKey(), e.getValue());
            }
            g.writeEndObject();
            g.writeEndObject();
        }
        try (AtomicFile file = new AtomicFile(index)) {
            ByteBuffer bytes = ByteBuffer.wrap(out.toByteArray());
            while (bytes.hasRemaining()) {
                file.channel().write(bytes);
            }
            file.commit();
        }
    }

    /** A shard lies in the index's own folder: a name that leads anywhere else is refused. */
    private static Path beside(Path index, String file) throws MalformedFile {
        if (!file.matches("[\\w.-]+\\.safetensors")) {
            throw new MalformedFile(
                    index.toString(), "names a shard " + Header.quote(file) + " that is no plain file name");
        }
        return index.resolveSibling(file);
    }

    @Override
    public Set<String> names() {
        return byTensor.keySet();
    }

    @Override
    public Map<String, String> metadata() {
        return metadata;
    }

    @Override
    public TensorType type(String name) {
        return shard(name).type(name);
    }

    @Override
    public Tensor get(String name) {
        return shard(name).get(name);
    }

    private Safetensors shard(String name) {
        Safetensors s = byTensor.get(name);
        if (s == null) {
            throw Parameters.missing(name, names());
        }
        return s;
    }

    @Override
    public void close() {
        files.forEach(Safetensors::close);
    }
}
