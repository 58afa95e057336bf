package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * How many point clouds a second somebody sees who looks, and what that costs the loop: in one run, by turns with nobody
 * looking, when no geometry is computed, and with one page open. Prints the figures of docs/performance.md; no timing is
 * asserted.
 */
@EnabledIfSystemProperty(named = "armature.long", matches = "true")
@Timeout(600)
class GeometryRateTest {
    private static final int PAIRS = Integer.getInteger("armature.pairs", 4);
    private static final int SECONDS = 15;

    @TempDir
    Path folder;

    /** A page as far as the live cloud goes: it hears of a newer one and gets it. */
    private static final class Page implements AutoCloseable {
        private final InputStream events;
        volatile int clouds;

        Page(String base) throws IOException {
            events = URI.create(base + "/events").toURL().openStream();
            Thread.ofVirtual().start(() -> {
                try (BufferedReader lines = new BufferedReader(new InputStreamReader(events, StandardCharsets.UTF_8))) {
                    listen(base, lines);
                } catch (IOException closed) {
                    // The page was closed.
                }
            });
        }

        private void listen(String base, BufferedReader lines) throws IOException {
            ObjectMapper json = new ObjectMapper();
            String event = "";
            int seen = -1;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (line.startsWith("event: ")) {
                    event = line.substring(7);
                } else if (line.startsWith("data: ") && event.equals("figures")) {
                    for (JsonNode f : json.readTree(line.substring(6))) {
                        boolean cloud = f.get("heading").asText().equals("omnivggt")
                                && f.get("kind").asText().equals("PointCloud");
                        if (cloud && f.get("revision").asInt() != seen) {
                            seen = f.get("revision").asInt();
                            try (InputStream points = URI.create(base + "/figures/" + f.get("id") + ".bin")
                                    .toURL()
                                    .openStream()) {
                                clouds += points.readAllBytes().length > 0 ? 1 : 0;
                            }
                        }
                    }
                }
            }
        }

        @Override
        public void close() throws IOException {
            events.close();
        }
    }

    @Test
    void watchedAndNot() throws Exception {
        try (RuntimeProcess runtime =
                RuntimeProcess.start(folder, "--seed", "3").awaitRunning()) {
            try (Page page = new Page(runtime.dashboard())) {
                runtime.await("a point cloud", () -> page.clouds > 5);
            }
            List<LoopWindow> without = new ArrayList<>();
            List<LoopWindow> with = new ArrayList<>();
            List<String> rates = new ArrayList<>();
            for (int pair = 0; pair < PAIRS; pair++) {
                Thread.sleep(1000);
                without.add(LoopWindow.of(runtime, SECONDS));
                try (Page page = new Page(runtime.dashboard())) {
                    Thread.sleep(1000);
                    int before = page.clouds;
                    with.add(LoopWindow.of(runtime, SECONDS));
                    rates.add(String.format(Locale.ROOT, "%.1f", (page.clouds - before) / (double) SECONDS));
                    assertTrue(page.clouds > before);
                }
            }
            System.out.println(LoopWindow.line("nobody looks", without));
            System.out.println(LoopWindow.line("somebody looks", with));
            System.out.println("point clouds a second: " + rates);
            for (JsonNode f : runtime.get("/api/figures")) {
                if (f.get("heading").asText().equals("omnivggt")
                        && f.get("kind").asText().equals("Table")) {
                    System.out.println(runtime.get("/figures/" + f.get("id") + ".json"));
                }
            }
        }
    }
}
