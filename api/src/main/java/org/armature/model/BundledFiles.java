package org.armature.model;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** Files that a bundle carries, such as a demo checkpoint, as files on disk, where they can be mapped. */
public final class BundledFiles {
    private BundledFiles() {}

    /**
     * Writes files of a bundle into a folder, over what an earlier version of the bundle may have left there.
     *
     * @param owner a class of the bundle
     * @param place where the bundle holds them, e.g. {@code /demo}
     * @param folder is made if need be; usually one of {@code BundleContext.getDataFile}
     * @param names file names
     * @return {@code folder}
     * @throws IOException one sentence, if the bundle lacks one or it cannot be written
     */
    public static Path unpack(Class<?> owner, String place, Path folder, String... names) throws IOException {
        Files.createDirectories(folder);
        for (String name : names) {
            try (InputStream in = owner.getResourceAsStream(place + "/" + name)) {
                if (in == null) {
                    throw new IOException("the bundle of " + owner.getSimpleName() + " holds no " + place + "/" + name
                            + ": build it again, or name files of your own");
                }
                Files.copy(in, folder.resolve(name), StandardCopyOption.REPLACE_EXISTING);
            }
        }
        return folder;
    }
}
