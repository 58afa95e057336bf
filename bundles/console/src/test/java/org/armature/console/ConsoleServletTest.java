package org.armature.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.armature.robot.LoopMonitor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
final class ConsoleServletTest {
    private static final ObjectMapper JSON = new ObjectMapper();

    @TempDir
    Path deploy;

    private Serving serving;
    private HttpClient http;

    @BeforeEach
    void start() throws Exception {
        serving = new Serving(deploy, 100_000, 12);
        http = HttpClient.newHttpClient();
    }

    @AfterEach
    void stop() throws Exception {
        http.close();
        serving.close();
    }

    private HttpRequest.Builder to(String path) {
        return HttpRequest.newBuilder(URI.create(serving.url() + path));
    }

    private HttpResponse<String> get(String path) throws Exception {
        return http.send(to(path).build(), BodyHandlers.ofString());
    }

    private String token() throws Exception {
        Matcher m = Pattern.compile("armature-token\" content=\"([^\"]*)\"").matcher(get("").body());
        assertTrue(m.find());
        return m.group(1);
    }

    private HttpResponse<String> post(String path, byte[] body, String... headers) throws Exception {
        HttpRequest.Builder request = to(path).POST(BodyPublishers.ofByteArray(body));
        return http.send((headers.length == 0 ? request : request.headers(headers)).build(), BodyHandlers.ofString());
    }

    /** One request spoken by hand, for headers that the client does not let go. */
    private String raw(String request) throws Exception {
        try (Socket socket = new Socket("127.0.0.1", serving.port())) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Test
    void thePageBringsItsTokenAndAllowsNoInlineScript() throws Exception {
        HttpResponse<String> page = get("");
        assertTrue(token().length() >= 32);
        String policy = page.headers().firstValue("Content-Security-Policy").orElseThrow();
        assertTrue(policy.contains("script-src 'self';"), policy);
        assertFalse(page.body().contains("<script>"));
        assertEquals(200, get("vendor/three.module.min.js").statusCode());
        assertEquals(200, get("vendor/uPlot.esm.js").statusCode());
        assertEquals(404, get("vendor/../index.html/x.js").statusCode());
    }

    @Test
    void aForeignHostNameIsRefusedAndAConfiguredOneGetsNoToken() throws Exception {
        assertTrue(raw("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
                .startsWith("HTTP/1.1 421"));
        assertTrue(raw("GET /api/state HTTP/1.1\r\nHost: evil.example:8080\r\nConnection: close\r\n\r\n")
                .startsWith("HTTP/1.1 421"));
        String named = raw("GET / HTTP/1.1\r\nHost: robot.example\r\nConnection: close\r\n\r\n");
        assertTrue(named.startsWith("HTTP/1.1 200") && named.contains("armature-token\" content=\"\""), named);
        String proxied =
                raw("GET / HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 10.0.0.9\r\nConnection: close\r\n\r\n");
        assertTrue(proxied.startsWith("HTTP/1.1 200") && proxied.contains("armature-token\" content=\"\""), proxied);
    }

    @Test
    void nothingChangesWithoutTheTokenOrFromAnotherPage() throws Exception {
        String token = token();
        for (String path : List.of("api/estop", "api/arm", "api/instruction", "api/deploy?name=a.jar", "api/skip")) {
            assertEquals(403, post(path, new byte[1]).statusCode(), path);
            assertEquals(403, post(path, new byte[1], Gate.HEADER, token + "x").statusCode(), path);
            assertEquals(
                    403,
                    post(path, new byte[1], Gate.HEADER, token, "Origin", "http://evil.example")
                            .statusCode(),
                    path);
            assertEquals(
                    403,
                    post(path, new byte[1], Gate.HEADER, token, "Sec-Fetch-Site", "cross-site")
                            .statusCode(),
                    path);
        }
        assertEquals(LoopMonitor.State.RUNNING, serving.robot.state);
        assertEquals(404, get("api/estop").statusCode());
    }

    @Test
    void stopAndArmReachTheLoopAndItsRefusalReachesThePage() throws Exception {
        String token = token();
        assertEquals(200, post("api/estop", new byte[0], Gate.HEADER, token).statusCode());
        assertEquals(LoopMonitor.State.ESTOP, serving.robot.state);
        assertEquals(
                "ESTOP", JSON.readTree(get("api/state").body()).get("state").asText());
        assertEquals(200, post("api/arm", new byte[0], Gate.HEADER, token).statusCode());
        assertEquals(LoopMonitor.State.RUNNING, serving.robot.state);
        HttpResponse<String> again = post("api/arm", new byte[0], Gate.HEADER, token);
        assertEquals(409, again.statusCode());
        assertEquals(
                "the robot is armed already",
                JSON.readTree(again.body()).get("error").asText());
    }

    @Test
    void anInstructionIsGivenAndNonsenseIsNot() throws Exception {
        String token = token();
        byte[] ask = "{\"instruction\": \" put the ball in the bowl \"}".getBytes(StandardCharsets.UTF_8);
        assertEquals(200, post("api/instruction", ask, Gate.HEADER, token).statusCode());
        assertEquals("put the ball in the bowl", serving.robot.instruction);
        for (String bad :
                List.of("", "{", "[]", "{\"instruction\": 3}", "{\"instruction\":\"" + "x".repeat(501) + "\"}")) {
            assertEquals(
                    400,
                    post("api/instruction", bad.getBytes(StandardCharsets.UTF_8), Gate.HEADER, token)
                            .statusCode(),
                    bad);
        }
        assertEquals("put the ball in the bowl", serving.robot.instruction);
    }

    @Test
    void anUploadArrivesWholeOrNotAtAll() throws Exception {
        String token = token();
        byte[] jar = new byte[50_000];
        jar[7] = 42;
        assertEquals(
                200,
                post("api/deploy?name=my-policy-1.0.jar", jar, Gate.HEADER, token)
                        .statusCode());
        assertEquals(42, Files.readAllBytes(deploy.resolve("my-policy-1.0.jar"))[7]);
        assertEquals(
                413,
                post("api/deploy?name=large.jar", new byte[100_001], Gate.HEADER, token)
                        .statusCode());
        HttpRequest chunked = to("api/deploy?name=large.jar")
                .header(Gate.HEADER, token)
                .POST(BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(new byte[100_001])))
                .build();
        assertEquals(413, http.send(chunked, BodyHandlers.ofString()).statusCode());
        for (String bad : List.of("a.txt", "..%2Fa.jar", ".a.jar", "a%2Fb.jar", "", "x".repeat(130) + ".jar")) {
            assertEquals(
                    400, post("api/deploy?name=" + bad, jar, Gate.HEADER, token).statusCode(), bad);
        }
        assertEquals(
                400,
                post("api/deploy?name=none.jar", new byte[0], Gate.HEADER, token)
                        .statusCode());
        try (Stream<Path> files = Files.list(deploy)) {
            assertEquals(
                    List.of("my-policy-1.0.jar"),
                    files.map(f -> f.getFileName().toString()).toList());
        }
    }

    @Test
    void imagesAndCloudsAreThoseOfTheCamera() throws Exception {
        byte[] jpeg = http.send(to("camera/front.jpg").build(), BodyHandlers.ofByteArray())
                .body();
        assertEquals(160, ImageIO.read(new ByteArrayInputStream(jpeg)).getWidth());
        assertEquals(404, get("camera/nobody.jpg").statusCode());

        byte[] cloud = http.send(to("points/front.bin").build(), BodyHandlers.ofByteArray())
                .body();
        ByteBuffer in = ByteBuffer.wrap(cloud).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals("APC1", new String(cloud, 0, 4, StandardCharsets.US_ASCII));
        int n = in.getInt(4);
        assertTrue(n > 4000 && n <= Pictures.MAX_POINTS, "points: " + n);
        assertEquals(8 + 15 * n, cloud.length);
        // The first pixel's ray leaves at (-79.5, -59.5) / 140 and meets the table 0.8 m below the camera.
        assertEquals(0.4 + 59.5 / 140 * 0.8, in.getFloat(8), 1e-5);
        assertEquals(79.5 / 140 * 0.8, in.getFloat(12), 1e-5);
        assertEquals(0, in.getFloat(16), 1e-5);
    }

    @Test
    void everyClientSeesTheRobotMoveFromOneEncoding() throws Exception {
        List<HttpResponse<Stream<String>>> streams = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            streams.add(http.send(to("events").build(), BodyHandlers.ofLines()));
        }
        for (HttpResponse<Stream<String>> stream : streams) {
            Iterator<String> lines = stream.body().iterator();
            assertEquals("event: scene", lines.next());
            JsonNode scene = JSON.readTree(lines.next().substring(6));
            assertEquals(8, scene.get("joints").size());
            int bodies = scene.get("bodies").size();
            JsonNode first = frame(lines);
            JsonNode second = frame(lines);
            assertEquals(12 * bodies, first.get("poses").size());
            assertFalse(first.get("poses").equals(second.get("poses")));
        }
        // Ten clients, one reading: 20 frames and four scenes a second, plus one snapshot each at most.
        int before = serving.robot.worldReads.get();
        long start = System.nanoTime();
        Thread.sleep(500);
        double seconds = (System.nanoTime() - start) / 1e9;
        int reads = serving.robot.worldReads.get() - before;
        assertTrue(reads > 0 && reads <= 26 * seconds + 5, reads + " readings in " + seconds + " s");
        streams.forEach(s -> s.body().close());
    }

    private static JsonNode frame(Iterator<String> lines) throws Exception {
        while (!lines.next().equals("event: frame")) {
            // Other events come between.
        }
        return JSON.readTree(lines.next().substring(6));
    }

    @Test
    void aClientThatDoesNotReadIsLeftBehindAndNobodyWaitsForIt() throws Exception {
        try (Socket sleeper = new Socket()) {
            sleeper.setReceiveBufferSize(4096);
            sleeper.connect(new java.net.InetSocketAddress("127.0.0.1", serving.port()));
            sleeper.getOutputStream()
                    .write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            HttpResponse<InputStream> reader = http.send(to("events").build(), BodyHandlers.ofInputStream());
            int frames = 0;
            long end = System.nanoTime() + 2_000_000_000L;
            try (InputStream in = reader.body();
                    java.io.BufferedReader lines =
                            new java.io.BufferedReader(new java.io.InputStreamReader(in, StandardCharsets.UTF_8))) {
                while (System.nanoTime() < end) {
                    frames += "event: frame".equals(lines.readLine()) ? 1 : 0;
                }
            }
            assertTrue(frames > 15, "frames in two seconds beside a sleeping client: " + frames);
        }
    }

    @Test
    void thereIsALimitOfClients() throws Exception {
        List<HttpResponse<InputStream>> open = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            open.add(http.send(to("events").build(), BodyHandlers.ofInputStream()));
        }
        assertEquals(503, get("events").statusCode());
        for (HttpResponse<InputStream> stream : open) {
            stream.body().close();
        }
    }

    @Test
    void historyAndModulesAreListed() throws Exception {
        serving.robot
                .replacement()
                .orElseThrow()
                .record(new org.armature.robot.Replacement.Swap(
                        1,
                        "broken.jar",
                        "",
                        "",
                        Double.NaN,
                        org.armature.robot.Replacement.Outcome.REFUSED,
                        "not a jar"));
        JsonNode swap = JSON.readTree(get("api/swaps").body()).get(0);
        assertEquals("refused", swap.get("outcome").asText());
        assertTrue(swap.get("ms").isNull());
        JsonNode modules = JSON.readTree(get("api/modules").body());
        assertEquals("INSTALLED", modules.get(modules.size() - 1).get("state").asText());
    }

    private JsonNode figures(String until) throws Exception {
        for (int i = 0; ; i++) {
            String list = get("api/figures").body();
            if (list.contains(until) || i == 100) {
                return JSON.readTree(list);
            }
            Thread.sleep(20);
        }
    }

    private int figure(JsonNode list, String title) {
        for (JsonNode entry : list) {
            if (entry.get("title").asText().equals(title)) {
                return entry.get("id").asInt();
            }
        }
        throw new AssertionError(title + " is not in " + list);
    }

    @Test
    void aFigureKeepsItsNumberAndOnlyAChangedOneGetsANewRevision() throws Exception {
        serving.robot.shown.add(serving.robot.everyKind());
        JsonNode first = figures("layers");
        int loss = figure(first, "run 1/loss");
        JsonNode list = first;
        for (int i = 0; i < 100 && list.get(0).get("revision").asInt() < 3; i++) {
            Thread.sleep(20);
            list = figures("layers");
        }
        assertEquals(loss, list.get(0).get("id").asInt());
        assertTrue(list.get(0).get("revision").asInt() >= 3, list.toString());
        assertEquals("fake", list.get(1).get("heading").asText());
        assertEquals("HeatMap", list.get(1).get("kind").asText());
        assertEquals(0, list.get(1).get("revision").asInt());
        serving.robot.shown.clear();
        assertEquals(0, JSON.readTree(get("api/figures").body()).size());
        assertEquals(404, get("figures/" + loss + ".json").statusCode());
    }

    @Test
    void everyKindOfFigureIsServedAsThePageDrawsIt() throws Exception {
        serving.robot.shown.add(serving.robot.everyKind());
        JsonNode list = figures("layers");
        JsonNode loss = JSON.readTree(
                get("figures/" + figure(list, "run 1/loss") + ".json").body());
        assertEquals(1, loss.get("series").get(0).get("y").get(0).asDouble());
        JsonNode map = JSON.readTree(
                get("figures/" + figure(list, "similarity") + ".json").body());
        assertTrue(map.get("values").get(2).isNull());
        assertEquals(0.25, map.get("values").get(4).asDouble());
        JsonNode dots = JSON.readTree(
                get("figures/" + figure(list, "kernels") + ".json").body());
        assertEquals(2, dots.get("dots").size(), "a dot without a place is left out");
        assertEquals(
                "{\"name\":\"copy: 1 ms\",\"x\":0.1,\"y\":1.0,\"area\":1.0}",
                dots.at("/dots/1").toString());
        assertEquals("[0.1,10.0,100.0]", dots.at("/lines/0/x").toString());
        int pictures = figure(list, "reconstructions");
        var image = ImageIO.read(new ByteArrayInputStream(
                http.send(to("figures/" + pictures + "/1.png").build(), BodyHandlers.ofByteArray())
                        .body()));
        assertEquals(0x00_00_00, image.getRGB(0, 0) & 0xffffff);
        assertEquals(0xff_ff_ff, image.getRGB(1, 0) & 0xffffff);
        assertEquals(404, get("figures/" + pictures + "/2.png").statusCode());
        assertEquals(404, get("figures/" + pictures + ".bin").statusCode());
        int cloud = figure(list, "predicted");
        ByteBuffer points = ByteBuffer.wrap(
                        http.send(to("figures/" + cloud + ".bin").build(), BodyHandlers.ofByteArray())
                                .body())
                .order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(2, points.getInt(4), "a point that is not finite is left out");
        assertEquals(0.5f, points.getFloat(8 + 12));
        assertEquals(
                "[[0.0,0.5],[0.0,0.0],[1.0,1.0]]",
                JSON.readTree(get("figures/" + cloud + ".json").body())
                        .get("extent")
                        .toString());
        assertEquals(
                "0.5",
                JSON.readTree(get("figures/" + figure(list, "layers") + ".json").body())
                        .at("/rows/0/1")
                        .asText());
    }

    @Test
    void aSourceThatHangsOrThrowsHidesNobodyElsesFigures() throws Exception {
        CountDownLatch hang = new CountDownLatch(1);
        AtomicInteger asked = new AtomicInteger();
        serving.robot.shown.add(new Sources.Shown("hangs", () -> {
            asked.incrementAndGet();
            try {
                hang.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return new LinkedHashMap<>();
        }));
        serving.robot.shown.add(new Sources.Shown("throws", () -> {
            throw new IllegalStateException("no figure today");
        }));
        serving.robot.shown.add(serving.robot.everyKind());
        assertEquals(6, figures("layers").size());
        figures("layers");
        assertEquals(1, asked.get(), "it is not asked again before it has answered");
        hang.countDown();
    }
}
