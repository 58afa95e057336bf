package org.armature.lerobot;

import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A Parquet file, read a column at a time: what robot datasets use of the format, that is numbers, texts and bytes, alone,
 * in a group or in a list, in pages of either version, plain or by dictionary, stored, snappy or gzip. Whatever is wrong
 * with a file is an {@link IOException} that names it; nothing is allocated from a length that the file does not cover.
 */
final class Table implements AutoCloseable {
    private static final int SMALLEST = 12;
    private static final int LARGEST_PAGE = 1 << 29;
    private static final int LARGEST_FOOTER = 1 << 28;
    private static final int LARGEST_HEADER = 1 << 16;
    private static final long MOST_VALUES = 1L << 27;
    /** A dictionary lets few bytes stand for many values; more than this in a page of so few bytes is an attack. */
    private static final int MOST_IN_A_PAGE = 1 << 24;

    private static final int BOOLEAN = 0;
    private static final int BYTES = 6;
    private static final String[] TYPES = {
        "BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"
    };

    /**
     * A leaf of the schema.
     *
     * @param type physical
     * @param definition level at which a value is there
     * @param repeated definition level at which an element of the list is there; 0 if it is in no list
     */
    private record Leaf(int column, int type, int definition, int repeated) {}

    private record Chunk(long start, int size, int codec, long values) {}

    private final Path file;
    private final FileChannel channel;
    private final Map<String, Leaf> leaves = new LinkedHashMap<>();
    private final List<List<Chunk>> groups = new ArrayList<>();
    private final long rows;

    private Table(Path file, FileChannel channel) throws IOException {
        this.file = file;
        this.channel = channel;
        long size = channel.size();
        ByteBuffer tail = bytes(size - 8, 8);
        int length = tail.getInt(0);
        byte[] magic = new byte[4];
        tail.get(4, magic);
        if (!new String(magic, StandardCharsets.US_ASCII).equals("PAR1")) {
            throw new IOException(
                    file + " has no Parquet footer: its recording was not finished, or it is no Parquet file");
        }
        if (length < 1 || length > Math.min(size - SMALLEST, LARGEST_FOOTER)) {
            throw new IllegalArgumentException("its footer says it has " + length + " bytes");
        }
        Map<Integer, Object> footer = new ThriftReader(bytes(size - 8 - length, length)).struct();
        rows = ThriftReader.number(footer, 3, "how many rows it has");
        List<Map<Integer, Object>> schema = ThriftReader.inners(footer, 2, "schema");
        if (schema.isEmpty()) {
            throw new IllegalArgumentException("its schema is empty");
        }
        int[] next = {1};
        for (long i = ThriftReader.number(schema.getFirst(), 5, 0L); i > 0; i--) {
            descend(schema, next, List.of(), 0, 0);
        }
        for (Map<Integer, Object> group : ThriftReader.inners(footer, 4, "row groups")) {
            List<Chunk> chunks = new ArrayList<>();
            for (Map<Integer, Object> c : ThriftReader.inners(group, 1, "columns")) {
                chunks.add(chunk(ThriftReader.inner(c, 3, "description of a column"), size));
            }
            if (chunks.size() != leaves.size()) {
                throw new IllegalArgumentException(
                        "a row group has " + chunks.size() + " columns, but the schema " + leaves.size());
            }
            groups.add(chunks);
        }
    }

    private void descend(
            List<Map<Integer, Object>> schema, int[] next, List<String> above, int definition, int repeated) {
        if (next[0] >= schema.size() || above.size() > 8) {
            throw new IllegalArgumentException("its schema is not a tree of what it lists");
        }
        Map<Integer, Object> node = schema.get(next[0]++);
        List<String> path = new ArrayList<>(above);
        path.add(ThriftReader.text(node, 4, "a column's name"));
        long repetition = ThriftReader.number(node, 3, 0L);
        int d = definition + (repetition == 0 ? 0 : 1);
        int r = repeated;
        if (repetition == 2) {
            if (repeated != 0) {
                // lists of lists are passed over: no robot dataset needs them
                r = -1;
            } else {
                r = d;
            }
        }
        long children = ThriftReader.number(node, 5, 0L);
        if (children == 0) {
            int type = (int) ThriftReader.number(node, 1, "a column's type");
            String name = path.getFirst() + (path.size() == 1 || r > 0 ? "" : "\n" + path.getLast());
            leaves.put(leaves.containsKey(name) ? String.join("\n", path) : name, new Leaf(leaves.size(), type, d, r));
        }
        for (long i = 0; i < children; i++) {
            descend(schema, next, path, d, r);
        }
    }

    private static Chunk chunk(Map<Integer, Object> meta, long size) {
        long data = ThriftReader.number(meta, 9, "where a column is");
        long dictionary = ThriftReader.number(meta, 11, data);
        long start = dictionary > 0 ? Math.min(data, dictionary) : data;
        long length = ThriftReader.number(meta, 7, "how long a column is");
        if (start < 4 || length < 0 || length > Integer.MAX_VALUE || start > size - length) {
            throw new IllegalArgumentException("a column of it lies outside of the file");
        }
        return new Chunk(
                start,
                (int) length,
                (int) ThriftReader.number(meta, 4, "how a column is compressed"),
                ThriftReader.number(meta, 5, "how many values a column has"));
    }

    /** @throws IOException if it is missing, unfinished or no Parquet file */
    static Table open(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new IOException(file + " is missing");
        }
        if (Files.size(file) < SMALLEST) {
            throw new IOException(
                    file + " has no Parquet footer: its recording was not finished, or it is no Parquet file");
        }
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
        try {
            return new Table(file, channel);
        } catch (IllegalArgumentException e) {
            channel.close();
            throw broken(file, e);
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    private static IOException broken(Path file, RuntimeException e) {
        return new IOException(file + " cannot be read: " + e.getMessage(), e);
    }

    private ByteBuffer bytes(long at, int n) throws IOException {
        ByteBuffer b = ByteBuffer.allocate(n).order(ByteOrder.LITTLE_ENDIAN);
        while (b.hasRemaining()) {
            if (channel.read(b, at + b.position()) < 0) {
                throw new IOException(file + " became shorter while it was read");
            }
        }
        return b.flip();
    }

    long rows() {
        return rows;
    }

    /** Names of the columns; those of a group are {@code group\nfield}. */
    List<String> names() {
        return List.copyOf(leaves.keySet());
    }

    boolean has(String name) {
        return leaves.containsKey(name);
    }

    /**
     * Values of a column, all rows one after another.
     *
     * @param starts {@code [rows + 1]} where each row's values begin
     * @param numbers as doubles, NaN where there is none, or null for texts and bytes
     * @param bytes empty where there are none, or null for numbers
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Values(int[] starts, double[] numbers, byte[][] bytes) {
        String text(int i) {
            return new String(bytes[i], StandardCharsets.UTF_8);
        }

        /** How many values each row has, or -1 if that differs. */
        int width() {
            int n = starts.length > 1 ? starts[1] : 0;
            for (int i = 0; i + 1 < starts.length; i++) {
                if (starts[i + 1] - starts[i] != n) {
                    return -1;
                }
            }
            return n;
        }
    }

    /** A column of numbers or booleans. */
    Values numbers(String name) throws IOException {
        return read(name, true);
    }

    /** A column of texts or bytes. */
    Values texts(String name) throws IOException {
        return read(name, false);
    }

    private Values read(String name, boolean numbers) throws IOException {
        Leaf leaf = leaves.get(name);
        if (leaf == null) {
            throw new IOException(file + " has no column " + name.replace("\n", ".") + "; it has "
                    + names().stream().map(n -> n.replace("\n", ".")).toList());
        }
        String type = leaf.type >= 0 && leaf.type < TYPES.length ? TYPES[leaf.type] : "type " + leaf.type;
        if (numbers == (leaf.type == BYTES)
                || leaf.type > BYTES
                || leaf.type == 3
                || leaf.type < 0
                || leaf.repeated < 0) {
            throw new IOException(file + " has " + (leaf.repeated < 0 ? "lists of lists" : type) + " in column "
                    + name.replace("\n", ".") + ", but " + (numbers ? "numbers are" : "text is") + " expected");
        }
        try {
            Reading reading = new Reading(leaf);
            for (List<Chunk> group : groups) {
                reading.chunk(group.get(leaf.column), this);
            }
            return reading.values(rows);
        } catch (IllegalArgumentException e) {
            throw broken(file, e);
        } catch (BufferUnderflowException | IndexOutOfBoundsException e) {
            throw new IOException(file + " cannot be read: column " + name.replace("\n", ".") + " is damaged", e);
        }
    }

    /** A column as it grows page by page. */
    private static final class Reading {
        private final Leaf leaf;
        private double[] numbers = new double[0];
        private byte[][] bytes = new byte[0][];
        private int count;
        private int[] starts = new int[16];
        private int records;

        Reading(Leaf leaf) {
            this.leaf = leaf;
        }

        void chunk(Chunk c, Table table) throws IOException {
            ByteBuffer all = table.bytes(c.start, c.size);
            double[] numberWords = null;
            byte[][] byteWords = null;
            long seen = 0;
            while (seen < c.values) {
                ByteBuffer head = all.slice(all.position(), Math.min(all.remaining(), LARGEST_HEADER));
                Map<Integer, Object> h = new ThriftReader(head).struct();
                all.position(all.position() + head.position());
                int packed = size(ThriftReader.number(h, 3, "how long a page is"), all.remaining());
                int plain = size(ThriftReader.number(h, 2, "how long a page is"), LARGEST_PAGE);
                if (plain > 64 + 1200L * packed) {
                    throw new IllegalArgumentException("a page of " + packed + " bytes claims to expand to " + plain);
                }
                ByteBuffer body = all.slice(all.position(), packed).order(ByteOrder.LITTLE_ENDIAN);
                all.position(all.position() + packed);
                switch ((int) ThriftReader.number(h, 1, "what kind of page it has")) {
                    case 2 -> {
                        ByteBuffer b = Codec.expand(c.codec, body, plain).order(ByteOrder.LITTLE_ENDIAN);
                        int n = size(
                                ThriftReader.number(ThriftReader.inner(h, 7, "dictionary header"), 1, "its size"),
                                MOST_IN_A_PAGE);
                        if (leaf.type == BYTES) {
                            byteWords = plainBytes(b, n);
                        } else {
                            numberWords = plainNumbers(b, n);
                        }
                    }
                    case 0 -> {
                        Map<Integer, Object> p = ThriftReader.inner(h, 5, "page header");
                        int n = size(ThriftReader.number(p, 1, "its values"), MOST_IN_A_PAGE);
                        ByteBuffer b = Codec.expand(c.codec, body, plain).order(ByteOrder.LITTLE_ENDIAN);
                        int[] r = leaf.repeated > 0 ? levels(sized(b), 1, n) : new int[n];
                        int[] d = leaf.definition > 0 ? levels(sized(b), leaf.definition, n) : new int[n];
                        page(b, ThriftReader.number(p, 2, "its encoding"), r, d, numberWords, byteWords);
                        seen += n;
                    }
                    case 3 -> {
                        Map<Integer, Object> p = ThriftReader.inner(h, 8, "page header");
                        int n = size(ThriftReader.number(p, 1, "its values"), MOST_IN_A_PAGE);
                        int dl = size(ThriftReader.number(p, 5, "its levels"), body.remaining());
                        int rl = size(ThriftReader.number(p, 6, "its levels"), body.remaining() - dl);
                        ByteBuffer levels = body.slice(0, rl + dl).order(ByteOrder.LITTLE_ENDIAN);
                        int[] r = leaf.repeated > 0 ? levels(levels.slice(0, rl), 1, n) : new int[n];
                        int[] d = leaf.definition > 0 ? levels(levels.slice(rl, dl), leaf.definition, n) : new int[n];
                        ByteBuffer rest = body.slice(rl + dl, body.remaining() - rl - dl);
                        boolean packedRest = !Boolean.FALSE.equals(p.get(7));
                        ByteBuffer b = Codec.expand(packedRest ? c.codec : 0, rest, plain - rl - dl)
                                .order(ByteOrder.LITTLE_ENDIAN);
                        page(b, ThriftReader.number(p, 4, "its encoding"), r, d, numberWords, byteWords);
                        seen += n;
                    }
                    default -> {}
                }
            }
        }

        private static int size(long n, long most) {
            if (n < 0 || n > most) {
                throw new IllegalArgumentException("a page of it has an impossible size of " + n);
            }
            return (int) n;
        }

        private static ByteBuffer sized(ByteBuffer b) {
            int n = size(b.getInt(), b.remaining());
            ByteBuffer s = b.slice(b.position(), n);
            b.position(b.position() + n);
            return s;
        }

        private static int[] levels(ByteBuffer b, int most, int n) {
            return hybrid(b, 32 - Integer.numberOfLeadingZeros(most), n);
        }

        /** Runs of one value and bit-packed groups of eight, in turn. */
        private static int[] hybrid(ByteBuffer b, int width, int n) {
            if (width > 31) {
                throw new IllegalArgumentException("numbers of " + width + " bits");
            }
            int[] out = new int[n];
            int at = 0;
            while (at < n) {
                if (width == 0 && !b.hasRemaining()) {
                    return out;
                }
                long head = 0;
                int shift = 0;
                byte x;
                do {
                    x = b.get();
                    head |= (long) (x & 0x7F) << shift;
                    shift += 7;
                } while (x < 0 && shift < 35);
                long run = head >>> 1;
                if (run < 1) {
                    throw new IllegalArgumentException("a run of no values");
                }
                if ((head & 1) == 0) {
                    int v = 0;
                    for (int i = 0; i < (width + 7) / 8; i++) {
                        v |= (b.get() & 255) << 8 * i;
                    }
                    int until = (int) Math.min(n, at + run);
                    Arrays.fill(out, at, until, v);
                    at = until;
                } else {
                    long bits = 0;
                    int held = 0;
                    long values = run * 8;
                    for (long i = 0; i < values; i++) {
                        while (held < width) {
                            // the last group may be cut off
                            bits |= (b.hasRemaining() ? b.get() & 255L : missing(at < n)) << held;
                            held += 8;
                        }
                        if (at < n) {
                            out[at++] = (int) (bits & (1L << width) - 1);
                        } else if (!b.hasRemaining()) {
                            break;
                        }
                        bits >>>= width;
                        held -= width;
                    }
                }
            }
            return out;
        }

        private static long missing(boolean needed) {
            if (needed) {
                throw new IllegalArgumentException("a page ends in the middle of its values");
            }
            return 0;
        }

        private void page(
                ByteBuffer b,
                long encoding,
                int[] repetition,
                int[] definition,
                double @org.jspecify.annotations.Nullable [] numberWords,
                byte @org.jspecify.annotations.Nullable [][] byteWords) {
            int present = 0;
            for (int d : definition) {
                present += d == leaf.definition ? 1 : 0;
            }
            double[] n = new double[0];
            byte[][] t = new byte[0][];
            if (encoding == 0) {
                if (leaf.type == BYTES) {
                    t = plainBytes(b, present);
                } else {
                    n = plainNumbers(b, present);
                }
            } else if (encoding == 3 && leaf.type == BOOLEAN) {
                int[] v = hybrid(sized(b), 1, present);
                n = Arrays.stream(v).asDoubleStream().toArray();
            } else if (encoding == 2 || encoding == 8) {
                int[] k = present == 0 ? new int[0] : hybrid(b, b.get(), present);
                if (numberWords == null && byteWords == null && present > 0) {
                    throw new IllegalArgumentException("a page needs a dictionary that is not there");
                }
                n = new double[numberWords == null ? 0 : present];
                t = new byte[byteWords == null ? 0 : present][];
                for (int i = 0; i < present; i++) {
                    if (byteWords != null) {
                        t[i] = byteWords[k[i]];
                    } else if (numberWords != null) {
                        n[i] = numberWords[k[i]];
                    }
                }
            } else {
                throw new IllegalArgumentException("its values have the encoding " + encoding
                        + ", but plain and dictionary are read: write it again with pyarrow's defaults");
            }
            int next = 0;
            for (int i = 0; i < definition.length; i++) {
                if (repetition[i] == 0) {
                    if (records + 1 >= starts.length) {
                        starts = Arrays.copyOf(starts, 2 * starts.length);
                    }
                    starts[records++] = count;
                }
                boolean there = definition[i] == leaf.definition;
                if (there || leaf.repeated == 0 || definition[i] >= leaf.repeated) {
                    add(there, there ? next++ : -1, n, t);
                }
            }
        }

        private void add(boolean there, int i, double[] n, byte[][] t) {
            if (count >= MOST_VALUES) {
                throw new IllegalArgumentException("a column has more than " + MOST_VALUES + " values");
            }
            if (leaf.type == BYTES) {
                if (count == bytes.length) {
                    bytes = Arrays.copyOf(bytes, Math.max(64, 2 * count));
                }
                bytes[count++] = there ? t[i] : new byte[0];
            } else {
                if (count == numbers.length) {
                    numbers = Arrays.copyOf(numbers, Math.max(64, 2 * count));
                }
                numbers[count++] = there ? n[i] : Double.NaN;
            }
        }

        private static byte[][] plainBytes(ByteBuffer b, int n) {
            if (4L * n > b.remaining()) {
                throw new IllegalArgumentException("a page is too short for its " + n + " texts");
            }
            byte[][] t = new byte[n][];
            for (int i = 0; i < n; i++) {
                t[i] = new byte[size(b.getInt(), b.remaining())];
                b.get(t[i]);
            }
            return t;
        }

        private double[] plainNumbers(ByteBuffer b, int n) {
            int bits = leaf.type == BOOLEAN ? 1 : leaf.type == 1 || leaf.type == 4 ? 32 : 64;
            if ((long) bits * n > 8L * b.remaining()) {
                throw new IllegalArgumentException("a page is too short for its " + n + " numbers");
            }
            double[] d = new double[n];
            int from = b.position();
            for (int i = 0; i < n; i++) {
                d[i] = switch (leaf.type) {
                    case BOOLEAN -> b.get(from + i / 8) >> i % 8 & 1;
                    case 1 -> b.getInt();
                    case 2 -> b.getLong();
                    case 4 -> b.getFloat();
                    default -> b.getDouble();
                };
            }
            return d;
        }

        Values values(long rows) {
            if (records != rows) {
                throw new IllegalArgumentException("it says it has " + rows + " rows, but a column has " + records);
            }
            int[] s = Arrays.copyOf(starts, records + 1);
            s[records] = count;
            boolean text = leaf.type == BYTES;
            return new Values(
                    s, text ? null : Arrays.copyOf(numbers, count), text ? Arrays.copyOf(bytes, count) : null);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
