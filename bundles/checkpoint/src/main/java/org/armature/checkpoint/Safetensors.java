package org.armature.checkpoint;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.armature.compute.Tensor;
import org.armature.graph.TensorType;
import org.armature.model.Checkpoint;
import org.armature.model.Parameters;

/**
 * A safetensors file mapped into memory: opening reads the header only, weights come from the disk when they are first
 * touched, and stay shared with every process that maps the same file.
 *
 * <p>The file must not be truncated while it is open; replacing it by a rename, as {@link SafetensorsWriter} does, is safe.
 */
final class Safetensors implements Checkpoint {
    private final Arena arena;
    private final MemorySegment data;
    private final Header header;
    private final Map<String, Tensor> realigned = new ConcurrentHashMap<>();

    private Safetensors(Arena arena, MemorySegment data, Header header) {
        this.arena = arena;
        this.data = data;
        this.header = header;
    }

    @SuppressWarnings("MustBeClosedChecker") // closed with the checkpoint
    static Safetensors open(Path path) throws IOException {
        Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            MemorySegment file = channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
            Header header = Header.read(file, path.toString());
            return new Safetensors(arena, file.asSlice(header.dataStart()), header);
        } catch (Throwable e) {
            arena.close();
            throw e;
        }
    }

    @Override
    public Set<String> names() {
        return header.tensors().keySet();
    }

    @Override
    public Map<String, String> metadata() {
        return header.metadata();
    }

    @Override
    public TensorType type(String name) {
        Header.Entry e = entry(name);
        return new TensorType(e.dtype(), e.shape());
    }

    /** The mapped bytes, read-only; a copy only where the file's writer did not align them to the element type. */
    @Override
    public Tensor get(String name) {
        Header.Entry e = entry(name);
        MemorySegment bytes = data.asSlice(e.start(), e.bytes());
        return bytes.address() % e.dtype().bytes() == 0
                ? Tensor.wrap(e.dtype(), e.shape(), bytes, this)
                : realigned.computeIfAbsent(
                        name,
                        n -> Tensor.wrap(e.dtype(), e.shape(), bytes, this).copy());
    }

    private Header.Entry entry(String name) {
        Header.Entry e = header.tensors().get(name);
        if (e == null) {
            throw Parameters.missing(name, names());
        }
        return e;
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
        realigned.values().forEach(Tensor::close);
    }
}
