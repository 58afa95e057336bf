package org.armature.policyserver;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.armature.robot.NdArray;
import org.armature.robot.PolicyEndpoint;
import org.eclipse.jetty.websocket.api.Callback;
import org.eclipse.jetty.websocket.api.Session;
import org.eclipse.jetty.websocket.api.StatusCode;
import org.jspecify.annotations.Nullable;

/**
 * One client: metadata first, then one answer a request, in order. Requests wait in a short queue for the connection's own
 * thread, so that frames (pings among them) go on being read while the policy computes.
 */
// Public because Jetty reaches the listener by method handles.
public final class PolicySession extends Session.Listener.AbstractAutoDemanding {
    private static final int MAX_WAITING = 32;
    private static final String CLOSE_REASON = "Internal server error. Traceback included in previous frame.";

    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);
    private static final long END = Long.MIN_VALUE;

    private record Request(ByteBuffer payload, Callback release, long received) {}

    private final PolicyServer.Settings settings;
    private final PolicyEndpoint endpoint;
    private final ExecutorService threads;
    private final ScheduledExecutorService clock;
    private final Runnable onEnd;
    private final AtomicBoolean failed = new AtomicBoolean();
    private final BlockingQueue<Request> waiting = new LinkedBlockingQueue<>(MAX_WAITING);
    private @Nullable Future<?> worker;
    private volatile boolean ended;
    private double previousTotalMillis = Double.NaN;

    /**
     * A client.
     *
     * @param threads gives this connection its thread
     * @param clock ends what takes longer than the deadline
     * @param onEnd called once when the connection's thread ends
     */
    PolicySession(
            PolicyServer.Settings settings,
            PolicyEndpoint endpoint,
            ExecutorService threads,
            ScheduledExecutorService clock,
            Runnable onEnd) {
        this.settings = settings;
        this.endpoint = endpoint;
        this.threads = threads;
        this.clock = clock;
        this.onEnd = onEnd;
    }

    @Override
    public void onWebSocketOpen(Session session) {
        super.onWebSocketOpen(session);
        session.sendBinary(Wire.encode(endpoint.metadata()), Callback.NOOP);
        worker = threads.submit(() -> work(session));
    }

    @Override
    public void onWebSocketBinary(ByteBuffer payload, Callback callback) {
        if (!waiting.offer(new Request(payload, callback, System.nanoTime()))) {
            callback.succeed();
            fail(
                    getSession(),
                    new IllegalArgumentException(
                            "more than " + MAX_WAITING + " requests wait: send the next one after the answer"));
        }
    }

    @Override
    public void onWebSocketText(String message) {
        fail(getSession(), new IllegalArgumentException("a text frame came: send observations as binary msgpack"));
    }

    /** A client may close right behind its last request: what it asked before is answered first, as the official server does. */
    @Override
    public void onWebSocketClose(int code, String reason, Callback callback) {
        if (ended || !waiting.offer(new Request(NOTHING, callback, END))) {
            stop();
            callback.succeed();
        }
    }

    @Override
    public void onWebSocketError(Throwable cause) {
        stop();
    }

    private void stop() {
        Future<?> w = worker;
        if (w != null) {
            w.cancel(true);
        }
    }

    private void work(Session session) {
        try (PolicyEndpoint.Session policy = endpoint.open()) {
            while (true) {
                Request request = waiting.take();
                if (request.received() == END) {
                    request.release().succeed();
                    return;
                }
                ByteBuffer answer;
                try {
                    answer = Wire.encode(answer(session, policy, request));
                } finally {
                    request.release().succeed();
                }
                if (failed.get()) {
                    return;
                }
                Callback.Completable sent = new Callback.Completable();
                session.sendBinary(answer, sent);
                sent.get(settings.deadline().toMillis(), TimeUnit.MILLISECONDS);
                previousTotalMillis = millisSince(request.received());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (Exception | LinkageError | StackOverflowError | OutOfMemoryError e) {
            fail(session, e);
        } finally {
            ended = true;
            waiting.forEach(r -> r.release().succeed());
            onEnd.run();
        }
    }

    private Map<String, @Nullable Object> answer(Session session, PolicyEndpoint.Session policy, Request request) {
        if (!(Wire.decode(request.payload()) instanceof Map<?, ?> map)) {
            throw new IllegalArgumentException("the request is no map: send a dictionary of observations");
        }
        Map<String, Object> observation = plain(map);
        refuseNotFinite("", observation);
        long begin = System.nanoTime();
        // A policy that hangs costs its connection and this thread, which is interrupted and left to itself.
        Future<?> alarm = clock.schedule(
                () -> {
                    fail(
                            session,
                            new TimeoutException("the policy did not answer within "
                                    + settings.deadline().toMillis() + " ms"));
                    stop();
                },
                settings.deadline().toMillis(),
                TimeUnit.MILLISECONDS);
        Map<String, Object> result;
        try {
            result = policy.infer(observation);
        } finally {
            alarm.cancel(false);
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

    private void fail(Session session, Throwable e) {
        if (!failed.compareAndSet(false, true)) {
            return;
        }
        String text = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
        if (settings.debug()) {
            StringWriter trace = new StringWriter();
            e.printStackTrace(new PrintWriter(trace));
            text = trace.toString();
        }
        session.sendText(
                text,
                Callback.from(
                        () -> session.close(StatusCode.SERVER_ERROR, CLOSE_REASON, Callback.NOOP),
                        failure -> session.disconnect()));
    }

    private static double millisSince(long nanos) {
        return (System.nanoTime() - nanos) / 1e6;
    }
}
