package org.armature.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.armature.checkpoint.SafetensorsWriter.Spec;
import org.armature.compute.Tensor;
import org.armature.graph.TensorType;
import org.armature.model.Checkpoint;
import org.armature.model.CheckpointFormat;
import org.armature.model.Parameters;
import org.osgi.service.component.annotations.Component;

/** The <a href="https://github.com/huggingface/safetensors">safetensors</a> format, in one file or in shards. */
@Component(property = {"armature.id=safetensors", "armature.kind=checkpoint-format"})
public final class SafetensorsFormat implements CheckpointFormat {
    private static final MemorySegment NOTHING = MemorySegment.NULL;
    private static final String INDEX = ".safetensors.index.json";
    /** Bytes of a shard, as official checkpoints are split. */
    private static final long SHARD = 5_000_000_000L;

    private final long shardBytes;

    public SafetensorsFormat() {
        this(SHARD);
    }

    SafetensorsFormat(long shardBytes) {
        this.shardBytes = shardBytes;
    }

    @Override
    public String id() {
        return "safetensors";
    }

    @Override
    public boolean reads(Path file) {
        String name = file.getFileName().toString();
        return name.endsWith(".safetensors") || name.endsWith(INDEX);
    }

    @Override
    public Checkpoint open(Path file) throws IOException {
        return file.getFileName().toString().endsWith(INDEX) ? Shards.open(file) : Safetensors.open(file);
    }

    @Override
    @SuppressWarnings("MustBeClosedChecker") // the draft owns the arena
    public Draft create(Path file, Map<String, TensorType> tensors, Map<String, String> metadata) throws IOException {
        List<Spec> specs = tensors.entrySet().stream()
                .map(e ->
                        new Spec(e.getKey(), e.getValue().dtype(), e.getValue().shape()))
                .toList();
        SafetensorsWriter writer = new SafetensorsWriter(file, specs, metadata);
        Arena arena = Arena.ofShared();
        try {
            Map<String, MemorySegment> places = writer.map(arena);
            Map<String, Tensor> views = new LinkedHashMap<>();
            tensors.forEach((name, t) ->
                    views.put(name, Tensor.wrap(t.dtype(), t.shape(), places.getOrDefault(name, NOTHING), null)));
            return new Mapped(Parameters.of(views), writer, arena);
        } catch (IOException | RuntimeException e) {
            arena.close();
            writer.close();
            throw e;
        }
    }

    private record Mapped(Parameters tensors, SafetensorsWriter writer, Arena arena) implements Draft {
        @Override
        public Set<String> names() {
            return tensors.names();
        }

        @Override
        public TensorType type(String name) {
            return tensors.type(name);
        }

        @Override
        public Tensor get(String name) {
            return tensors.get(name);
        }

        @Override
        public void commit() throws IOException {
            arena.close();
            writer.commit();
        }

        @Override
        public void close() {
            if (arena.scope().isAlive()) {
                arena.close();
            }
            try {
                writer.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /**
     * One file, or for {@code NAME.safetensors.index.json} shards of up to 5 GB and the index, which is written last and an
     * old one removed first: the checkpoint is complete or has no index.
     */
    @Override
    public void write(Path file, Map<String, Tensor> tensors, Map<String, String> metadata) throws IOException {
        if (file.getFileName().toString().endsWith(INDEX)) {
            Shards.write(file, split(tensors), this, metadata);
            return;
        }
        var specs = tensors.entrySet().stream()
                .map(e ->
                        new Spec(e.getKey(), e.getValue().dtype(), e.getValue().shape()))
                .toList();
        try (SafetensorsWriter w = new SafetensorsWriter(file, specs, metadata)) {
            for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
                w.append(e.getKey(), e.getValue().data());
            }
            w.commit();
        }
    }

    private List<Map<String, Tensor>> split(Map<String, Tensor> tensors) {
        List<Map<String, Tensor>> parts = new ArrayList<>();
        long bytes = 0;
        for (Map.Entry<String, Tensor> e : tensors.entrySet()) {
            long more = e.getValue().data().byteSize();
            if (parts.isEmpty() || bytes + more > shardBytes && !parts.getLast().isEmpty()) {
                parts.add(new LinkedHashMap<>());
                bytes = 0;
            }
            parts.getLast().put(e.getKey(), e.getValue());
            bytes += more;
        }
        return parts;
    }
}
