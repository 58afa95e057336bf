package org.armature.policyserver;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.PooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.SocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.ssl.SslHandler;
import io.netty.handler.timeout.ReadTimeoutHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.FastThreadLocal;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import org.armature.robot.PolicyEndpoint;
import org.jspecify.annotations.Nullable;

/**
 * Serves policies over openpi's WebSocket protocol. {@code /policies/NAME} selects a policy, any other path the default
 * one. Frames are read by Netty's threads and policies computed by others, unless they answer at once, so that a ping is
 * answered while a policy thinks; a hostile client costs its own connection and nobody else's.
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

    /** Connections that may be open as WebSockets; most have a thread. */
    static final int MAX_SESSIONS = 256;

    /** Threads that read and write. */
    private static final int LOOPS = Math.clamp(Runtime.getRuntime().availableProcessors() / 2, 1, 4);

    private static final int MAX_REQUEST_BODY = 1 << 13;
    private static final int REQUEST_SECONDS = 10;

    private static final int STOP_MILLIS = 2000;

    private final Settings settings;
    private final Function<String, @Nullable PolicyEndpoint> endpoints;
    private final EventLoopGroup loops;
    private final ExecutorService inference;
    private final Set<PolicySession> sessions = ConcurrentHashMap.newKeySet();
    private final Channel channel;

    /**
     * Starts to serve.
     *
     * @param endpoints gives the policy of a name ({@code ""} is the default one), or null if there is none
     * @throws IOException one sentence, if the port cannot be opened or the key store not be read
     */
    PolicyServer(Settings settings, Function<String, @Nullable PolicyEndpoint> endpoints) throws IOException {
        this.settings = settings;
        this.endpoints = endpoints;
        SSLContext tls = settings.keyStore().isEmpty() ? null : tls(settings);
        loops = new MultiThreadIoEventLoopGroup(
                LOOPS, new DefaultThreadFactory("policy-server", true), NioIoHandler.newFactory());
        inference = Executors.newThreadPerTaskExecutor(
                Thread.ofPlatform().daemon().name("policy-session-", 0).factory());
        ChannelFuture bound = new ServerBootstrap()
                .group(loops)
                .channel(NioServerSocketChannel.class)
                .childOption(ChannelOption.TCP_NODELAY, true)
                // Messages lie in arrays: a policy that keeps a view of one too long reads other numbers, not other
                // memory.
                .childOption(ChannelOption.ALLOCATOR, new PooledByteBufAllocator(false))
                .childHandler(new ChannelInitializer<SocketChannel>() {
                    @Override
                    protected void initChannel(SocketChannel client) {
                        if (tls != null) {
                            SSLEngine engine = tls.createSSLEngine();
                            engine.setUseClientMode(false);
                            client.pipeline().addLast(new SslHandler(engine));
                        }
                        client.pipeline()
                                .addLast(
                                        new ReadTimeoutHandler(REQUEST_SECONDS),
                                        new HttpServerCodec(),
                                        new HttpObjectAggregator(MAX_REQUEST_BODY),
                                        new Reception(PolicyServer.this));
                    }
                })
                .bind(settings.host(), settings.port())
                .awaitUninterruptibly();
        channel = bound.channel();
        if (!bound.isSuccess()) {
            close();
            throw new IOException(
                    "cannot serve on " + settings.host() + ":" + settings.port() + " ("
                            + bound.cause().getMessage()
                            + "): choose another port with --port, or stop what uses it",
                    bound.cause());
        }
    }

    private static SSLContext tls(Settings settings) throws IOException {
        char[] password = settings.keyStorePassword().toCharArray();
        try (InputStream in = new FileInputStream(settings.keyStore())) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(in, password);
            KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            keys.init(store, password);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(keys.getKeyManagers(), null, null);
            return context;
        } catch (IOException | GeneralSecurityException e) {
            throw new IOException(
                    "cannot take the TLS key from " + settings.keyStore() + " (" + e.getMessage()
                            + "): give a PKCS#12 file with --tls and its password in ARMATURE_TLS_PASSWORD",
                    e);
        }
    }

    Settings settings() {
        return settings;
    }

    /** The policy of that name, or null if there is none. */
    @Nullable
    PolicyEndpoint endpoint(String name) {
        return endpoints.apply(name);
    }

    /** Whether no further client is taken. */
    boolean full() {
        return sessions.size() >= MAX_SESSIONS;
    }

    /** A client's session. */
    PolicySession session(PolicyEndpoint endpoint) {
        PolicySession session = new PolicySession(settings, endpoint, inference, sessions::remove);
        sessions.add(session);
        return session;
    }

    /** The port in use. */
    int port() {
        return ((InetSocketAddress) channel.localAddress()).getPort();
    }

    /** Where clients connect, for people. */
    String address() {
        return (settings.keyStore().isEmpty() ? "ws://" : "wss://") + settings.host() + ":" + port();
    }

    /** Takes leave of the clients (close code 1001) and waits at most 2 s for it. */
    @Override
    public void close() {
        channel.close().awaitUninterruptibly();
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(STOP_MILLIS);
        for (Future<?> told : sessions.stream().map(PolicySession::goAway).toList()) {
            try {
                told.get(end - System.nanoTime(), TimeUnit.NANOSECONDS);
            } catch (ExecutionException | TimeoutException e) {
                // A client that is gone or does not listen.
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        loops.shutdownGracefully(0, STOP_MILLIS, TimeUnit.MILLISECONDS).awaitUninterruptibly();
        inference.shutdownNow();
        FastThreadLocal.removeAll(); // what Netty keeps with this thread would keep this bundle's classes
    }
}
