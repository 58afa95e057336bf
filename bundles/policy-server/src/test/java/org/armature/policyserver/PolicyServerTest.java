package org.armature.policyserver;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.ref.WeakReference;
import java.lang.reflect.Method;
import java.net.Socket;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.armature.robot.ActionChunk;
import org.armature.robot.NdArray;
import org.armature.robot.Observation;
import org.armature.robot.Policy;
import org.armature.robot.PolicyEndpoint;
import org.armature.robot.PolicySpec;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The protocol against recordings of the real client and against hostile ones. */
class PolicyServerTest {
    private static final Path GOLDENS = Path.of(System.getProperty("armature.shared", ""), "goldens", "policy-server");
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String UPGRADE =
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";

    static Stream<String> conversations() {
        return Stream.of("libero-small", "libero-224", "droid-small", "droid-pi05", "aloha-small", "api-key", "types");
    }

    private static Path golden(String name) {
        Path p = GOLDENS.resolve(name);
        assumeTrue(Files.exists(p), "recordings are not here: set -Darmature.shared");
        return p;
    }

    /** Each with a policy that is asked on a thread of its own, and with one that is asked where messages are read. */
    private static Stream<Arguments> eitherWay(Stream<String> names) {
        return names.flatMap(name -> Stream.of(Arguments.of(name, false), Arguments.of(name, true)));
    }

    static Stream<Arguments> served() {
        return eitherWay(conversations());
    }

    static Stream<Arguments> understood() {
        return eitherWay(Stream.of("libero-small", "api-key", "types"));
    }

    private static ToyPolicy toy(String name, JsonNode c, boolean immediate) {
        JsonNode shape = c.at("/responses/0/items/actions/shape");
        List<String> keys = name.startsWith("libero")
                ? List.of("observation/state")
                : name.startsWith("droid")
                        ? List.of("observation/joint_position", "observation/gripper_position")
                        : List.of("state");
        return new ToyPolicy(shape.path(0).asInt(2), shape.path(1).asInt(2), keys, immediate);
    }

    @ParameterizedTest
    @MethodSource("conversations")
    void everyRecordedMessageIsReadAndWrittenByteForByte(String name) throws Exception {
        try (Stream<Path> files = Files.list(golden(name))) {
            List<Path> messages =
                    files.filter(f -> f.toString().endsWith(".msgpack")).toList();
            assertTrue(messages.size() >= 2);
            for (Path f : messages) {
                byte[] bytes = Files.readAllBytes(f);
                byte[] again = array(Wire.encode(Wire.decode(ByteBuffer.wrap(bytes))));
                assertArrayEquals(bytes, again, f.toString());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("served")
    void theServerAnswersAsTheOfficialOne(String name, boolean immediate) throws Exception {
        Path dir = golden(name);
        ToyPolicy toy = toy(name, JSON.readTree(dir.resolve("case.json").toFile()), immediate);
        try (PolicyServer server = new PolicyServer(PolicyServer.Settings.local(0), n -> toy);
                Client client = new Client(server.port(), "/")) {
            assertEquals(Map.of(), Wire.decode(client.binary()));
            for (int i = 0; Files.exists(dir.resolve("request_" + i + ".msgpack")); i++) {
                client.send(Files.readAllBytes(dir.resolve("request_" + i + ".msgpack")));
                Map<?, ?> answer = (Map<?, ?>) Wire.decode(client.binary());
                Map<?, ?> official = (Map<?, ?>)
                        Wire.decode(ByteBuffer.wrap(Files.readAllBytes(dir.resolve("response_" + i + ".msgpack"))));
                assertEquals(official.get("actions"), answer.get("actions"));
                Map<?, ?> timing = (Map<?, ?>) answer.get("server_timing");
                assertEquals(i > 0, timing.containsKey("prev_total_ms"));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("understood")
    void theRecordedBytesOfTheClientAreUnderstood(String name, boolean immediate) throws Exception {
        Path dir = golden(name);
        ToyPolicy toy = toy(name, JSON.readTree(dir.resolve("case.json").toFile()), immediate);
        String official = Files.readString(dir.resolve("wire_server_to_client.bin"), StandardCharsets.ISO_8859_1);
        String accept = official.lines()
                .filter(l -> l.startsWith("Sec-WebSocket-Accept"))
                .findFirst()
                .orElseThrow();
        try (PolicyServer server = new PolicyServer(PolicyServer.Settings.local(0), n -> toy);
                Socket socket = new Socket("127.0.0.1", server.port())) {
            socket.setSoTimeout(5000);
            socket.getOutputStream().write(Files.readAllBytes(dir.resolve("wire_client_to_server.bin")));
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
            assertTrue(answer.contains(accept), answer.substring(0, Math.min(400, answer.length())));
            assertTrue(answer.contains("actions"));
            assertTrue(!answer.contains("permessage-deflate"));
        }
    }

    static Stream<Arguments> malformed() throws Exception {
        if (!Files.exists(GOLDENS)) {
            return eitherWay(Stream.of("garbage"));
        }
        List<String> names = new ArrayList<>();
        JSON.readTree(GOLDENS.resolve("malformed/case.json").toFile())
                .forEach(c -> names.add(c.get("case").asText()));
        return eitherWay(names.stream());
    }

    @ParameterizedTest
    @MethodSource("malformed")
    void aBadMessageEndsItsConnectionAndNoOther(String name, boolean immediate) throws Exception {
        Path dir = golden("malformed");
        ToyPolicy toy = new ToyPolicy(2, 2, List.of("state"), immediate);
        byte[] good = array(Wire.encode(Map.of("state", NdArray.of(new double[] {1, 2}, 2))));
        try (PolicyServer server = new PolicyServer(PolicyServer.Settings.local(0), n -> toy);
                Client neighbour = new Client(server.port(), "/");
                Client client = new Client(server.port(), "/")) {
            neighbour.binary();
            client.binary();
            if (name.equals("text-frame")) {
                client.socket
                        .sendText(Files.readString(dir.resolve("text-frame.txt")), true)
                        .join();
            } else {
                client.send(Files.readAllBytes(dir.resolve(name + ".msgpack")));
            }
            // The official decoder takes numpy objects ('|O'), reading wire bytes as pointers; here that is an error.
            if (name.equals("long-data")) {
                assertInstanceOf(Map.class, Wire.decode(client.binary()));
            } else {
                String text = assertInstanceOf(String.class, client.next());
                assertTrue(!text.isBlank() && !text.contains("\tat "), text);
                assertEquals(1011, client.next());
            }
            neighbour.send(good);
            assertInstanceOf(Map.class, Wire.decode(neighbour.binary()));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aPolicyThatThrowsIsReportedInOneSentence(boolean immediate) throws Exception {
        Path dir = golden("error");
        try (PolicyServer server = new PolicyServer(
                        PolicyServer.Settings.local(0), n -> new ToyPolicy(2, 2, List.of("state"), immediate));
                Client client = new Client(server.port(), "/")) {
            client.binary();
            client.send(Files.readAllBytes(dir.resolve("request_0.msgpack")));
            assertEquals("bad observation: explode", client.next());
            assertEquals(1011, client.next());
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void nanIsNamedByItsPlace(boolean immediate) throws Exception {
        try (PolicyServer server = new PolicyServer(
                        PolicyServer.Settings.local(0), n -> new ToyPolicy(2, 2, List.of("state"), immediate));
                Client client = new Client(server.port(), "/")) {
            client.binary();
            client.send(array(Wire.encode(Map.of("state", NdArray.of(new double[] {1, Double.NaN}, 2)))));
            assertEquals("state[1] is NaN", client.next());
        }
    }

    @Test
    void aPingIsAnsweredWhileThePolicyThinks() throws Exception {
        CountDownLatch thinking = new CountDownLatch(1);
        CountDownLatch release = new CountDownLatch(1);
        PolicyEndpoint slow = new PolicyEndpoint() {
            @Override
            public Map<String, Object> metadata() {
                return Map.of();
            }

            @Override
            public Session open() {
                return o -> {
                    thinking.countDown();
                    try {
                        release.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                    return Map.of("actions", NdArray.of(new double[] {1}, 1, 1));
                };
            }
        };
        try (PolicyServer server = new PolicyServer(PolicyServer.Settings.local(0), n -> slow);
                Client client = new Client(server.port(), "/")) {
            client.binary();
            client.send(array(Wire.encode(Map.of())));
            assertTrue(thinking.await(5, TimeUnit.SECONDS));
            client.socket.sendPing(ByteBuffer.wrap(new byte[] {42})).join();
            assertEquals("pong", client.next());
            release.countDown();
            assertInstanceOf(Map.class, Wire.decode(client.binary()));
        }
    }

    @Test
    void thePathSelectsThePolicyAndAnUnknownOneIsRefused() throws Exception {
        ToyPolicy one = new ToyPolicy(1, 1, List.of("state"), false);
        ToyPolicy two = new ToyPolicy(2, 1, List.of("state"), false);
        try (PolicyServer server = new PolicyServer(
                PolicyServer.Settings.local(0), n -> n.isEmpty() ? one : n.equals("two") ? two : null)) {
            byte[] request = array(Wire.encode(Map.of("state", NdArray.of(new double[] {1}, 1))));
            try (Client client = new Client(server.port(), "/policies/two")) {
                client.binary();
                client.send(request);
                Map<?, ?> answer = (Map<?, ?>) Wire.decode(client.binary());
                assertArrayEquals(new long[] {2, 1}, ((NdArray) answer.get("actions")).shape());
            }
            assertThrows(Exception.class, () -> new Client(server.port(), "/policies/three"));
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aPolicyIsClosedWithItsConnection(boolean immediate) throws Exception {
        CountDownLatch closed = new CountDownLatch(2);
        PolicyEndpoint policy = endpoint(immediate, new PolicyEndpoint.Session() {
            @Override
            public Map<String, Object> infer(Map<String, Object> observation) {
                throw new IllegalStateException("no");
            }

            @Override
            public void close() {
                closed.countDown();
            }
        });
        try (PolicyServer server = new PolicyServer(PolicyServer.Settings.local(0), n -> policy)) {
            try (Client leaves = new Client(server.port(), "/");
                    Client fails = new Client(server.port(), "/")) {
                leaves.binary();
                fails.binary();
                fails.send(array(Wire.encode(Map.of())));
                assertEquals("no", fails.next());
            }
            assertTrue(closed.await(5, TimeUnit.SECONDS));
        }
    }

    @Test
    void healthPlainGetAndKey() throws Exception {
        PolicyServer.Settings keyed =
                new PolicyServer.Settings("127.0.0.1", 0, "secret", 1 << 20, Duration.ofSeconds(5), "", "", false);
        ToyPolicy toy = new ToyPolicy(1, 1, List.of("state"), false);
        try (HttpClient http = HttpClient.newHttpClient();
                PolicyServer open = new PolicyServer(PolicyServer.Settings.local(0), n -> toy);
                PolicyServer locked = new PolicyServer(keyed, n -> toy)) {
            HttpResponse<String> health = get(http, open.port(), "/healthz");
            assertEquals(200, health.statusCode());
            assertEquals("OK\n", health.body());
            assertEquals(
                    "text/plain; charset=utf-8",
                    health.headers().firstValue("Content-Type").orElseThrow());
            HttpResponse<String> plain = get(http, open.port(), "/");
            assertEquals(426, plain.statusCode());
            assertEquals("websocket", plain.headers().firstValue("Upgrade").orElseThrow());
            assertEquals(401, get(http, locked.port(), "/").statusCode());
            assertThrows(Exception.class, () -> new Client(locked.port(), "/"));
            try (Client client = new Client(locked.port(), "/", "Api-Key secret")) {
                assertEquals(Map.of(), Wire.decode(client.binary()));
            }
        }
    }

    @Test
    void whoComesWhenAllPlacesAreTakenIsToldSoUntilOneIsFree() throws Exception {
        ToyPolicy toy = new ToyPolicy(1, 1, List.of("state"), true);
        List<Socket> clients = new ArrayList<>();
        try (PolicyServer server = new PolicyServer(PolicyServer.Settings.local(0), n -> toy)) {
            for (int i = 0; i < PolicyServer.MAX_SESSIONS; i++) {
                Socket client = new Socket("127.0.0.1", server.port());
                clients.add(client);
                assertEquals("HTTP/1.1 101 Switching Protocols", upgrade(client), "client " + i);
            }
            try (Socket late = new Socket("127.0.0.1", server.port())) {
                assertEquals("HTTP/1.1 503 Service Unavailable", upgrade(late));
            }
            clients.removeLast().close();
            for (String answer = ""; !answer.contains("101"); ) {
                try (Socket next = new Socket("127.0.0.1", server.port())) {
                    answer = upgrade(next);
                }
            }
        } finally {
            for (Socket client : clients) {
                client.close();
            }
        }
    }

    /** The first line of the answer to a WebSocket's first request. */
    private static String upgrade(Socket client) throws IOException {
        client.setSoTimeout(5000);
        client.getOutputStream().write(UPGRADE.getBytes(StandardCharsets.US_ASCII));
        return new BufferedReader(new InputStreamReader(client.getInputStream(), StandardCharsets.US_ASCII)).readLine();
    }

    @Test
    void aMessageOverTheLimitIsClosedWith1009() throws Exception {
        PolicyServer.Settings small =
                new PolicyServer.Settings("127.0.0.1", 0, "", 1 << 16, Duration.ofSeconds(5), "", "", false);
        try (PolicyServer server = new PolicyServer(small, n -> new ToyPolicy(1, 1, List.of("state"), false));
                Client client = new Client(server.port(), "/")) {
            client.binary();
            client.send(new byte[1 << 17]);
            assertEquals(1009, client.next());
        }
    }

    @Test
    void theRemotePolicyHoldsWhileTheServerIsAwayAndComesBack() throws Exception {
        PolicyEndpoint remote = new PolicyEndpoint() {
            @Override
            public Map<String, Object> metadata() {
                return Map.of("action_dim", 2L, "action_horizon", 3L, "control_hz", 20.0);
            }

            @Override
            public Session open() {
                return new ToyPolicy(3, 2, List.of("observation/state"), false).open();
            }
        };
        Observation o = new Observation(7, new double[] {0.1, 0.2}, new double[2], Map.of(), "wave", 1);
        PolicyServer server = new PolicyServer(PolicyServer.Settings.local(0), n -> remote);
        int port = server.port();
        try (RemotePolicy policy =
                new RemotePolicy(URI.create("ws://127.0.0.1:" + port), "", Duration.ofSeconds(2), 50)) {
            assertEquals(50_000_000, policy.spec().periodNanos());
            assertEquals(0.1 + 0.01, policy.act(o).at(1, 0));
            server.close();
            ActionChunk held = policy.act(o);
            assertEquals(0.1, held.at(2, 0));
            server = new PolicyServer(PolicyServer.Settings.local(port), n -> remote);
            assertEquals(0.1 + 0.01, policy.act(o).at(1, 0));
        } finally {
            server.close();
        }
    }

    @Test
    void aPolicyThatHangsCostsItsConnectionAndNoOther() throws Exception {
        PolicyServer.Settings hasty =
                new PolicyServer.Settings("127.0.0.1", 0, "", 1 << 20, Duration.ofMillis(200), "", "", false);
        CountDownLatch interrupted = new CountDownLatch(1);
        PolicyEndpoint hangs = endpoint(o -> {
            if (o.containsKey("hang")) {
                try {
                    new CountDownLatch(1).await();
                } catch (InterruptedException e) {
                    interrupted.countDown();
                }
            }
            return Map.of("actions", NdArray.of(new double[] {1}, 1, 1));
        });
        try (PolicyServer server = new PolicyServer(hasty, n -> hangs);
                Client neighbour = new Client(server.port(), "/");
                Client client = new Client(server.port(), "/")) {
            neighbour.binary();
            client.binary();
            client.send(array(Wire.encode(Map.of("hang", true))));
            assertEquals("the policy did not answer within 200 ms", client.next());
            assertEquals(1011, client.next());
            assertTrue(interrupted.await(5, TimeUnit.SECONDS));
            neighbour.send(array(Wire.encode(Map.of())));
            assertInstanceOf(Map.class, Wire.decode(neighbour.binary()));
        }
    }

    @Test
    void sessionsOfOnePolicyShareNoState() throws Exception {
        PolicySpec spec = new PolicySpec(1, 1, 1_000_000, PolicySpec.ActionSpace.ABSOLUTE);
        List<Counting> made = new ArrayList<>();
        RobotEndpoint own = new RobotEndpoint("counting", "1", spec, () -> {
            Counting p = new Counting(spec);
            made.add(p);
            return new RobotEndpoint.Lease<>(p, () -> made.remove(p));
        });
        Counting one = new Counting(spec);
        RobotEndpoint shared = new RobotEndpoint("counting", "1", spec, () -> new RobotEndpoint.Lease<>(one, () -> {}));
        try (PolicyServer server =
                        new PolicyServer(PolicyServer.Settings.local(0), n -> n.equals("shared") ? shared : own);
                Client a = new Client(server.port(), "/");
                Client b = new Client(server.port(), "/");
                Client c = new Client(server.port(), "/policies/shared");
                Client d = new Client(server.port(), "/policies/shared")) {
            for (Client client : List.of(a, b, c, d)) {
                client.binary();
            }
            assertEquals(List.of(1.0, 2.0, 1.0), List.of(count(a), count(a), count(b)));
            assertEquals(3.0, count(a));
            // One instance for both: whoever comes after another finds it reset.
            assertEquals(List.of(1.0, 2.0, 1.0, 1.0), List.of(count(c), count(c), count(d), count(c)));
        }
    }

    private static double count(Client client) throws Exception {
        client.send(array(Wire.encode(Map.of("observation/state", NdArray.of(new double[1], 1)))));
        return ((NdArray) ((Map<?, ?>) Wire.decode(client.binary())).get("actions")).doubles()[0];
    }

    /** Answers how often it was asked since its last reset. */
    private static final class Counting implements Policy {
        private final PolicySpec spec;
        private int asked;

        Counting(PolicySpec spec) {
            this.spec = spec;
        }

        @Override
        public PolicySpec spec() {
            return spec;
        }

        @Override
        public ActionChunk act(Observation o) {
            return new ActionChunk(o.timeNanos(), spec.periodNanos(), 1, new double[] {++asked});
        }

        @Override
        public void reset() {
            asked = 0;
        }
    }

    @Test
    void aServerThatClosesTellsItsClientsAndLeavesNoThread() throws Exception {
        CountDownLatch thinking = new CountDownLatch(1);
        PolicyEndpoint hangs = endpoint(o -> {
            thinking.countDown();
            try {
                new CountDownLatch(1).await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            return Map.of();
        });
        PolicyServer server = new PolicyServer(PolicyServer.Settings.local(0), n -> hangs);
        try (Client quiet = new Client(server.port(), "/");
                Client busy = new Client(server.port(), "/")) {
            quiet.binary();
            busy.binary();
            busy.send(array(Wire.encode(Map.of())));
            assertTrue(thinking.await(5, TimeUnit.SECONDS));
            server.close();
            assertEquals(1001, quiet.next());
            assertEquals(1001, busy.next());
        }
        for (Thread t : Thread.getAllStackTraces().keySet()) {
            if (t.getName().startsWith("policy-s") || t.getName().startsWith("globalEventExecutor")) {
                t.join(5000);
                assertFalse(t.isAlive(), t.getName());
            }
        }
    }

    /** As the framework does with a bundle: its classes, Netty's among them, go when the bundle does. */
    @Test
    void nothingKeepsTheClassesOfAServerThatIsGone() throws Exception {
        WeakReference<ClassLoader> loader = gone();
        for (int i = 0; i < 100 && loader.get() != null; i++) {
            System.gc();
            Thread.sleep(100);
        }
        assertNull(loader.get());
    }

    private static WeakReference<ClassLoader> gone() throws Exception {
        List<URL> path = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            path.add(Path.of(entry).toUri().toURL());
        }
        try (URLClassLoader own = new URLClassLoader(path.toArray(URL[]::new), null) {
            @Override
            protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
                if (name.startsWith("jdk.jfr.")) { // not imported by the bundle
                    throw new ClassNotFoundException(name);
                }
                return super.loadClass(name, resolve);
            }

            @Override
            protected Class<?> findClass(String name) throws ClassNotFoundException {
                return name.startsWith("io.netty.") || name.startsWith("org.armature.policyserver.")
                        ? super.findClass(name)
                        : PolicyServerTest.class.getClassLoader().loadClass(name);
            }
        }) {
            Method hold = own.loadClass(Rehearsal.class.getName()).getDeclaredMethod("hold", boolean.class);
            hold.setAccessible(true);
            hold.invoke(null, false);
            hold.invoke(null, true);
            return new WeakReference<>(own);
        }
    }

    private static PolicyEndpoint endpoint(PolicyEndpoint.Session session) {
        return endpoint(false, session);
    }

    private static PolicyEndpoint endpoint(boolean immediate, PolicyEndpoint.Session session) {
        return new PolicyEndpoint() {
            @Override
            public Map<String, Object> metadata() {
                return Map.of();
            }

            @Override
            public boolean immediate() {
                return immediate;
            }

            @Override
            public Session open() {
                return session;
            }
        };
    }

    @Test
    void tlsWithTheKeyOfAPkcs12File(@TempDir Path dir) throws Exception {
        Path store = dir.resolve("key.p12");
        Process keytool = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "keytool")
                                .toString(),
                        "-genkeypair",
                        "-alias",
                        "server",
                        "-keyalg",
                        "EC",
                        "-storetype",
                        "PKCS12",
                        "-keystore",
                        store.toString(),
                        "-storepass",
                        "secret",
                        "-dname",
                        "CN=localhost",
                        "-ext",
                        "san=ip:127.0.0.1")
                .inheritIO()
                .start();
        assertEquals(0, keytool.waitFor());
        KeyStore trusted = KeyStore.getInstance(store.toFile(), "secret".toCharArray());
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        PolicyServer.Settings settings = new PolicyServer.Settings(
                "127.0.0.1", 0, "", 1 << 20, Duration.ofSeconds(5), store.toString(), "secret", false);
        try (PolicyServer server = new PolicyServer(settings, n -> new ToyPolicy(1, 1, List.of("state"), false));
                HttpClient http = HttpClient.newBuilder().sslContext(context).build()) {
            assertTrue(server.address().startsWith("wss://"));
            HttpResponse<String> health = http.send(
                    HttpRequest.newBuilder(URI.create("https://127.0.0.1:" + server.port() + "/healthz"))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            assertEquals("OK\n", health.body());
            try (Client client = new Client(http, URI.create(server.address()))) {
                client.binary();
                client.send(array(Wire.encode(Map.of("state", NdArray.of(new double[10_000], 10_000)))));
                assertInstanceOf(Map.class, Wire.decode(client.binary()));
            }
            assertThrows(Exception.class, () -> new Client(server.port(), "/"));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"|O", "|V8", "<c8", "<M8", "<m8", "=f4", "<f3", "<f4x", "", "<f99999999999"})
    void onlyPlainDtypesAreTaken(String dtype) {
        byte[] good = array(Wire.encode(Map.of("state", NdArray.of(new float[] {1, 2}, 2))));
        String text = new String(good, StandardCharsets.ISO_8859_1)
                .replace((char) 0xa3 + "<f4", (char) (0xa0 + dtype.length()) + dtype);
        IllegalArgumentException e = assertThrows(
                IllegalArgumentException.class,
                () -> Wire.decode(ByteBuffer.wrap(text.getBytes(StandardCharsets.ISO_8859_1))));
        assertTrue(e.getMessage().contains("'" + dtype + "'"), e.getMessage());
    }

    @Test
    void brokenWebSocketsLeaveTheServerAndItsNeighboursAlive() throws Exception {
        try (PolicyServer server = new PolicyServer(
                        PolicyServer.Settings.local(0), n -> new ToyPolicy(1, 1, List.of("state"), false));
                Client neighbour = new Client(server.port(), "/")) {
            neighbour.binary();
            byte[][] frames = {
                {(byte) 0x82, 1, 0}, // unmasked
                {(byte) 0xf2, (byte) 0x80, 0, 0, 0, 0}, // reserved bits
                {(byte) 0x81, (byte) 0x81, 0, 0, 0, 0, (byte) 0xff}, // no UTF-8
                {(byte) 0x82, (byte) 0xff, 0x7f, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0}, // claims 2^63 bytes
                {(byte) 0x82, (byte) 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3}, // claims 16 MiB, sends 3 bytes
                {(byte) 0x82, (byte) 0xfe, 0x10}, // ends in the middle of a length
                {(byte) 0x80, (byte) 0x80, 0, 0, 0, 0} // continues nothing
            };
            for (byte[] frame : frames) {
                try (Socket socket = new Socket("127.0.0.1", server.port())) {
                    socket.setSoTimeout(5000);
                    socket.getOutputStream().write(UPGRADE.getBytes(StandardCharsets.ISO_8859_1));
                    socket.getOutputStream().write(frame);
                    socket.shutdownOutput();
                    String said = new String(socket.getInputStream().readAllBytes(), StandardCharsets.ISO_8859_1);
                    assertTrue(said.startsWith("HTTP/1.1 101"), said);
                }
                neighbour.send(array(Wire.encode(Map.of("state", NdArray.of(new double[] {1}, 1)))));
                assertInstanceOf(Map.class, Wire.decode(neighbour.binary()));
            }
        }
    }

    @Property(tries = 2000)
    void noBytesHurtTheDecoder(@ForAll byte[] bytes) {
        try {
            Wire.decode(ByteBuffer.wrap(bytes));
        } catch (IllegalArgumentException e) {
            assertTrue(e.getMessage() != null && !e.getMessage().isBlank());
        }
    }

    private static HttpResponse<String> get(HttpClient http, int port, String path) throws Exception {
        return http.send(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
    }

    private static byte[] array(ByteBuffer b) {
        return Arrays.copyOfRange(b.array(), b.arrayOffset() + b.position(), b.arrayOffset() + b.limit());
    }

    /** A client that keeps what comes: bytes for binary messages, text, close codes, {@code "pong"}. */
    private static final class Client implements WebSocket.Listener, AutoCloseable {
        private final LinkedBlockingQueue<Object> received = new LinkedBlockingQueue<>();
        private final ByteArrayOutputStream parts = new ByteArrayOutputStream();
        private final StringBuilder text = new StringBuilder();
        private final HttpClient http;
        final WebSocket socket;

        Client(int port, String path, String... authorization) {
            this(HttpClient.newHttpClient(), URI.create("ws://127.0.0.1:" + port + path), authorization);
        }

        Client(HttpClient http, URI uri, String... authorization) {
            this.http = http;
            WebSocket.Builder b = http.newWebSocketBuilder().connectTimeout(Duration.ofSeconds(5));
            if (authorization.length > 0) {
                b.header("Authorization", authorization[0]);
            }
            socket = b.buildAsync(uri, this).join();
        }

        void send(byte[] message) {
            socket.sendBinary(ByteBuffer.wrap(message), true).join();
        }

        Object next() throws InterruptedException {
            Object o = received.poll(5, TimeUnit.SECONDS);
            if (o == null) {
                throw new AssertionError("nothing came within 5 s");
            }
            return o;
        }

        ByteBuffer binary() throws InterruptedException {
            return ByteBuffer.wrap(assertInstanceOf(byte[].class, next()));
        }

        @Override
        public @Nullable CompletionStage<?> onBinary(WebSocket ws, ByteBuffer data, boolean last) {
            byte[] b = new byte[data.remaining()];
            data.get(b);
            parts.writeBytes(b);
            if (last) {
                received.add(parts.toByteArray());
                parts.reset();
            }
            ws.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onText(WebSocket ws, CharSequence data, boolean last) {
            text.append(data);
            if (last) {
                received.add(text.toString());
                text.setLength(0);
            }
            ws.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onPong(WebSocket ws, ByteBuffer message) {
            received.add("pong");
            ws.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onClose(WebSocket ws, int code, String reason) {
            received.add(code);
            return null;
        }

        @Override
        public void close() {
            socket.abort();
            http.shutdownNow();
        }
    }
}
