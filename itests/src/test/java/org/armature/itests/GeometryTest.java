package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The geometry of the live cameras, replaced while it runs. */
class GeometryTest {
    @TempDir
    Path folder;

    @Test
    void itShowsPointsAndCamerasAndIsReplacedWhileTheRobotMoves() throws Exception {
        try (RuntimeProcess runtime =
                RuntimeProcess.start(folder, "--port", "0").awaitRunning()) {
            runtime.await("the dashboard", () -> !runtime.get("/api/state").isMissingNode());
            // Figures are only asked for while somebody looks.
            try (InputStream looking =
                    URI.create(runtime.dashboard() + "/events").toURL().openStream()) {
                runtime.await("points and cameras", () -> revision(runtime, "PointCloud") > 1);
                assertTrue(revision(runtime, "Pictures") > 0);
                assertTrue(revision(runtime, "Table") > 0);

                Path newer = ModuleJar.withVersion(
                        ModuleJar.installed("armature-geo-adapter"), "0.1.1", folder.resolve("newer.jar"));
                RuntimeProcess.Answer deployed = runtime.ask("deploy", newer.toString());
                assertEquals(0, deployed.code(), deployed.err());
                runtime.await("the newer one among the modules", () -> {
                    for (JsonNode m : runtime.get("/api/modules")) {
                        if (m.get("kind").asText().equals("geometry")
                                && m.get("version").asText().equals("0.1.1")) {
                            return true;
                        }
                    }
                    return false;
                });
                runtime.await("its points", () -> revision(runtime, "PointCloud") > 1);
            }
            assertFalse(runtime.log().contains("No geometry of this frame"), "the simulator's frames are all usable");
            JsonNode summary = runtime.stop();
            assertEquals(0, summary.get("faults").asInt());
            assertTrue(summary.get("ticks").asLong() > 1000);
        }
    }

    /** How often that figure of the geometry has changed; 0 if there is none. */
    private static int revision(RuntimeProcess runtime, String kind) {
        for (JsonNode f : runtime.get("/api/figures")) {
            if (f.get("heading").asText().equals("omnivggt")
                    && f.get("kind").asText().equals(kind)) {
                return f.get("revision").asInt();
            }
        }
        return 0;
    }
}
