package org.armature.policyserver;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.websocketx.BinaryWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.CorruptedWebSocketFrameException;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.handler.timeout.IdleStateEvent;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.armature.robot.NdArray;
import org.armature.robot.PolicyEndpoint;
import org.jspecify.annotations.Nullable;

/**
 * One client: metadata first, then one answer a request, in order. Requests wait in a short queue for the connection's own
 * thread, so that frames (pings among them) go on being read while the policy computes. A policy that says it answers at once
 * is asked at once, where the request was read: two changes of threads would take longer than such a policy does.
 */
final class PolicySession extends SimpleChannelInboundHandler<WebSocketFrame> {
    private static final int MAX_WAITING = 32;
    private static final int FAREWELL_SECONDS = 5;
    private static final long IDLE = Long.MIN_VALUE;
    private static final WebSocketCloseStatus FAILED =
            new WebSocketCloseStatus(1011, "Internal server error. Traceback included in previous frame.");

    /** A message and when it came, or what a close frame said. */
    private record Request(ByteBuf payload, long received, boolean last) {}

    private final PolicyServer.Settings settings;
    private final PolicyEndpoint endpoint;
    private final ExecutorService threads;
    private final Consumer<PolicySession> onEnd;
    private final long deadlineNanos;
    private final BlockingQueue<Request> waiting = new LinkedBlockingQueue<>(MAX_WAITING);

    /** Requests that wait, and the one in hand. */
    private final AtomicInteger unanswered = new AtomicInteger();

    /** No answer goes out any more: an error or a farewell did. */
    private final AtomicBoolean over = new AtomicBoolean();

    private volatile @Nullable Channel channel;
    private volatile @Nullable Future<?> worker;

    /** When the policy was asked, in {@link System#nanoTime()}; {@link #IDLE} while it is not. */
    private volatile long asked = IDLE;

    private volatile double previousTotalMillis = Double.NaN;

    /** Of a policy that answers at once, until the connection ends; of the event loop alone. */
    private PolicyEndpoint.@Nullable Session immediate;

    /** The next look at the deadline; of the event loop alone. */
    private @Nullable Future<?> watch;

    /**
     * A client.
     *
     * @param threads gives this connection its thread
     * @param onEnd called once when the policy is not asked any more
     */
    PolicySession(
            PolicyServer.Settings settings,
            PolicyEndpoint endpoint,
            ExecutorService threads,
            Consumer<PolicySession> onEnd) {
        super(WebSocketFrame.class);
        this.settings = settings;
        this.endpoint = endpoint;
        this.threads = threads;
        this.onEnd = onEnd;
        this.deadlineNanos = settings.deadline().toNanos();
    }

    @Override
    public void handlerAdded(ChannelHandlerContext client) {
        Channel c = client.channel();
        channel = c;
        if (endpoint.immediate()) {
            client.executor().execute(() -> begin(c)); // after the HTTP handlers have gone
        } else {
            worker = threads.submit(() -> work(c));
        }
    }

    private void begin(Channel client) {
        if (!client.isActive()) {
            return; // gone already
        }
        try {
            PolicyEndpoint.Session policy = endpoint.open();
            immediate = policy;
            client.writeAndFlush(binary(endpoint.metadata()));
            for (Request r; !over.get() && (r = waiting.poll()) != null; unanswered.decrementAndGet()) {
                ask(client, policy, r);
            }
        } catch (RuntimeException | LinkageError e) {
            fail(client, e);
        }
    }

    @Override
    protected void channelRead0(ChannelHandlerContext client, WebSocketFrame frame) {
        switch (frame) {
            case PingWebSocketFrame ping ->
                client.writeAndFlush(new PongWebSocketFrame(ping.content().retain()));
            case CloseWebSocketFrame close when over.get() -> client.close();
            case WebSocketFrame any when over.get() -> {}
            case BinaryWebSocketFrame message -> request(client, message.content(), false);
            case TextWebSocketFrame text ->
                fail(
                        client.channel(),
                        new IllegalArgumentException("a text frame came: send observations as binary msgpack"));
            // A client may close right behind its last request: what it asked before is answered first, as the
            // official server does.
            case CloseWebSocketFrame close -> request(client, close.content(), true);
            default -> {}
        }
    }

    private void request(ChannelHandlerContext client, ByteBuf payload, boolean last) {
        Request request = new Request(payload.retain(), System.nanoTime(), last);
        PolicyEndpoint.Session policy = immediate;
        if (policy == null) {
            enqueue(client, request);
        } else {
            ask(client.channel(), policy, request);
        }
    }

    private void ask(Channel client, PolicyEndpoint.Session policy, Request request) {
        if (request.last()) {
            close(client, request);
            return;
        }
        try {
            send(client, answer(policy, request.payload().nioBuffer()), request);
        } catch (RuntimeException | LinkageError | StackOverflowError | OutOfMemoryError e) {
            fail(client, e);
        } finally {
            request.payload().release();
        }
    }

    private void enqueue(ChannelHandlerContext client, Request request) {
        unanswered.incrementAndGet();
        if (!waiting.offer(request)) {
            request.payload().release();
            fail(
                    client.channel(),
                    new IllegalArgumentException(
                            "more than " + MAX_WAITING + " requests wait: send the next one after the answer"));
        } else if (over.get()) {
            drop();
        } else if (watch == null) {
            watch(client, deadlineNanos);
        }
    }

    private ChannelFuture send(Channel client, Map<String, ?> answer, Request request) {
        return client.writeAndFlush(binary(answer))
                .addListener(done -> previousTotalMillis = millisSince(request.received()));
    }

    /** Answers a close frame, whose bytes go back with it. */
    private void close(Channel client, Request last) {
        over.set(true);
        client.writeAndFlush(new CloseWebSocketFrame(true, 0, last.payload())).addListener(ChannelFutureListener.CLOSE);
    }

    /** Gives back what nobody will answer. */
    private void drop() {
        for (Request r; (r = waiting.poll()) != null; ) {
            r.payload().release();
        }
    }

    /** One timer looks after all requests that come while it runs: most are answered long before. */
    private void watch(ChannelHandlerContext client, long nanos) {
        watch = client.executor()
                .schedule(
                        () -> {
                            long begin = asked;
                            long left = begin == IDLE ? deadlineNanos : begin + deadlineNanos - System.nanoTime();
                            if (left <= 0) {
                                // A policy that hangs costs its connection and this thread, which is interrupted and
                                // left to itself.
                                fail(
                                        client.channel(),
                                        new TimeoutException("the policy did not answer within "
                                                + settings.deadline().toMillis() + " ms"));
                                stop();
                            } else if (unanswered.get() > 0) {
                                watch(client, left);
                            } else {
                                watch = null;
                            }
                        },
                        nanos,
                        TimeUnit.NANOSECONDS);
    }

    /** Who does not read its answers is not read either. */
    @Override
    public void channelWritabilityChanged(ChannelHandlerContext client) {
        client.channel().config().setAutoRead(client.channel().isWritable());
    }

    @Override
    public void channelInactive(ChannelHandlerContext client) {
        Future<?> w = watch;
        if (w != null) {
            w.cancel(false);
        }
        stop();
        if (worker == null) {
            PolicyEndpoint.Session policy = immediate;
            if (policy != null) {
                policy.close();
            }
            drop();
            onEnd.accept(this);
        }
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext client, Object event) {
        if (event instanceof IdleStateEvent) {
            goAway();
        }
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext client, Throwable cause) {
        switch (cause) {
            case CorruptedWebSocketFrameException e -> leave(client.channel(), e.closeStatus());
            default -> client.close();
        }
        stop();
    }

    private void stop() {
        Future<?> w = worker;
        if (w != null) {
            w.cancel(true);
        }
    }

    private void work(Channel client) {
        try (PolicyEndpoint.Session policy = endpoint.open()) {
            ChannelFuture sent = client.writeAndFlush(binary(endpoint.metadata()));
            while (true) {
                Request request = waiting.take();
                ByteBuf payload = request.payload();
                if (request.last()) {
                    close(client, request);
                    return;
                }
                Map<String, ?> answer;
                try {
                    if (!sent.await(deadlineNanos, TimeUnit.NANOSECONDS)) {
                        throw new TimeoutException("the client does not take its answer");
                    }
                    answer = answer(policy, payload.nioBuffer());
                } finally {
                    payload.release();
                    unanswered.decrementAndGet();
                }
                if (over.get()) {
                    return;
                }
                sent = send(client, answer, request);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (Exception | LinkageError | StackOverflowError | OutOfMemoryError e) {
            fail(client, e);
        } finally {
            over.set(true);
            drop();
            onEnd.accept(this);
        }
    }

    private static BinaryWebSocketFrame binary(Map<String, ?> message) {
        return new BinaryWebSocketFrame(Unpooled.wrappedBuffer(Wire.encode(message)));
    }

    private Map<String, @Nullable Object> answer(PolicyEndpoint.Session policy, ByteBuffer payload) {
        if (!(Wire.decode(payload) instanceof Map<?, ?> map)) {
            throw new IllegalArgumentException("the request is no map: send a dictionary of observations");
        }
        Map<String, Object> observation = plain(map);
        refuseNotFinite("", observation);
        long begin = System.nanoTime();
        asked = begin;
        Map<String, Object> result;
        try {
            result = policy.infer(observation);
        } finally {
            asked = IDLE;
        }
        double inferMillis = millisSince(begin);
        Map<String, @Nullable Object> out = new LinkedHashMap<>(result);
        Map<String, Object> timing = new LinkedHashMap<>();
        timing.put("infer_ms", inferMillis);
        if (!Double.isNaN(previousTotalMillis)) {
            timing.put("prev_total_ms", previousTotalMillis);
        }
        out.put("server_timing", timing);
        return out;
    }

    /** Without the dialect's own types: numpy scalars become numbers, binary becomes {@code byte[]}. */
    private static Map<String, Object> plain(Map<?, ?> map) {
        Map<String, Object> out = new LinkedHashMap<>();
        map.forEach((k, v) -> out.put((String) k, plainValue(v)));
        return out;
    }

    @SuppressWarnings("NullAway") // a nil stays one
    private static Object plainValue(@Nullable Object v) {
        return switch (v) {
            case Wire.Scalar s -> plainValue(s.value());
            case ByteBuffer b -> {
                byte[] copy = new byte[b.remaining()];
                b.duplicate().get(copy);
                yield copy;
            }
            case Map<?, ?> m -> plain(m);
            case List<?> l ->
                l.stream().map(PolicySession::plainValue).collect(Collectors.toCollection(ArrayList::new));
            case null, default -> v;
        };
    }

    private static void refuseNotFinite(String path, Map<?, ?> observation) {
        observation.forEach((k, v) -> {
            String key = path + k;
            switch (v) {
                case Map<?, ?> m -> refuseNotFinite(key + "/", m);
                case NdArray a
                when a.dtype().charAt(1) == 'f' -> {
                    double[] x = a.doubles();
                    for (int i = 0; i < x.length; i++) {
                        if (!Double.isFinite(x[i])) {
                            throw new IllegalArgumentException(key + "[" + i + "] is " + x[i]);
                        }
                    }
                }
                case Double d when !Double.isFinite(d) -> throw new IllegalArgumentException(key + " is " + d);
                case null, default -> {}
            }
        });
    }

    /** Says in one sentence what went wrong, then takes leave. */
    private void fail(Channel client, Throwable e) {
        if (!over.compareAndSet(false, true)) {
            return;
        }
        String text = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        if (settings.debug()) {
            StringWriter trace = new StringWriter();
            e.printStackTrace(new PrintWriter(trace));
            text = trace.toString();
        }
        client.write(new TextWebSocketFrame(text));
        farewell(client, FAILED);
    }

    /**
     * The server ends, or nothing was said for long.
     *
     * @return done when the client was told
     */
    Future<?> goAway() {
        Channel client = channel;
        try {
            return client == null || !over.compareAndSet(false, true)
                    ? CompletableFuture.completedFuture(null)
                    : farewell(client, WebSocketCloseStatus.ENDPOINT_UNAVAILABLE);
        } finally {
            stop();
        }
    }

    private void leave(Channel client, WebSocketCloseStatus why) {
        if (over.compareAndSet(false, true)) {
            farewell(client, why);
        }
    }

    /** Reads on until the client closes, or for 5 s: closing on unread bytes would take the last words from it. */
    private static Future<?> farewell(Channel client, WebSocketCloseStatus why) {
        client.eventLoop().schedule(() -> client.close(), FAREWELL_SECONDS, TimeUnit.SECONDS);
        return client.writeAndFlush(new CloseWebSocketFrame(why));
    }

    private static double millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1e6;
    }
}
