package org.armature.console;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.regex.Pattern;

/**
 * Where an uploaded jar goes. It is written under a name the launcher does not look at ({@code .NAME.jar.*.part}) and
 * renamed in one step, so that nobody ever installs half a file.
 */
final class DeployFolder {
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,119}\\.jar");

    private final String folder;
    private final long mostBytes;

    DeployFolder(String folder, long mostBytes) {
        this.folder = folder;
        this.mostBytes = mostBytes;
    }

    /** The file was not taken; the message says why and what to do. */
    static final class Refused extends IOException {
        private static final long serialVersionUID = 1;
        private final int status;

        Refused(int status, String message) {
            super(message);
            this.status = status;
        }

        /** The HTTP status that says so. */
        int status() {
            return status;
        }
    }

    /**
     * Puts {@code in} into the folder as {@code name}, in place of a file of that name.
     *
     * @param length the length announced, or -1
     * @return bytes written
     */
    long put(String name, long length, InputStream in) throws IOException {
        if (folder.isEmpty()) {
            throw new Refused(
                    409,
                    "there is no deploy folder: start with --deploy DIR, or set deployFolder of org.armature.console");
        }
        if (!NAME.matcher(name).matches()) {
            throw new Refused(
                    400,
                    "\"" + name
                            + "\" is no name for a module: send a .jar whose name has only letters, digits, dots, dashes and underscores");
        }
        if (length > mostBytes) {
            throw tooLarge(name);
        }
        Path target = Files.createDirectories(Path.of(folder)).resolve(name);
        Path part = Files.createTempFile(target.getParent(), "." + name + ".", ".part");
        try {
            long written = 0;
            try (OutputStream out = Files.newOutputStream(part)) {
                byte[] buffer = new byte[1 << 16];
                for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                    written += n;
                    if (written > mostBytes) {
                        throw tooLarge(name);
                    }
                    out.write(buffer, 0, n);
                }
            }
            if (written == 0) {
                throw new Refused(400, name + " is empty: send the jar as the request's body");
            }
            if (length >= 0 && written != length) {
                throw new Refused(400, name + " ended after " + written + " of " + length + " bytes: send it again");
            }
            Files.move(part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            return written;
        } finally {
            Files.deleteIfExists(part);
        }
    }

    private Refused tooLarge(String name) {
        return new Refused(
                413,
                name + " is larger than " + mostBytes
                        + " bytes: copy it into the deploy folder, or raise maxUploadBytes of org.armature.console");
    }
}
