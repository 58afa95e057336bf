package org.armature.datasets;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Any bytes are either an idx file of the shape asked for, or one {@link IOException} that names the file. */
class IdxFuzzTest {
    private static final int ENTRIES = 5;

    @TempDir
    Path dir;

    private static byte[] valid(Random r) {
        int n = r.nextInt(ENTRIES + 1);
        byte[] data = new byte[n * 6];
        r.nextBytes(data);
        return ByteBuffer.allocate(16 + data.length)
                .putInt(0x803)
                .putInt(n)
                .putInt(2)
                .putInt(3)
                .put(data)
                .array();
    }

    private static byte[] zipped(byte[] b) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream zip = new GZIPOutputStream(out)) {
            zip.write(b);
        }
        return out.toByteArray();
    }

    /** Bytes changed, sizes made extreme, the end cut off or moved. */
    private static byte[] broken(byte[] b, Random r) {
        byte[] c = Arrays.copyOf(b, r.nextInt(4) == 0 ? r.nextInt(b.length + 8) : b.length);
        for (int i = r.nextInt(4); i > 0 && c.length > 0; i--) {
            c[r.nextInt(c.length)] = (byte) (r.nextBoolean() ? r.nextInt() : r.nextBoolean() ? 0xff : 0x7f);
        }
        return c;
    }

    @Test
    void anyBytesAreAFileOfThatShapeOrAnError() throws IOException {
        int tries = Boolean.getBoolean("armature.long") ? 200_000 : 3_000;
        Path file = dir.resolve("fuzzed.gz");
        int read = 0;
        for (int seed = 0; seed < tries; seed++) {
            Random r = new Random(seed);
            byte[] inner = broken(valid(r), r);
            byte[] outer = zipped(inner);
            Files.write(file, r.nextInt(3) == 0 ? broken(outer, r) : outer);
            try {
                Idx x = Idx.read(file, ENTRIES, 2, 3);
                assertEquals(x.count() * 6, x.data().length, "seed " + seed);
                assertTrue(x.count() <= ENTRIES, "seed " + seed);
                read++;
            } catch (IOException e) {
                assertTrue(e.getMessage().startsWith(file.toString()), "seed " + seed + ": " + e.getMessage());
            }
        }
        assertTrue(read > tries / 10 && read < tries, read + " of " + tries + " were read");
    }
}
