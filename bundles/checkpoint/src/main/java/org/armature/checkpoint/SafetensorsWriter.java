package org.armature.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.armature.graph.DType;
import org.armature.graph.Shape;

/**
 * Writes a safetensors file piece by piece: types and shapes are said first, bytes follow in any order and in pieces of any
 * size, so that a tensor may be larger than memory. The file appears when {@link #commit} is called, whole or not at all.
 *
 * <p>Tensors are laid out with the widest element types first, then by name, which keeps every one aligned to its elements;
 * the same tensors give the same bytes.
 */
final class SafetensorsWriter implements AutoCloseable {
    /** What is said of a tensor before its bytes. */
    record Spec(String name, DType dtype, Shape shape) {}

    private static final int MAX_WRITE = 1 << 24;

    private final AtomicFile file;
    private final Map<String, Cursor> cursors = new HashMap<>();

    private static final class Cursor {
        long at;
        final long end;

        Cursor(long at, long end) {
            this.at = at;
            this.end = end;
        }
    }

    /** @throws IllegalArgumentException if a name occurs twice or a shape has symbols */
    SafetensorsWriter(Path target, Collection<Spec> tensors, Map<String, String> metadata) throws IOException {
        List<Spec> order = tensors.stream()
                .sorted(Comparator.comparingInt((Spec s) -> -s.dtype().bytes()).thenComparing(Spec::name))
                .toList();
        Map<String, long[]> places = new LinkedHashMap<>();
        long end = 0;
        for (Spec s : order) {
            long start = end;
            end = Math.addExact(end, Header.bytes(s.dtype(), s.shape().sizes()));
            if (s.name().equals("__metadata__") || places.put(s.name(), new long[] {start, end}) != null) {
                throw new IllegalArgumentException("two tensors of " + target + " would be named " + s.name()
                        + " (or one __metadata__): give each another name");
            }
        }
        byte[] json = json(order, places, metadata);
        long dataStart = 8L + json.length;
        places.forEach((name, p) -> cursors.put(name, new Cursor(dataStart + p[0], dataStart + p[1])));
        file = new AtomicFile(target);
        try {
            ByteBuffer head = ByteBuffer.allocate(8 + json.length).order(ByteOrder.LITTLE_ENDIAN);
            head.putLong(json.length).put(json).flip();
            write(file.channel(), head, 0);
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    private static byte[] json(List<Spec> order, Map<String, long[]> places, Map<String, String> metadata)
            throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (JsonGenerator g = new JsonFactory().createGenerator(out)) {
            g.writeStartObject();
            if (!metadata.isEmpty()) {
                g.writeObjectFieldStart("__metadata__");
                // Sorted: a Map.of is in another order in every process, and the same tensors shall be the same bytes.
                for (Map.Entry<String, String> m : new TreeMap<>(metadata).entrySet()) {
                    g.writeStringField(m.getKey(), m.getValue());
                }
                g.writeEndObject();
            }
            for (Spec s : order) {
                g.writeObjectFieldStart(s.name());
                g.writeStringField("dtype", s.dtype().safetensors());
                g.writeFieldName("shape");
                long[] sizes = s.shape().sizes();
                g.writeArray(sizes, 0, sizes.length);
                g.writeFieldName("data_offsets");
                g.writeArray(places.get(s.name()), 0, 2);
                g.writeEndObject();
            }
            g.writeEndObject();
        }
        // Spaces fill up to a multiple of eight, so that the data is aligned in a mapped file.
        while (out.size() % 8 != 0) {
            out.write(' ');
        }
        return out.toByteArray();
    }

    /**
     * The bytes of every tensor as a map of the file, zero at first; they count as written.
     *
     * @param arena owns the map
     */
    Map<String, MemorySegment> map(Arena arena) throws IOException {
        long end = cursors.values().stream().mapToLong(c -> c.end).max().orElse(0);
        Map<String, MemorySegment> places = new HashMap<>();
        if (end > 0) {
            MemorySegment all = file.channel().map(FileChannel.MapMode.READ_WRITE, 0, end, arena);
            cursors.forEach((name, c) -> {
                places.put(name, all.asSlice(c.at, c.end - c.at));
                c.at = c.end;
            });
        }
        return places;
    }

    /** Adds bytes to a tensor, after those it has. */
    void append(String name, MemorySegment bytes) throws IOException {
        Cursor c = cursors.get(name);
        if (c == null) {
            throw new IllegalArgumentException("tensor " + name + " was not announced: there are " + cursors.keySet());
        }
        if (bytes.byteSize() > c.end - c.at) {
            throw new IllegalArgumentException(
                    "tensor " + name + " has room for " + (c.end - c.at) + " more bytes, not for " + bytes.byteSize());
        }
        for (long done = 0; done < bytes.byteSize(); ) {
            long k = Math.min(MAX_WRITE, bytes.byteSize() - done);
            MemorySegment piece = bytes.asSlice(done, k);
            // Heap memory of other arrays than byte[] has no buffer view.
            ByteBuffer buffer =
                    piece.isNative() ? piece.asByteBuffer() : ByteBuffer.wrap(piece.toArray(ValueLayout.JAVA_BYTE));
            write(file.channel(), buffer, c.at);
            c.at += k;
            done += k;
        }
    }

    private static void write(FileChannel to, ByteBuffer bytes, long at) throws IOException {
        while (bytes.hasRemaining()) {
            at += to.write(bytes, at);
        }
    }

    /** Puts the file in its place; throws {@link IllegalStateException} if a tensor lacks bytes. */
    void commit() throws IOException {
        cursors.forEach((name, c) -> {
            if (c.at != c.end) {
                throw new IllegalStateException("tensor " + name + " lacks " + (c.end - c.at) + " bytes");
            }
        });
        file.commit();
    }

    /** Leaves no trace unless {@link #commit} was called. */
    @Override
    public void close() throws IOException {
        file.close();
    }
}
