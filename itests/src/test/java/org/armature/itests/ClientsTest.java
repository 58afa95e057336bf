package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * What ten dashboards cost the loop: in one run, by turns without them and with them, each reading the event stream, both
 * cameras and both clouds as the page does. Prints the figures of docs/performance.md; no timing is asserted.
 */
@EnabledIfSystemProperty(named = "armature.long", matches = "true")
@Timeout(600)
class ClientsTest {
    private static final int CLIENTS = 10;
    private static final int PAIRS = Integer.getInteger("armature.pairs", 5);
    private static final int SECONDS = 10;
    private static final List<String> PICTURES =
            List.of("/camera/front.jpg", "/camera/wrist.jpg", "/points/front.bin", "/points/wrist.bin");

    @TempDir
    Path folder;

    private final HttpClient http = HttpClient.newHttpClient();

    /** One page: the stream on one thread, pictures on another. */
    private final class Client implements AutoCloseable {
        final AtomicLong frames = new AtomicLong();
        private final InputStream stream;
        private volatile boolean open = true;

        Client(String base) throws Exception {
            HttpResponse<InputStream> events = http.send(
                    HttpRequest.newBuilder(URI.create(base + "/events")).build(), BodyHandlers.ofInputStream());
            assertEquals(200, events.statusCode());
            stream = events.body();
            Thread.ofVirtual().start(() -> {
                try (BufferedReader lines = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))) {
                    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                        if (line.equals("event: frame")) {
                            frames.incrementAndGet();
                        }
                    }
                } catch (java.io.IOException closed) {
                    // The page was closed.
                }
            });
            Thread.ofVirtual().start(() -> {
                try {
                    for (int i = 0; open; i++) {
                        http.send(
                                HttpRequest.newBuilder(URI.create(base + PICTURES.get(i % 4)))
                                        .build(),
                                BodyHandlers.discarding());
                        Thread.sleep(60);
                    }
                } catch (java.io.IOException | InterruptedException ended) {
                    // The runtime has ended.
                }
            });
        }

        @Override
        public void close() throws Exception {
            open = false;
            stream.close();
        }
    }

    private record Window(long ticks, long missed, double median, double p99) {}

    private JsonNode get(String address) throws Exception {
        return new ObjectMapper()
                .readTree(http.send(HttpRequest.newBuilder(URI.create(address)).build(), BodyHandlers.ofString())
                        .body());
    }

    private Window window(String base) throws Exception {
        JsonNode before = get(base + "/api/state");
        Thread.sleep(SECONDS * 1000L);
        JsonNode after = get(base + "/api/state");
        List<Double> late = new ArrayList<>();
        get(base + "/api/rows?after=" + before.get("ticks") + "&limit=20000")
                .forEach(r -> late.add(r.get("latenessNanos").asDouble() / 1e3));
        double[] sorted = late.stream().mapToDouble(d -> d).sorted().toArray();
        return new Window(
                after.get("ticks").asLong() - before.get("ticks").asLong(),
                after.get("missed").asLong() - before.get("missed").asLong(),
                sorted[sorted.length / 2],
                sorted[sorted.length * 99 / 100]);
    }

    private static String line(String name, List<Window> windows) {
        return String.format(
                Locale.ROOT,
                "%s: missed %s of %d ticks each; lateness p50 %s us, p99 %s us",
                name,
                windows.stream().map(Window::missed).toList(),
                windows.getFirst().ticks,
                Arrays.toString(
                        windows.stream().mapToLong(w -> Math.round(w.median)).toArray()),
                Arrays.toString(
                        windows.stream().mapToLong(w -> Math.round(w.p99)).toArray()));
    }

    @Test
    void tenDashboardsAndNone() throws Exception {
        try (RuntimeProcess runtime =
                RuntimeProcess.start(folder, "--seed", "3").awaitRunning()) {
            Matcher address =
                    Pattern.compile("dashboard (http://localhost:\\d+)").matcher(runtime.stderr());
            assertTrue(address.find(), runtime.stderr());
            String base = address.group(1);
            Thread.sleep(10_000);
            List<Window> without = new ArrayList<>();
            List<Window> with = new ArrayList<>();
            for (int pair = 0; pair < PAIRS; pair++) {
                without.add(window(base));
                List<Client> clients = new ArrayList<>();
                for (int i = 0; i < CLIENTS; i++) {
                    clients.add(new Client(base));
                }
                Thread.sleep(1000);
                with.add(window(base));
                for (Client client : clients) {
                    assertTrue(client.frames.get() > 10, "a client got " + client.frames.get() + " frames");
                    client.close();
                }
                Thread.sleep(1000);
            }
            System.out.println(line("no dashboard", without));
            System.out.println(line("ten dashboards", with));
        }
    }
}
