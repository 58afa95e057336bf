package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tokenizer on the live camera, replaced while it runs. */
class TokenizerTest {
    @TempDir
    Path folder;

    @Test
    void itShowsWhatItsLatentsSayAndIsReplacedWhileItRuns() throws Exception {
        try (RuntimeProcess runtime =
                RuntimeProcess.start(folder, "--port", "0").awaitRunning()) {
            runtime.await("the dashboard", () -> !runtime.get("/api/state").isMissingNode());
            // Figures are only asked for while somebody looks.
            try (InputStream looking =
                    URI.create(runtime.dashboard() + "/events").toURL().openStream()) {
                runtime.await("original and reconstruction", () -> revision(runtime) > 1);

                Path newer = ModuleJar.withVersion(
                        ModuleJar.installed("armature-tokenizer"), "0.1.1", folder.resolve("newer.jar"));
                RuntimeProcess.Answer deployed = runtime.ask("deploy", newer.toString());
                assertEquals(0, deployed.code(), deployed.err());
                runtime.await("the newer one among the modules", () -> {
                    for (JsonNode m : runtime.get("/api/modules")) {
                        if (m.get("kind").asText().equals("tokenizer")
                                && m.get("version").asText().equals("0.1.1")) {
                            return true;
                        }
                    }
                    return false;
                });
                runtime.await("its pictures", () -> revision(runtime) > 1);
            }
            JsonNode summary = runtime.stop();
            assertEquals(0, summary.get("faults").asInt());
            assertTrue(summary.get("ticks").asLong() > 1000);
        }
    }

    /** How often the pictures of the tokenizer have changed; 0 if there are none. */
    private static int revision(RuntimeProcess runtime) {
        for (JsonNode f : runtime.get("/api/figures")) {
            if (f.get("heading").asText().equals("vtp")
                    && f.get("kind").asText().equals("Pictures")) {
                return f.get("revision").asInt();
            }
        }
        return 0;
    }
}
