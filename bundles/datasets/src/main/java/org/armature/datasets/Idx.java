package org.armature.datasets;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;

/** A file in LeCun's idx format, gzipped: unsigned bytes with their sizes in front. */
record Idx(int[] sizes, byte[] data) {
    private static final int BYTES = 0x08;

    /**
     * Reads a file whose sizes are known but for the first.
     *
     * @param max the most entries of the first axis to accept
     * @param rest sizes of the other axes
     * @throws IOException naming the file if its sizes are others, or its data shorter or longer
     */
    static Idx read(Path file, int max, int... rest) throws IOException {
        try (var in = new DataInputStream(new GZIPInputStream(Files.newInputStream(file), 1 << 16))) {
            int magic = in.readInt();
            if (magic != (BYTES << 8 | rest.length + 1)) {
                throw new IOException(file + " begins with " + Integer.toHexString(magic) + ", not with the mark of "
                        + (rest.length + 1) + "-dimensional bytes: install it again");
            }
            int[] sizes = new int[rest.length + 1];
            sizes[0] = in.readInt();
            boolean fits = sizes[0] >= 0 && sizes[0] <= max;
            int bytes = sizes[0];
            for (int i = 0; i < rest.length; i++) {
                sizes[i + 1] = in.readInt();
                fits &= sizes[i + 1] == rest[i];
            }
            if (!fits) {
                throw new IOException(file + " says it holds " + java.util.Arrays.toString(sizes)
                        + ", which is not the shape of this dataset: install it again");
            }
            for (int r : rest) {
                bytes = Math.multiplyExact(bytes, r);
            }
            byte[] data = in.readNBytes(bytes);
            if (data.length != bytes || in.read() >= 0) {
                throw new IOException(file + " does not hold the " + bytes + " bytes it announces: install it again");
            }
            return new Idx(sizes, data);
        } catch (EOFException | ZipException e) {
            throw new IOException(file + " is cut off or no gzip file: install it again", e);
        }
    }

    int count() {
        return sizes[0];
    }
}
