package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
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

    @Test
    void tenDashboardsAndNone() throws Exception {
        try (RuntimeProcess runtime =
                RuntimeProcess.start(folder, "--seed", "3").awaitRunning()) {
            String base = runtime.dashboard();
            Thread.sleep(10_000);
            List<LoopWindow> without = new ArrayList<>();
            List<LoopWindow> with = new ArrayList<>();
            for (int pair = 0; pair < PAIRS; pair++) {
                without.add(LoopWindow.of(runtime, SECONDS));
                List<Client> clients = new ArrayList<>();
                for (int i = 0; i < CLIENTS; i++) {
                    clients.add(new Client(base));
                }
                Thread.sleep(1000);
                with.add(LoopWindow.of(runtime, SECONDS));
                for (Client client : clients) {
                    assertTrue(client.frames.get() > 10, "a client got " + client.frames.get() + " frames");
                    client.close();
                }
                Thread.sleep(1000);
            }
            System.out.println(LoopWindow.line("no dashboard", without));
            System.out.println(LoopWindow.line("ten dashboards", with));
        }
    }
}
