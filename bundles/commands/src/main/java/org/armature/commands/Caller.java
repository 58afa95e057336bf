package org.armature.commands;

import java.nio.file.Path;
import java.util.function.IntSupplier;

/**
 * Where the person who typed the command is: in a one-shot command that is carried out by the running runtime, not the
 * process's own working directory.
 */
public final class Caller {
    private static final ScopedValue<Path> DIRECTORY = ScopedValue.newInstance();

    private Caller() {}

    static int in(Path directory, IntSupplier work) {
        return ScopedValue.where(DIRECTORY, directory).call(work::getAsInt);
    }

    /** {@code path} as the caller means it. */
    public static Path resolve(Path path) {
        return DIRECTORY.orElse(Path.of("")).resolve(path).toAbsolutePath().normalize();
    }
}
