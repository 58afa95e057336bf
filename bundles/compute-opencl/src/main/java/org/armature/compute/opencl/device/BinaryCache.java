package org.armature.compute.opencl.device;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Built kernels in files named by keys (a hash of device, driver, version and source); each file carries a checksum. What cannot be
 * read is built again: nothing here ever fails a program.
 */
public final class BinaryCache {
    private static final Logger LOG = LoggerFactory.getLogger(BinaryCache.class);
    private static final long LARGEST = 64L << 20;
    private static final int HEADER = 8;

    private final @Nullable Path folder;

    /**
     * @param folder made when needed; null keeps nothing
     */
    public BinaryCache(@Nullable Path folder) {
        this.folder = folder;
    }

    /** The bytes kept under a key; null if there are none, or not those that were written. */
    byte @Nullable [] read(String key) {
        if (folder == null) {
            return null;
        }
        Path file = file(folder, key);
        try {
            if (!Files.isRegularFile(file) || Files.size(file) > LARGEST || Files.size(file) <= HEADER) {
                return null;
            }
            ByteBuffer b = ByteBuffer.wrap(Files.readAllBytes(file));
            long sum = b.getLong();
            byte[] bytes = new byte[b.remaining()];
            b.get(bytes);
            if (sum != checksum(bytes)) {
                LOG.info("the kept kernel {} is damaged: built again", file);
                forget(key);
                return null;
            }
            return bytes;
        } catch (IOException e) {
            return null;
        }
    }

    void write(String key, byte[] bytes) {
        if (folder == null || bytes.length == 0 || bytes.length > LARGEST) {
            return;
        }
        try {
            Files.createDirectories(folder);
            Path part = Files.createTempFile(folder, "part-", ".tmp");
            Files.write(
                    part,
                    ByteBuffer.allocate(HEADER + bytes.length)
                            .putLong(checksum(bytes))
                            .put(bytes)
                            .array());
            try {
                Files.move(part, file(folder, key), StandardCopyOption.ATOMIC_MOVE);
            } catch (AtomicMoveNotSupportedException e) {
                Files.move(part, file(folder, key), StandardCopyOption.REPLACE_EXISTING);
            }
        } catch (IOException e) {
            LOG.debug("kernel {} is not kept: {}", key, e.getMessage());
        }
    }

    void forget(String key) {
        if (folder != null) {
            try {
                Files.deleteIfExists(file(folder, key));
            } catch (IOException e) {
                LOG.debug("{} stays: {}", key, e.getMessage());
            }
        }
    }

    private static Path file(Path folder, String key) {
        return folder.resolve(key + ".bin");
    }

    private static long checksum(byte[] bytes) {
        CRC32C c = new CRC32C();
        c.update(bytes);
        return c.getValue() ^ ((long) bytes.length << 32);
    }
}
