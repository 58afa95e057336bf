package org.armature.lerobot;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;

/**
 * Writes a Parquet file: the few things that robot recordings need, readable by every reader. Pages are PLAIN and, but for
 * images, gzipped; every value is present. The file appears when it is closed; until then it has another name.
 *
 * <p>Rows are {@code Boolean}, {@code Number} or {@code String}; {@code boolean[]}, {@code int[]}, {@code long[]},
 * {@code float[]}, {@code double[]} or {@code List<String>} for lists; {@code byte[]} for images.
 */
final class ParquetWriter implements AutoCloseable {
    private static final int PLAIN = 0;
    private static final int RLE = 3;
    private static final int GZIP = 2;
    private static final int STORED = 0;
    private static final int OPTIONAL = 1;
    private static final int REPEATED = 2;
    private static final int UTF8 = 0;
    private static final int LIST = 3;
    private static final long GROUP_BYTES = 32L << 20;
    private static final byte[] MAGIC = "PAR1".getBytes(StandardCharsets.US_ASCII);

    /** One leaf being collected. */
    private static final class Leaf {
        final Column column;
        final List<String> path;
        final ByteArrayOutputStream values = new ByteArrayOutputStream();
        final List<Integer> lengths = new ArrayList<>();
        final List<Boolean> bits = new ArrayList<>();
        int count;
        int nulls;

        Leaf(Column column, List<String> path) {
            this.column = column;
            this.path = path;
        }

        void reset() {
            values.reset();
            lengths.clear();
            bits.clear();
            count = 0;
            nulls = 0;
        }
    }

    private record Chunk(Leaf leaf, long offset, long stored, long plain, int values, int codec) {}

    private record Group(List<Chunk> chunks, long rows) {}

    private final Path file;
    private final Path draft;
    private final OutputStream out;
    private final List<Column> columns;
    private final Map<String, String> notes;
    private final List<Leaf> leaves = new ArrayList<>();
    private final List<Group> groups = new ArrayList<>();
    private final ByteBuffer eight = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    private long position;
    private long rows;
    private long pending;
    private boolean closed;

    ParquetWriter(Path file, List<Column> columns, Map<String, String> notes) throws IOException {
        this.file = file;
        this.columns = List.copyOf(columns);
        this.notes = notes;
        Files.createDirectories(file.toAbsolutePath().getParent());
        draft = file.resolveSibling(file.getFileName() + ".part");
        for (Column c : columns) {
            if (c.kind() == Column.Kind.IMAGE) {
                leaves.add(new Leaf(c, List.of(c.name(), "bytes")));
                leaves.add(new Leaf(c, List.of(c.name(), "path")));
            } else {
                leaves.add(new Leaf(c, c.list() ? List.of(c.name(), "list", "element") : List.of(c.name())));
            }
        }
        out = new java.io.BufferedOutputStream(Files.newOutputStream(draft), 1 << 16);
        put(MAGIC);
    }

    /** Rows so far. */
    long rows() {
        return rows;
    }

    /** Bytes so far, those not yet compressed counted in full. */
    long size() {
        return position + leaves.stream().mapToLong(l -> l.values.size()).sum();
    }

    /** Appends a row: a value for each column, in their order. */
    void add(Object... row) throws IOException {
        if (row.length != columns.size()) {
            throw new IllegalArgumentException(
                    "a row has " + row.length + " values for " + columns.size() + " columns");
        }
        int k = 0;
        for (int i = 0; i < row.length; i++) {
            Column c = columns.get(i);
            if (c.kind() == Column.Kind.IMAGE) {
                element(leaves.get(k++), row[i]);
                // the image is in the bytes: there is no path
                Leaf path = leaves.get(k++);
                path.count++;
                path.nulls++;
            } else if (c.list()) {
                list(leaves.get(k++), row[i]);
            } else {
                element(leaves.get(k++), row[i]);
            }
        }
        rows++;
        pending++;
        if (size() - position > GROUP_BYTES) {
            group();
        }
    }

    private void list(Leaf leaf, Object row) {
        int n = switch (row) {
            case float[] a -> {
                for (float v : a) {
                    element(leaf, v);
                }
                yield a.length;
            }
            case double[] a -> {
                for (double v : a) {
                    element(leaf, v);
                }
                yield a.length;
            }
            case long[] a -> {
                for (long v : a) {
                    element(leaf, v);
                }
                yield a.length;
            }
            case int[] a -> {
                for (int v : a) {
                    element(leaf, v);
                }
                yield a.length;
            }
            case boolean[] a -> {
                for (boolean v : a) {
                    element(leaf, v);
                }
                yield a.length;
            }
            case List<?> a -> {
                for (Object v : a) {
                    element(leaf, v);
                }
                yield a.size();
            }
            default -> throw wrong(leaf, row);
        };
        if (n == 0) {
            throw new IllegalArgumentException("column " + leaf.column.name() + " has an empty list in row " + rows);
        }
        leaf.lengths.add(n);
    }

    private static IllegalArgumentException wrong(Leaf leaf, Object value) {
        return new IllegalArgumentException("column " + leaf.column.name() + " takes "
                + (leaf.column.list() ? "lists of " : "") + leaf.column.kind().dtype() + ", not "
                + (value == null ? "null" : value.getClass().getSimpleName()));
    }

    private void element(Leaf leaf, Object value) {
        leaf.count++;
        eight.clear();
        switch (leaf.column.kind()) {
            case BOOL -> leaf.bits.add(value instanceof Boolean b ? b : fail(leaf, value));
            case INT32 -> eight.putInt(number(leaf, value).intValue());
            case INT64 -> eight.putLong(number(leaf, value).longValue());
            case FLOAT32 -> eight.putFloat(number(leaf, value).floatValue());
            case FLOAT64 -> eight.putDouble(number(leaf, value).doubleValue());
            case TEXT, IMAGE -> {
                byte[] b = value instanceof byte[] a
                        ? a
                        : value instanceof String s ? s.getBytes(StandardCharsets.UTF_8) : null;
                if (b == null) {
                    throw wrong(leaf, value);
                }
                eight.putInt(b.length);
                leaf.values.write(eight.array(), 0, 4);
                leaf.values.writeBytes(b);
                eight.clear();
            }
        }
        leaf.values.write(eight.array(), 0, eight.position());
    }

    private static Number number(Leaf leaf, Object value) {
        if (value instanceof Number n) {
            return n;
        }
        throw wrong(leaf, value);
    }

    private static boolean fail(Leaf leaf, Object value) {
        throw wrong(leaf, value);
    }

    private void group() throws IOException {
        if (pending == 0) {
            return;
        }
        List<Chunk> chunks = new ArrayList<>();
        for (Leaf leaf : leaves) {
            byte[] plain = page(leaf);
            boolean stored = leaf.column.kind() == Column.Kind.IMAGE;
            byte[] body = stored ? plain : gzip(plain);
            byte[] head = new Thrift()
                    .begin()
                    .i32(1, 0)
                    .i32(2, plain.length)
                    .i32(3, body.length)
                    .struct(5)
                    .i32(1, leaf.count)
                    .i32(2, PLAIN)
                    .i32(3, RLE)
                    .i32(4, RLE)
                    .end()
                    .end()
                    .bytes();
            long offset = position;
            put(head);
            put(body);
            chunks.add(new Chunk(
                    leaf,
                    offset,
                    position - offset,
                    (long) head.length + plain.length,
                    leaf.count,
                    stored ? STORED : GZIP));
            leaf.reset();
        }
        groups.add(new Group(chunks, pending));
        pending = 0;
    }

    /** Repetition levels, definition levels, values. */
    private static byte[] page(Leaf leaf) {
        ByteArrayOutputStream page = new ByteArrayOutputStream();
        int depth = leaf.path.size() == 3 ? 3 : leaf.path.size();
        if (leaf.column.list()) {
            ByteArrayOutputStream levels = new ByteArrayOutputStream();
            int groupsOfEight = (leaf.count + 7) / 8;
            varint(levels, groupsOfEight << 1 | 1);
            byte[] packed = new byte[groupsOfEight];
            int at = 0;
            for (int n : leaf.lengths) {
                for (int i = 1; i < n; i++) {
                    packed[(at + i) / 8] |= (byte) (1 << (at + i) % 8);
                }
                at += n;
            }
            levels.writeBytes(packed);
            levels(page, levels);
        }
        ByteArrayOutputStream levels = new ByteArrayOutputStream();
        varint(levels, leaf.count << 1);
        levels.write(leaf.nulls > 0 ? depth - 1 : depth);
        levels(page, levels);
        if (leaf.column.kind() == Column.Kind.BOOL) {
            byte[] packed = new byte[(leaf.bits.size() + 7) / 8];
            for (int i = 0; i < leaf.bits.size(); i++) {
                packed[i / 8] |= (byte) (leaf.bits.get(i) ? 1 << i % 8 : 0);
            }
            page.writeBytes(packed);
        } else {
            page.writeBytes(leaf.values.toByteArray());
        }
        return page.toByteArray();
    }

    private static void levels(ByteArrayOutputStream page, ByteArrayOutputStream levels) {
        page.writeBytes(ByteBuffer.allocate(4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(levels.size())
                .array());
        page.writeBytes(levels.toByteArray());
    }

    private static void varint(ByteArrayOutputStream out, int v) {
        int rest = v;
        while ((rest & ~0x7F) != 0) {
            out.write(rest & 0x7F | 0x80);
            rest >>>= 7;
        }
        out.write(rest);
    }

    private static byte[] gzip(byte[] plain) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream(plain.length / 2 + 64);
        try (GZIPOutputStream zip = new GZIPOutputStream(out)) {
            zip.write(plain);
        }
        return out.toByteArray();
    }

    private void put(byte[] bytes) throws IOException {
        out.write(bytes);
        position += bytes.length;
    }

    /** Writes the footer; the file is readable from now on. */
    @Override
    public void close() throws IOException {
        if (closed) {
            return;
        }
        closed = true;
        try (out) {
            group();
            byte[] footer = footer();
            put(footer);
            put(ByteBuffer.allocate(4)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(footer.length)
                    .array());
            put(MAGIC);
        }
        Files.move(draft, file, StandardCopyOption.REPLACE_EXISTING);
    }

    private byte[] footer() {
        Thrift t = new Thrift().begin().i32(1, 1);
        t.structs(
                2,
                1
                        + columns.stream()
                                .mapToInt(c -> c.list() || c.kind() == Column.Kind.IMAGE ? 3 : 1)
                                .sum());
        t.begin().text(4, "schema").i32(5, columns.size()).end();
        for (Column c : columns) {
            if (c.kind() == Column.Kind.IMAGE) {
                t.begin().i32(3, OPTIONAL).text(4, c.name()).i32(5, 2).end();
                t.begin().i32(1, 6).i32(3, OPTIONAL).text(4, "bytes").end();
                t.begin()
                        .i32(1, 6)
                        .i32(3, OPTIONAL)
                        .text(4, "path")
                        .i32(6, UTF8)
                        .end();
            } else if (c.list()) {
                t.begin()
                        .i32(3, OPTIONAL)
                        .text(4, c.name())
                        .i32(5, 1)
                        .i32(6, LIST)
                        .end();
                t.begin().i32(3, REPEATED).text(4, "list").i32(5, 1).end();
                leaf(t, c, "element");
            } else {
                leaf(t, c, c.name());
            }
        }
        t.i64(3, rows).structs(4, groups.size());
        for (Group g : groups) {
            t.begin().structs(1, g.chunks.size());
            for (Chunk k : g.chunks) {
                t.begin().i64(2, k.offset).struct(3);
                t.i32(1, k.leaf.column.kind().physical).i32s(2, 2).i32(PLAIN).i32(RLE);
                t.texts(3, k.leaf.path.size());
                k.leaf.path.forEach(t::text);
                t.i32(4, k.codec)
                        .i64(5, k.values)
                        .i64(6, k.plain)
                        .i64(7, k.stored)
                        .i64(9, k.offset);
                t.end().end();
            }
            t.i64(2, g.chunks.stream().mapToLong(Chunk::plain).sum())
                    .i64(3, g.rows)
                    .end();
        }
        t.structs(5, notes.size());
        notes.forEach((k, v) -> t.begin().text(1, k).text(2, v).end());
        return t.text(6, "Armature").end().bytes();
    }

    private static void leaf(Thrift t, Column c, String name) {
        t.begin().i32(1, c.kind().physical).i32(3, OPTIONAL).text(4, name);
        if (c.kind() == Column.Kind.TEXT) {
            t.i32(6, UTF8);
        }
        t.end();
    }
}
