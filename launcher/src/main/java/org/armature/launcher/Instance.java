package org.armature.launcher;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import org.jspecify.annotations.Nullable;

/**
 * The folder of one running runtime: {@code deploy/}, {@code log/}, {@code cache/}, {@code staging/}, control channel. The
 * system's lock on a file in it says whether somebody runs here, so nothing is left over after {@code kill -9}.
 */
final class Instance implements AutoCloseable {
    private final Path folder;
    private final FileChannel lockFile;
    private final FileLock lock;

    private Instance(Path folder, FileChannel lockFile, FileLock lock) {
        this.folder = folder;
        this.lockFile = lockFile;
        this.lock = lock;
    }

    /**
     * Takes {@code folder}, or with {@code alternatives} the first free of {@code folder}, {@code folder-2}, ...
     *
     * @throws IOException one sentence, if it is taken or cannot be written
     */
    static Instance open(Path folder, boolean alternatives) throws IOException {
        for (int n = 1; n <= 64; n++) {
            Path candidate = n == 1 ? folder : folder.resolveSibling(folder.getFileName() + "-" + n);
            Instance instance = tryOpen(candidate);
            if (instance != null) {
                return instance;
            }
            if (!alternatives) {
                break;
            }
        }
        throw new IOException("a runtime already runs in " + folder + ": stop it or choose another --data folder");
    }

    private static @Nullable Instance tryOpen(Path folder) throws IOException {
        Files.createDirectories(folder);
        if (Files.getFileStore(folder).supportsFileAttributeView("posix")) {
            Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwx------"));
        }
        FileChannel channel = FileChannel.open(
                folder.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.READ);
        FileLock lock = channel.tryLock();
        if (lock == null) {
            channel.close();
            return null;
        }
        Instance instance = new Instance(folder, channel, lock);
        // Both hold only copies made by an earlier run; a fresh start costs the same as a warm one, and a run that was
        // killed in the middle of a deploy leaves nothing behind.
        delete(instance.cache());
        delete(instance.staging());
        Files.createDirectories(instance.staging());
        Files.createDirectories(instance.log());
        return instance;
    }

    Path folder() {
        return folder;
    }

    Path cache() {
        return folder.resolve("cache");
    }

    Path staging() {
        return folder.resolve("staging");
    }

    Path log() {
        return folder.resolve("log");
    }

    static void delete(Path tree) throws IOException {
        if (!Files.exists(tree)) {
            return;
        }
        Files.walkFileTree(tree, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path folder, @Nullable IOException failure) throws IOException {
                Files.deleteIfExists(folder);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    /** Whoever waits for the next start should not wait for the deletion of this run's copies too. */
    @Override
    public void close() throws IOException {
        try (lockFile;
                lock) {
            delete(cache());
            delete(staging());
        }
    }
}
