package org.armature.policyserver;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.armature.robot.NdArray;
import org.jspecify.annotations.Nullable;

/**
 * openpi's msgpack dialect: numpy arrays are maps whose keys are msgpack {@code bin}. Arrays are decoded as views of the
 * message, nothing is allocated from a length that the message claims, and nesting is limited.
 */
final class Wire {
    private static final int MAX_DEPTH = 64;
    private static final String NDARRAY = "__ndarray__";
    private static final String SCALAR = "__npgeneric__";

    private Wire() {}

    /** A numpy scalar: {@code value} is what it stands for, {@code dtype} what the sender had. */
    record Scalar(String dtype, @Nullable Object value) {}

    /** One sentence: what is wrong with the message, and at which byte. */
    static final class FormatException extends IllegalArgumentException {
        private static final long serialVersionUID = 1;

        FormatException(String message) {
            super(message);
        }
    }

    /** The one value in {@code message}; trailing bytes are an error. */
    static @Nullable Object decode(ByteBuffer message) {
        ByteBuffer b = message.slice();
        Object v = read(b, 0);
        if (b.hasRemaining()) {
            throw new FormatException(b.remaining() + " bytes follow the message's end at byte " + b.position());
        }
        return v;
    }

    private static void need(ByteBuffer b, long n) {
        if (b.remaining() < n) {
            throw new FormatException(
                    "the message ends at byte " + b.limit() + ", but byte " + b.position() + " claims " + n + " more");
        }
    }

    private static @Nullable Object read(ByteBuffer b, int depth) {
        if (depth > MAX_DEPTH) {
            throw new FormatException("values are nested more than " + MAX_DEPTH + " deep");
        }
        need(b, 1);
        int at = b.position();
        int t = b.get() & 0xff;
        if (t < 0x80) {
            return (long) t;
        }
        if (t < 0x90) {
            return map(b, t & 0x0f, depth);
        }
        if (t < 0xa0) {
            return list(b, t & 0x0f, depth);
        }
        if (t < 0xc0) {
            return text(b, t & 0x1f);
        }
        if (t >= 0xe0) {
            return (long) (byte) t;
        }
        return switch (t) {
            case 0xc0 -> null;
            case 0xc2 -> false;
            case 0xc3 -> true;
            case 0xc4, 0xc5, 0xc6 -> bytes(b, length(b, t - 0xc4));
            case 0xca -> {
                need(b, 4);
                yield (double) b.getFloat();
            }
            case 0xcb -> {
                need(b, 8);
                yield b.getDouble();
            }
            case 0xcc, 0xcd, 0xce -> length(b, t - 0xcc);
            case 0xcf -> {
                need(b, 8);
                long v = b.getLong();
                if (v < 0) {
                    throw new FormatException("byte " + at + " holds an integer beyond 63 bits: send it as an array");
                }
                yield v;
            }
            case 0xd0 -> {
                need(b, 1);
                yield (long) b.get();
            }
            case 0xd1 -> {
                need(b, 2);
                yield (long) b.getShort();
            }
            case 0xd2 -> {
                need(b, 4);
                yield (long) b.getInt();
            }
            case 0xd3 -> {
                need(b, 8);
                yield b.getLong();
            }
            case 0xd9, 0xda, 0xdb -> text(b, length(b, t - 0xd9));
            case 0xdc, 0xdd -> list(b, length(b, t - 0xdc + 1), depth);
            case 0xde, 0xdf -> map(b, length(b, t - 0xde + 1), depth);
            default ->
                throw new FormatException("byte " + at + " (0x" + Integer.toHexString(t)
                        + ") starts no value of this protocol: is this msgpack from openpi-client?");
        };
    }

    /** An unsigned integer of 1, 2 or 4 bytes. */
    private static long length(ByteBuffer b, int log) {
        need(b, 1L << log);
        return switch (log) {
            case 0 -> b.get() & 0xffL;
            case 1 -> b.getShort() & 0xffffL;
            default -> b.getInt() & 0xffffffffL;
        };
    }

    private static ByteBuffer bytes(ByteBuffer b, long n) {
        need(b, n);
        ByteBuffer s = b.slice(b.position(), (int) n);
        b.position(b.position() + (int) n);
        return s;
    }

    private static String text(ByteBuffer b, long n) {
        int at = b.position();
        ByteBuffer s = bytes(b, n);
        byte[] copy = new byte[s.remaining()];
        s.get(0, copy);
        try {
            for (byte c : copy) {
                if (c < 0) {
                    return StandardCharsets.UTF_8.newDecoder().decode(s).toString();
                }
            }
            return new String(copy, StandardCharsets.US_ASCII);
        } catch (CharacterCodingException e) {
            throw new FormatException("the text at byte " + at + " is not UTF-8");
        }
    }

    private static List<@Nullable Object> list(ByteBuffer b, long n, int depth) {
        need(b, n); // each element takes at least a byte
        List<@Nullable Object> out = new ArrayList<>();
        for (long i = 0; i < n; i++) {
            out.add(read(b, depth + 1));
        }
        return out;
    }

    private static @Nullable Object map(ByteBuffer b, long n, int depth) {
        need(b, 2 * n);
        Map<String, @Nullable Object> plain = new LinkedHashMap<>();
        Map<String, @Nullable Object> marked =
                Map.of(); // keys that came as msgpack bin: only arrays and scalars have them
        for (long i = 0; i < n; i++) {
            int at = b.position();
            switch (read(b, depth + 1)) {
                case String key -> plain.put(key, read(b, depth + 1));
                case ByteBuffer key -> {
                    if (marked.isEmpty()) {
                        marked = new LinkedHashMap<>();
                    }
                    marked.put(latin(key), read(b, depth + 1));
                }
                case null, default -> throw new FormatException("the map key at byte " + at + " is no text");
            }
        }
        if (marked.containsKey(NDARRAY)) {
            return new NdArray(
                    field(marked, "dtype", String.class), shape(marked), field(marked, "data", ByteBuffer.class));
        }
        if (marked.containsKey(SCALAR)) {
            return new Scalar(field(marked, "dtype", String.class), marked.get("data"));
        }
        if (!marked.isEmpty()) {
            throw new FormatException("map keys " + marked.keySet() + " are bytes: send text keys");
        }
        return plain;
    }

    private static String latin(ByteBuffer bytes) {
        byte[] copy = new byte[bytes.remaining()];
        bytes.get(bytes.position(), copy);
        return new String(copy, StandardCharsets.ISO_8859_1);
    }

    private static <T> T field(Map<String, @Nullable Object> m, String name, Class<T> type) {
        Object v = m.get(name);
        if (!type.isInstance(v)) {
            throw new FormatException("an array's '" + name + "' is " + (v == null ? "missing" : "of the wrong type"));
        }
        return type.cast(v);
    }

    private static long[] shape(Map<String, @Nullable Object> m) {
        List<?> s = field(m, "shape", List.class);
        if (s.size() > 32) {
            throw new FormatException("an array has " + s.size() + " axes; at most 32 are taken");
        }
        long[] shape = new long[s.size()];
        for (int i = 0; i < shape.length; i++) {
            if (!(s.get(i) instanceof Long n)) {
                throw new FormatException("an array's shape " + s + " is no list of integers");
            }
            shape[i] = n;
        }
        return shape;
    }

    /** The message for {@code value}, byte for byte as openpi-client's packer writes it. */
    static ByteBuffer encode(@Nullable Object value) {
        Writer w = new Writer();
        w.write(value);
        return ByteBuffer.wrap(w.toByteArray());
    }

    private static final class Writer extends ByteArrayOutputStream {
        void write(@Nullable Object v) {
            switch (v) {
                case null -> write(0xc0);
                case Boolean x -> write(x ? 0xc3 : 0xc2);
                case Float x -> real(x);
                case Double x -> real(x);
                case Number x -> integer(x.longValue());
                case String x -> text(x);
                case byte[] x -> bin(ByteBuffer.wrap(x));
                case ByteBuffer x -> bin(x);
                case NdArray x -> {
                    write(0x84);
                    key(NDARRAY);
                    write(0xc3);
                    key("data");
                    bin(x.data());
                    key("dtype");
                    text(x.dtype());
                    key("shape");
                    head(x.shape().length, 0x90, 16, -1, 0xdc, 0xdd);
                    for (long n : x.shape()) {
                        integer(n);
                    }
                }
                case Scalar x -> {
                    write(0x83);
                    key(SCALAR);
                    write(0xc3);
                    key("data");
                    write(x.value());
                    key("dtype");
                    text(x.dtype());
                }
                case List<?> x -> {
                    head(x.size(), 0x90, 16, -1, 0xdc, 0xdd);
                    x.forEach(this::write);
                }
                case Map<?, ?> x -> {
                    head(x.size(), 0x80, 16, -1, 0xde, 0xdf);
                    x.forEach((k, e) -> {
                        text((String) k);
                        write(e);
                    });
                }
                default ->
                    throw new IllegalArgumentException("a " + v.getClass().getName() + " cannot be sent");
            }
        }

        private void key(String name) {
            bin(ByteBuffer.wrap(name.getBytes(StandardCharsets.ISO_8859_1)));
        }

        private void real(double x) {
            write(0xcb);
            big(Double.doubleToRawLongBits(x), 8);
        }

        private void integer(long n) {
            if (n >= 0) {
                if (n < 0x80) {
                    write((int) n);
                } else if (n <= 0xff) {
                    write(0xcc);
                    big(n, 1);
                } else if (n <= 0xffff) {
                    write(0xcd);
                    big(n, 2);
                } else if (n <= 0xffffffffL) {
                    write(0xce);
                    big(n, 4);
                } else {
                    write(0xcf);
                    big(n, 8);
                }
            } else if (n >= -32) {
                write((int) n);
            } else if (n >= Byte.MIN_VALUE) {
                write(0xd0);
                big(n, 1);
            } else if (n >= Short.MIN_VALUE) {
                write(0xd1);
                big(n, 2);
            } else if (n >= Integer.MIN_VALUE) {
                write(0xd2);
                big(n, 4);
            } else {
                write(0xd3);
                big(n, 8);
            }
        }

        private void text(String s) {
            byte[] u = s.getBytes(StandardCharsets.UTF_8);
            head(u.length, 0xa0, 32, 0xd9, 0xda, 0xdb);
            writeBytes(u);
        }

        private void bin(ByteBuffer x) {
            head(x.remaining(), 0, 0, 0xc4, 0xc5, 0xc6);
            byte[] copy = new byte[x.remaining()];
            x.duplicate().get(copy);
            writeBytes(copy);
        }

        /** Length n: in the type byte below {@code fixed}, else in 1 (if {@code t8} >= 0), 2 or 4 bytes. */
        private void head(int n, int fix, int fixed, int t8, int t16, int t32) {
            if (n < fixed) {
                write(fix | n);
            } else if (t8 >= 0 && n <= 0xff) {
                write(t8);
                big(n, 1);
            } else if (n <= 0xffff) {
                write(t16);
                big(n, 2);
            } else {
                write(t32);
                big(n, 4);
            }
        }

        private void big(long v, int bytes) {
            for (int i = bytes - 1; i >= 0; i--) {
                write((int) (v >>> (8 * i)));
            }
        }
    }
}
