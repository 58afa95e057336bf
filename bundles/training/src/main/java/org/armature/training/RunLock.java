package org.armature.training;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Keeps a second process (or thread) from training into the same folder; the system lets go of it if this one dies. */
record RunLock(FileChannel channel) implements AutoCloseable {
    static RunLock of(Path run) throws IOException {
        FileChannel c = FileChannel.open(run.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            FileLock lock = c.tryLock();
            if (lock != null) {
                return new RunLock(c);
            }
        } catch (OverlappingFileLockException e) {
            // Held by this very process: the same answer.
        }
        c.close();
        throw new IOException(run + " is in use by another training: wait for it, or choose another folder with --run");
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
