package org.armature.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BundledFilesTest {
    private static final String CLASS_FILE = "BundledFiles.class";

    @TempDir
    Path folder;

    @Test
    void writesOverWhatWasThere() throws IOException {
        Path there = Files.createDirectories(folder.resolve("new")).resolve(CLASS_FILE);
        Files.writeString(there, "of an older version");
        assertEquals(
                folder.resolve("new"),
                BundledFiles.unpack(BundledFiles.class, "/org/armature/model", folder.resolve("new"), CLASS_FILE));
        try (var in = BundledFiles.class.getResourceAsStream(CLASS_FILE)) {
            assertEquals(-1, Files.mismatch(there, Files.write(folder.resolve("expected"), in.readAllBytes())));
        }
    }

    @Test
    void saysWhatIsMissing() {
        IOException e = assertThrows(
                IOException.class, () -> BundledFiles.unpack(BundledFiles.class, "/demo", folder, "nothing.json"));
        assertTrue(e.getMessage().contains("/demo/nothing.json"), e.getMessage());
    }
}
