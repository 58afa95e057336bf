package org.armature.policyserver;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.armature.robot.PolicyEndpoint;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.HttpConnectionFactory;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.eclipse.jetty.server.SslConnectionFactory;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.ssl.SslContextFactory;
import org.eclipse.jetty.util.thread.QueuedThreadPool;
import org.eclipse.jetty.websocket.server.WebSocketUpgradeHandler;
import org.jspecify.annotations.Nullable;

/**
 * Serves policies over openpi's WebSocket protocol. {@code /policies/NAME} selects a policy, any other path the default
 * one. Frames are read by Jetty's threads and policies computed by others, so that a ping is answered while a policy
 * thinks; a hostile client costs its own connection and nobody else's.
 */
final class PolicyServer implements AutoCloseable {
    /**
     * Where and how to serve.
     *
     * @param host address to listen on; {@code 127.0.0.1} unless told
     * @param port port, 0 for any free one
     * @param apiKey key that clients must send as {@code Authorization: Api-Key KEY}; empty for none
     * @param maxMessageBytes longer messages are answered with close code 1009
     * @param deadline an answer that takes longer is an error
     * @param keyStore PKCS#12 file with the TLS key; empty for plain WebSocket
     * @param keyStorePassword its password
     * @param debug whether errors carry a Java stack
     */
    record Settings(
            String host,
            int port,
            String apiKey,
            long maxMessageBytes,
            Duration deadline,
            String keyStore,
            String keyStorePassword,
            boolean debug) {
        Settings {
            if (port < 0 || port > 65535) {
                throw new IllegalArgumentException("port " + port + " does not exist: choose one from 0 to 65535");
            }
            if (maxMessageBytes < 1024 || maxMessageBytes > Integer.MAX_VALUE) {
                throw new IllegalArgumentException(
                        "maxMessageBytes is " + maxMessageBytes + ": choose 1024 to " + Integer.MAX_VALUE);
            }
        }

        static Settings local(int port) {
            return new Settings("127.0.0.1", port, "", 64L << 20, Duration.ofSeconds(60), "", "", false);
        }
    }

    private final Server server;
    private final ServerConnector connector;
    private static final int MAX_SESSIONS = 256;
    private static final int INPUT_BUFFER = 1 << 17;

    private final ExecutorService inference;
    private final ScheduledThreadPoolExecutor clock;
    private final AtomicInteger sessions = new AtomicInteger();

    /**
     * Starts to serve.
     *
     * @param endpoints gives the policy of a name ({@code ""} is the default one), or null if there is none
     * @throws IOException one sentence, if the port cannot be opened
     */
    PolicyServer(Settings settings, Function<String, @Nullable PolicyEndpoint> endpoints) throws IOException {
        QueuedThreadPool threads = new QueuedThreadPool(64, 4);
        threads.setName("policy-server");
        threads.setDaemon(true);
        server = new Server(threads);
        HttpConnectionFactory http = new HttpConnectionFactory();
        http.getHttpConfiguration().setSendServerVersion(false);
        connector = settings.keyStore().isEmpty()
                ? new ServerConnector(server, 1, 1, http)
                : new ServerConnector(server, 1, 1, tls(settings), http);
        connector.setHost(settings.host());
        connector.setPort(settings.port());
        connector.setIdleTimeout(Duration.ofMinutes(30).toMillis());
        server.addConnector(connector);
        inference = Executors.newThreadPerTaskExecutor(
                Thread.ofPlatform().daemon().name("policy-session-", 0).factory());
        clock = new ScheduledThreadPoolExecutor(
                1, Thread.ofPlatform().daemon().name("policy-deadlines").factory());
        clock.setRemoveOnCancelPolicy(true);
        WebSocketUpgradeHandler upgrade = WebSocketUpgradeHandler.from(server, container -> {
            container.setMaxBinaryMessageSize(settings.maxMessageBytes());
            container.setMaxTextMessageSize(1 << 16);
            container.setMaxFrameSize(settings.maxMessageBytes());
            container.setIdleTimeout(Duration.ofMinutes(30));
            // Two camera images are 300 kB: by the default of 4 KiB they would come in 75 reads.
            container.setInputBufferSize(INPUT_BUFFER);
            container.addMapping("regex|.*", (request, response, callback) -> {
                // Answering an offered extension would turn compression on, which the official server never does.
                response.setExtensions(java.util.List.of());
                PolicyEndpoint endpoint = endpoints.apply(name(Request.getPathInContext(request)));
                if (endpoint == null) {
                    return null;
                }
                sessions.incrementAndGet();
                return new PolicySession(settings, endpoint, inference, clock, sessions::decrementAndGet);
            });
        });
        upgrade.setHandler(new Handler.Abstract() {
            @Override
            public boolean handle(Request request, Response response, Callback callback) {
                if ("/healthz".equals(Request.getPathInContext(request))) {
                    answer(response, callback, HttpStatus.OK_200, "OK\n");
                } else if (request.getHeaders().contains(HttpHeader.UPGRADE, "websocket")) {
                    answer(response, callback, HttpStatus.NOT_FOUND_404, "No policy is served here.\n");
                } else {
                    response.getHeaders().put(HttpHeader.UPGRADE, "websocket");
                    answer(
                            response,
                            callback,
                            HttpStatus.UPGRADE_REQUIRED_426,
                            "This is a policy server: connect with a WebSocket client such as openpi-client.\n");
                }
                return true;
            }
        });
        Handler limited = new Crowd(upgrade);
        server.setHandler(settings.apiKey().isEmpty() ? limited : new KeyCheck(settings.apiKey(), limited));
        try {
            server.start();
        } catch (Exception e) {
            close();
            throw new IOException(
                    "cannot serve on " + settings.host() + ":" + settings.port() + " (" + e.getMessage()
                            + "): choose another port with --port, or stop what uses it",
                    e);
        }
    }

    private static SslConnectionFactory tls(Settings settings) {
        SslContextFactory.Server context = new SslContextFactory.Server();
        context.setKeyStorePath(settings.keyStore());
        context.setKeyStorePassword(settings.keyStorePassword());
        return new SslConnectionFactory(context, "http/1.1");
    }

    private static String name(String path) {
        String prefix = "/policies/";
        return path.startsWith(prefix) ? path.substring(prefix.length()) : "";
    }

    private static void answer(Response response, Callback callback, int status, String body) {
        response.setStatus(status);
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, "text/plain; charset=utf-8");
        response.getHeaders().put(HttpHeader.CONNECTION, "close");
        response.getHeaders().put(HttpHeader.CONTENT_LENGTH, body.length());
        Content.Sink.write(response, true, body, callback);
    }

    /** Refuses connections beyond what threads there may be; health checks are always answered. */
    private final class Crowd extends Handler.Wrapper {
        Crowd(Handler next) {
            super(next);
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            if (sessions.get() < MAX_SESSIONS || !request.getHeaders().contains(HttpHeader.UPGRADE, "websocket")) {
                return super.handle(request, response, callback);
            }
            answer(
                    response,
                    callback,
                    HttpStatus.SERVICE_UNAVAILABLE_503,
                    "There are " + MAX_SESSIONS + " connections already: close one.\n");
            return true;
        }
    }

    /** Refuses requests without the key before any upgrade; the comparison takes the same time wherever keys differ. */
    private static final class KeyCheck extends Handler.Wrapper {
        private final byte[] expected;

        KeyCheck(String key, Handler next) {
            super(next);
            expected = ("Api-Key " + key).getBytes(StandardCharsets.UTF_8);
        }

        @Override
        public boolean handle(Request request, Response response, Callback callback) throws Exception {
            String given = request.getHeaders().get(HttpHeader.AUTHORIZATION);
            boolean open = "/healthz".equals(Request.getPathInContext(request));
            if (open || given != null && MessageDigest.isEqual(expected, given.getBytes(StandardCharsets.UTF_8))) {
                return super.handle(request, response, callback);
            }
            answer(response, callback, HttpStatus.UNAUTHORIZED_401, "Send Authorization: Api-Key KEY.\n");
            return true;
        }
    }

    /** The port in use. */
    int port() {
        return connector.getLocalPort();
    }

    /** Where clients connect, for people. */
    String address() {
        String host =
                connector.getHost() == null ? InetAddress.getLoopbackAddress().getHostAddress() : connector.getHost();
        return (connector.getConnectionFactory(SslConnectionFactory.class) == null ? "ws://" : "wss://") + host + ":"
                + port();
    }

    /** Connections now, for {@code serve}'s status line. */
    Map<String, Object> status() {
        return Map.of(
                "address",
                address(),
                "connections",
                connector.getConnectedEndPoints().size());
    }

    @Override
    public void close() {
        try {
            server.stop();
        } catch (Exception e) {
            throw new IllegalStateException("the policy server did not stop: " + e.getMessage(), e);
        } finally {
            inference.shutdownNow();
            clock.shutdownNow();
        }
    }
}
