package org.armature.policyserver;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerCodec;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.websocketx.Utf8FrameValidator;
import io.netty.handler.codec.http.websocketx.WebSocket13FrameEncoder;
import io.netty.handler.timeout.IdleStateHandler;
import io.netty.handler.timeout.ReadTimeoutHandler;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.concurrent.TimeUnit;
import org.armature.robot.PolicyEndpoint;

/** Answers a connection's HTTP request: checks the key, and makes the connection a WebSocket where a policy is asked for. */
final class Reception extends SimpleChannelInboundHandler<FullHttpRequest> {
    private static final String POLICIES = "/policies/";
    private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; // RFC 6455, 1.3
    private static final int IDLE_MINUTES = 30;

    private final PolicyServer server;

    Reception(PolicyServer server) {
        this.server = server;
    }

    @Override
    protected void channelRead0(ChannelHandlerContext client, FullHttpRequest request) {
        if (request.decoderResult().isFailure()) {
            answer(client, HttpResponseStatus.BAD_REQUEST, "This is no HTTP request.\n");
            return;
        }
        String path = new QueryStringDecoder(request.uri()).path();
        if ("/healthz".equals(path)) {
            answer(client, HttpResponseStatus.OK, "OK\n");
            return;
        }
        HttpHeaders headers = request.headers();
        if (!mayEnter(headers)) {
            answer(client, HttpResponseStatus.UNAUTHORIZED, "Send Authorization: Api-Key KEY.\n");
            return;
        }
        String key = headers.get(HttpHeaderNames.SEC_WEBSOCKET_KEY);
        if (key == null
                || !request.method().equals(HttpMethod.GET)
                || !headers.containsValue(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET, true)
                || !"13".equals(headers.get(HttpHeaderNames.SEC_WEBSOCKET_VERSION))) {
            answer(
                    client,
                    HttpResponseStatus.UPGRADE_REQUIRED,
                    "This is a policy server: connect with a WebSocket client such as openpi-client.\n");
        } else if (server.full()) {
            answer(
                    client,
                    HttpResponseStatus.SERVICE_UNAVAILABLE,
                    "There are " + PolicyServer.MAX_SESSIONS + " connections already: close one.\n");
        } else {
            PolicyEndpoint policy = server.endpoint(path.startsWith(POLICIES) ? path.substring(POLICIES.length()) : "");
            if (policy == null) {
                answer(client, HttpResponseStatus.NOT_FOUND, "No policy is served here.\n");
            } else {
                upgrade(client, key, policy);
            }
        }
    }

    /** Whether the key is right or none is asked for; the comparison takes the same time wherever keys differ. */
    private boolean mayEnter(HttpHeaders headers) {
        String key = server.settings().apiKey();
        String given = headers.get(HttpHeaderNames.AUTHORIZATION);
        return key.isEmpty()
                || given != null
                        && MessageDigest.isEqual(
                                ("Api-Key " + key).getBytes(StandardCharsets.UTF_8),
                                given.getBytes(StandardCharsets.UTF_8));
    }

    /** Extensions are never answered: that would turn compression on, which the official server does not do. */
    private void upgrade(ChannelHandlerContext client, String key, PolicyEndpoint policy) {
        FullHttpResponse switching = response(HttpResponseStatus.SWITCHING_PROTOCOLS, "");
        switching
                .headers() // spelt as the official server does
                .set("Upgrade", "websocket")
                .set("Connection", "Upgrade")
                .set("Sec-WebSocket-Accept", accept(key));
        client.writeAndFlush(switching);
        ChannelPipeline frames = client.pipeline();
        frames.replace(ReadTimeoutHandler.class, "idle", new IdleStateHandler(0, 0, IDLE_MINUTES, TimeUnit.MINUTES));
        frames.addLast(
                new WebSocket13FrameEncoder(false),
                new MessageDecoder((int) server.settings().maxMessageBytes()),
                new Utf8FrameValidator(false), // the session closes, and lets the client read why
                server.session(policy));
        // What came behind the request goes on to the decoder with this.
        frames.remove(HttpObjectAggregator.class);
        frames.remove(HttpServerCodec.class);
        frames.remove(this);
    }

    private static String accept(String key) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-1").digest((key + GUID).getBytes(StandardCharsets.ISO_8859_1));
            return Base64.getEncoder().encodeToString(hash);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java platform has SHA-1", e);
        }
    }

    private static void answer(ChannelHandlerContext client, HttpResponseStatus status, String body) {
        FullHttpResponse r = response(status, body);
        r.headers()
                .set("Content-Type", "text/plain; charset=utf-8")
                .set("Connection", "close")
                .set("Content-Length", body.length());
        if (status.equals(HttpResponseStatus.UPGRADE_REQUIRED)) {
            r.headers().set("Upgrade", "websocket").set("Sec-WebSocket-Version", "13");
        }
        client.writeAndFlush(r).addListener(ChannelFutureListener.CLOSE);
    }

    private static FullHttpResponse response(HttpResponseStatus status, String body) {
        return new DefaultFullHttpResponse(
                HttpVersion.HTTP_1_1, status, Unpooled.copiedBuffer(body, StandardCharsets.UTF_8));
    }

    /** A client that sends no request, breaks off, or speaks something else: not worth a word. */
    @Override
    public void exceptionCaught(ChannelHandlerContext client, Throwable cause) {
        client.close();
    }
}
