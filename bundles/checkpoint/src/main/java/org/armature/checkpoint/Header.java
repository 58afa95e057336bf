package org.armature.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import org.armature.graph.DType;
import org.armature.graph.GraphException;
import org.armature.graph.Shape;
import org.jspecify.annotations.Nullable;

/**
 * The table of contents of a safetensors file: {@code u64 n | n bytes of JSON | data}, little-endian.
 *
 * <p>Nothing in the file is believed: the length of the JSON is checked against the file before a byte of it is read, the
 * JSON is read as a stream without recursion, and every tensor must lie inside the data, fit its shape and touch its
 * neighbours without gap or overlap, as the reference implementation demands.
 *
 * @param tensors by name, in order of their place in the file
 * @param metadata the free texts under {@code __metadata__}
 * @param dataStart first byte of the data in the file
 */
record Header(SequencedMap<String, Entry> tensors, Map<String, String> metadata, long dataStart) {
    /** The reference implementation's limit on the JSON. */
    static final long MAX_JSON = 100_000_000;

    static final int MAX_TENSORS = 1_000_000;
    static final int MAX_RANK = 32;

    private static final ValueLayout.OfLong LENGTH = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final JsonFactory JSON = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(4)
                    .maxNameLength(4096)
                    .maxNumberLength(20)
                    .maxStringLength((int) MAX_JSON)
                    .build())
            .build();

    /**
     * One tensor.
     *
     * @param start first byte, counted from {@link Header#dataStart}
     * @param end one past the last byte
     */
    record Entry(String name, DType dtype, Shape shape, long start, long end) {
        long bytes() {
            return end - start;
        }
    }

    /**
     * Reads the table of a file that is mapped as a whole.
     *
     * @throws MalformedFile if any promise of the format is broken
     */
    static Header read(MemorySegment file, String where) throws IOException {
        if (file.byteSize() < 8) {
            throw new MalformedFile(where, "has " + file.byteSize() + " bytes, too few for a safetensors file");
        }
        long n = file.get(LENGTH, 0);
        if (n < 2 || n > MAX_JSON || n > file.byteSize() - 8) {
            throw new MalformedFile(
                    where,
                    "says its header has " + Long.toUnsignedString(n) + " bytes, but the file has " + file.byteSize()
                            + " and a header at most " + MAX_JSON);
        }
        if (file.get(ValueLayout.JAVA_BYTE, 8) != '{') {
            throw new MalformedFile(where, "has a header that does not begin with '{'");
        }
        long dataStart = 8 + n;
        try (InputStream in = stream(file.asSlice(8, n).asByteBuffer());
                Reader utf8 = new InputStreamReader(in, StandardCharsets.UTF_8.newDecoder());
                JsonParser json = JSON.createParser(utf8)) {
            return new Parser(json, where, file.byteSize() - dataStart).parse(dataStart);
        } catch (CharacterCodingException e) {
            throw new MalformedFile(where, "has a header that is not UTF-8", e);
        } catch (JsonProcessingException e) {
            String why = e instanceof JsonParseException p ? p.getOriginalMessage() : e.getMessage();
            throw new MalformedFile(where, "has a header that is not valid JSON: " + why, e);
        }
    }

    private static InputStream stream(ByteBuffer b) {
        return new InputStream() {
            @Override
            public int read() {
                return b.hasRemaining() ? b.get() & 0xFF : -1;
            }

            @Override
            public int read(byte[] into, int at, int length) {
                if (!b.hasRemaining()) {
                    return -1;
                }
                int k = Math.min(length, b.remaining());
                b.get(into, at, k);
                return k;
            }
        };
    }

    /** Bytes of a tensor; throws {@link ArithmeticException} if they do not fit in 63 bits. */
    static long bytes(DType dtype, long[] sizes) {
        long bytes = dtype.bytes();
        boolean empty = Arrays.stream(sizes).anyMatch(s -> s == 0);
        for (long s : sizes) {
            bytes = empty ? 0 : Math.multiplyExact(bytes, s);
        }
        return bytes;
    }

    private record Parser(JsonParser json, String where, long dataBytes) {
        Header parse(long dataStart) throws IOException {
            expect(json.nextToken(), JsonToken.START_OBJECT, "header");
            List<Entry> entries = new ArrayList<>();
            Set<String> names = new HashSet<>();
            Map<String, String> metadata = Map.of();
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String name = json.currentName();
                if (!names.add(name)) {
                    throw bad("names " + quote(name) + " twice");
                }
                if (name.equals("__metadata__")) {
                    metadata = metadata();
                } else if (entries.size() == MAX_TENSORS) {
                    throw bad("lists more than " + MAX_TENSORS + " tensors");
                } else {
                    entries.add(entry(name));
                }
            }
            if (json.nextToken() != null) {
                throw bad("has something after its header's closing brace");
            }
            return new Header(inPlace(entries), metadata, dataStart);
        }

        private Map<String, String> metadata() throws IOException {
            Map<String, String> m = new LinkedHashMap<>();
            expect(json.nextToken(), JsonToken.START_OBJECT, "__metadata__");
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = json.currentName();
                expect(json.nextToken(), JsonToken.VALUE_STRING, "__metadata__." + key);
                m.put(key, json.getText());
            }
            return Collections.unmodifiableMap(m);
        }

        private Entry entry(String name) throws IOException {
            expect(json.nextToken(), JsonToken.START_OBJECT, name);
            String type = null;
            long[] sizes = null;
            long[] offsets = null;
            while (json.nextToken() == JsonToken.FIELD_NAME) {
                String key = json.currentName();
                JsonToken value = json.nextToken();
                switch (key) {
                    case "dtype" -> {
                        expect(value, JsonToken.VALUE_STRING, name + ".dtype");
                        type = json.getText();
                    }
                    case "shape" -> sizes = numbers(value, name + ".shape", MAX_RANK);
                    case "data_offsets" -> offsets = numbers(value, name + ".data_offsets", 2);
                    default -> throw bad("gives tensor " + quote(name) + " an unknown property " + quote(key));
                }
            }
            if (type == null || sizes == null || offsets == null || offsets.length != 2) {
                throw bad("lacks dtype, shape or two data_offsets of tensor " + quote(name));
            }
            return entry(name, type, sizes, offsets[0], offsets[1]);
        }

        private Entry entry(String name, String type, long[] sizes, long start, long end) throws MalformedFile {
            DType dtype;
            try {
                dtype = DType.ofSafetensors(type);
            } catch (GraphException e) {
                throw new MalformedFile(
                        where, "holds tensor " + quote(name) + " of a type not known: " + e.getMessage(), e);
            }
            if (start > end || end > dataBytes) {
                throw bad("puts tensor " + quote(name) + " at bytes " + start + " to " + end + " of " + dataBytes);
            }
            long want;
            try {
                want = bytes(dtype, sizes);
            } catch (ArithmeticException e) {
                throw new MalformedFile(where, "gives tensor " + quote(name) + " a shape too large", e);
            }
            if (want != end - start) {
                throw bad("gives tensor " + quote(name) + " " + (end - start) + " bytes, but " + type + " "
                        + Arrays.toString(sizes) + " needs " + want);
            }
            return new Entry(name, dtype, Shape.of(sizes), start, end);
        }

        private long[] numbers(@Nullable JsonToken first, String what, int max) throws IOException {
            expect(first, JsonToken.START_ARRAY, what);
            long[] n = new long[max];
            int k = 0;
            while (json.nextToken() != JsonToken.END_ARRAY) {
                if (k == max) {
                    throw bad("lists more than " + max + " numbers in " + quote(what));
                }
                expect(json.currentToken(), JsonToken.VALUE_NUMBER_INT, what);
                n[k] = json.getLongValue();
                if (n[k++] < 0) {
                    throw bad("has a negative number in " + quote(what));
                }
            }
            return Arrays.copyOf(n, k);
        }

        /** Sorts by place and demands that each tensor begins where the one before ends. */
        private SequencedMap<String, Entry> inPlace(List<Entry> entries) throws MalformedFile {
            entries.sort(Comparator.comparingLong(Entry::start).thenComparingLong(Entry::end));
            SequencedMap<String, Entry> byName = new LinkedHashMap<>();
            long at = 0;
            for (Entry e : entries) {
                if (e.start != at) {
                    throw bad((e.start < at
                                    ? "lets tensor " + quote(e.name) + " overlap the one before it"
                                    : "leaves a gap before tensor " + quote(e.name))
                            + ": it starts at byte " + e.start + ", the one before ends at " + at);
                }
                at = e.end;
                byName.put(e.name, e);
            }
            if (at != dataBytes) {
                throw bad("has " + dataBytes + " bytes of data, but its tensors fill " + at);
            }
            return Collections.unmodifiableSequencedMap(byName);
        }

        private void expect(@Nullable JsonToken is, JsonToken want, String what) throws MalformedFile {
            if (is != want) {
                throw bad("has " + is + " where " + want + " belongs, in " + quote(what));
            }
        }

        private MalformedFile bad(String what) {
            return new MalformedFile(where, what);
        }
    }

    /** A name from a file, made short and harmless for a message. */
    static String quote(String name) {
        String s = name.length() > 80 ? name.substring(0, 80) + "…" : name;
        return "'" + s.replaceAll("\\p{Cntrl}", "?") + "'";
    }
}
