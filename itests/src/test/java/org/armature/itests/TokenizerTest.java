package org.armature.itests;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.jar.JarEntry;
import java.util.jar.JarInputStream;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The tokenizer on the live camera, replaced while it runs. */
class TokenizerTest {
    @TempDir
    Path folder;

    /** The distribution's tokenizer under another version. */
    private static Path newer(Path to) throws IOException {
        Path modules = FrameworkExtension.DISTRIBUTION.resolve("bundles/modules");
        Path jar;
        try (var files = Files.list(modules)) {
            jar = files.filter(f -> f.getFileName().toString().startsWith("armature-tokenizer"))
                    .findFirst()
                    .orElseThrow();
        }
        try (JarInputStream in = new JarInputStream(Files.newInputStream(jar))) {
            Manifest manifest = in.getManifest();
            manifest.getMainAttributes().putValue("Bundle-Version", "0.1.1");
            try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(to), manifest)) {
                for (JarEntry e; (e = in.getNextJarEntry()) != null; ) {
                    out.putNextEntry(new JarEntry(e.getName()));
                    in.transferTo(out);
                }
            }
        }
        return to;
    }

    @Test
    void itShowsWhatItsLatentsSayAndIsReplacedWhileItRuns() throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        try (RuntimeProcess runtime =
                RuntimeProcess.start(folder, "--port", Integer.toString(port)).awaitRunning()) {
            String base = "http://localhost:" + port;
            runtime.await("the dashboard", () -> get(client, base + "/api/state") != null);
            CompletableFuture<InputStream> looking = client.sendAsync(
                            HttpRequest.newBuilder(URI.create(base + "/events")).build(), BodyHandlers.ofInputStream())
                    .thenApply(r -> r.body());
            runtime.await("original and reconstruction", () -> revision(client, base) > 1);

            RuntimeProcess.Answer deployed =
                    runtime.ask("deploy", newer(folder.resolve("newer.jar")).toString());
            assertEquals(0, deployed.code(), deployed.err());
            runtime.await("the newer one among the modules", () -> {
                JsonNode modules = get(client, base + "/api/modules");
                boolean newer = false;
                for (JsonNode m : modules == null ? new ObjectMapper().createArrayNode() : modules) {
                    newer |= m.get("kind").asText().equals("tokenizer")
                            && m.get("version").asText().equals("0.1.1");
                }
                return newer;
            });
            runtime.await("its pictures", () -> revision(client, base) > 1);
            looking.thenAccept(body -> {
                try {
                    body.close();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            JsonNode summary = runtime.stop();
            assertEquals(0, summary.get("faults").asInt());
            assertTrue(summary.get("ticks").asLong() > 1000);
        }
    }

    /** How often the pictures of the tokenizer have changed; 0 if there are none. */
    private static int revision(HttpClient client, String base) {
        JsonNode figures = get(client, base + "/api/figures");
        if (figures != null) {
            for (JsonNode f : figures) {
                if (f.get("heading").asText().equals("vtp")
                        && f.get("kind").asText().equals("Pictures")) {
                    return f.get("revision").asInt();
                }
            }
        }
        return 0;
    }

    private static JsonNode get(HttpClient client, String address) {
        try {
            var r = client.send(HttpRequest.newBuilder(URI.create(address)).build(), BodyHandlers.ofString());
            return r.statusCode() == 200 ? new ObjectMapper().readTree(r.body()) : null;
        } catch (IOException e) {
            return null;
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}
