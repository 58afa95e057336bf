package org.armature.lerobot;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.GZIPInputStream;

/** How a page is compressed. */
final class Codec {
    private static final int STORED = 0;
    private static final int SNAPPY = 1;
    private static final int GZIP = 2;
    private static final String[] OTHERS = {"", "", "", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4_RAW"};

    private Codec() {}

    /**
     * The {@code size} bytes that {@code in} stands for.
     *
     * @throws IllegalArgumentException if it stands for another number of bytes, or the codec is not known
     */
    static ByteBuffer expand(long codec, ByteBuffer in, int size) throws IOException {
        return switch ((int) codec) {
            case STORED -> {
                if (in.remaining() != size) {
                    throw new IllegalArgumentException("a page has " + in.remaining() + " bytes, not " + size);
                }
                yield in;
            }
            case SNAPPY -> snappy(in, size);
            case GZIP -> {
                byte[] packed = new byte[in.remaining()];
                in.get(packed);
                try (GZIPInputStream zip = new GZIPInputStream(new ByteArrayInputStream(packed))) {
                    byte[] plain = zip.readNBytes(size);
                    if (plain.length != size || zip.read() >= 0) {
                        throw new IllegalArgumentException("a page does not expand to the " + size + " bytes it says");
                    }
                    yield ByteBuffer.wrap(plain);
                }
            }
            default ->
                throw new IllegalArgumentException("it is compressed with "
                        + (codec > 0 && codec < OTHERS.length ? OTHERS[(int) codec] : "codec " + codec)
                        + ", but snappy, gzip and none are read: write it again with compression='snappy'");
        };
    }

    /** Snappy's raw format: literals and copies of what came before. */
    private static ByteBuffer snappy(ByteBuffer in, int size) {
        long said = 0;
        int shift = 0;
        byte b;
        do {
            b = in.get();
            said |= (long) (b & 0x7F) << shift;
            shift += 7;
        } while (b < 0 && shift < 35);
        if (said != size) {
            throw new IllegalArgumentException("a page expands to " + said + " bytes, not to " + size);
        }
        byte[] out = new byte[size];
        int at = 0;
        while (in.hasRemaining()) {
            int tag = in.get() & 255;
            if ((tag & 3) == 0) {
                int n = tag >> 2;
                if (n >= 60) {
                    n = little(in, n - 59);
                }
                n++;
                if (n < 1 || n > in.remaining() || n > size - at) {
                    throw new IllegalArgumentException("snappy data are damaged");
                }
                in.get(out, at, n);
                at += n;
            } else {
                int n;
                int back;
                if ((tag & 3) == 1) {
                    n = 4 + (tag >> 2 & 7);
                    back = tag >> 5 << 8 | in.get() & 255;
                } else {
                    n = 1 + (tag >> 2);
                    back = little(in, (tag & 3) == 2 ? 2 : 4);
                }
                if (back < 1 || back > at || n > size - at) {
                    throw new IllegalArgumentException("snappy data are damaged");
                }
                for (int i = 0; i < n; i++, at++) {
                    out[at] = out[at - back];
                }
            }
        }
        if (at != size) {
            throw new IllegalArgumentException("snappy data are damaged");
        }
        return ByteBuffer.wrap(out);
    }

    private static int little(ByteBuffer in, int bytes) {
        int v = 0;
        for (int i = 0; i < bytes; i++) {
            v |= (in.get() & 255) << 8 * i;
        }
        return v;
    }
}
